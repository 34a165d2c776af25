"""Detectors of rates: what comes too often within an hour or a day."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.base.database import Database
from watchkeeper.boundary.flips import flips
from watchkeeper.operation.catalogue.signs import flips as flip_signs
from watchkeeper.operation.catalogue.signs import tries
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.catalogue.signs.rates import DAY, RATES, Rate, RateSign, Window
from watchkeeper.operation.detectors import looks
from watchkeeper.operation.detectors.model import QUIET, SEEN, SINCE, UNKNOWN, Gone, Look, Plain, Post

_EVERY_SECONDS = 1.0
_FLIPS_AT_ONCE = 1_000
_TOLD = "told "


class Rates(Plain):
    """One rate over rows of the books."""

    every_seconds = _EVERY_SECONDS

    def __init__(self, rate: Rate) -> None:
        self.name = rate.name
        self._rate = rate
        self._sign = RateSign(rate)

    def forget(self) -> None:
        """The window is read back from the books."""
        self._sign = RateSign(self._rate)

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Count on from where the last look ended."""
        rate = self._rate
        limit = post.thresholds[rate.threshold]
        found = self._sign.look(
            post.reading,
            read=marks.get("read"),
            told=marks.get("told", 0),
            limit=limit,
            since=marks.get(SINCE, 0),
            at=post.clock.now(),
        )
        period = "a day" if rate.seconds == DAY else "an hour"
        words = (
            f"{found.passed:,} {rate.of} within {period}; more than {limit:,} are told"
            if found.passed
            else ""
        )
        return Look(
            state=SEEN if found.standing > limit or words else QUIET,
            detail=words or f"{found.standing:,} {rate.of} within {period}",
            value=found.standing,
            value_max=limit,
            signs=[Sign(rate.condition, "everything", words)] if words else (),
            gone=self._gone(found.standing, limit) if not words else (),
            marks={"read": found.read, "told": found.told},
        )

    def _gone(self, standing: int, limit: int) -> tuple[Gone, ...]:
        if not self._rate.lasts or standing > limit:
            return ()
        words = f"{standing:,} {self._rate.of} by now; up to {limit:,} are not told"
        return (Gone(self._rate.condition, "everything", words),)


class Flips(Plain):
    """Flips of switches in any 24 hours."""

    name = "switch flips"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Count the flips that people made."""
        limit, told, read = post.thresholds["flips_per_day"], marks.get("told", 0), marks.get("read", 0)
        window = Window(DAY)
        passed = 0
        with post.gatefile.look() as gate:
            # Those before what was read fill the window; a day has not so many that they would not.
            recent = flips(gate, after=max(0, read - _FLIPS_AT_ONCE), limit=2 * _FLIPS_AT_ONCE)
        for flip in flip_signs.by_people(recent):
            window.add(flip.number, flip.at, 1)
            if flip.at < marks.get(SINCE, 0):
                told = max(told, flip.number)
                continue
            fresh = window.total(after=told)
            if flip.number > read and fresh > limit:
                passed, told = passed + fresh, flip.number
        read = recent[-1].number if recent else read
        standing = window.standing(post.clock.now())
        words = f"{passed:,} flips of switches within a day; more than {limit:,} are told" if passed else ""
        return Look(
            state=SEEN if standing > limit or words else QUIET,
            detail=words or f"{standing:,} flips within a day",
            value=standing,
            value_max=limit,
            signs=[Sign(flip_signs.OFTEN, "everything", words)] if words else (),
            marks={"read": read, "told": told},
        )


class UncalledFlips(Plain):
    """Engagements of what stops business while no alert was open."""

    name = "switches without an alert"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Judge the new flips by the alerts that stood when each was made."""
        read = marks.get("read", 0)
        with post.gatefile.look() as gate:
            new = flips(gate, after=read, limit=_FLIPS_AT_ONCE)
        news = [flip for flip in new if flip.at >= marks.get(SINCE, 0)]
        signs = flip_signs.uncalled(news, alert_open=lambda at: _alert_stood(post.database, at))
        return Look(
            state=SEEN if signs else QUIET,
            detail=signs[-1].detail if signs else f"read to flip {new[-1].number if new else read}",
            signs=signs[-1:],
            marks={"read": new[-1].number if new else read},
        )


