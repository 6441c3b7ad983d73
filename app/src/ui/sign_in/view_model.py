"""Sign-in: which login hosts there are, which one is chosen, why the last session ended, and the way to Salesforce."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from contract.calls import LoginHost, SignInOptions
from contract.errors import CallError, Reason
from data.repositories.session import START, Ended, SessionRepository
from data.repositories.sign_in import SignInRepository
from data.repositories.sign_outs import SignOuts
from data.services.device import StorageRefused
from ui.shared.state import Screen
from ui.shared.words import _

OPENING_SECONDS = 5.0  # after which a page that has been opened may be opened once more
# What a sign-in that came back needs is only to be begun again.
_BEGIN_AGAIN = frozenset({Reason.SIGN_IN_EXPIRED, Reason.CODE_REJECTED})
_MY_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*")


class SignInViewModel(Screen):
    """`options` are the login hosts, None while they are not loaded. `finish` is called with Salesforce's way back
    where the device brings it itself.

    `leaving` is whether Salesforce's page is about to open, `trouble` why it did not, `refused` whether that was
    because the device keeps nothing."""

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
        self.trouble: CallError | None = None
        self._tries = 0
        self._tried: Callable[[], Awaitable[None]] | None = None

    async def load(self) -> None:
        """Fetches the login hosts."""
        self.problem = None
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
    def ends_with_the_window(self) -> bool:
        """Whether whoever signs in here is signed out when the window is closed."""
        return self._sign_in.ends_with_the_window

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
        self.my_domain_wrong, self.trouble = False, None
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
        await self._leave(self.options, host, None, self._route)

    async def go_on(self) -> None:
        """Signs in the person again whose session has ended. Where Salesforce still has them signed in, they fill in no
        form."""
        if self.options is None or self.ended is None:
            return
        host = _known(self.options, self.ended.login_host)
        await self._leave(self.options, host, self.ended.user.username, self._route)

    @property
    def offers_again(self) -> bool:
        """Whether what did not work needs only to be begun again, by `again`."""
        failed = self._session.failed
        if failed is None:
            return self.trouble is not None
        return failed.reason in _BEGIN_AGAIN and self._sign_in.failed is not None

    async def again(self) -> None:
        """Begins the sign-in again that did not work, at the same login host and for the same page."""
        if self.trouble is not None and self._tried is not None:
            await self._tried()
        elif self.options is not None and self._sign_in.failed is not None:
            failed = self._sign_in.failed
            await self._leave(self.options, _known(self.options, failed.login_host), None, failed.route)

    @property
    def _route(self) -> str:
        """The page to go on with after the sign-in."""
        if self.ended is not None:
            return self.ended.route
        return self._session.route if self._session.user is None else START

    async def _leave(self, options: SignInOptions, host: LoginHost, username: str | None, route: str) -> None:
        if self.leaving:
            return  # a second tap
        self._tries += 1
        mine = self._tries

        def over(trouble: CallError | None = None, *, refused: bool = False) -> None:
            if mine == self._tries:  # else the person has begun another one meanwhile
                self.leaving, self.trouble, self.refused = False, trouble, refused
                self.changed()

        def opening() -> None:
            asyncio.get_running_loop().call_later(OPENING_SECONDS, over)

        async def once_more() -> None:
            await self._leave(options, host, username, route)

        self._tried = once_more
        self.leaving, self.refused, self.trouble, self._session.failed = True, False, None, None
        self.changed()
        try:
            back = await self._sign_in.begin(options, host, route=route, username=username, opening=opening)
        except CallError as failed:
            over(failed)
        except StorageRefused:
            over(refused=True)
        except TimeoutError:
            over()  # nobody came back
        except BaseException:
            over()
            raise
        else:
            if back is not None:
                over()
                await self._finish(back)


def _known(options: SignInOptions, name: str) -> LoginHost:
    """The login host of this name: one of the options, or a My Domain like one of them."""
    host = next((h for h in options.login_hosts if h.host == name), None)
    like_it = next(
        (h for h in options.login_hosts if h.host.startswith("*.") and name.endswith(h.host[1:])),
        options.login_hosts[0],
    )
    return host or LoginHost(name, name, like_it.scheme)


def full_my_domain(typed: str, pattern: str) -> str | None:
    """The host that a person means by `acme`, `https://acme.my.salesforce.com/` or the like, under the pattern; None
    when it is none."""
    suffix = pattern[1:]
    name = typed.strip().lower().removeprefix("https://").split("/")[0].removesuffix(suffix)
    return name + suffix if _MY_DOMAIN.fullmatch(name) else None
