"""What grows with users in one instance: the memory of everything that it remembers of them."""

import gc
import secrets
import tracemalloc
from datetime import UTC, datetime
from typing import Any, cast

from backend.adapters.firebase_auth import FirebaseAuth
from backend.connections.connection import Connection, Grant, State
from backend.connections.credentials import RememberedCredentials
from backend.records.allowance import FIRST_SHARE, _Share
from backend.records.describe import encode
from backend.records.layouts import LAYOUTS
from backend.records.org import Described, DescribedField
from backend.values import Attachment, Caller, Secret, Uid
from backend.wiring import SystemClock
from bench.results import keep
from bench.table import show
from contract.calls import FieldShape

STEPS, KINDS = (1, 100, 1_000, 10_000), 20


def _megabytes() -> float:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 1e6


def _kinds() -> list[bytes]:
    """What describes of users with different permissions are kept as."""
    shapes: dict[str, Described | None] = {}
    for name, layout in LAYOUTS.items():
        fields = {
            f: DescribedField(FieldShape(f, f, "string", False, True, True, 80, ()), True, True)
            for f in layout.detailed
        }
        shapes[name] = Described(name, name, f"{name}s", fields, "Wed, 25 Nov 2026 08:00:00 GMT")
    return [encode(shapes | {f"Kind{n}": None}) for n in range(KINDS)]


def main() -> None:
    tracemalloc.start()
    kinds, now = _kinds(), datetime.now(UTC)
    rows: list[tuple[str, str, str]] = []
    kept: dict[str, float] = {}
    for users in STEPS:
        before = _megabytes()
        remembered, shares, verified = RememberedCredentials(SystemClock()), {}, FirebaseAuth(cast(Any, None))._verified
        for n in range(users):
            uid = Uid.of("00D000000000001EAA", f"005{n:012d}AAA")
            devices, token = {secrets.token_hex(8): now}, Secret(f"00D000000000001!{secrets.token_urlsafe(72)}")
            connection = Connection(uid, 1, b"", State.FRESH, now, now, now, devices=devices)
            remembered.remember(
                connection,
                Grant("login.salesforce.com", "https://x.my.salesforce.com", "api", token, Secret("")),
                Attachment(bytes(kinds[n % KINDS]), now),
            )
            shares[uid] = _Share("2026-11-25", FIRST_SHARE, now)
            verified[secrets.token_bytes(32)] = (Caller(uid, secrets.token_hex(8)), now.timestamp() + 3600)
        grown = _megabytes() - before
        rows.append((f"{users:,}", f"{grown:.1f} MB", f"{1000 * grown / users:.1f} KB"))
        kept[str(users)] = round(grown, 2)
        del remembered, shares, verified
    tracemalloc.stop()
    show("What one instance remembers of its users", ("users", "memory", "each"), rows)
    keep("growth", kept)


if __name__ == "__main__":
    main()
