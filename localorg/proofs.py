"""What the org remembers about proofs of possession (RFC 9449): its nonces, and the names that were used before.

Proofs and client assertions are judged by the machine's time and not by the org's clock: moving that clock makes tokens
old, and must not make every client's own clock wrong.
"""

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from localorg.settings import ProofRules

_TOKEN_KINDS = ("token", "revoke", "introspect")


@dataclass(slots=True)
class Once:
    """Names that are good once, each until a time in seconds since the epoch."""

    _until: dict[str, float] = field(default_factory=dict[str, float])
    _most: int = 1000  # names, before the old ones among them are looked for

    def take(self, name: str, until: float) -> bool:
        """Whether this name was not taken before. It is from now on, until then."""
        now = time.time()
        if len(self._until) > self._most:
            self._until = {n: ends for n, ends in self._until.items() if ends >= now}
            self._most = max(1000, 2 * len(self._until))
        new = self._until.get(name, 0) < now
        self._until[name] = max(until, self._until.get(name, 0))
        return new


@dataclass(slots=True)
class Proofs:
    """The rules of this org for proofs, its nonces with the times when they were made, and the used names (`jti`)."""

    rules: ProofRules = field(default_factory=ProofRules)
    used: Once = field(default_factory=Once)
    _nonces: dict[str, float] = field(default_factory=dict[str, float])

    def status(self, kind: str) -> int | None:
        """With which status requests of this kind (a counter's name) are told to use a nonce; None: they need none."""
        if kind.partition(".")[0] in _TOKEN_KINDS:
            return 400 if self.rules.token_nonce else None
        return None if self.rules.resource_nonce == "none" else int(self.rules.resource_nonce)

    def lacks_nonce(self, kind: str, proofs: Sequence[str]) -> bool:
        """Whether a request of this kind with these proofs must be told to use a nonce.

        That of no proof, several, or one that cannot be read is for whoever checks the proof to refuse.
        """
        if self.status(kind) is None or len(proofs) != 1:
            return False
        read = read_token(proofs[0])
        if read is None:
            return False
        made = self._nonces.get(str(read[1].get("nonce")))
        return made is None or time.time() - made > self.rules.nonce_seconds

    def nonce(self) -> str:
        """A nonce that is good from now on."""
        now = time.time()
        self._nonces = {n: made for n, made in self._nonces.items() if now - made <= self.rules.nonce_seconds}
        newest = next(reversed(self._nonces), None)
        return self.new_nonce() if newest is None else newest

    def new_nonce(self) -> str:
        """A new nonce. Older ones stay good until they are too old."""
        made = secrets.token_urlsafe(18)
        self._nonces[made] = time.time()
        return made

    def forget(self) -> None:
        """No nonce is good any more."""
        self._nonces.clear()


def read_token(text: str) -> tuple[Mapping[str, object], Mapping[str, object]] | None:
    """Header and claims of a signed JSON Web Token, whose signature is not checked; None for what is none."""
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():
        return None
    try:
        header, claims = (
            cast(object, msgspec.json.decode(base64.b64decode(p + "=" * (-len(p) % 4), altchars=b"-_", validate=True)))
            for p in parts[:2]
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return cast(dict[str, object], header), cast(dict[str, object], claims)
