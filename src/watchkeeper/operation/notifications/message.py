"""What is told, from rows alone: what is wrong, where, how bad, what to do next. No identity, no secret."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Instant, iso, kampala
from watchkeeper.base.database import Database
from watchkeeper.operation.alerts.life import Alert, Event

_FINDINGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One event of one alert, ready for any channel. `key` is the same at every try, so receivers can drop repeats."""

    key: str
    event: Event
    alert: Alert
    finding_ids: tuple[int, ...]
    link: str
    #: What to do next, where there is no alert to open yet: then its number, and the event's, are none.
    advice: str = ""

    @property
    def subject(self) -> str:
        """One line."""
        word = {"resolved": "RESOLVED", "overdue": "UNANSWERED"}.get(
            self.event.kind, self.alert.severity.upper()
        )
        return f"[{word}] {self.alert.title} ({self.alert.scope})"

    @property
    def body(self) -> str:
        """A few lines for a person."""
        lines = [
            f"{self.alert.title}: {self.event.text}",
            "",
            f"Rule or condition: {self.alert.condition}",
            f"Scope:             {self.alert.scope}",
            f"Severity:          {self.alert.severity}",
            f"What happened:     {self.event.kind}",
            f"At (Kampala):      {kampala(self.event.at)}",
        ]
        if self.event.kind != "resolved":
            lines.append(f"Answer before:     {kampala(self.alert.due_at)}")
        next_step = (
            f"Alert {self.alert.id}. Next: open {self.link or 'the control room'} and follow the playbook."
        )
        lines += ["", self.advice or next_step]
        return "\n".join(lines)

    def document(self) -> dict[str, object]:
        """The same as JSON, in the form of a Standard Webhooks payload."""
        return {
            "type": f"alert.{self.event.kind.replace(' ', '_')}",
            "timestamp": iso(self.event.at),
            "data": {
                "event": None if self.advice else self.event.id,
                "alert": None if self.advice else self.alert.id,
                "condition": self.alert.condition,
                "scope": self.alert.scope,
                "severity": self.alert.severity,
                "title": self.alert.title,
                "detail": self.event.text,
                "state": self.alert.state,
                "findings": list(self.finding_ids),
                "due_at": iso(self.alert.due_at),
                "link": self.link,
            },
        }


def findings_of(database: Database, event: Event) -> tuple[int, ...]:
    """The findings that came in with this event."""
    rows = database.query(
        "SELECT finding_id FROM alert_findings WHERE event_id = ? ORDER BY finding_id LIMIT ?",
        (event.id, _FINDINGS_MAX),
    )
    return tuple(int(str(row[0])) for row in rows)


def event(database: Database, event_id: int) -> Event | None:
    """One event by its number."""
    row = database.one("SELECT id, alert_id, kind, by, text, at FROM alert_events WHERE id = ?", (event_id,))
    if row is None:
        return None
    return Event(
        int(str(row[0])), int(str(row[1])), str(row[2]), str(row[3]), str(row[4]), Instant(int(str(row[5])))
    )
