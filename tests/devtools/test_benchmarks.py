"""What `make bench` does around the benchmarks."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from bench import __main__ as bench
from bench import charts, results
from devtools.steps import SetupError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written but into a folder of the test's own."""
    monkeypatch.setattr(results, "file", lambda: tmp_path / "results.json")
    monkeypatch.setattr(charts, "draw", lambda: None)
    monkeypatch.delenv("WRITE", raising=False)
    monkeypatch.setenv(results.SHORT, "")  # so that it is taken back, too, where the command sets it
    monkeypatch.delenv(results.SHORT)


def benchmark(monkeypatch: pytest.MonkeyPatch, name: str, missing: BaseException | None = None) -> list[str]:
    """A benchmark of that name; what it returns tells when it has run."""
    ran: list[str] = []
    module = ModuleType(f"bench.{name}")

    def main() -> None:
        if missing is not None:
            raise missing
        ran.append(name)

    module.main = main  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return ran


@pytest.mark.parametrize("missing", [SystemExit("wrk is missing"), SetupError("Python 3.13 is missing")])
def test_where_something_is_missing_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: BaseException
) -> None:
    benchmark(monkeypatch, "http", missing)
    ran = benchmark(monkeypatch, "call")
    with pytest.raises(SystemExit, match="not measured: http"):
        bench.main(["http", "call"])
    assert ran == ["call"]
    assert str(missing) in capsys.readouterr().err


def test_an_unknown_name_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = benchmark(monkeypatch, "call")
    with pytest.raises(SystemExit, match="unknown benchmark 'cal'"):
        bench.main(["call", "cal"])
    assert ran == []


@pytest.mark.parametrize(("write", "short"), [("", "1"), ("1", None)])
def test_what_is_checked_in_is_measured_whole(monkeypatch: pytest.MonkeyPatch, write: str, short: str | None) -> None:
    for name in bench.QUICK:
        benchmark(monkeypatch, name)
    monkeypatch.setenv("WRITE", write)
    told: list[str | None] = []
    monkeypatch.setattr(sys.modules["bench.taps"], "main", lambda: told.append(bench.os.environ.get(results.SHORT)))
    bench.main([])
    assert told == [short]
