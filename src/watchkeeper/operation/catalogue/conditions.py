"""The conditions of alerts: for each, how grave it is, what it covers, which playbook answers it and which threats it shows.

An alert names its condition. For an invariant that is its number; for a threat with a detector of its own, what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.features import BY_NAME
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.playbooks import PLAYBOOKS
from watchkeeper.operation.catalogue.signs.nearness import LEVELS
from watchkeeper.operation.catalogue.steps import in_words
from watchkeeper.operation.catalogue.unexplained import UNBOOKED, UNMATCHED

#: What cannot be an alert while it lasts, for want of a place to write it: it is told without one, and on record afterwards.
UNWRITABLE = "store unwritable"


@dataclass(frozen=True, slots=True)
class Condition:
    """When an alert is raised. `scope`: what one alert covers. `lasts`: the cause is a state, and ends with it by a fresh look.

    Where it does not last, something has happened: only a person says that it was looked at.
    """

    id: str
    title: str
    severity: str
    scope: str
    playbook: str = ""
    threats: tuple[str, ...] = ()
    lasts: bool = False
    #: Alerts of one cause are one incident; empty where the condition itself is it.
    cause: str = ""

    @property
    def opens(self) -> str:
        """The playbook that an alert opens; empty while that one has no package."""
        return self.playbook if self.playbook in PLAYBOOKS else ""

    @property
    def words(self) -> str:
        """What to do, in words, where no playbook can be opened."""
        return "" if self.opens else in_words(self.playbook)


#: Invariant -> its severity, what one alert of it covers, its playbook, the threats that it shows.
_OF_INVARIANTS: tuple[tuple[str, str, str, str, str, tuple[str, ...]], ...] = (
    ("1.1", "balance inconsistency", "critical", "account", "1", ("2.2", "2.3")),
    ("1.2", "ledger entry gone or changed", "critical", "everything", "2", ("2.1",)),
    ("1.3", "a balance was overwritten", "critical", "account", "1", ()),
    ("2.1", "a command that the policy refuses", "critical", "command", "11", ("1.2",)),
    ("2.2", "an admin's act by somebody who is none", "critical", "everything", "11", ()),
    ("2.3", "a way round the server", "critical", "account, unit or everything", "11", ("1.2",)),
    ("3.1", "somebody changed their own role", "critical", "everything", "11", ()),
    ("3.2", "a lock over the exposure limit", "critical", "account", "6", ("8.1",)),
    ("3.3", "an admin saw an identity", "high", "query", "11", ()),
    ("4.1", "a UTID changed", "critical", "everything", "12", ()),
    ("4.2", "an act without a UTID", "high", "command", "11", ()),
    ("5.1", "the admin log was changed", "critical", "everything", "12", ("9.1",)),
    ("5.2", "the storage-fee log was changed", "critical", "everything", "12", ()),
    ("5.3", "the rate-limit log was changed", "critical", "everything", "12", ()),
    ("6.1", "exposure over the limit", "critical", "account", "6", ("8.1",)),
    ("6.2", "exposure that was not counted with its lock", "critical", "everything", "6", ("2.3", "8.1")),
    ("7.1", "money moved in pilot mode", "critical", "everything", "7", ("6.1",)),
    ("7.2", "a purchase outside the window", "critical", "everything", "7", ("6.2",)),
    ("8.1", "an admin's act that is not logged", "critical", "command", "11", ("4.1", "9.2")),
    ("8.2", "orphaned UTID", "high", "command", "10", ("9.3",)),
    ("9.1", "purchase is half on", "high", "everything", "13", ("3.1",)),
    ("9.2", "delivery verification is half on", "high", "everything", "13", ("3.2",)),
    ("9.3", "storage-fee automation is half on", "high", "everything", "13", ("3.3",)),
    ("10.1", "the system decided what only a person may", "critical", "command", "11", ()),
    ("10.2", "a reversal by nobody", "critical", "everything", "11", ("4.1",)),
)

_TIERS = "tiers"

_OF_SIGNS = (
    Condition("T1.1", "A role that no admin assigned", "high", "account", "5", ("1.1",)),
    Condition("refused authorizations", "An account tries what it may not", "high", "account", "3", ("1.2",)),
    Condition("admin action spike", "Many admin actions within an hour", "high", "everything", "3", ("1.3",)),
    Condition(
        "rate-limit spike", "Many rate-limit hits within an hour", "medium", "everything", "4", ("1.3",)
    ),
    Condition(
        "guessing at the doors",
        "Many throttled attempts to get in within an hour",
        "medium",
        "everything",
        "sign-ins",
        ("1.3",),
        lasts=True,
    ),
    Condition(
        "failed second factors", "A credential is being tried", "high", "account", "sign-ins", ("1.3",)
    ),
    Condition(
        "unusual address",
        "A sign-in from where this account never was",
        "high",
        "account",
        "sign-ins",
        ("1.3",),
    ),
    Condition("odd hour", "A sign-in at an unusual hour", "high", "account", "sign-ins", ("1.3",)),
    Condition("reversal spike", "Many reversals within a day", "high", "everything", "reversals", ("4.1",)),
    Condition("reversal in haste", "A reversal in haste", "high", "account", "reversals", ("4.1",)),
    Condition("role change spike", "Many role changes within an hour", "high", "everything", "5", ("4.2",)),
    Condition("admin granted", "Somebody became an admin", "high", "account", "5", ("4.2",)),
    Condition(
        "switch flip spike", "Switches were flipped often today", "medium", "everything", "switches", ("4.3",)
    ),
    Condition(
        "switch without an alert",
        "A switch was engaged and no alert was open",
        "medium",
        "everything",
        "switches",
        ("4.3",),
    ),
    Condition(
        "operator late", "Alerts wait past their time", "low", "everything", "late", ("5.1",), lasts=True
    ),
    Condition(
        "wrong correction",
        "A correction did not give the predicted balance",
        "critical",
        "account",
        "correction",
        ("5.2",),
    ),
    Condition(
        "switch does not bite",
        "A switch does not bite",
        "critical",
        "switch",
        "8",
        ("6.1", "6.2"),
        lasts=True,
    ),
    Condition(
        "database connection failed",
        "The books cannot be written",
        "critical",
        "everything",
        "9",
        ("7.1", "10.1"),
        lasts=True,
        cause=_TIERS,
    ),
    Condition(
        "disk nearly full",
        "The disk of the data folder is nearly full",
        "critical",
        "everything",
        "9",
        ("7.1",),
        lasts=True,
    ),
    Condition("backup stale", "The last backup is old", "high", "everything", "9", ("7.1",), lasts=True),
    Condition(
        "restore test stale",
        "The last tested restore is old",
        "high",
        "everything",
        "9",
        ("7.1",),
        lasts=True,
    ),
    Condition(
        "system unavailable",
        "A published address does not answer",
        "critical",
        "tier",
        "8",
        ("7.2", "10.1"),
        lasts=True,
        cause=_TIERS,
    ),
    Condition(
        "slow", "A published address answers slowly", "medium", "tier", "8", ("7.2", "10.1"), lasts=True
    ),
    Condition(
        "several tiers failed",
        "Several tiers fail at once",
        "critical",
        "everything",
        "8",
        ("10.2",),
        lasts=True,
        cause=_TIERS,
    ),
)

#: The domain's warnings before the limit of exposure: each level is told of an account by itself, and ends by itself.
_OF_NEARNESS = tuple(
    Condition(name, title, severity, "account", "nearness", lasts=True)
    for (name, _), (title, severity) in zip(
        LEVELS,
        (
            ("A trader nears the exposure limit", "low"),
            ("A trader is near the exposure limit", "low"),
            ("A trader has nearly reached the exposure limit", "medium"),
        ),
        strict=True,
    )
)

#: What is told beside the catalogue's rows: of the watch itself, its records and its channels.
_OF_THE_WATCH = (
    Condition(
        "proof stale", "What the watch would see is not proven any more", "medium", "everything", lasts=True
    ),
    Condition("detector silent", "A detector is silent", "high", "detector", "detector", lasts=True),
    Condition("monitor silent", "The watch is silent", "critical", "everything", lasts=True, cause=_TIERS),
    Condition("server full", "The database server's disk is full", "critical", "everything", "9", lasts=True),
    Condition(
        UNWRITABLE, "The control room cannot write what it sees", "critical", "everything", "9", lasts=True
    ),
    Condition(
        UNMATCHED, "Money stands in no statement of its provider", "high", "provider", "money", lasts=True
    ),
    Condition(
        UNBOOKED,
        "A provider's statement has money that no book has",
        "high",
        "provider",
        "unbooked",
        lasts=True,
    ),
    Condition("incident records", "Incident records cannot be kept", "high", "everything"),
    Condition("settings wrong", "The settings cannot be used", "high", "everything"),
    Condition("alert path", "A channel does not take what is sent", "high", "channel", lasts=True),
    Condition("gate rebuilt", "The gate was made anew", "high", "everything"),
    Condition("switch pilot_mode", "Pilot mode was engaged by the operator", "medium", "everything"),
    Condition("switch purchase_window", "The window was closed by the operator", "medium", "everything"),
    Condition("switch shutdown", "The operator shut the system down", "medium", "everything"),
    *(
        Condition(
            f"feature {name}",
            f"{name.replace('_', ' ')} is turned off by the operator",
            "medium",
            "everything",
        )
        for name in BY_NAME
    ),
)


def _of_invariants() -> tuple[Condition, ...]:
    found: list[Condition] = []
    for name, title, severity, scope, playbook, threats in _OF_INVARIANTS:
        known = INVARIANTS.get(name)
        # What the check itself says goes: its playbook cures what it finds.
        found.append(
            Condition(
                name,
                title,
                severity if known is None else known.severity,
                scope,
                playbook if known is None else known.playbook,
                threats,
            )
        )
    return tuple(found)


CONDITIONS: dict[str, Condition] = {
    condition.id: condition for condition in (*_of_invariants(), *_OF_SIGNS, *_OF_NEARNESS, *_OF_THE_WATCH)
}


def cause_of(condition: str) -> str:
    """What makes alerts of several conditions one incident; the condition itself where nothing else does."""
    found = CONDITIONS.get(condition)
    return condition if found is None or not found.cause else found.cause


def of_threat(threat: str) -> tuple[Condition, ...]:
    """The conditions under which alerts of this threat are raised."""
    return tuple(condition for condition in CONDITIONS.values() if threat in condition.threats)
