"""The original beside what stands there: a finding's two documents, field by field."""

from __future__ import annotations

import json
from dataclasses import dataclass

from watchkeeper.base.clock import Instant, kampala
from watchkeeper.operation.verifier.findings import Finding


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what is expected (the sealed original, for a row) and what was found; empty when not there."""

    name: str
    expected: str
    found: str

    @property
    def differs(self) -> bool:
        """Whether the two are not the same."""
        return self.expected != self.found


def fields(finding: Finding) -> list[Field]:
    """Every field of either document, the expected one's order first."""
    expected, found = _document(finding.expected), _document(finding.found)
    names = [*expected, *(name for name in found if name not in expected)]
    return [Field(name, _text(expected, name), _text(found, name)) for name in names]


def _instant(name: str, value: object) -> bool:
    return (name == "at" or name.endswith("_at")) and isinstance(value, int) and 0 < value < 2**55


def _document(text: str) -> dict[str, object]:
    try:
        read = json.loads(text) if text else {}
    except ValueError:
        return {"": text}
    return read if isinstance(read, dict) else {"": read}


def _text(document: dict[str, object], name: str) -> str:
    value = document.get(name)
    if _instant(name, value):
        return f"{value} ({kampala(Instant(int(str(value))))})"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)
