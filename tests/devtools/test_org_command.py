"""What `make run` gives the local org besides Salesforce's own objects; the command it starts is started here too."""

import subprocess
from pathlib import Path

from devtools import loopback, ports
from devtools.clients import authorize, exchange
from devtools.paths import ROOT
from devtools.suite import Plan, org_command

VISIT = """<?xml version="1.0" encoding="UTF-8"?>
<CustomObject xmlns="http://soap.sforce.com/2006/04/metadata"><label>Visit</label><pluralLabel>Visits</pluralLabel>
<nameField><label>Visit Name</label><type>Text</type></nameField></CustomObject>
"""


def test_salesforce_dx_source_in_force_app_is_in_the_org_of_a_persons_own_run_and_not_in_that_of_tests(
    tmp_path: Path,
) -> None:
    assert Plan(ports.free(), "demo-org").schemas == (ROOT / "org-schema.json",)
    # Nothing is there.
    assert Plan(ports.free(), "demo-org", own=tmp_path / "functions").schemas == (ROOT / "org-schema.json",)
    folder = tmp_path / "force-app/main/default/objects/Visit__c"
    folder.mkdir(parents=True)
    (folder / "Visit__c.object-meta.xml").write_text(VISIT)
    plan = Plan(ports.free(), "demo-org", accounts=1, own=tmp_path / "functions")
    with subprocess.Popen(org_command(plan, tmp_path / "org"), cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert any("Local org ready" in line for line in running.stdout)
            org = plan.ports.url("localorg")
            token = exchange(org, authorize(org))["access_token"]
            described = loopback.get(
                f"{org}/services/data/v66.0/sobjects/Visit__c/describe", headers={"Authorization": f"Bearer {token}"}
            )
            assert (described.status_code, described.json()["labelPlural"]) == (200, "Visits")
        finally:
            running.terminate()
