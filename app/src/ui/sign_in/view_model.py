"""Sign-in: which login hosts there are, which one is chosen, and the way to Salesforce."""

import re
from collections.abc import Callable

from contract.calls import Erased, LoginHost, SignInOptions
from contract.errors import CallError
from data.repositories.session import SessionRepository

_MY_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*")


class SignInViewModel:
    """`changed` is called whenever there is something new to show."""

    def __init__(self, session: SessionRepository, changed: Callable[[], None]) -> None:
        self._session = session
        self._changed = changed
        self.options: SignInOptions | None = None
        self.chosen: LoginHost | None = None
        self.my_domain = ""
        self.problem: CallError | None = session.ended
        self.erased: Erased | None = session.erased
        self.my_domain_wrong = False
        self.leaving = False

    async def load(self) -> None:
        """Asks where one can sign in."""
        try:
            self.options = await self._session.options()
            self.chosen = self.options.login_hosts[0]
        except CallError as failed:
            self.problem = failed
        self._changed()

    def choose(self, host: str) -> None:
        assert self.options is not None
        self.chosen = next(h for h in self.options.login_hosts if h.host == host)
        self.my_domain_wrong = False
        self._changed()

    @property
    def asks_my_domain(self) -> bool:
        """Whether the chosen host is any My Domain, so that its name must be typed."""
        return self.chosen is not None and self.chosen.host.startswith("*.")

    async def sign_in(self) -> None:
        """Leaves for Salesforce's page."""
        if self.options is None or self.chosen is None:
            return
        host = self.chosen
        if self.asks_my_domain:
            name = full_my_domain(self.my_domain, host.host)
            if name is None:
                self.my_domain_wrong = True
                self._changed()
                return
            host = LoginHost(name, name, host.scheme)
        self.leaving = True
        self._changed()
        await self._session.begin(self.options, host)


def full_my_domain(typed: str, pattern: str) -> str | None:
    """`acme`, `https://acme.my.salesforce.com/` or the like as a host under the pattern; None when it is none."""
    suffix = pattern[1:]
    name = typed.strip().lower().removeprefix("https://").split("/")[0].removesuffix(suffix)
    return name + suffix if _MY_DOMAIN.fullmatch(name) else None
