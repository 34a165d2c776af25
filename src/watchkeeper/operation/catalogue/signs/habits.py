"""Habits of those who may do much: the networks that they sign in from, and the hours at which they do.

The model is plain, so that whoever is told can see why. A network is the first three bytes of an IPv4 address or the first
six of an IPv6 one, because a telephone's address changes all the time and its provider's range does not. A network is
unusual when the account never had an accepted attempt from it in the time that is kept, unless the account is still being
learnt: the first days after its first sign-in. An hour, of the day in Kampala, is odd when no sign-in in that time was in it
or in the hour before or after, once the account is known for long enough and has signed in often enough.

Told once: a network or an hour that was told is usual from then on.

Blind to: another device in the same network (the attempts that the market writes do not name the device), somebody who acts
from a session that has begun, and everything while an account is being learnt.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.base.clock import KAMPALA, MICROSECONDS_PER_SECOND, Instant, as_datetime
from watchkeeper.boundary.gate import account as scope_of
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.signs.model import Reading, Sign
from watchkeeper.operation.catalogue.signs.tries import PRIVILEGED

UNUSUAL_ADDRESS, ODD_HOUR = "unusual address", "odd hour"
NETWORK, HOUR = "network", "hour"
_KINDS = frozenset({"sign_in", "second_factor"})
_DAY = 86_400 * MICROSECONDS_PER_SECOND
#: Networks kept of one account; the one not seen for longest makes room.
NETWORKS_MAX = 50


@dataclass(slots=True)
class Habit:
    """Something usual: how often it was, first and last."""

    times: int
    first_at: int
    last_at: int


@dataclass(slots=True)
class Habits:
    """What is usual for one account: (kind, value) -> how."""

    known: dict[tuple[str, str], Habit] = field(default_factory=dict)

    @property
    def begun(self) -> int | None:
        """The first accepted attempt that is known."""
        return min((habit.first_at for habit in self.known.values()), default=None)

    @property
    def sign_ins(self) -> int:
        """How often it signed in, as far as its hours are kept."""
        return sum(habit.times for (kind, _), habit in self.known.items() if kind == HOUR)

    def note(self, kind: str, value: str, at: int) -> None:
        """Once more."""
        habit = self.known.get((kind, value))
        if habit is None:
            networks = [key for key in self.known if key[0] == NETWORK]
            if kind == NETWORK and len(networks) >= NETWORKS_MAX:
                del self.known[min(networks, key=lambda key: self.known[key].last_at)]
            self.known[kind, value] = Habit(1, at, at)
        else:
            habit.times += 1
            habit.last_at = max(habit.last_at, at)

    def usual(self, kind: str, value: str, *, at: int, kept_days: int) -> bool:
        """Whether this was so within the time that is kept."""
        habit = self.known.get((kind, value))
        return habit is not None and at - habit.last_at <= kept_days * _DAY


@dataclass(frozen=True, slots=True)
class Rules:
    """How long an account is learnt before its networks and its hours are judged, and how long habits are kept, in days."""

    learning_days: int
    hour_days: int
    sign_ins: int
    kept_days: int


def network(address: str) -> str:
    """The range that an address stands for; what is no address (the host itself) stands for itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


def hour(at: int) -> int:
    """The hour of the day in Kampala."""
    return as_datetime(Instant(at)).astimezone(KAMPALA).hour


def judged(account: str, habits: Habits, *, address: str, at: int, rules: Rules) -> list[Sign]:
    """What is unusual about one accepted attempt; it is usual from then on."""
    found: list[Sign] = []
    scope, place, when = str(scope_of(account)), network(address), hour(at)
    begun = habits.begun
    age_days = 0 if begun is None else (at - begun) // _DAY
    if age_days >= rules.learning_days and not habits.usual(NETWORK, place, at=at, kept_days=rules.kept_days):
        found.append(
            Sign(
                UNUSUAL_ADDRESS,
                scope,
                f"accepted from {place}, from where it never was in {rules.kept_days} days",
            )
        )
    near = [str((when + step) % 24) for step in (-1, 0, 1)]
    if (
        age_days >= rules.hour_days
        and habits.sign_ins >= rules.sign_ins
        and not any(habits.usual(HOUR, one, at=at, kept_days=rules.kept_days) for one in near)
    ):
        found.append(
            Sign(
                ODD_HOUR,
                scope,
                f"accepted at {when} o'clock in Kampala, when it never was in {rules.kept_days} days",
            )
        )
    habits.note(NETWORK, place, at)
    habits.note(HOUR, str(when), at)
    return found


@dataclass(frozen=True, slots=True)
class HabitsRead:
    """What one look found: signs, the accounts whose habits moved, and how far was read."""

    signs: Sequence[Sign]
    moved: Mapping[str, Habits]
    read: int


def look(reading: Reading, *, read: int, known: Mapping[str, Habits], rules: Rules) -> HabitsRead:
    """Judge and learn the new accepted attempts of admins and the operator. Raises `DatabaseError`.

    `known` holds the habits of every such account; what is handed back are copies that moved.
    """
    signs: list[Sign] = []
    moved: dict[str, Habits] = {}
    roles: dict[str, str] = {}
    with reading.snapshot():
        last = reading.last("sign_in_attempts")
        rows, upto = reading.new("sign_in_attempts", after=min(read, last), where="outcome = 'accepted'")
        for row in rows:
            account = str(row["account"])
            if account not in roles:
                roles[account] = reading.role(account)
            if str(row["kind"]) not in _KINDS or roles[account] not in PRIVILEGED:
                continue
            if account not in moved:
                before = known.get(account, Habits())
                moved[account] = Habits(
                    {key: Habit(h.times, h.first_at, h.last_at) for key, h in before.known.items()}
                )
            signs += judged(
                account, moved[account], address=str(row["address"]), at=integer(row["at"]), rules=rules
            )
    return HabitsRead(list({(s.condition, s.scope): s for s in signs}.values()), moved, upto)
