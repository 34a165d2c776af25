"""The threats: what could go wrong with the system by somebody's doing or by misfortune, and what would show it.

A threat has two kinds of evidence. Findings of an invariant are evidence of it by themselves, and are contained as the
invariant says. What no invariant can see (rates, habits, probes, things that go together) has a detector of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

#: How a threat that only invariants show is contained.
AS_THE_INVARIANT = "as the invariant"
NOTHING = "nothing by itself: the operator looks first"


@dataclass(frozen=True, slots=True)
class Threat:
    """A row of the catalogue. `invariants` and `detectors` show it; `contained` says what stops by itself."""

    id: str
    name: str
    severity: str
    contained: str
    playbook: str
    invariants: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()


_ALL = (
    Threat(
        "1.1",
        "a role that was inferred, not assigned",
        "high",
        "all that this account does",
        "5",
        detectors=("assigned roles",),
    ),
    Threat(
        "1.2",
        "a client goes round authorization",
        "high",
        NOTHING,
        "11",
        ("2.1", "2.3"),
        ("refused authorizations",),
    ),
    Threat(
        "1.3",
        "an admin's credential in other hands",
        "high",
        "nothing by itself: one press ends the sessions",
        "3",
        detectors=(
            "admin actions",
            "rate-limit hits",
            "hits at the doors",
            "failed second factors",
            "habits",
        ),
    ),
    Threat("2.1", "the ledger is changed", "critical", AS_THE_INVARIANT, "2", ("1.2",)),
    Threat("2.2", "a balance is wrong", "critical", AS_THE_INVARIANT, "1", ("1.1",)),
    Threat("2.3", "two acts at once undo a rule", "critical", AS_THE_INVARIANT, "1", ("1.1", "6.2")),
    Threat("3.1", "purchase is half on", "high", AS_THE_INVARIANT, "13", ("9.1",)),
    Threat("3.2", "delivery verification is half on", "high", AS_THE_INVARIANT, "13", ("9.2",)),
    Threat("3.3", "storage-fee automation is half on", "high", AS_THE_INVARIANT, "13", ("9.3",)),
    Threat(
        "4.1",
        "a reversal that nobody authorized",
        "high",
        NOTHING,
        "reversals",
        ("8.1", "10.2"),
        ("reversals", "reversals in haste"),
    ),
    Threat(
        "4.2",
        "roles are abused",
        "high",
        NOTHING,
        "5",
        detectors=("role changes", "admin grants"),
    ),
    Threat(
        "4.3",
        "switches are abused",
        "medium",
        NOTHING,
        "switches",
        detectors=("switch flips", "switches without an alert"),
    ),
    Threat(
        "5.1",
        "the operator is late",
        "as the alert that waits",
        "the ladder goes on",
        "late",
        detectors=("unanswered alerts",),
    ),
    Threat(
        "5.2",
        "a correction goes wrong",
        "critical",
        "the wallet stays as it is",
        "correction",
        detectors=("corrections",),
    ),
    Threat(
        "6.1",
        "pilot mode does not bite",
        "critical",
        "money: the lease is withheld",
        "7",
        ("7.1",),
        ("switch probes",),
    ),
    Threat(
        "6.2",
        "the purchase window does not bite",
        "critical",
        "money: the lease is withheld",
        "7",
        ("7.2",),
        ("switch probes",),
    ),
    Threat(
        "7.1",
        "the database fails",
        "critical",
        "money: the lease is withheld for a failed write or a full disk; for ages nothing",
        "9",
        detectors=("write probe", "free space", "backup age", "restore-test age"),
    ),
    Threat(
        "7.2",
        "the front end fails",
        "critical",
        "nothing: nobody is harmed by a page that is away",
        "8",
        detectors=("published addresses",),
    ),
    Threat("8.1", "the exposure limit is bypassed", "critical", AS_THE_INVARIANT, "6", ("3.2", "6.1", "6.2")),
    Threat("9.1", "the admin log is changed", "critical", AS_THE_INVARIANT, "12", ("5.1",)),
    Threat("9.2", "an admin's act is not logged", "critical", AS_THE_INVARIANT, "11", ("8.1",)),
    Threat("9.3", "a UTID leads nowhere", "high", AS_THE_INVARIANT, "10", ("8.2",)),
    Threat(
        "10.1",
        "the back end fails",
        "critical",
        "money: nothing renews the lease",
        "8",
        detectors=("published addresses", "write probe"),
    ),
    Threat(
        "10.2",
        "several tiers fail at once",
        "critical",
        "money: nothing renews the lease",
        "8",
        detectors=("failing together",),
    ),
)

THREATS: dict[str, Threat] = {threat.id: threat for threat in _ALL}

#: Detectors of no threat: what they see is told so that none comes of it.
FOREWARNING: tuple[str, ...] = ("accounts near the limit",)

#: Detectors whose capability is not built yet, and what it is. They say UNKNOWN, and nothing is told of that each time.
AWAITED: dict[str, str] = {
    "backup age": "backups are not made yet",
    "restore-test age": "restores are not tested yet, because backups are not made yet",
}
