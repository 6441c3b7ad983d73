"""Which hosts are Salesforce's. Codes, secrets and tokens go to these and to no other."""

import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from contract.errors import Misconfigured, Reason

# My Domains, sandboxes and login pools; government cloud; the service that Alibaba Cloud runs in China.
_SALESFORCE = (".salesforce.com", ".salesforce.mil", ".sfcrmproducts.cn")
# Sites of Experience Cloud: Salesforce's servers, the pages of whoever has the org.
_SITES = ".my.site.com"
_SITE = re.compile(r"[a-z0-9-]+(?:\.[a-z]+)?\.my\.site\.com")  # the word in between names a kind of sandbox
_PATH = re.compile(r"[A-Za-z0-9_-]{0,60}")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?(?:/[A-Za-z0-9_-]{0,60})?")
PRODUCTION, SANDBOX = "login.salesforce.com", "test.salesforce.com"
LOOK_UP = "welcome.salesforce.com"  # a page on which people look for their My Domain; it has no token endpoint


def is_salesforce(host: str) -> bool:
    """Whether a host name, without port, is one of Salesforce's own."""
    return host.endswith(_SALESFORCE) and all(c.isalnum() or c in "-." for c in host) and host.isascii()


def is_login_host(text: str) -> bool:
    """Whether people may sign in there: a host of Salesforce's, `*.` before one for any, or a site of Experience Cloud
    with its path, `acme.my.site.com/customers`.

    Whoever has an org may have such a site, so that no pattern covers them.
    """
    host, slash, path = text.partition("/")
    if host.endswith(_SITES):
        return _SITE.fullmatch(host) is not None and bool(path) == bool(slash) and _PATH.fullmatch(path) is not None
    return not slash and is_salesforce(host.removeprefix("*."))


def is_loopback(host: str) -> bool:
    """Whether a host, perhaps with a port and a path, is this machine, where only a local org listens."""
    return host.partition("/")[0].split(":")[0] in ("127.0.0.1", "localhost")


def allows(pattern: str, host: str) -> bool:
    """Whether `pattern`, a login host of the settings, covers `host`; `*.my.salesforce.com` covers every My Domain."""
    if not pattern.startswith("*."):
        return host.lower() == pattern.lower()
    name = host.removesuffix(pattern[1:])
    plain = name.isascii() and all(c.isalnum() or c in "-." for c in name)
    return name != host and bool(name) and plain and not name.startswith((".", "-"))


def address(login_host: str, *, local: bool) -> str:
    """The address of a login host; with `local`, a local org's is http."""
    return f"{'http' if local and is_loopback(login_host) else 'https'}://{login_host}"


def confined(url: str, to: str, *, local: bool) -> str:
    """`url`, when a secret may leave for it: it lies below `to`, the login host's address or the instance URL that was
    sealed for this user, and that is Salesforce's. With `local`, a local org's is allowed too.

    The seal decides, and this is the second lock: it would pass any org's host. Raises Misconfigured.
    """
    if not url.startswith(to + "/") or not _is_ours(to, local):
        raise Misconfigured(Reason.MISCONFIGURED, "A secret was about to leave for an address that is not its own.")
    return url


@lru_cache(maxsize=4096)
def _is_ours(address: str, local: bool) -> bool:
    scheme, _, host = address.partition("://")
    if scheme == "https":
        name, slash, path = host.lower().partition("/")
        return "*" not in name and is_login_host(name.removesuffix(":443") + slash + path)
    return local and scheme == "http" and _LOOPBACK.fullmatch(host) is not None


def resolved(url: str, location: str, *, local: bool) -> str:
    """The address that a redirect from `url` with this Location leads to. Raises Misconfigured when it is not
    Salesforce's; with `local`, a local org's is allowed too.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    salesforce_origin(target, local=local)
    return target


def salesforce_origin(url: str, *, local: bool) -> str:
    """Scheme and host, such as https://acme.my.salesforce.com, of an address in an answer of Salesforce's.

    Raises Misconfigured when the address is not Salesforce's; with `local`, a local org's is allowed too.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    plain = parts.username is None and parts.password is None
    ours = local and parts.scheme == "http" and is_loopback(host)
    if not plain or not (ours or (parts.scheme == "https" and is_salesforce(host) and port in (None, 443))):
        raise Misconfigured(Reason.MISCONFIGURED, "Salesforce named an address that is not one of its own.")
    return f"{parts.scheme}://{parts.netloc}"
