"""The metrics: what each says, in which unit, by which labels, and how much of it is well.

A row here is all that the store, `/metrics`, the page and the command line know of a metric. Values are whole numbers; where
Prometheus wants a base unit that is larger, `scale` says by how much. Labels are aliases or fixed words, never identities, and
at most `ACCOUNTS_NAMED_MAX` accounts are named at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.operation.catalogue.books import EXPOSURE_UGX_MAX

PREFIX = "watchkeeper_"
GAUGE, COUNTER = "gauge", "counter"
#: The accounts with the highest exposures that are named; the rest is in the totals.
ACCOUNTS_NAMED_MAX = 20
_MILLI = 1000
_LABEL_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `number` is its number in the manual; empty for those of the watch itself."""

    number: str
    name: str
    title: str
    help: str
    kind: str = GAUGE
    #: What people read behind the number: UGX, s, rows; empty for states and counts.
    unit: str = ""
    labels: tuple[str, ...] = ()
    #: Follows each pass that read something; the others are read each minute.
    critical: bool = False
    #: A published value is the whole number divided by this.
    scale: int = 1
    #: The most, and the least, that is well, as whole numbers; None where any value is.
    most: int | None = None
    least: int | None = None
    #: What 0 and 1 are called, for a state.
    called: tuple[str, str] | None = None
    #: Where the page draws it; empty when it does not. So many of its series, those that are not well and the highest first.
    drawn: str = ""
    drawn_max: int = 6

    @property
    def full_name(self) -> str:
        """The name at `/metrics`."""
        return PREFIX + self.name

    def well(self, value: int) -> bool:
        """Whether a value is within what is well."""
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


RATES, EXPOSURE, STATES, VERDICTS, WATCH = "rates", "exposure", "states", "verdicts", "watch"
#: The parts of the page, in order, and what each is called.
PARTS = (
    (RATES, "Rates"),
    (EXPOSURE, "Exposure"),
    (STATES, "States"),
    (VERDICTS, "Verdicts"),
    (WATCH, "The watch"),
)

