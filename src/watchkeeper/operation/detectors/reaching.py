"""Detectors that reach for the system from outside: its published addresses, a write into its books, and several at once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.lease import SILENT_AFTER_SECONDS
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.detectors.machine import NOT_PROVED, write_trouble
from watchkeeper.operation.detectors.model import QUIET, SEEN, UNKNOWN, Gone, Look, Plain, Post
from watchkeeper.operation.detectors.tiers import DATABASE, TOGETHER, WATCH, Tiers, told_together

UNAVAILABLE, SLOW, NO_WRITES = "system unavailable", "slow", "database connection failed"
WATCH_SILENT = "monitor silent"
PROBE_EVERY_SECONDS = 5.0
PROBE_TIMEOUT_SECONDS = 3.0
_ANSWER_BYTES_MAX = 262_144
#: The percentile is that of the last minute; so many answers are kept at most, so few say nothing.
_MINUTE_SECONDS = 60.0
_ANSWERS_KEPT_MAX = 240
_ANSWERS_MIN = 6
_OVER = "over "


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe of an address came to."""

    works: bool
    milliseconds: int
    detail: str


def probe(url: str, *, clock: Clock) -> Answer:
    """Ask for an address as anybody would; an answer below 500 within the time is one. Never raises."""
    begun = clock.boot()

    def spent() -> float:
        return clock.boot().seconds_since(begun) or 0.0

    try:
        with (
            httpx.Client(timeout=PROBE_TIMEOUT_SECONDS, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", url) as response,
        ):
            size = 0
            for part in response.iter_bytes():
                size += len(part)
                # A drop now and then keeps every single wait short; all of them together must be short as well.
                if size > _ANSWER_BYTES_MAX or spent() > PROBE_TIMEOUT_SECONDS:
                    break
            works = response.status_code < 500 and spent() <= PROBE_TIMEOUT_SECONDS
            return Answer(works, int(spent() * 1000), f"{response.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Answer(False, int(spent() * 1000), type(error).__name__)


@dataclass(slots=True)
class _Pace:
    """How fast one address answers: the answers of the last minute, and since when they are too slow."""

    answers: deque[tuple[BootTime, int]] = field(default_factory=lambda: deque(maxlen=_ANSWERS_KEPT_MAX))
    over: BootTime | None = None

    def add(self, at: BootTime, milliseconds: int) -> None:
        self.answers.append((at, milliseconds))
        while (at.seconds_since(self.answers[0][0]) or 0.0) > _MINUTE_SECONDS:
            self.answers.popleft()

    def percentile(self) -> int | None:
        """The 99th percentile of the last minute, in milliseconds; None while too few answers say anything."""
        if len(self.answers) < _ANSWERS_MIN:
            return None
        ordered = sorted(milliseconds for _, milliseconds in self.answers)
        return ordered[math.ceil(0.99 * len(ordered)) - 1]


class PublishedAddresses(Plain):
    """Every address that is published, asked for as a visitor would. `targets`: tier -> address, as they are now."""

    name = "published addresses"
    every_seconds = PROBE_EVERY_SECONDS

    def __init__(
        self,
        tiers: Tiers,
        targets: Callable[[], Mapping[str, str]],
        *,
        ask: Callable[..., Answer] = probe,
    ) -> None:
        self._tiers = tiers
        self._targets = targets
        self._ask = ask
        self._paces: dict[str, _Pace] = {}
        self._resumed = False

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Ask each address once."""
        targets = dict(sorted(self._targets().items()))
        if not self._resumed:
            self._resumed = True
            self._tiers.resume(marks, now=post.clock.boot(), tiers=frozenset(targets))
            self._resume_paces(marks, targets, now=post.clock.boot())
        if not targets:
            return Look(state=UNKNOWN, detail="no address is published yet")
        signs: list[Sign] = []
        gone: list[Gone] = []
        words: list[str] = []
        worst = 0
        for tier, url in targets.items():
            answer = self._ask(url, clock=post.clock)
            now = post.clock.boot()
            self._tiers.note(tier, works=answer.works, at=now)
            pace = self._paces.setdefault(tier, _Pace())
            pace.add(now, answer.milliseconds)
            self._judge(post, tier, answer, pace, signs=signs, gone=gone, now=now)
            percentile = pace.percentile()
            worst = max(worst, percentile or 0)
            words.append(f"{tier} {answer.detail} in {answer.milliseconds:,} ms")
        return Look(
            state=SEEN if signs or self._failing(targets) else QUIET,
            detail=", ".join(words),
            value=worst,
            value_max=post.thresholds["address_slow_ms"],
            signs=signs,
            gone=gone,
            marks=self._kept(marks, now=post.clock.boot()),
        )

    def _failing(self, targets: Mapping[str, str]) -> bool:
        return any(tier in targets for tier in self._tiers.failing())

    def _judge(
        self,
        post: Post,
        tier: str,
        answer: Answer,
        pace: _Pace,
        *,
        signs: list[Sign],
        gone: list[Gone],
        now: BootTime,
    ) -> None:
        scope = f"tier:{tier}"
        failing = self._tiers.failing_seconds(tier, now=now)
        if failing is None:
            gone.append(Gone(UNAVAILABLE, scope, "the address answers again"))
        elif failing > post.thresholds["address_unavailable_seconds"] and not self._as_one(post, tier):
            signs.append(Sign(UNAVAILABLE, scope, f"no answer for {failing:.0f} s: {answer.detail}"))
        slow, percentile = post.thresholds["address_slow_ms"], pace.percentile()
        if percentile is None:
            return
        if percentile <= slow:
            pace.over = None
            gone.append(Gone(SLOW, scope, f"the 99th percentile is {percentile:,} ms again"))
            return
        pace.over = pace.over or now
        lasted = now.seconds_since(pace.over) or 0.0
        if failing is None and lasted >= post.thresholds["address_slow_seconds"]:
            signs.append(
                Sign(
                    SLOW,
                    scope,
                    f"the 99th percentile is {percentile:,} ms and above {slow:,} for {lasted:.0f} s",
                )
            )

    def _as_one(self, post: Post, tier: str) -> bool:
        together = self._tiers.together(within_seconds=post.thresholds["together_seconds"])
        return tier in together or told_together(post.database)

    def _resume_paces(self, marks: Mapping[str, int], targets: Mapping[str, str], *, now: BootTime) -> None:
        before = Tiers()
        before.resume(
            {
                name.replace(_OVER, "failing ", 1): value
                for name, value in marks.items()
                if not name.startswith("failing ")
            },
            now=now,
            tiers=frozenset(targets),
        )
        for tier in before.failing():
            seconds = before.failing_seconds(tier, now=now) or 0.0
            self._paces[tier] = _Pace(over=BootTime(now.boot_id, now.nanoseconds - int(seconds * 1e9)))

    def _kept(self, marks: Mapping[str, int], *, now: BootTime) -> dict[str, int]:
        kept = self._tiers.cleared(marks) | self._tiers.marks(now=now)
        for tier, pace in self._paces.items():
            kept[f"{_OVER}{tier}"] = 0 if pace.over is None else pace.over.nanoseconds
        return kept


class WriteProbe(Plain):
    """Whether the books can be written, as the operated system proves it itself each half minute."""

    name = "write probe"
    every_seconds = PROBE_EVERY_SECONDS
    #: A server that restarts is away for a moment, and its probe is made again by then.
    _GRACE_SECONDS = 15.0

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._begun: BootTime | None = None

    def look(self, post: Post, _: Mapping[str, int]) -> Look:
        """Read the last probe. A store that cannot be reached is what the probe is about."""
        now = post.clock.boot()
        self._begun = self._begun or now
        seconds_max = post.thresholds["write_probe_seconds"]
        never = False
        try:
            trouble = write_trouble(post.lease, clock=post.clock, seconds_max=seconds_max)
            never = post.lease.write_probe() is None
            refused = trouble.startswith("the books")
        except DatabaseError as error:
            post.lease.close()
            trouble, refused = f"the store of the probes cannot be read: {error}", False
        if never:
            return Look(state=UNKNOWN, detail="no write was ever proved")
        beginning = (now.seconds_since(self._begun) or 0.0) < self._GRACE_SECONDS
        # Whoever makes the probe is away: that is another tier's trouble, and says nothing of the books.
        away = trouble == NOT_PROVED and set(self._tiers.failing()) - {DATABASE, WATCH}
        if trouble and not refused and (beginning or away):
            return Look(state=UNKNOWN, detail=trouble)
        self._tiers.note(DATABASE, works=not trouble, at=now)
        if not trouble:
            return Look(
                detail="a write was proved lately",
                gone=[Gone(NO_WRITES, "everything", "a write into the books succeeded again")],
            )
        failing = self._tiers.failing_seconds(DATABASE, now=now) or 0.0
        told = refused or failing >= self._GRACE_SECONDS
        return Look(
            state=SEEN,
            detail=trouble,
            signs=[Sign(NO_WRITES, "everything", trouble)]
            if told and not told_together(post.database)
            else (),
        )


def _single(tier: str, reason: str) -> Gone:
    """The alert that a tier has while it fails alone."""
    if tier == DATABASE:
        return Gone(NO_WRITES, "everything", reason)
    if tier == WATCH:
        return Gone(WATCH_SILENT, "everything", reason)
    return Gone(UNAVAILABLE, f"tier:{tier}", reason)


class FailingTogether(Plain):
    """Several tiers at once: one alert in the place of one for each."""

    name = "failing together"
    every_seconds = PROBE_EVERY_SECONDS

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers

    def look(self, post: Post, _: Mapping[str, int]) -> Look:
        """Look at what the other probes found, and at the watch."""
        now = post.clock.boot()
        self._tiers.note(WATCH, works=self._watch_writes(post, now), at=now)
        limit = post.thresholds["address_unavailable_seconds"]
        group = self._tiers.together(within_seconds=post.thresholds["together_seconds"])
        longest = max((self._tiers.failing_seconds(tier, now=now) or 0.0 for tier in group), default=0.0)
        failing = self._tiers.failing()
        if group and longest > limit:
            words = f"{', '.join(group)} fail together, the first for {longest:.0f} s"
            as_one = "told together with other tiers that fail"
            return Look(
                state=SEEN,
                detail=words,
                value=len(group),
                value_max=1,
                signs=[Sign(TOGETHER, "everything", words)],
                gone=[_single(tier, as_one) for tier in group],
            )
        return Look(
            state=SEEN if group or (failing and told_together(post.database)) else QUIET,
            detail=f"failing: {', '.join(failing)}" if failing else "every tier works",
            value=len(failing),
            value_max=1,
            gone=() if failing else [Gone(TOGETHER, "everything", "every tier works again")],
        )

    @staticmethod
    def _watch_writes(post: Post, now: BootTime) -> bool:
        try:
            age = now.seconds_since(post.lease.row().written)
        except DatabaseError:
            post.lease.close()
            return False
        return age is not None and age <= SILENT_AFTER_SECONDS
