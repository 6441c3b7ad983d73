"""What proofs of possession cost: the same data call of two users of one process, one with Bearer tokens and one with
tokens that are bound to a key (DPoP), in turns.
"""

from statistics import median

from bench.proxy import LIST, Load, Server, load, need, stage
from bench.results import keep
from bench.table import show
from devtools.clients import ADMIN, App
from devtools.fleet import FreshFleet

ROUNDS = 16
WAYS = ("Bearer", "Bearer once more", "DPoP")


def main() -> None:
    wrk = need("wrk", "wrk")
    with stage() as on, FreshFleet(on.plan, "api", 1) as fleet:
        bound = App(on.plan.app_url, on.plan.ports.url("auth"), f"127.0.0.1:{on.plan.ports.localorg}")
        bound.sign_in_bound(on.org, ADMIN)
        assert bound.id_token
        tokens = dict(zip(WAYS, (on.token, on.token, bound.id_token), strict=True))
        member = fleet.members[0]
        server = Server("ours", f"{member.url}/listRecords", LIST, member.process.pid)
        for token in tokens.values():
            assert load(wrk, server, token, 64).wrong == 0  # warm
        rounds: list[dict[str, Load]] = []
        for n in range(ROUNDS):  # each way goes first as often as the others
            turn = WAYS[n % 3 :] + WAYS[: n % 3]
            rounds.append({way: load(wrk, server, tokens[way], 64) for way in turn})
    rows: list[tuple[object, ...]] = []
    for way in WAYS:
        rate, cpu = median(r[way].rate for r in rounds), median(r[way].cpu for r in rounds)
        more = median(r[way].cpu - r["Bearer"].cpu for r in rounds)
        rows.append((way, f"{rate:,.0f}", f"{cpu:,.0f} µs", f"{more:+,.0f} µs", sum(r[way].wrong for r in rounds)))
    show(
        f"A data call with a proof of its key, 64 connections, medians of {ROUNDS} rounds in turns",
        ("access token", "calls/s", "CPU a call", "more than Bearer", "failed"),
        rows,
    )
    keep("dpop", [list(row) for row in rows])
