"""What somebody has agreed to before a deployment: to go on in a project of others, to delete, and to put rules on
their collections.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devtools.deploy.cloud import DeployError
from devtools.deploy.deletions import Deletions

_OPTIONS = ("--adopt", "--delete")


@dataclass(frozen=True, slots=True)
class Consent:
    """`adopt`: this app may stand in a project that others use. `delete`: what the plan lists may be deleted, and
    the rules on fields that it lists may reach others' documents. `ask` asks a person and returns the answer; None when
    nobody is there.
    """

    adopt: bool = False
    delete: bool = False
    ask: Callable[[str], str] | None = None

    def check(self, deletions: Deletions, rules: Sequence[str] = ()) -> None:
        """Raises DeployError unless the deletions and the rules on others' collections, if any, got a yes."""
        counted = [
            *([f"{len(deletions.all)} deletions"] if deletions.all else []),
            *([f"{len(rules)} rules on collections that are not this app's alone"] if rules else []),
        ]
        if not counted or self.delete:
            return
        what = " and ".join(counted)
        if self.ask is None:
            raise DeployError(
                f"{what} need a yes: run make deploy at a terminal, or with DELETE=yes after you have read"
                " make deploy-plan. Nothing was changed"
            )
        question = f"Type yes to delete these {len(deletions.all)}: " if not rules else f"Type yes for {what}: "
        if self.ask(question).strip().lower() != "yes":
            raise DeployError("that was no yes. Nothing was changed")


NOTHING = Consent()


def given(words: Sequence[str], environment: Mapping[str, str]) -> Consent:
    """What the command line and the environment agree to: `--adopt` or ADOPT=yes, `--delete` or DELETE=yes. Raises
    DeployError for anything else.
    """
    for word in words:
        if word not in _OPTIONS:
            raise DeployError(f"{word!r} is not an option: there are {' and '.join(_OPTIONS)}")
    agreed = {option for option in _OPTIONS if option in words or _yes(option[2:].upper(), environment)}
    return Consent("--adopt" in agreed, "--delete" in agreed, input if sys.stdin.isatty() else None)


def _yes(name: str, environment: Mapping[str, str]) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in ("", "yes", "no"):
        raise DeployError(f"{name} is yes or no, not {text!r}")
    return text == "yes"
