"""The templates of the single pages: enrolment, passkeys, statements. Everything that comes in is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from watchkeeper.base.clock import kampala

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)
TEMPLATES.filters["kampala"] = kampala
