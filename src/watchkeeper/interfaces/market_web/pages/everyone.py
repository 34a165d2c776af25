"""What everybody has: notices, traces of own acts, own details, password and sessions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.responses import RedirectResponse, Response

from watchkeeper.interfaces.market_web import notices, people, statements
from watchkeeper.interfaces.market_web.accounts import sign_out
from watchkeeper.interfaces.market_web.auth import ALL
from watchkeeper.interfaces.market_web.pages.rendering import render
from watchkeeper.interfaces.market_web.pages.traced import readable
from watchkeeper.interfaces.market_web.pages.visit import NEWEST, ROWS, Act, Page, Visit, listed, utid_of
from watchkeeper.interfaces.market_web.shapes import ContactData, NewNotice, NewPassword, Shape
from watchkeeper.market.accounting.statement import ledgers_of
from watchkeeper.market.signin.enrolment import SECOND_FACTOR_ROLES


class Nothing(Shape):
    """A form with a button alone."""


class Read(Shape):
    """A notice that was read."""

    notice_id: Annotated[int, Field(strict=True, gt=0, lt=NEWEST)]


class Ended(Shape):
    """A session to be ended, by its short id."""

    session: Annotated[str, Field(min_length=1, max_length=64)]


def _notices(visit: Visit) -> dict[str, object]:
    answer = notices.notices(visit.session, visit.services, before=visit.number("before", NEWEST), limit=ROWS)
    return {"notices": listed(visit, answer, "notices", "before")}


def _mark_read(visit: Visit, body: Read) -> str:
    notices.mark_read(body.notice_id, visit.session, visit.services)
    return ""


def _send(visit: Visit, body: NewNotice) -> str:
    return utid_of(notices.send(body, visit.session, visit.services, visit.key))


def _trace(visit: Visit) -> dict[str, object]:
    utid = visit.request.query_params.get("utid", "").strip()
    if not utid:
        return {"asked": "", "traced": None, "problem": ""}
    return {"asked": utid[:64], **readable(visit, utid)}


def _me(visit: Visit) -> dict[str, object]:
    found = people.own_sessions(visit.session, visit.services)
    codes = (
        people.recovery_codes(visit.session, visit.services) if visit.role in SECOND_FACTOR_ROLES else None
    )
    # A buyer reads no amount, not even an own one of before.
    may_read = visit.role in statements.ROLES
    ledgers = ledgers_of(visit.services.handles().books.database, visit.session.user) if may_read else ()
    return {
        "formerly": [
            name for name in ledgers if visit.role not in ("trader", "farmer") or name != ledgers[0]
        ],
        "me": people.me(visit.session, visit.services),
        "sessions": found["sessions"],
        "codes_left": None if codes is None else codes["left"],
    }


def _details(visit: Visit, body: ContactData) -> str:
    people.change_contact(body, visit.session, visit.services)
    return ""


def _password(visit: Visit, body: NewPassword) -> str:
    people.change_password(body, visit.request, Response(), visit.session, visit.services)
    return ""


def _end(visit: Visit, body: Ended) -> str:
    people.end_own_session(body.session, visit.session, visit.services)
    return ""


def _sign_out(visit: Visit, _: Nothing) -> Response:
    answer = RedirectResponse("/sign-in?out=yes", 303)
    sign_out(answer, visit.session, visit.services)
    return answer


def _codes(visit: Visit, _: Nothing) -> Response:
    found = people.renew_recovery_codes(visit.session, visit.services)
    return render(
        "once.html",
        {
            "title": "Recovery codes",
            "home": visit.home,
            "said": "Keep these on paper. Each replaces the six digits once. The old ones are over.",
            "secrets": found["recovery_codes"],
            "utid": "",
            "back": "/me",
        },
        status=201,
    )


PAGES = (
    Page(
        path="/notices",
        title="Notices",
        template="notices.html",
        roles=ALL,
        read=_notices,
        acts={
            "read": Act(shape=Read, do=_mark_read, said="Marked as read.", caught_here=True),
            "send": Act(shape=NewNotice, do=_send, said="The notice is sent.", roles=("admin", "operator")),
        },
    ),
    Page(path="/trace", title="Trace", template="trace.html", roles=ALL, read=_trace),
    Page(
        path="/me",
        title="My details",
        template="me.html",
        roles=ALL,
        read=_me,
        acts={
            "details": Act(
                shape=ContactData, do=_details, said="Your details are changed.", caught_here=True
            ),
            "password": Act(
                shape=NewPassword,
                do=_password,
                said="Your password is changed; your other sessions have ended.",
                caught_here=True,
            ),
            "end": Act(shape=Ended, do=_end, said="That session has ended.", caught_here=True),
            "codes": Act(
                shape=Nothing,
                do=_codes,
                said="",
                roles=("admin", "operator"),
                needs_fresh=True,
            ),
            "sign-out": Act(shape=Nothing, do=_sign_out, said=""),
        },
    ),
)
