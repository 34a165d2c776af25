"""Reading the metrics of the operated system: from the published views, the gate, the lease and the watch's own replay.

Each round is cheap: by key, by an index, or what is new. What cannot be read is said to be unknown, with the reason; what is
known of before is not said again.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, DatabaseError
from watchkeeper.boundary.gate import STOP_FILE_NAME, Switch
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.boundary.lease import PROBE_SECONDS_MAX, LeaseStore
from watchkeeper.boundary.views import JOURNAL, VIEWS, Views
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.metrics import ACCOUNTS_NAMED_MAX, FINDINGS, METRICS, Measured
from watchkeeper.operation.catalogue.rates import HourlyRate

#: An alias as the rules make it (domain, Roles). Whatever else stands there is named by the account's number.
_ALIAS = re.compile(r"[a-z]{3}_[0-9a-z]{6}")
_SCOPES_MAX = 10_000
_MINUTE_MICROSECONDS = 60_000_000

_GATE = ("pilot_mode_engaged", "purchase_window_open", "shutdown_engaged")
_EXPOSURE = ("account_exposure_ugx", "exposure_highest_ugx", "exposure_total_ugx", "exposure_others_ugx")
_LEDGERS = ("wallet_ledger", "farmer_ledger")


class Measuring:
    """Reads them. Belongs to one thread."""

    def __init__(self, data: Path, *, system_id: str, database: Database, clock: Clock) -> None:
        self._stop_file = data / STOP_FILE_NAME
        self._database = database
        self._clock = clock
        self._judged: Collection[str] = ()
        self._views = Views(data, system_id=system_id)
        self._gate = open_gate(data, system_id=system_id, role="control")
        self._lease = LeaseStore(data, system_id=system_id, role="control")
        self._rates = {
            "admin_actions_last_hour": HourlyRate(self._views, VIEWS["admin_actions"]),
            "rate_limit_hits_last_hour": HourlyRate(
                self._views, VIEWS["rate_limit_hits"], counted="sum(count)"
            ),
            "role_changes_last_hour": HourlyRate(
                # An account's first role has none before it.
                self._views,
                VIEWS["role_history"],
                counted="count(role_before)",
            ),
            "utids_last_hour": HourlyRate(self._views, JOURNAL),
        }

    def close(self) -> None:
        """Give the files back."""
        self._views.close()
        self._gate.close()
        self._lease.close()

    def critical(self, measured: Measured, *, judged: Collection[str]) -> None:
        """Read what follows each pass. `judged`: invariants with fresh verdicts; a count of findings is known only then."""
        self._judged = judged
        self._read_findings(measured)
        self._read_gate(measured)
        self._read_probes(measured)
        try:
            with self._views.snapshot():
                for ledger in _LEDGERS:
                    measured.say("ledger_entries", self._views.last(VIEWS[ledger]), ledger)
                self._read_lag(measured)
                self._read_accounts(measured)
            measured.say("database_up", 1)
        except DatabaseError as error:
            self._views.close()
            measured.say("database_up", 0)
            names = ("ledger_entries", "watch_lag_rows", "account_balance_consistent", *_EXPOSURE)
            measured.cannot(names, f"the books cannot be read: {error}")

    def rest(self, measured: Measured) -> None:
        """Read what is read each minute."""
        names = (*self._rates, "locks_refused_for_exposure_last_hour", "utids_total")
        try:
            with self._views.snapshot():
                at = self._clock.now()
                for metric, rate in self._rates.items():
                    count = rate.look(at=at)
                    if count is None:
                        measured.cannot([metric], "the last hour is still being read")
                    else:
                        measured.say(metric, count)
                refused = self._views.number(
                    "SELECT CAST(sum(count) AS BIGINT) FROM watch_refusal_counts WHERE code = ? AND minute > ?",
                    ("spend-cap-exceeded", at // _MINUTE_MICROSECONDS - 60),
                )
                measured.say("locks_refused_for_exposure_last_hour", refused)
                measured.say("utids_total", self._views.last(JOURNAL))
        except DatabaseError as error:
            self._views.close()
            measured.cannot(names, f"the books cannot be read: {error}")

    def oldest_row_after(self, number: int) -> int | None:
        """The instant of the first journal row above `number`, None when there is none; raises `DatabaseError`."""
        rows = self._views.after(JOURNAL, number, limit=1)
        return integer(rows[0]["at"]) if rows else None

    def _read_findings(self, measured: Measured) -> None:
        """Counts of open findings: known where the check has a fresh verdict, or where a finding stands however old it is."""
        for metric, counted in FINDINGS.items():
            for invariant, labels in counted:
                count = self._open_findings(invariant)
                if count or invariant in self._judged:
                    measured.say(metric, count, *labels)
                else:
                    measured.cannot([metric], f"the check of {invariant} has no fresh verdict")

    def _open_findings(self, invariant: str) -> int:
        # What is said of the schema and of an engine's counts names no row; the engines say different things there.
        row = self._database.one(
            "SELECT count(*) FROM findings WHERE invariant = ? AND state = 'open' AND table_name <> 'schema'",
            (invariant,),
        )
        return 0 if row is None else integer(row[0])

    def _read_gate(self, measured: Measured) -> None:
        try:
            with self._gate.look() as gate:
                _, holds, _ = self._gate.read(gate)
        except (GateUnreadable, GateBusy, DatabaseError) as error:
            measured.cannot(_GATE, f"the gate cannot be read: {error}")
            return
        engaged = {switch for switch, _ in holds}
        measured.say("pilot_mode_engaged", int(Switch.PILOT_MODE in engaged))
        measured.say("purchase_window_open", int(Switch.PURCHASE_WINDOW not in engaged))
        measured.say("shutdown_engaged", int(Switch.SHUTDOWN in engaged or self._stop_file.exists()))

    def _read_probes(self, measured: Measured) -> None:
        try:
            probes = {probe.switch: probe for probe in self._lease.probes()}
        except DatabaseError as error:
            self._lease.close()
            measured.cannot(["switch_probe_bites"], f"the probes cannot be read: {error}")
            return
        now = self._clock.boot()
        for switch in Switch:
            probe = probes.get(switch.value)
            age = None if probe is None else now.seconds_since(probe.probed)
            if probe is None or age is None or age > PROBE_SECONDS_MAX:
                measured.cannot(["switch_probe_bites"], f"the last probe of {switch.value} is old")
            else:
                measured.say("switch_probe_bites", int(probe.bites), switch.value)

    def probe_ages(self, measured: Measured) -> None:
        """How old the last probe of each switch is."""
        metric = "switch_probe_age_seconds"
        try:
            probes = {probe.switch: probe for probe in self._lease.probes()}
        except DatabaseError as error:
            self._lease.close()
            measured.cannot([metric], f"the probes cannot be read: {error}")
            return
        now = self._clock.boot()
        for switch in Switch:
            probe = probes.get(switch.value)
            age = None if probe is None else now.seconds_since(probe.probed)
            if age is None:
                measured.cannot([metric], f"{switch.value} was not probed since the machine started")
            else:
                measured.say(metric, int(age * METRICS[metric].scale), switch.value)

    def _read_lag(self, measured: Measured) -> None:
        row = self._database.one("SELECT max(idx) FROM seal_leaves WHERE log = 'main'")
        sealed = 0 if row is None or row[0] is None else integer(row[0]) + 1
        measured.say("watch_lag_rows", max(0, self._views.last(JOURNAL) - sealed))

    def _read_accounts(self, measured: Measured) -> None:
        """Exposures by the watch's replay, and which balances a finding stands against."""
        rows = self._database.query(
            "SELECT account_id, exposure_ugx FROM account_state WHERE exposure_ugx > 0 "
            "ORDER BY exposure_ugx DESC, account_id LIMIT ?",
            (ACCOUNTS_NAMED_MAX,),
        )
        aliases = self._aliases([integer(row[0]) for row in rows])
        named = [(aliases[integer(row[0])], integer(row[1])) for row in rows]
        if "6.1" in self._judged or self._open_findings("6.1"):
            row = self._database.one("SELECT sum(exposure_ugx) FROM account_state WHERE exposure_ugx > 0")
            total = 0 if row is None else integer(row[0])
            for alias, exposure_ugx in named:
                measured.say("account_exposure_ugx", exposure_ugx, alias)
            measured.say("exposure_highest_ugx", max((ugx for _, ugx in named), default=0))
            measured.say("exposure_total_ugx", total)
            measured.say("exposure_others_ugx", total - sum(ugx for _, ugx in named))
        else:
            measured.cannot(_EXPOSURE, "the check of 6.1 has no fresh verdict")
        self._read_balances(measured, [alias for alias, _ in named])

    def _read_balances(self, measured: Measured, named: list[str]) -> None:
        rows = self._database.query(
            "SELECT DISTINCT scope FROM findings WHERE invariant = '1.1' AND state = 'open' LIMIT ?",
            (_SCOPES_MAX,),
        )
        scopes = sorted(str(row[0]) for row in rows)
        if scopes or "1.1" in self._judged:
            measured.say("balances_inconsistent", len(scopes))
        else:
            names = ("account_balance_consistent", "balances_inconsistent")
            measured.cannot(names, "the check of 1.1 has no fresh verdict")
            return
        wrong = [
            scope.removeprefix("account:")
            for scope in scopes
            if scope.startswith("account:") and _ALIAS.fullmatch(scope.removeprefix("account:"))
        ][:ACCOUNTS_NAMED_MAX]
        for alias in wrong:
            measured.say("account_balance_consistent", 0, alias)
        if "1.1" in self._judged:
            for alias in named[: ACCOUNTS_NAMED_MAX - len(wrong)]:
                measured.say("account_balance_consistent", 1, alias)

    def _aliases(self, accounts: list[int]) -> dict[int, str]:
        """What each account is called: its alias, or its number where none of the right form stands."""
        found = self._views.by_keys(VIEWS["users"], accounts)
        return {
            key: alias
            if key in found and _ALIAS.fullmatch(alias := str(found[key]["alias"]))
            else f"account {key}"
            for key in accounts
        }
