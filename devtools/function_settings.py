"""The folder that the Functions emulator serves in one run: links to the functions' code, and this run's settings.

firebase-tools reads `.env`, `.env.PROJECT`, `.env.local`, and `.secret.local` in the folder of the functions, and they
win over the environment (its functions/env.js and emulator/functionsEmulator.js, read in 15.34.2). So every run has a
folder of its own, and only `make run` puts a person's own files into it. Nothing writes or deletes in `functions/`.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devtools.paths import ROOT

CONSUMER_SECRET = "local-consumer-secret"  # noqa: S105  the local org's, of no use elsewhere
CLIENT_KEY = "SALESFORCE_CLIENT_KEY"
SECRETS = ".secret.local"
CODE = ROOT / "functions"
_LINE = re.compile(r"""\s*(?:export\s+)?([\w./]+)\s*=\s*('(?:\\'|[^'])*'|"(?:\\"|[^"])*"|[^#]*)""")


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """The settings of one run of a project.

    `own`: the folder with a person's own settings files, None to read nobody's. `keep`: the folder of the key that
    seals this run's tokens; the key stays as long as the sealed tokens.
    """

    project: str
    own: Path | None
    keep: Path

    def files(self) -> list[Path]:
        """The person's own files that count for this project. Later ones win."""
        names = (".env", f".env.{self.project}", ".env.local", SECRETS)
        return [] if self.own is None else [self.own / name for name in names if (self.own / name).is_file()]

    def named(self) -> str:
        """The paths of these files as one text, "" when there are none."""
        return ", ".join(
            str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file) for file in self.files()
        )

    def variables(self) -> dict[str, str]:
        """The person's own settings by name, without secrets."""
        return {
            name: value
            for file in self.files()
            if file.name != SECRETS
            for name, value in parsed(file.read_text()).items()
        }

    def secrets(self) -> dict[str, str]:
        """The secrets of this run by name: the local org's consumer secret and the key, or what the person's
        files say.
        """
        return {name: value for text in self._secret_texts() for name, value in parsed(text).items()}

    def client_key(self) -> dict[str, str]:
        """The person's client key as a variable, none without one. Functions get it from firebase-tools' environment:
        as a secret that they declare it would have to be there in every deployment.
        """
        return {name: value for name, value in self.secrets().items() if name == CLIENT_KEY and value}

    def lay_out(self, folder: Path, code: Path = CODE) -> None:
        """Makes `folder` anew with links to `code` and to the person's settings files, so that edits count at once."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for part in code.iterdir():
            if not part.name.startswith("."):
                (folder / part.name).symlink_to(part.resolve() if part.name == "venv" else part)
        for file in self.files():
            if file.name != SECRETS:
                (folder / file.name).symlink_to(file)
        _write(folder / SECRETS, "\n".join(self._secret_texts()))

    def _secret_texts(self) -> list[str]:
        """The lines of this run's `.secret.local`. The person's own come last and win."""
        own = [file.read_text() for file in self.files() if file.name == SECRETS]
        named = {name for text in own for name in parsed(text)}
        made = [] if "TOKEN_KEYSET" in named else [f"TOKEN_KEYSET='{self._keyset()}'"]
        # Who signs needs no secret.
        secret = [] if CLIENT_KEY in named else [f"SALESFORCE_CONSUMER_SECRET={CONSUMER_SECRET}"]
        return [*secret, *made, *own]

    def _keyset(self) -> str:
        file = self.keep / "keyset"
        if not file.exists():
            command = [sys.executable, "-c", "from backend.adapters import cipher; print(cipher.new_keyset())"]
            keyset = subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=True).stdout.strip()
            self.keep.mkdir(parents=True, exist_ok=True)
            new = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
            _write(new, keyset)
            with suppress(FileExistsError):  # when several runs make one at once, the first wins
                os.link(new, file)
            new.unlink()
        return file.read_text()


def parsed(text: str) -> dict[str, str]:
    """The settings of a file by name, as firebase-tools reads it."""
    lines = [match for line in text.splitlines() if (match := _LINE.match(line))]
    return {match[1]: _unquoted(match[2].strip()) for match in lines}


def _unquoted(value: str) -> str:
    quote = value[:1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else ""
    value = value[1:-1] if quote else value
    return value.replace('\\"', '"') if quote == '"' else value


def _write(file: Path, text: str) -> None:
    """Writes a file that only its owner can read. Readers see the old file or the whole new one."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    os.replace(new, file)
