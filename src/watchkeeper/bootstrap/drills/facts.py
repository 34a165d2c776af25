"""How bad a breach of each rule is, which playbook cures it and what it may be a breach in: not asked of the checks themselves."""

from __future__ import annotations

import re

from watchkeeper.boundary.views import STATES, VIEWS

#: Rule -> severity, playbook (catalogue, Invariants and Playbooks).
FACTS: dict[str, tuple[str, str]] = {
    "1.1": ("critical", "1"),
    "1.2": ("critical", "2"),
    "1.3": ("critical", "15"),
    "2.1": ("critical", "11"),
    "2.2": ("critical", "11"),
    "2.3": ("critical", "11"),
    "3.1": ("critical", "11"),
    "3.2": ("critical", "6"),
    "3.3": ("high", "11"),
    "4.1": ("critical", "12"),
    "4.2": ("high", "10"),
    "5.1": ("critical", "12"),
    "5.2": ("critical", "12"),
    "5.3": ("critical", "12"),
    "6.1": ("critical", "6"),
    "6.2": ("critical", "6"),
    "7.1": ("critical", "7"),
    "7.2": ("critical", "7"),
    "8.1": ("critical", "11"),
    "8.2": ("high", "10"),
    "9.1": ("high", "13"),
    "9.2": ("high", "13"),
    "9.3": ("high", "13"),
    "10.1": ("critical", "14"),
    "10.2": ("critical", "14"),
}

#: Rules that say nothing when others came to no end: their replay, or their verdict on a feature's rows, is what these read.
READS: dict[str, frozenset[str]] = {
    "1.3": frozenset({"1.1"}),
    "3.2": frozenset({"1.1"}),
    "6.1": frozenset({"1.1"}),
    "6.2": frozenset({"1.1"}),
    "9.1": frozenset({"1.1", "1.2", "2.3", "4.1", "4.2", "5.1", "7.1", "7.2", "8.1", "8.2"}),
    "9.2": frozenset({"1.1", "1.2", "2.3", "4.1", "4.2", "5.1", "8.1", "8.2"}),
    "9.3": frozenset({"2.3", "4.1", "4.2", "5.2", "7.1", "8.2"}),
}

#: Rules that are looked at between commits as well, where no seal speaks for what they are about.
ROLLING = frozenset({"1.3"})

#: What a finding may name as the place of what is wrong: a published table, or one of these.
ROWS = frozenset({*VIEWS, *STATES})
TABLES = frozenset({*ROWS, "schema", "totals", "features", "restrictions"})

#: How it names a row there: by its key, or all rows of an account or a lot.
ROW_KEY = re.compile(r"(account |lot )?-?\d+")

#: How it names what is no row: which sum does not meet, which part of which feature, which kind of change to the tables.
NAMES: dict[str, re.Pattern[str]] = {
    "totals": re.compile("money|settlements|lots|goods"),
    "features": re.compile("(purchase|delivery_verification|storage_fee): .+"),
    "schema": re.compile("schema version|defences|counted change"),
}
