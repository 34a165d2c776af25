"""Accounts by their alias, for admins and the operator: invite, suspend, reset, give another role, delete."""

from __future__ import annotations

from starlette.responses import Response

from watchkeeper.interfaces.market_web import accounts, people
from watchkeeper.interfaces.market_web.pages.rendering import render
from watchkeeper.interfaces.market_web.pages.visit import Act, Page, Visit, listed, utid_of
from watchkeeper.interfaces.market_web.shapes import Because, Invitation, NewRole
from watchkeeper.market.refusals import Refusal

_ROLES = ("admin", "operator")
_ROWS = 20


def _people(visit: Visit) -> dict[str, object]:
    answer = accounts.users(visit.session, visit.services, after=visit.number("after", 0), limit=_ROWS)
    return {"users": listed(visit, answer, "users", "after", limit=_ROWS)}


def _once(visit: Visit, *, said: str, utid: str, secret: str, back: str) -> Response:
    values = {
        "title": "Hand this over",
        "home": visit.home,
        "said": said,
        "utid": utid,
        "secrets": [secret],
        "back": back,
    }
    return render("once.html", values, status=201)


def _link(visit: Visit, path: object) -> str:
    return f"{visit.request.url.scheme}://{visit.request.url.netloc}{path}"


def _invite(visit: Visit, body: Invitation) -> str | Response:
    answer = accounts.invite(body, visit.session, visit.services, visit.key)
    if "enrolment" not in answer:
        return utid_of(answer)
    return _once(
        visit,
        said=f"{answer['alias']} is invited as {answer['role']}. This link enrols the person.",
        utid=utid_of(answer),
        secret=_link(visit, answer["enrolment"]),
        back="/people",
    )


def _alias(visit: Visit) -> str:
    return visit.request.query_params.get("alias", "").strip().casefold()[:64]


def _account(visit: Visit) -> dict[str, object]:
    user = visit.services.handles().books.user_by_alias(_alias(visit))
    if user is None or user.role == "system":
        raise Refusal("user-not-found", "There is no account with this alias.")
    return {"user": user, "title": user.alias}


def _suspend(visit: Visit, body: Because) -> str:
    return utid_of(people.suspend(_alias(visit), body, visit.session, visit.services, visit.key))


def _unsuspend(visit: Visit, body: Because) -> str:
    return utid_of(people.unsuspend(_alias(visit), body, visit.session, visit.services, visit.key))


def _end_sessions(visit: Visit, body: Because) -> str:
    return utid_of(people.end_sessions(_alias(visit), body, visit.session, visit.services, visit.key))


def _delete(visit: Visit, body: Because) -> str:
    return utid_of(people.delete(_alias(visit), body, visit.session, visit.services, visit.key))


def _change_role(visit: Visit, body: NewRole) -> str | Response:
    answer = people.change_role(_alias(visit), body, visit.session, visit.services, visit.key)
    if "enrolment" not in answer:
        return utid_of(answer)
    return _once(
        visit,
        said="The role is changed. With this link the person enrols a second factor.",
        utid=utid_of(answer),
        secret=_link(visit, answer["enrolment"]),
        back="/people",
    )


def _reset(visit: Visit, body: Because) -> Response:
    answer = people.issue_reset(_alias(visit), body, visit.session, visit.services, visit.key)
    if "enrolment" in answer:
        return _once(
            visit,
            said=f"With this link {_alias(visit)} enrols. The link of before has ended.",
            utid=utid_of(answer),
            secret=_link(visit, answer["enrolment"]),
            back=f"/account?alias={_alias(visit)}",
        )
    return _once(
        visit,
        said=f"With this code {_alias(visit)} sets a new password, within the hour.",
        utid=utid_of(answer),
        secret=str(answer["code"]),
        back=f"/account?alias={_alias(visit)}",
    )


def _reset_second_factor(visit: Visit, body: Because) -> Response:
    answer = people.reset_second_factor(_alias(visit), body, visit.session, visit.services, visit.key)
    return _once(
        visit,
        said=f"{_alias(visit)} is signed out and has no second factor. With this link the person enrols another.",
        utid=utid_of(answer),
        secret=_link(visit, answer["enrolment"]),
        back=f"/account?alias={_alias(visit)}",
    )


PAGES = (
    Page(
        path="/people",
        title="People",
        template="people.html",
        roles=_ROLES,
        read=_people,
        acts={
            "invite": Act(
                shape=Invitation, do=_invite, said="That person is enrolled already.", roles=("admin",)
            )
        },
    ),
    Page(
        path="/account",
        title="Account",
        template="account.html",
        roles=_ROLES,
        read=_account,
        keeps=("alias",),
        acts={
            "suspend": Act(shape=Because, do=_suspend, said="The account is suspended."),
            "unsuspend": Act(
                shape=Because, do=_unsuspend, said="The account may act again.", needs_fresh=True
            ),
            "end-sessions": Act(shape=Because, do=_end_sessions, said="Every session has ended."),
            "reset": Act(shape=Because, do=_reset, said="", needs_fresh=True),
            "second-factor": Act(
                shape=Because, do=_reset_second_factor, said="", roles=("operator",), needs_fresh=True
            ),
            "role": Act(
                shape=NewRole,
                do=_change_role,
                said="The role is changed.",
                roles=("admin",),
                needs_fresh=True,
            ),
            "delete": Act(
                shape=Because,
                do=_delete,
                said="The account is deleted, and who it was is erased.",
                roles=("admin",),
                needs_fresh=True,
            ),
        },
    ),
)
