"""Which addresses are Salesforce's. Widening the list makes one of these red."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import hosts
from contract.errors import Misconfigured

OURS = [
    "https://acme.my.salesforce.com",
    "https://login.salesforce.com",
    "https://acme--sb.sandbox.my.salesforce.com",
    "https://na1.salesforce.mil",
]
FOREIGN = [
    "https://evil.example",
    "https://salesforce.com.evil.example",
    "https://login.salesforce.com.evil.example/services/oauth2/token",
    "https://evilsalesforce.com",
    "https://salesforce.com",  # nobody's org
    "https://acme.my.salesforce.com@evil.example",
    "https://user:pw@acme.my.salesforce.com",
    "https://acme.my.salesforce.com:8443",
    "https://acme.my.salesforce.com:notaport",
    "http://acme.my.salesforce.com",
    "ftp://acme.my.salesforce.com",
    "//acme.my.salesforce.com",
    "https://evil.example/acme.my.salesforce.com",
    "https://evil.example?x=.my.salesforce.com",
    "https://evil.example#.my.salesforce.com",
    "https://evil.example\\.my.salesforce.com",
    "https://evil.example%2F.my.salesforce.com",
    "https://acme.my.salesforce.cöm",
    "https://sites.secure.force.com",  # where customers run code of their own
    "https://acme.my.salesforce-sites.com",
    "https://acme.my.site.com",
    "https://[::1]",
    "http://127.0.0.1:8800",
    "",
]


@pytest.mark.parametrize("url", OURS)
def test_salesforces_own_addresses(url: str) -> None:
    assert hosts.salesforce_origin(f"{url}/id/x", local=False) == url


@pytest.mark.parametrize("url", FOREIGN)
def test_every_other_address_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        hosts.salesforce_origin(url, local=False)
    assert "evil" not in str(refused.value)


@given(
    st.text(st.characters(exclude_characters="/?#@\\"), max_size=20),
    st.sampled_from(["evil.example", "evil-salesforce.com", "salesforce.com.evil"]),
)
def test_no_host_outside_passes_whatever_stands_before_it(before: str, host: str) -> None:
    with pytest.raises(Misconfigured):
        hosts.salesforce_origin(f"https://{before}.{host}", local=False)


def test_a_local_org_is_this_machine_and_only_where_it_is_allowed() -> None:
    assert hosts.salesforce_origin("http://127.0.0.1:8800/x", local=True) == "http://127.0.0.1:8800"
    for url in (
        "http://127.0.0.2:8800",
        "http://0.0.0.0:8800",
        "http://127.0.0.1.evil.example",
        "https://127.0.0.1",
        "http://evil@127.0.0.1",
    ):
        with pytest.raises(Misconfigured):
            hosts.salesforce_origin(url, local=True)


@pytest.mark.parametrize(("pattern", "host", "allowed"), [
    ("login.salesforce.com", "login.salesforce.com", True),
    ("login.salesforce.com", "login.salesforce.com.evil.example", False),
    ("*.my.salesforce.com", "acme.my.salesforce.com", True),
    ("*.my.salesforce.com", "acme--sb.sandbox.my.salesforce.com", True),
    ("*.my.salesforce.com", "my.salesforce.com", False),
    ("*.my.salesforce.com", ".my.salesforce.com", False),
    ("*.my.salesforce.com", "evil.example/.my.salesforce.com", False),
    ("*.my.salesforce.com", "evil@x.my.salesforce.com", False),
    ("*.my.salesforce.com", "acme.my.salesforce.com:8443", False),
    ("*.my.salesforce.com", "acme.my.salesforce.com/customers", False),
    ("*.my.salesforce.com", "ａcme.my.salesforce.com", False),
    ("*.my.salesforce.com", "½.my.salesforce.com", False),
    ("acme.my.site.com/customers", "acme.my.site.com/customers", True),
    ("acme.my.site.com/customers", "acme.my.site.com/Customers", True),
    ("acme.my.site.com/customers", "acme.my.site.com", False),
    ("acme.my.site.com/customers", "acme.my.site.com/customers/x", False),
    ("acme.my.site.com/customers", "evil.my.site.com/customers", False),
])  # fmt: skip
def test_which_login_hosts_a_setting_covers(pattern: str, host: str, allowed: bool) -> None:
    assert hosts.allows(pattern, host) is allowed


@pytest.mark.parametrize("to", [*OURS, "https://acme.my.site.com/customers", "https://ACME.my.salesforce.com:443"])
def test_a_secret_leaves_for_the_address_that_was_sealed(to: str) -> None:
    assert hosts.confined(to + "/services/x", to, local=False) == to + "/services/x"


@pytest.mark.parametrize(
    "to", [u for u in FOREIGN if u != "https://acme.my.site.com"] + ["https://*.my.salesforce.com"]
)
def test_a_secret_leaves_for_nobody_else(to: str) -> None:
    with pytest.raises(Misconfigured):
        hosts.confined(to + "/services/x", to, local=False)


def test_a_secret_leaves_below_that_address_only() -> None:
    to = "https://acme.my.salesforce.com"
    for url in (
        f"{to}@evil.example/x",
        f"{to}.evil.example/x",
        f"{to}:8443/x",
        "https://other.my.salesforce.com/x",
        to,
    ):
        with pytest.raises(Misconfigured):
            hosts.confined(url, to, local=False)


@pytest.mark.parametrize(("to", "local", "allowed"), [
    ("http://127.0.0.1:8800", True, True), ("http://127.0.0.1:8800/partners", True, True),
    ("http://127.0.0.1:8800", False, False), ("https://127.0.0.1:8800", True, False),
    ("http://127.0.0.1:80@evil.example", True, False), ("http://evil.example", True, False),
])  # fmt: skip
def test_a_local_org_is_allowed_on_this_machine_only(to: str, local: bool, allowed: bool) -> None:
    if allowed:
        assert hosts.confined(to + "/x", to, local=local)
    else:
        with pytest.raises(Misconfigured):
            hosts.confined(to + "/x", to, local=local)
