"""What the outbox can prove: that a channel took an alert's message."""

from __future__ import annotations

from watchkeeper.base.database import Database


def first(database: Database, alert_id: int) -> dict[str, object] | None:
    """The first receipt for an alert: channel, what it said, when (microseconds); None before there is one."""
    row = database.one(
        "SELECT o.channel, o.receipt, o.delivered_at FROM outbox o JOIN alert_events e ON e.id = o.event_id "
        "WHERE e.alert_id = ? AND o.state = 'delivered' ORDER BY o.delivered_at LIMIT 1",
        (alert_id,),
    )
    if row is None:
        return None
    return {"channel": str(row[0]), "receipt": str(row[1]), "delivered_at": int(str(row[2]))}
