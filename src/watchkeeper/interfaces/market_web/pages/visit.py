"""One visit of somebody to a page, and what a page is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from watchkeeper.interfaces.market_web.accounts import address
from watchkeeper.interfaces.market_web.pages.rendering import HOMES, new_key
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.interfaces.market_web.shapes import Shape
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions
from watchkeeper.market.signin.sessions import Session

#: Rows on a page: what a cheap phone loads at once.
ROWS = 10
#: Larger than any key or number of a row; a list that begins with the newest begins here.
NEWEST = 2**62


#: What of an address says which list is shown, and goes on to its next rows.
_OF_THE_LIST = frozenset({"alias", "trader", "run", "kind"})


@dataclass(slots=True)
class Visit:
    """Who asks for a page, and, after a form was refused, what was entered into which."""

    request: Request
    services: MarketServices
    session: Session
    token: str
    csrf: str
    key: str = ""
    #: The form that was refused, its values and why.
    form: str = ""
    entered: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    refused_field: str = ""
    keeps_key: bool = False

    @property
    def role(self) -> str:
        """The role of whoever asks."""
        return self.session.user.role

    @property
    def home(self) -> str:
        """Where this role is at home."""
        return HOMES[self.role]

    @property
    def fresh(self) -> bool:
        """Whether the second factor was given a moment ago."""
        return self.session.fresh(at=self.services.clock.now())

    def key_of(self, form: str) -> str:
        """A form's key; a refused form keeps its own, because its first press may have counted after all."""
        return self.key if self.keeps_key and form == self.form else new_key()

    def value_of(self, form: str, name: str, default: object = "") -> str:
        """What stands in a field: what was entered when this form was refused."""
        return self.entered.get(name, "") if form == self.form else str(default)

    def number(self, name: str, default: int) -> int:
        """A number in the address, for the next rows of a list; raises `Refusal` validation-failed."""
        text = self.request.query_params.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or int(text[:20]) >= NEWEST:
            raise Refusal("validation-failed", "This address is not one of ours.", field=name)
        return int(text)

    def freshen(self, code: str) -> None:
        """Take a code of the second factor; raises `Refusal` second-factor-required. Fresh already, it is not needed."""
        if self.fresh:
            return
        if not code:
            raise Refusal(
                "second-factor-required", "Give the six digits that your app shows now.", field="code"
            )
        handles = self.services.handles()
        try:
            handles.gatekeeper.refresh(
                self.session, code=code.replace(" ", ""), address=address(self.request)
            )
        except Refusal:
            # Pressed twice, the second finds the code spent by the first.
            again = sessions.find(handles.identities, handles.books, self.token, clock=self.services.clock)
            if not again.fresh(at=self.services.clock.now()):
                raise
            self.session = again
            return
        self.session = replace(self.session, second_factor_at=self.services.clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a form does: its fields' shape, the act itself, and what the page says when it is done."""

    shape: type[Shape]
    #: Gives the UTID, nothing where there is none, or a page that is shown once.
    do: Callable[[Visit, Any], str | Response]
    said: str
    #: Narrower than the page's own, where the page shows the form to some of its roles only.
    roles: tuple[str, ...] | None = None
    needs_fresh: bool = False
    #: Whether it is no command of the books, so that a second press has to be caught here.
    caught_here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: who may see it, what it shows, what can be done on it."""

    path: str
    title: str
    template: str
    roles: tuple[str, ...]
    read: Callable[[Visit], Mapping[str, object]]
    acts: Mapping[str, Act] = field(default_factory=dict)
    #: What of the address is kept after something was done.
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """Some rows of a list and the address of the next ones, empty at the end."""

    rows: list[dict[str, Any]]
    more: str


def listed(
    visit: Visit, answer: Mapping[str, object], name: str, parameter: str, *, limit: int = ROWS
) -> Listed:
    """A list as the routes answer it: `name` holds the rows and `next` the cursor."""
    rows = answer[name]
    if not isinstance(rows, list):
        raise TypeError(name)
    if len(rows) < limit:
        return Listed(rows, "")
    kept = {key: value for key, value in visit.request.query_params.items() if key in _OF_THE_LIST}
    return Listed(rows, "?" + urlencode(kept | {parameter: str(answer["next"])}))


def utid_of(answer: Mapping[str, object]) -> str:
    """The UTID of what was done."""
    return str(answer["utid"])