#: In the manual's order, then those of the watch itself. Thresholds are the manual's defaults.
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            number="1.1",
            name="account_balance_consistent",
            title="Balance consistent",
            called=("no", "yes"),
            help="1 when no open finding says that this account's balance differs from its recomputation, 0 when one does.",
            labels=("account",),
            critical=True,
            least=1,
        ),
        Metric(
            number="1.1",
            name="balances_inconsistent",
            title="Balances not consistent",
            help="Accounts, and totals between tables, with an open finding of balance consistency. Must be 0.",
            critical=True,
            most=0,
            drawn=STATES,
        ),
        Metric(
            number="1.2",
            name="ledger_entries",
            title="Ledger entries",
            help="The highest number of an entry in each ledger. Never falls.",
            labels=("ledger",),
            critical=True,
            drawn=RATES,
        ),
        Metric(
            number="1.2",
            name="ledger_entries_altered",
            title="Ledger entries gone or changed",
            help="Open findings of ledger immutability. Must be 0.",
            critical=True,
            most=0,
            drawn=STATES,
        ),
        Metric(
            number="1.3",
            name="balance_overwrites",
            title="Balances overwritten",
            help="Open findings of columns that differ from their replay. Must be 0.",
            critical=True,
            most=0,
            drawn=STATES,
        ),
        Metric(
            number="2.1",
            name="admin_actions_last_hour",
            title="Admin actions in an hour",
            help="Admin actions in the last 60 minutes, the current one included.",
            most=10,
            drawn=RATES,
        ),
        Metric(
            number="2.2",
            name="rate_limit_hits_last_hour",
            title="Rate-limit hits in an hour",
            help="Commands refused by a rate limit in the last 60 minutes, the current one included.",
            most=50,
            drawn=RATES,
        ),
        Metric(
            number="2.3",
            name="role_changes_last_hour",
            title="Role changes in an hour",
            help="Roles changed in the last 60 minutes, the current one included; an account's first role is no change.",
            most=5,
            drawn=RATES,
        ),
        Metric(
            number="3.1",
            name="account_exposure_ugx",
            title="Exposure",
            help=f"Exposure by the watch's own replay, for the {ACCOUNTS_NAMED_MAX} most exposed accounts, in shillings.",
            unit="UGX",
            labels=("account",),
            critical=True,
            most=EXPOSURE_UGX_MAX,
            drawn=EXPOSURE,
        ),
        Metric(
            number="3.1",
            name="exposure_highest_ugx",
            title="Highest exposure",
            help="The highest exposure of any account, in shillings.",
            unit="UGX",
            critical=True,
            most=EXPOSURE_UGX_MAX,
            drawn=EXPOSURE,
        ),
        Metric(
            number="3.1",
            name="exposure_total_ugx",
            title="Exposure of all",
            help="The exposures of all accounts together, in shillings.",
            unit="UGX",
            critical=True,
            drawn=EXPOSURE,
        ),
        Metric(
            number="3.1",
            name="exposure_others_ugx",
            title="Exposure of the accounts not named",
            help="The exposures of all accounts that have no series of their own, in shillings.",
            unit="UGX",
            critical=True,
        ),
        Metric(
            number="3.2",
            name="locks_refused_for_exposure_last_hour",
            title="Locks refused for exposure in an hour",
            help="Locks refused because of the exposure limit in the last 60 minutes, the current one included.",
            drawn=RATES,
        ),
        Metric(
            number="4.1",
            name="pilot_mode_engaged",
            title="Pilot mode",
            called=("off", "on"),
            help="1 while pilot mode is engaged.",
            critical=True,
            drawn=STATES,
        ),
        Metric(
            number="4.2",
            name="purchase_window_open",
            title="Purchase window open",
            called=("closed", "open"),
            help="1 while the purchase window is open.",
            critical=True,
            drawn=STATES,
        ),
        Metric(
            number="4.3",
            name="stopped_commands_passed",
            title="Stopped commands that got through",
            help="Open findings of commands that passed while this switch stopped them. Must be 0.",
            labels=("switch",),
            critical=True,
            most=0,
            drawn=STATES,
        ),
        Metric(
            number="4.4",
            name="shutdown_engaged",
            title="Shutdown",
            called=("off", "on"),
            help="1 while shutdown is engaged, by the switch or by the stop file.",
            critical=True,
            drawn=STATES,
        ),
        Metric(
            number="4.4",
            name="switch_probe_bites",
            title="Switch bites",
            called=("does not bite", "bites"),
            help="1 when the last live probe shows that this switch bites, or that it has nothing to stop now.",
            labels=("switch",),
            critical=True,
            least=1,
            drawn=STATES,
        ),
        Metric(
            number="4.4",
            name="switch_probe_age_seconds",
            title="Age of the last probe",
            help="Seconds since the last live probe of this switch.",
            unit="s",
            labels=("switch",),
            scale=_MILLI,
            most=120 * _MILLI,
        ),
        Metric(
            number="5.1",
            name="tier_up",
            title="Tier answers",
            called=("down", "up"),
            help="1 when this tier answered its probe. The mean over a time is its availability.",
            labels=("tier",),
            least=1,
            drawn=STATES,
        ),
        Metric(
            number="5.1",
            name="tier_response_seconds",
            title="Response time",
            help="How long this tier took to answer its last probe, in seconds.",
            unit="s",
            labels=("tier",),
            scale=_MILLI,
            drawn=RATES,
        ),
        Metric(
            number="5.2",
            name="database_up",
            title="Database connection",
            called=("down", "up"),
            help="1 when the published views of the books could be read.",
            critical=True,
            least=1,
            drawn=STATES,
        ),
        Metric(
            number="6.1",
            name="utids_last_hour",
            title="UTIDs in an hour",
            help="UTIDs made in the last 60 minutes, the current one included: one for each row of the journal.",
            drawn=RATES,
        ),
        Metric(
            number="6.1",
            name="utids_total",
            title="UTIDs",
            help="UTIDs ever made: the journal's last number.",
            kind=COUNTER,
        ),
        Metric(
            number="6.2",
            name="orphaned_utids",
            title="Orphaned UTIDs",
            help="Open findings of UTIDs that cannot be traced. Must be 0.",
            critical=True,
            most=0,
            drawn=STATES,
        ),
        Metric(
            number="",
            name="verdict_age_seconds",
            title="Age of the verdict",
            help="Seconds since this check last said anything, by the boot-time clock.",
            unit="s",
            labels=("invariant", "mode"),
            scale=_MILLI,
        ),
        Metric(
            number="",
            name="verdict_holds",
            title="Verdict",
            called=("BROKEN", "HOLDS"),
            help="1 for HOLDS, 0 for BROKEN; no series while the verdict is UNKNOWN.",
            labels=("invariant", "mode"),
            critical=True,
            least=1,
            drawn=VERDICTS,
            drawn_max=60,
        ),
        Metric(
            number="",
            name="findings_open",
            title="Open findings",
            help="Open findings of this invariant.",
            labels=("invariant",),
            most=0,
        ),
        Metric(
            number="",
            name="watch_lag_rows",
            title="Rows not read yet",
            help="Journal rows that the watch has not read and judged yet.",
            unit="rows",
            critical=True,
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="lease_age_seconds",
            title="Age of the lease",
            help="Seconds since the watch last wrote its lease, by the boot-time clock.",
            unit="s",
            scale=_MILLI,
            most=30 * _MILLI,
        ),
        Metric(
            number="",
            name="lease_kept",
            title="Lease",
            called=("not kept", "kept"),
            help="1 while the lease is written and not withheld: the watch lives and what it knows is contained.",
            least=1,
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="unsealed_seconds",
            title="Oldest row not sealed",
            help="How old the oldest journal row is that no published checkpoint covers; 0 when there is none.",
            unit="s",
            scale=_MILLI,
            most=10 * _MILLI,
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="detection_to_told_seconds",
            title="From seen to told",
            help="The longest time of the last 24 hours from a finding being seen to its first notice being delivered.",
            unit="s",
            scale=_MILLI,
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="channel_delivered_last_day",
            title="Notices delivered in 24 hours",
            help="Notices that this channel took in the last 24 hours.",
            labels=("channel",),
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="channel_failures_last_day",
            title="Failed tries in 24 hours",
            help="Tries that failed on this channel, for notices queued in the last 24 hours.",
            labels=("channel",),
            most=0,
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="channel_waiting",
            title="Notices waiting",
            help="Notices of the last 24 hours that wait to be taken by this channel.",
            labels=("channel",),
        ),
        Metric(
            number="",
            name="alert_response_seconds",
            title="Response to alerts",
            help="The longest response of the last 24 hours to an alert of this severity, those without one counted until now.",
            unit="s",
            labels=("severity",),
            scale=_MILLI,
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="alerts_last_day",
            title="Alerts in 24 hours",
            help="Alerts raised in the last 24 hours, by day (06:00 to 22:00 in Kampala) and by night.",
            labels=("time",),
            drawn=WATCH,
        ),
        Metric(
            number="",
            name="alerts_open",
            title="Open alerts",
            help="Alerts of this severity that are not resolved.",
            labels=("severity",),
        ),
    )
}

