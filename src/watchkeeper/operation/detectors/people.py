"""Detectors of what people do: who becomes an admin, reversals in haste, habits, the operator's own answers and corrections."""

from __future__ import annotations

import json
from collections.abc import Mapping

from watchkeeper.base.database import Database
from watchkeeper.operation.catalogue.signs import corrections, habits, reversals, roles
from watchkeeper.operation.catalogue.signs.corrections import Correction
from watchkeeper.operation.catalogue.signs.habits import Habit, Habits, Rules
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.containment.imposing import Stop
from watchkeeper.operation.detectors.model import QUIET, SEEN, SINCE, Gone, Look, Plain, Post

_EVERY_SECONDS = 1.0
_HABITS_MAX = 20_000
_LATE = "operator late"
_ALERTS_MAX = 1_000
#: Acts of the desk that one correction is compared with.
_PREDICTIONS_MAX = 100


class AdminGrants(Plain):
    """Any grant of admin."""

    name = "admin grants"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Read the new rows of the role history."""
        signs, read = roles.grants(post.reading, read=marks.get("read", 0), since=marks.get(SINCE, 0))
        return Look(
            state=SEEN if signs else QUIET,
            detail=signs[-1].detail if signs else f"read to row {read} of the role history",
            signs=signs,
            marks={"read": read},
        )


class AssignedRoles(Plain):
    """Roles that no admin assigned: the account stands still, then it is told."""

    name = "assigned roles"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Judge new accounts and roles; what is wrong is stopped before anything is written about it."""
        found = roles.unassigned(post.reading, users=marks.get("users", 0), history=marks.get("history", 0))
        for one in found.unassigned:
            imposing.impose(
                post.gatefile, Stop(roles.UNASSIGNED, one.scope, roles.STOPS, one.detail), clock=post.clock
            )
        return Look(
            state=SEEN if found.unassigned else QUIET,
            detail=found.unassigned[-1].detail if found.unassigned else f"read to row {found.history}",
            signs=[Sign(roles.UNASSIGNED, str(one.scope), one.detail) for one in found.unassigned],
            marks={"users": found.users, "history": found.history},
        )


class HastyReversals(Plain):
    """Reversals in haste."""

    name = "reversals in haste"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Judge the new reversals."""
        signs, read = reversals.hasty(
            post.reading,
            read=marks.get("read", 0),
            since=marks.get(SINCE, 0),
            lock_seconds=post.thresholds["reversal_after_lock_seconds"],
            mark_seconds=post.thresholds["reversal_after_mark_seconds"],
        )
        return Look(
            state=SEEN if signs else QUIET,
            detail=signs[-1].detail if signs else f"read to outcome {read}",
            signs=signs,
            marks={"read": read},
        )


class UsualSignIns(Plain):
    """Sign-ins of admins and the operator that are not as they usually are."""

    name = "habits"
    every_seconds = _EVERY_SECONDS

    def __init__(self) -> None:
        self._moved: Mapping[str, Habits] = {}

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Judge and learn the new sign-ins."""
        limits = post.thresholds
        found = habits.look(
            post.reading,
            read=marks.get("read", 0),
            known=known_habits(post.database),
            rules=Rules(
                limits["habit_learning_days"],
                limits["habit_hour_days"],
                limits["habit_sign_ins"],
                limits["habit_kept_days"],
            ),
        )
        self._moved = found.moved
        return Look(
            state=SEEN if found.signs else QUIET,
            detail=found.signs[-1].detail
            if found.signs
            else f"read to attempt {found.read}; devices are not seen",
            signs=found.signs,
            marks={"read": found.read},
        )

    def keep(self, database: Database) -> None:
        """Write the habits that moved."""
        for account, moved in self._moved.items():
            database.execute("DELETE FROM habits WHERE account = ?", (account,))
            database.execute_many(
                "INSERT INTO habits (account, kind, value, times, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (account, kind, value, habit.times, habit.first_at, habit.last_at)
                    for (kind, value), habit in sorted(moved.known.items())
                ],
            )
        self._moved = {}


def known_habits(database: Database) -> dict[str, Habits]:
    """What is usual, by account."""
    found: dict[str, Habits] = {}
    for account, kind, value, times, first_at, last_at in database.query(
        "SELECT account, kind, value, times, first_at, last_at FROM habits LIMIT ?", (_HABITS_MAX,)
    ):
        found.setdefault(str(account), Habits()).known[str(kind), str(value)] = Habit(
            int(str(times)), int(str(first_at)), int(str(last_at))
        )
    return found


class UnansweredAlerts(Plain):
    """Alerts that nobody answered within the time of their severity; one alert tells of all of them."""

    name = "unanswered alerts"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, _: Mapping[str, int]) -> Look:
        """Count what waits past its time; as grave as the gravest of it."""
        rows = post.database.query(
            "SELECT severity, title FROM alerts WHERE state <> 'resolved' AND responded_at IS NULL AND due_at <= ? "
            "AND condition <> ? ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 "
            "ELSE 3 END, id LIMIT ?",
            (post.clock.now(), _LATE, _ALERTS_MAX),
        )
        if not rows:
            return Look(
                detail="every alert is answered or has time",
                value=0,
                value_max=0,
                gone=[Gone(_LATE, "everything", "every alert is answered, or over")],
            )
        severity, title = (str(value) for value in rows[0])
        words = (
            f"{len(rows):,} unanswered past {'its' if len(rows) == 1 else 'their'} time, the gravest: {title}"
        )
        return Look(
            state=SEEN,
            detail=words,
            value=len(rows),
            value_max=0,
            signs=[Sign(_LATE, "everything", words, severity)],
        )


class Corrections(Plain):
    """Corrections whose result is not what the desk predicted: the wallet stays, whatever else is lifted."""

    name = "corrections"
    every_seconds = _EVERY_SECONDS

    def look(self, post: Post, marks: Mapping[str, int]) -> Look:
        """Compare the new corrections of the books with the predictions on record."""
        new, read = corrections.new(post.reading, read=marks)
        wrong = [
            (one, why)
            for one in new
            if one.at >= marks.get(SINCE, 0) and (why := _missed(post.database, one))
        ]
        for one, why in wrong:
            imposing.impose(
                post.gatefile,
                Stop(corrections.WRONG, one.where, corrections.STOPS, why),
                clock=post.clock,
            )
        return Look(
            state=SEEN if wrong else QUIET,
            detail=wrong[-1][1] if wrong else f"{len(new):,} new corrections as predicted",
            signs=[Sign(corrections.WRONG, str(one.where), why) for one, why in wrong],
            marks=read,
        )


def _missed(database: Database, found: Correction) -> str:
    """How a correction differs from every prediction of it that is on record; empty when one of them came true."""
    predicted: list[int] = []
    for (detail,) in database.query(
        "SELECT detail FROM operator_actions WHERE action IN ('correct', 'explain payment') ORDER BY id DESC LIMIT ?",
        (_PREDICTIONS_MAX,),
    ):
        said = json.loads(str(detail))
        if "predicted" in said and (said.get("account"), said.get("bucket"), said.get("amount_ugx")) == (
            found.account,
            found.bucket,
            found.asked_ugx,
        ):
            predicted.append(int(said["predicted"]))
    if not predicted or found.after_ugx in predicted:
        # What no desk asked for is a finding of another rule: no command wrote it, or no operator.
        return ""
    return f"predicted {predicted[0]:,}, found {found.after_ugx:,}"