def _alert_stood(database: Database, at: int) -> bool:
    """Whether an alert was open at an instant; one that says that switches are flipped does not call for a flip."""
    row = database.one(
        "SELECT 1 FROM alerts WHERE raised_at <= ? AND (resolved_at IS NULL OR resolved_at >= ?) "
        "AND condition NOT IN (?, ?) LIMIT 1",
        (at, at, flip_signs.OFTEN, flip_signs.UNCALLED),
    )
    return row is not None


class RefusedAuthorizations(Plain):
    """What accounts were refused because they may not do it."""

    name = tries.REFUSED
    every_seconds = 15.0

    def __init__(self) -> None:
        self._oldest = 0

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Judge the minutes since the last look, each with the hour before it."""
        limit, at = post.thresholds["refused_authorizations_per_hour"], post.clock.now()
        minute = at // (60 * MICROSECONDS_PER_SECOND)
        told = {name.removeprefix(_TOLD): value for name, value in marks.items() if name.startswith(_TOLD)}
        # The minute that runs is looked at again; from ahead of a clock that was set back, everything is.
        since = min(marks.get("minute", 0), minute - 1)
        found = tries.refused(post.reading, since_minute=since, told=told, limit=limit, at=at)
        self._oldest = minute - 3 * 24 * 60
        return Look(
            state=UNKNOWN if found.cut else SEEN if found.signs or found.most > limit else QUIET,
            detail="more refusals than one look takes"
            if found.cut
            else f"at most {found.most:,} refusals of one account within an hour",
            value=found.most,
            value_max=limit,
            signs=found.signs,
            # Also when there was more than one look takes: a flood must not hold up what comes after it.
            marks={"minute": minute - 1} | {f"{_TOLD}{name}": value for name, value in found.told.items()},
        )

    def keep(self, database: Database) -> None:
        """Let go what the market has pruned as well."""
        looks.forget_marks(database, self.name, prefix=_TOLD, below=self._oldest)


class FailedSecondFactors(Plain):
    """Wrong second factors and failed sign-ins of those who may do much."""

    name = tries.FAILED
    every_seconds = _EVERY_SECONDS

    def __init__(self) -> None:
        self._sign = tries.FailedFactors()

    def forget(self) -> None:
        """The windows are read back from the books."""
        self._sign = tries.FailedFactors()

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Count on, account by account."""
        limits = {
            "second_factor": post.thresholds["failed_second_factors_per_hour"],
            "sign_in": post.thresholds["failed_sign_ins_per_hour"],
        }
        told = {name.removeprefix(_TOLD): value for name, value in marks.items() if name.startswith(_TOLD)}
        found, read = self._sign.look(
            post.reading,
            read=marks.get("read", 0),
            told=told,
            limits=limits,
            since=marks.get(SINCE, 0),
            at=post.clock.now(),
        )
        return Look(
            state=SEEN if found.signs else QUIET,
            detail=found.signs[-1].detail if found.signs else f"at most {found.most:,} within an hour",
            value=found.most,
            value_max=limits["second_factor"],
            signs=found.signs,
            marks={"read": read} | {f"{_TOLD}{name}": value for name, value in found.told.items()},
        )


def all_rates() -> list[Rates | Flips | UncalledFlips | RefusedAuthorizations | FailedSecondFactors]:
    """Every detector of a rate."""
    return [
        *(Rates(rate) for rate in RATES),
        Flips(),
        UncalledFlips(),
        RefusedAuthorizations(),
        FailedSecondFactors(),
    ]