CRITICAL: frozenset[str] = frozenset(name for name, metric in METRICS.items() if metric.critical)
REST: frozenset[str] = frozenset(METRICS) - CRITICAL

#: Metrics that are counts of open findings: invariant, and the labels of the series it fills.
FINDINGS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "ledger_entries_altered": (("1.2", ()),),
    "balance_overwrites": (("1.3", ()),),
    "stopped_commands_passed": (("7.1", ("pilot_mode",)), ("7.2", ("purchase_window",))),
    "orphaned_utids": (("8.2", ()),),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of one series; `labels` in the order that its metric names them."""

    metric: str
    value: int
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Measured:
    """What one round read, and what it could not read with the reason. What is in neither has no series now."""

    readings: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def say(self, metric: str, value: int, *labels: str) -> None:
        """Note a value; of two for one series the first stands."""
        if len(labels) != len(METRICS[metric].labels):
            raise WrongLabels(f"{WrongLabels.__doc__} {metric}: {labels}")
        self.readings.setdefault((metric, tuple(plain(text) for text in labels)), value)

    def cannot(self, metrics: Collection[str], why: str) -> None:
        """Note that these cannot be told; the first reason stands."""
        for metric in metrics:
            self.unknown.setdefault(metric, why)

    def listed(self) -> Sequence[Reading]:
        """The values, in the order they were read."""
        return [Reading(metric, value, labels) for (metric, labels), value in self.readings.items()]


class WrongLabels(ValueError):
    """A value has other labels than its metric."""


def plain(text: str) -> str:
    """A label's text as it may leave: of one line, printable, and short."""
    shown = "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "backslashreplace").decode("ascii")
        for character in text
    )
    return shown[:_LABEL_MAX]
