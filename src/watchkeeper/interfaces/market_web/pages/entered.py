"""What people enter into forms, read as strictly as the bodies of the routes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from watchkeeper.interfaces.market_web.shapes import Shape
from watchkeeper.market.refusals import Refusal

_NUMBER = re.compile(r"[0-9]{1,3}(,[0-9]{3})+|[0-9]{1,20}")
#: What the fields are called on the pages.
LABELS = {
    "amount_ugx": "the amount",
    "proceeds_ugx": "the proceeds",
    "price_ugx_per_kg": "the price per kg",
    "external_ref": "the reference",
    "kilograms": "the weight",
    "account": "the alias",
    "unit_id": "the unit",
    "block_id": "the block",
    "lot_id": "the lot",
}


def _is_number(field: FieldInfo) -> bool:
    return "int" in str(field.annotation)


def _may_be_empty(field: FieldInfo) -> bool:
    return not field.is_required() and field.default is None


def read(shape: type[Shape], fields: Mapping[str, str]) -> Any:
    """The fields as this shape; raises `Refusal` validation-failed in words, with the field."""
    found: dict[str, object] = {}
    for name, text in fields.items():
        field = shape.model_fields.get(name)
        if field is None:
            raise Refusal("validation-failed", "This form has changed. Load the page again.", field="form")
        if _may_be_empty(field) and not text.strip():
            continue
        if _is_number(field):
            digits = text.strip()
            if not _NUMBER.fullmatch(digits):
                raise Refusal(
                    "validation-failed", f"Give {label(name)} in whole numbers, like 25,000.", field=name
                )
            found[name] = int(digits.replace(",", ""))
        else:
            # A text area has lines; the books have none.
            found[name] = " ".join(text.splitlines())
    try:
        return shape.model_validate(found)
    except ValidationError as error:
        raise _refusal(error) from error


def label(name: str) -> str:
    """What a field is called."""
    return LABELS.get(name, f"the {name.replace('_', ' ')}")


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "form"
    kind, bounds = first["type"], first.get("ctx", {})
    called = label(name)
    texts = {
        "missing": f"Give {called}.",
        "string_too_short": f"Give {called}, at least {bounds.get('min_length')} characters.",
        "string_too_long": f"Shorten {called} to {bounds.get('max_length')} characters.",
        "greater_than": f"Give {called}, more than {bounds.get('gt')}.",
        "less_than_equal": f"Give {called}, at most {bounds.get('le', 0):,}."
        if isinstance(bounds.get("le"), int)
        else f"Give {called}.",
        "multiple_of": f"Give {called} in steps of {bounds.get('multiple_of')}.",
    }
    return Refusal("validation-failed", texts.get(kind, f"Look at {called} again."), field=name)
