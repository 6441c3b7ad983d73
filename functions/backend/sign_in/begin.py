"""How a sign-in begins: a key to which its tokens will be bound, which travels with the app and is stored nowhere.

The app tells Salesforce the key's thumbprint before the user signs in, and brings the key back, sealed, with the
authorization code. Sources: RFC 9449 section 10; docs/decisions/dpop.md.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from backend.values import Cipher, Clock, Secret
from contract.errors import Reason, RefusedRequest, SignInFailed
from contract.sign_in import Begun

BEGUN_SECONDS = 600  # how long a user may take on Salesforce's pages
_PURPOSE = "sign-in"  # sealed for it, nothing opens as a part of a connection
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # an S256 challenge: RFC 7636 section 4.2


class Binding(StrEnum):
    """Whether tokens are bound to a key, SALESFORCE_DPOP of the settings."""

    REQUIRED = "required"  # no other sign-in succeeds
    PREFERRED = "preferred"  # where the org and the app take part
    OFF = "off"  # for new sign-ins; a connection that has a key keeps it


class Keys(Protocol):
    """Makes keys for DPoP."""

    def new(self) -> Secret:
        """A new private key, as text."""
        ...

    def thumbprint(self, key: Secret) -> str:
        """The thumbprint of a key's public part (RFC 7638), in base64url."""
        ...


class Offered(msgspec.Struct, frozen=True):
    """The key of one sign-in; `fingerprint` is claimed when it is used, so that no two connections have one key."""

    key: Secret
    fingerprint: str


class Beginnings:
    """Begins sign-ins, and opens what they brought along. One for each process."""

    def __init__(self, keys: Keys, cipher: Cipher, clock: Clock, binding: Binding) -> None:
        self._keys = keys
        self._cipher = cipher
        self._clock = clock
        self._binding = binding

    def begin(self, login_host: str, redirect_uri: str, challenge: str) -> Begun:
        """A key for a sign-in with this login host, redirect URI and code challenge, and for no other; nothing when
        tokens are not bound.

        Raises RefusedRequest.
        """
        if self._binding is Binding.OFF:
            return Begun()
        if _CHALLENGE.fullmatch(challenge) is None:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, "codeChallenge is an S256 challenge of 43 characters")
        key = self._keys.new()
        until = self._clock.now() + timedelta(seconds=BEGUN_SECONDS)
        content = json.dumps({"key": key.reveal(), "until": until.timestamp()}).encode()
        sealed = self._cipher.seal_bytes(content, uid=_PURPOSE, field=_field(login_host, redirect_uri, challenge))
        return Begun(self._keys.thumbprint(key), base64.urlsafe_b64encode(sealed).decode())

    def opened(self, begun: str | None, login_host: str, redirect_uri: str, verifier: str) -> Offered | None:
        """The key of a sign-in that comes back; None for an app that has brought none.

        Raises SignInFailed(sign-in-expired) for one that was made for another sign-in, is too old or cannot be opened,
        SignInFailed(binding-required) for none where one is needed.
        """
        if begun is None:
            self.check(is_bound=False)
            return None
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        content = self._unsealed(begun, _field(login_host, redirect_uri, challenge))
        if content is None or self._clock.now() > datetime.fromtimestamp(content["until"], self._clock.now().tzinfo):
            raise SignInFailed(Reason.SIGN_IN_EXPIRED)
        key = Secret(content["key"])
        return Offered(key, hashlib.sha256(f"begun {self._keys.thumbprint(key)}".encode()).hexdigest())

    def check(self, *, is_bound: bool) -> None:
        """Raises SignInFailed(binding-required) for tokens that are not bound, where they have to be."""
        if self._binding is Binding.REQUIRED and not is_bound:
            raise SignInFailed(Reason.BINDING_REQUIRED)

    # Parts

    def _unsealed(self, begun: str, field: str) -> Mapping[str, Any] | None:
        try:
            sealed = base64.b64decode(begun, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        content = self._cipher.unseal_bytes(sealed, uid=_PURPOSE, field=field)
        return None if content is None else json.loads(content)


def _field(login_host: str, redirect_uri: str, challenge: str) -> str:
    """What the key is sealed for; as JSON, so that no two triples are written alike."""
    return json.dumps(["begun", login_host, redirect_uri, challenge])
