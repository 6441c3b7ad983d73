"""Sign-in: which login hosts there are, which one is chosen, why the last session ended, and the way to Salesforce."""

import re
from collections.abc import Awaitable, Callable

from contract.calls import LoginHost, SignInOptions
from contract.errors import CallError
from data.repositories.session import START, Ended, SessionRepository
from data.repositories.sign_in import SignInRepository
from data.repositories.sign_outs import SignOuts
from data.services.device import StorageRefused
from ui.shared.state import Screen
from ui.shared.words import _

_MY_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*")


class SignInViewModel(Screen):
    """`options` are the login hosts, None while they are not loaded. `finish` is called with Salesforce's way back
    where the device brings it itself."""

    def __init__(
        self,
        session: SessionRepository,
        sign_in: SignInRepository,
        sign_outs: SignOuts,
        finish: Callable[[str], Awaitable[None]],
    ) -> None:
        super().__init__()
        self._session = session
        self._sign_in = sign_in
        self._sign_outs = sign_outs
        sign_outs.changed = self.changed
        self._finish = finish
        self.options: SignInOptions | None = None
        self.chosen: LoginHost | None = None
        self.my_domain = ""
        self.problem: CallError | None = None
        self.my_domain_wrong = False
        self.refused = False
        self.leaving = False

    async def load(self) -> None:
        """Fetches the login hosts."""
        self.problem, self.leaving = None, False
        if self.options is None:
            try:
                self.options = await self._sign_in.options()
                self.chosen = self.options.login_hosts[0]
            except CallError as failed:
                self.problem = failed
        self.changed()

    @property
    def has_content(self) -> bool:
        return self.options is not None or self.problem is not None

    @property
    def ended(self) -> Ended | None:
        """The session that ended by itself last; None when none did."""
        return self._session.ended

    @property
    def owes_sign_out(self) -> str:
        """What to say of a sign-out of which the service has not heard yet; "" when it has heard of all."""
        if not self._sign_outs.waiting:
            return ""
        if self._sign_outs.kept:
            return _("You are signed out on this device. The service will hear of it when this app is online again.")
        return _(
            "You are signed out on this device, but the service could not be told yet. Keep this app open until it is"
            " online again."
        )

    def choose(self, host: str) -> None:
        """Chooses a login host."""
        assert self.options is not None
        self.chosen = next(h for h in self.options.login_hosts if h.host == host)
        self.my_domain_wrong = False
        self.changed()

    @property
    def asks_my_domain(self) -> bool:
        """Whether the chosen host is any My Domain, so that its name must be typed."""
        return self.chosen is not None and self.chosen.host.startswith("*.")

    async def sign_in(self) -> None:
        """Opens Salesforce's page of the chosen login host."""
        if self.options is None or self.chosen is None:
            return
        host = self.chosen
        if self.asks_my_domain:
            name = full_my_domain(self.my_domain, host.host)
            if name is None:
                self.my_domain_wrong = True
                self.changed()
                return
            host = LoginHost(name, name, host.scheme)
        await self._leave(self.options, host, None)

    async def go_on(self) -> None:
        """Signs in the person again whose session has ended. Where Salesforce still has them signed in, they fill in no
        form."""
        if self.options is None or self.ended is None:
            return
        ended, options = self.ended, self.options
        host = next((h for h in options.login_hosts if h.host == ended.login_host), None)
        like_it = next(
            (h for h in options.login_hosts if h.host.startswith("*.") and ended.login_host.endswith(h.host[1:])),
            options.login_hosts[0],
        )
        await self._leave(
            options, host or LoginHost(ended.login_host, ended.login_host, like_it.scheme), ended.user.username
        )

    async def _leave(self, options: SignInOptions, host: LoginHost, username: str | None) -> None:
        route = (
            self.ended.route if self.ended is not None else self._session.route if self._session.user is None else START
        )
        self.leaving, self.refused, self._session.failed = True, False, None
        self.changed()
        try:
            back = await self._sign_in.begin(options, host, route=route, username=username)
        except BaseException as failed:
            self.leaving, self.refused = False, isinstance(failed, StorageRefused)
            self.changed()
            if isinstance(failed, StorageRefused | TimeoutError | OSError):
                return
            raise
        if back is not None:
            self.leaving = False
            await self._finish(back)


def full_my_domain(typed: str, pattern: str) -> str | None:
    """The host that a person means by `acme`, `https://acme.my.salesforce.com/` or the like, under the pattern; None
    when it is none."""
    suffix = pattern[1:]
    name = typed.strip().lower().removeprefix("https://").split("/")[0].removesuffix(suffix)
    return name + suffix if _MY_DOMAIN.fullmatch(name) else None
