"""Tests may collect garbage at any moment, also while Python parses."""

import ast
import gc

_CODE = "y = f(a, [b, (c, {d: e})])\n" * 200


class _Parses:
    """What parses when it is collected, as the traceback of a task does whose exception nobody has seen."""

    def __init__(self) -> None:
        self.itself = self  # a circle, which only the collector ends

    def __del__(self) -> None:
        ast.parse("x = [1, [2, [3, [4]]]]")


def test_what_is_collected_while_python_parses_does_no_harm() -> None:
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(20):
            _Parses()
            ast.parse(_CODE)
    finally:
        gc.set_threshold(*before)
