"""The form of a UTID, said a second time and not asked of whoever draws them: day, second, a role, six characters."""

from __future__ import annotations

import re

from watchkeeper.base.canonical import Value

_FORM = re.compile(r"[0-9]{8}-[0-9]{6}-(?P<role>far|tra|buy|adm|opr|sys)-[0-9a-z]{6}\Z", re.ASCII)


def well_formed(utid: Value) -> bool:
    """Whether a value has the form that the market gives."""
    return isinstance(utid, str) and _FORM.match(utid) is not None


def of_the_system(utid: Value) -> bool:
    """Whether it names an act of nobody but the system."""
    found = _FORM.match(utid) if isinstance(utid, str) else None
    return found is not None and found["role"] == "sys"
