"""docs/runbooks/stolen-service-account.md, the steps that need no cloud, in their order: the thief has the keyset and
every stored document.
"""

from collections.abc import Sequence

import pytest

from backend.connections.vault import unsealed
from contract.errors import ConnectionLost, Reason
from devtools import __main__ as tasks
from devtools.deploy import command
from devtools.deploy.steps import Target
from devtools.paths import ROOT
from localorg import EmbeddedOrg
from tests.functions.instances import Instances
from tests.operations.project import KMS, PROJECT

QUERY = "SELECT Id FROM Account LIMIT 1"


async def test_blocked_sealed_anew_and_let_in_everybody_works_and_the_thief_has_nothing(clean_org: EmbeddedOrg) -> None:
    before = Instances(clean_org)
    uid, _ = await before.connect()
    thief = before.grant(await before.stored(uid))
    assert (await before.lifecycle.block("everyone", by="anna")).unconfirmed == 0
    assert not await before.oauth.introspect(thief), "revoked at Salesforce, whoever has it"

    # Another keyset, which does not know the old key at all.
    after = Instances(clean_org, documents=before.documents)
    with pytest.raises(ConnectionLost) as blocked:
        await after.each[1].blocks.check(uid)
    assert blocked.value.reason is Reason.ACCESS_STOPPED, "it stands, whatever sealed its record"
    await after.blocks.unblock("everyone", by="anna")
    await after.connect()
    assert await after.instance("new").rest.query(uid, QUERY)
    with pytest.raises(ConnectionLost):
        unsealed(await after.stored(uid), before.cipher)
    await before.http.close()
    await after.http.close()


@pytest.mark.parametrize(
    ("settings", "printed"),
    [({}, ["keyset", "new"]), ({"TOKEN_KEYSET_KMS_KEY": KMS}, ["keyset", "new", "--kms-key", KMS])],
)
def test_the_new_keyset_is_wrapped_where_the_functions_expect_it(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], printed: list[str]
) -> None:
    """A plain one would lie open in Secret Manager, and no function would start with it."""
    called: list[Sequence[str]] = []
    monkeypatch.setattr(tasks, "_call", lambda words, *_: called.append(words[3:]) or 0)
    monkeypatch.setattr(command, "target", lambda: Target(PROJECT, "eur3", settings))
    monkeypatch.setenv("PROJECT", PROJECT)
    assert tasks._keyset([]) == 0  # pyright: ignore[reportPrivateUsage]  it is a command of make
    assert called == [printed]
    runbook = (ROOT / "docs/runbooks/stolen-service-account.md").read_text()
    assert "`make keyset PROJECT=PROJECT` prints one" in runbook
