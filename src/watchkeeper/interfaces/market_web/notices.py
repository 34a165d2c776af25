"""Notices inside the market, and who has read them."""

from __future__ import annotations

from fastapi import APIRouter

from watchkeeper.base.clock import Instant, iso
from watchkeeper.interfaces.market_web.auth import ALL, IdempotencyKey, Services, SignedIn, may, run
from watchkeeper.interfaces.market_web.shapes import Before, Key, Limit, NewNotice
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market import boards
from watchkeeper.market.commands import SendNotice
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import marks

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["notices"])


@router.post("/notices", status_code=201, openapi_extra=may("admin", "operator"))
def send(body: NewNotice, session: SignedIn, services: Services, key: IdempotencyKey) -> dict[str, object]:
    """Tell everyone, one role, or those who took part in one act something."""
    command = SendNotice(
        kind=body.kind, text=body.text, reason=body.reason, role=body.role, about_utid=body.about_utid
    )
    return run(services, session, command, key).body


@router.get("/notices", openapi_extra=may(*ALL))
def notices(
    session: SignedIn, services: Services, before: Before = None, limit: Limit = 50
) -> dict[str, object]:
    """What was said to whoever asks, newest first."""
    handles = services.handles()
    rows = boards.notices(handles.books.database, session.user, before=before, limit=limit)
    ids = [int(str(row["id"])) for row in rows]
    read = {
        int(str(notice)): Instant(int(str(at)))
        for notice, at in handles.identities.query(
            f"SELECT notice_id, read_at FROM notice_reads WHERE user_id = ? AND notice_id IN ({marks(ids)})",
            (session.user.id, *ids),
        )
    }
    return {
        "notices": [
            shown(row) | {"read_at": iso(read[key]) if key in read else None}
            for key, row in zip(ids, rows, strict=True)
        ],
        "next": ids[-1] if ids else None,
    }


@router.post("/notices/{notice_id}/read", openapi_extra=may(*ALL))
def mark_read(notice_id: Key, session: SignedIn, services: Services) -> dict[str, object]:
    """Mark a notice as read; the first time counts."""
    handles = services.handles()
    if not 0 < notice_id < 2**62 or [
        row["id"]
        for row in boards.notices(handles.books.database, session.user, before=notice_id + 1, limit=1)
    ] != [notice_id]:
        raise Refusal("notice-not-found", "There is no such notice.")
    with handles.identities.transaction("write"):
        handles.identities.execute(
            "INSERT INTO notice_reads (user_id, notice_id, read_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (session.user.id, notice_id, services.clock.now()),
        )
    return {"id": notice_id}
