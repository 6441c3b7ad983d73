"""The administrator's commands that need no backend."""

import io

import pytest

from backend import admin
from backend.adapters.cipher import TinkCipher, add_key, drop_keys, new_keyset, promote_key
from backend.values import Secret


def test_two_keysets_of_standard_input_are_merged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = new_keyset()
    new = drop_keys(promote_key(add_key(old)))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{new}\n{old}\n"))
    assert admin.main(["keyset", "merge"]) == 0
    merged = TinkCipher(Secret(capsys.readouterr().out.strip()))
    for keyset in (old, new):
        sealed = TinkCipher(Secret(keyset)).seal_bytes(b"text", uid="u", field="f")
        assert merged.unseal_bytes(sealed, uid="u", field="f") == b"text"


def test_a_merge_of_one_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(new_keyset()))
    assert admin.main(["keyset", "merge"]) == 2
    assert "the keyset cannot be read" in capsys.readouterr().err
