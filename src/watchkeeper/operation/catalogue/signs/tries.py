"""Accounts that try what they may not, and credentials that somebody tries out.

Refusals are counted by the market for each account, code and minute; attempts to sign in are rows. Both are judged for each
account over any 60 minutes. Only admins and the operator have a second factor, and only their credentials open much, so only
their failed attempts are told; everybody is throttled.

Blind to: what is counted together as `others` in a flood, and refusals older than two days, which the market prunes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.boundary.gate import EVERYTHING, Scope
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.signs.model import Reading, Sign
from watchkeeper.operation.catalogue.signs.rates import Window

REFUSED, FAILED = "refused authorizations", "failed second factors"
#: Refusals that say: this account may not do that.
_CODES = ("not-authorized", "not-admin", "invalid-role")
PRIVILEGED = frozenset({"admin", "operator"})
_MINUTE = 60 * MICROSECONDS_PER_SECOND
_HOUR_MINUTES = 60
_COUNTS_AT_ONCE = 20_000
#: Attempts looked back over after a start, and accounts that are kept in mind.
_LOOKED_BACK = 5_000
_ACCOUNTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Tried:
    """What one look saw: signs, up to which minute or key each account is told, and the most that any has now."""

    signs: Sequence[Sign]
    told: Mapping[str, int]
    most: int
    #: There was more than one look takes; what is left is not judged.
    cut: bool = False


def refused(
    reading: Reading, *, since_minute: int, told: Mapping[str, int], limit: int, at: Instant
) -> Tried:
    """Refused authorizations by account, over any 60 minutes that end after `since_minute`. Raises `DatabaseError`."""
    codes = f"code IN ({', '.join('?' * len(_CODES))}) AND minute > ?"
    begin, now = since_minute - _HOUR_MINUTES, at // _MINUTE
    with reading.snapshot():
        # Whoever was not refused so often in all that time was not within any hour of it.
        rows = reading.query(
            "SELECT actor, minute, sum(count) FROM watch_refusal_counts WHERE actor IN (SELECT actor FROM "
            f"watch_refusal_counts WHERE {codes} GROUP BY actor HAVING sum(count) > ?) AND {codes} "
            "GROUP BY actor, minute ORDER BY actor, minute LIMIT ?",
            (*_CODES, begin, limit, *_CODES, begin, _COUNTS_AT_ONCE),
        )
        highest = reading.query(
            "SELECT max(refused) FROM (SELECT sum(count) AS refused FROM watch_refusal_counts "
            f"WHERE {codes} GROUP BY actor) AS counted",
            (*_CODES, now - _HOUR_MINUTES),
        )
    most = int(str(highest[0][0] or 0)) if highest else 0
    by_account: dict[str, list[tuple[int, int]]] = {}
    for actor, minute, count in rows:
        by_account.setdefault(str(actor), []).append((integer(minute), int(str(count))))
    signs: list[Sign] = []
    moved: dict[str, int] = {}
    for account, counts in by_account.items():
        window = Window(3600)
        before = told.get(account, -1)
        for minute, count in counts:
            window.add(minute, minute * _MINUTE, count)
            if (fresh := window.total(after=before)) > limit:
                before = moved[account] = minute
                signs.append(
                    Sign(
                        REFUSED,
                        _scope(account),
                        f"{fresh:,} times within an hour it was refused what it may not do",
                    )
                )
    return Tried(_last_of_each(signs), moved, most, cut=len(rows) == _COUNTS_AT_ONCE)


def _last_of_each(signs: Sequence[Sign]) -> list[Sign]:
    return list({(sign.condition, sign.scope): sign for sign in signs}.values())


def _scope(account: str) -> str:
    return str(Scope("account", account)) if "_" in account else str(EVERYTHING)


class FailedFactors:
    """Failed second factors and sign-ins of those who have much to lose, account by account."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], Window] | None = None
        self._roles: dict[str, str] = {}

    def look(
        self,
        reading: Reading,
        *,
        read: int,
        told: Mapping[str, int],
        limits: Mapping[str, int],
        since: int,
        at: int,
    ) -> tuple[Tried, int]:
        """Read on; `limits` by kind of attempt, news from `since` on, as of `at`. How far was read comes with it.

        Raises `DatabaseError`.
        """
        signs: list[Sign] = []
        moved: dict[str, int] = {}
        self._roles.clear()
        with reading.snapshot():
            last = reading.last("sign_in_attempts")
            if last < read:
                self._windows, read = None, last
            if self._windows is None:
                self._windows = {}
                for row in reversed(
                    reading.rows("sign_in_attempts", "id <= ? ORDER BY id DESC", (read,), limit=_LOOKED_BACK)
                ):
                    self._add(reading, row)
            rows, upto = reading.new("sign_in_attempts", after=read)
            for row in rows:
                key = self._add(reading, row)
                if key is None or key[1] not in limits or integer(row["at"]) < since:
                    continue
                account, kind = key
                name = f"{account} {kind}"
                before = moved.get(name, told.get(name, 0))
                fresh = self._windows[key].total(after=before)
                if fresh > limits[kind]:
                    moved[name] = integer(row["id"])
                    what = "second factors" if kind == "second_factor" else "sign-ins"
                    signs.append(Sign(FAILED, _scope(account), f"{fresh:,} failed {what} within an hour"))
        most = max((window.standing(at) for window in self._windows.values()), default=0)
        return Tried(_last_of_each(signs), moved, most), upto

    def _add(self, reading: Reading, row: Mapping[str, object]) -> tuple[str, str] | None:
        account, kind = str(row["account"]), str(row["kind"])
        if row["outcome"] == "accepted" or self._role(reading, account) not in PRIVILEGED:
            return None
        windows = self._windows if self._windows is not None else {}
        if (account, kind) not in windows and len(windows) >= _ACCOUNTS_MAX:
            # There are never so many admins; the oldest makes room.
            windows.pop(next(iter(windows)))
        key, at = row["id"], row["at"]
        if isinstance(key, int) and isinstance(at, int):
            windows.setdefault((account, kind), Window(3600)).add(key, at, 1)
        return account, kind

    def _role(self, reading: Reading, account: str) -> str:
        if account not in self._roles:
            self._roles[account] = reading.role(account)
        return self._roles[account]
