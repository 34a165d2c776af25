"""What people read: shillings, kilograms, times in Kampala, the time that is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from watchkeeper.base.clock import Instant, as_instant, kampala
from watchkeeper.base.utid import base36

#: Where each role is at home.
HOMES = {
    "farmer": "/farmer",
    "trader": "/trader",
    "buyer": "/buyer",
    "admin": "/admin",
    "operator": "/operator",
}


def ugx(amount: int) -> str:
    """`UGX 1,234,000`."""
    return f"UGX {amount:,}"


def kg(grams: int) -> str:
    """`100 kg`, `97.5 kg`."""
    whole, rest = divmod(abs(grams), 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{'-' if grams < 0 else ''}{whole:,}{fraction} kg"


def when(at: object) -> str:
    """An instant, or its text in UTC, as the minute in Kampala: `2026-11-23 14:05`."""
    instant = as_instant(datetime.fromisoformat(at)) if isinstance(at, str) else Instant(int(str(at)))
    return kampala(instant)[:16]


def left(seconds: int) -> str:
    """`5 h 12 min left`; past the deadline `3 min late`."""
    minutes = abs(seconds) // 60
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        length = f"{hours // 24} days {hours % 24} h"
    elif hours:
        length = f"{hours} h {rest} min"
    else:
        length = f"{rest} min" if minutes else "less than a minute"
    return f"{length} {'left' if seconds >= 0 else 'late'}"


def words(name: object) -> str:
    """A name of the books as words: `create_listing` is `create listing`."""
    return str(name).replace("_", " ")


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(ugx=ugx, kg=kg, when=when, left=left, words=words, kampala=kampala)


def new_key() -> str:
    """The key of a form: pressed twice, it does its thing once."""
    return base36(24)


def render(template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """A page from its template."""
    return HTMLResponse(_TEMPLATES.get_template(f"pages/{template}").render(values), status)


def refused(detail: str, *, status: int, home: str = "/") -> HTMLResponse:
    """A page that only says why there is none."""
    return render("refused.html", {"refused": detail, "home": home, "title": "Not possible"}, status=status)
