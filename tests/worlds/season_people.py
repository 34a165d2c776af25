"""Who comes and goes in a season: invitations, suspensions, other roles, deletions, resets, and what people are told."""

from __future__ import annotations

from tests.worlds.season import REASON, Season, whole
from watchkeeper.base.clock import Instant
from watchkeeper.market.commands import (
    ActivateUser,
    ChangePassword,
    ChangeRole,
    DeleteUser,
    Deposit,
    EndSessions,
    InviteUser,
    IssueReset,
    Reconcile,
    ReconcilePart,
    ResetPassword,
    ResetSecondFactor,
    SendNotice,
    SuspendUser,
    UnsuspendUser,
)
from watchkeeper.market.commands.reconciled import Line

#: How many of a hundred people are what.
_SHARES = {"farmer": 45, "trader": 25, "buyer": 28, "admin": 2}
_STOOD_STILL = "account-not-active"


def invited(season: Season, role: str) -> int:
    """A new account that nobody has enrolled for yet."""
    return whole(season.once(InviteUser(role=role, reason=REASON), season.admin).body["user_id"])


def joins(season: Season, role: str, *, capital_ugx: int = 400_000) -> int:
    """Somebody comes; a trader brings money."""
    user_id = invited(season, role)
    season.once(ActivateUser(), user_id)
    season.people.of(role).append(user_id)
    if role == "trader" and capital_ugx:
        season.once(
            Deposit(amount_ugx=capital_ugx, provider="bank", external_ref=season.reference()), user_id
        )
    return user_id


def newcomers(season: Season) -> None:
    """Those who join today: half of all within the first days, the rest until two thirds of the season are over."""
    draw = season.draw
    people = season.people
    there = len(people.farmers) + len(people.traders) + len(people.buyers) + len(people.admins)
    planned = season.size if season.day > 60 else season.size // 2 + season.size * season.day // 120
    for _ in range(max(0, min(planned - there, season.size // 2))):
        role = draw.choices(list(_SHARES), list(_SHARES.values()))[0]
        joins(season, role, capital_ugx=draw.choice((300_000, 500_000, 800_000)))


def settled(season: Season) -> None:
    """One of each role at least before business begins."""
    for role, wanted in (("farmer", 4), ("trader", 4), ("buyer", 3), ("admin", 2)):
        for _ in range(wanted):
            joins(season, role)


def suspended(season: Season) -> None:
    """Somebody stands still for some days, whatever they hold; admins never all at once."""
    role = season.draw.choice(("farmer", "trader", "buyer"))
    there = season.people.of(role)
    if len(there) < 4:
        return
    user_id = there.pop(season.draw.randrange(len(there)))
    by = season.draw.choice((season.admin, season.operator))
    season.once(SuspendUser(account=season.alias(user_id), reason=REASON), by)
    season.refused(ChangePassword(), user_id, _STOOD_STILL)
    season.refused(SuspendUser(account=season.alias(user_id), reason=REASON), season.admin, "account-state")
    season.people.suspended.append((user_id, role))


def unsuspended(season: Season) -> None:
    """Somebody may go on."""
    if season.people.suspended:
        user_id, role = season.people.suspended.pop(0)
        season.once(UnsuspendUser(account=season.alias(user_id), reason=REASON), season.admin)
        season.people.of(role).append(user_id)


def other_role(season: Season) -> None:
    """Who holds nothing gets another role and acts in it, and the old one is over; who holds something does not."""
    before, after = season.draw.choice(
        (
            ("buyer", "trader"),
            ("trader", "buyer"),
            ("farmer", "buyer"),
            ("trader", "farmer"),
            ("buyer", "farmer"),
        )
    )
    user_id = joins(season, before, capital_ugx=0)
    season.people.of(before).remove(user_id)
    season.once(ChangeRole(account=season.alias(user_id), role=after, reason=REASON), season.admin)
    season.people.of(after).append(user_id)
    for same in (user_id, season.operator):
        season.refused(
            ChangeRole(account=season.alias(same), role=after, reason=REASON),
            season.admin,
            "account-state" if same == user_id else "not-authorized",
        )
    holder = season.numbers("SELECT trader_id FROM locks ORDER BY id DESC LIMIT 1")
    held = season.numbers(
        "SELECT k.trader_id FROM locks k JOIN user_state s ON s.user_id = k.trader_id WHERE s.status = 'active' "
        "AND NOT EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = k.utid) ORDER BY k.id DESC LIMIT 1"
    )
    if holder and held:
        command = ChangeRole(account=season.alias(held[0]), role="buyer", reason=REASON)
        season.refused(command, season.admin, "account-in-use")


def deleted(season: Season) -> None:
    """Somebody who holds nothing leaves for good; who holds something stays, and an invitation is taken back."""
    user_id = joins(season, season.draw.choice(("farmer", "trader", "buyer")), capital_ugx=0)
    role = season.user(user_id).role
    season.once(DeleteUser(account=season.alias(user_id), reason=REASON), season.admin)
    season.people.of(role).remove(user_id)
    season.refused(ChangePassword(), user_id, _STOOD_STILL)
    nobody = invited(season, "buyer")
    season.refused(UnsuspendUser(account=season.alias(nobody), reason=REASON), season.admin, "account-state")
    season.once(DeleteUser(account=season.alias(nobody), reason=REASON), season.admin)
    rich = season.numbers("SELECT trader_id FROM lots ORDER BY id DESC LIMIT 1")
    for holder in rich:
        command = DeleteUser(account=season.alias(holder), reason=REASON)
        if season.user(holder).status != "deleted":
            season.refused(command, season.admin, "account-in-use")


def passwords(season: Season) -> None:
    """A reset is handed over and used, a password changed, sessions ended, a lost second factor replaced; an old session is over then."""
    draw = season.draw
    everyone = season.people.farmers + season.people.traders + season.people.buyers
    user_id, other = draw.sample(everyone, 2)
    season.once(
        IssueReset(account=season.alias(user_id), reason=REASON), draw.choice((season.admin, season.operator))
    )
    before = season.user(user_id).session_generation
    season.once(ResetPassword(), user_id)
    act = season.bench.act(ChangePassword(), user_id)
    object.__setattr__(act, "session_generation", before)
    (outcome,) = season.send([act])
    season.check(
        getattr(outcome, "code", "") == "session-expired", f"a session of before was answered {outcome}"
    )
    # An admin who lost telephone and codes.
    season.once(ResetSecondFactor(account=season.alias(season.admin), reason=REASON), season.operator)
    season.once(ChangePassword(), user_id)
    season.once(EndSessions(account=season.alias(other), reason=REASON), season.admin)


def told(season: Season) -> None:
    """A notice of each kind, to whom it may go, and none with a price in it that a buyer would read."""
    admin = season.admin
    (about,) = season.query("SELECT utid FROM journal WHERE command = 'pay_to_lock' ORDER BY n DESC LIMIT 1")
    for kind, role, utid, text in (
        ("admin_broadcast", None, None, "The store is open on Saturday."),
        ("role_based", "farmer", None, "Beans are paid at 900 shillings this week."),
        ("utid_specific", None, str(about[0]), "The truck comes at noon."),
    ):
        season.do(SendNotice(kind=kind, text=text, reason=REASON, role=role, about_utid=utid), admin)
    season.do(SendNotice(kind="system", text="We are back.", reason=REASON), season.operator)
    for text, kind, utid, code in (
        ("Beans are sold at 900 shillings.", "admin_broadcast", None, "validation-failed"),
        ("Call 0772 123 456 at once.", "admin_broadcast", None, "validation-failed"),
        ("About what never was.", "utid_specific", "20200101-000000-tra-000000", "utid-not-found"),
        ("The market speaks.", "system", None, "not-authorized"),
    ):
        season.refused(SendNotice(kind=kind, text=text, reason=REASON, about_utid=utid), admin, code)


def compared(season: Season) -> None:
    """A statement of mtn's is compared: one payment that we have, one that we lack, one with another amount."""
    ours = season.query(
        "SELECT external_ref, amount_ugx, at FROM wallet_ledger WHERE type = 'capital_deposit' AND provider = 'mtn' "
        "ORDER BY id DESC LIMIT 2"
    )
    season.check(len(ours) == 2, "nobody has paid in by mtn")
    now = season.now
    (first, amount, at), (second, other, then) = ours
    lines = (
        Line(reference=str(first), direction="in", amount_ugx=whole(amount), at=Instant(whole(at))),
        Line(reference=str(second), direction="in", amount_ugx=whole(other) + 1, at=Instant(whole(then))),
        Line(reference=f"NOWHERE-{now}", direction="out", amount_ugx=7, at=now),
    )
    opened = Reconcile(
        provider="mtn",
        since=Instant(now - 30 * 24 * 3600 * 1_000_000),
        until=now,
        file_digest=f"{season.draw.getrandbits(256):064x}",
        map_digest="0" * 64,
        journal_n=season.number("SELECT max(n) FROM journal"),
        matched=1,
        missing_in_books=1,
        missing_in_statement=0,
        different=1,
        ignored=0,
        fees_ugx=0,
    )
    answer = season.once(opened, season.admin)
    season.refused(opened, season.admin, "already-reconciled")
    season.refused(
        ReconcilePart(reconciliation=answer.utid, first=2, lines=lines[:1]), season.admin, "out-of-turn"
    )
    season.once(ReconcilePart(reconciliation=answer.utid, first=1, lines=lines), season.admin)
    kinds = season.query(
        "SELECT i.kind FROM reconciliation_items i JOIN reconciliations r ON r.id = i.reconciliation_id "
        "WHERE r.utid = ? ORDER BY i.number",
        (answer.utid,),
    )
    season.check(
        [str(row[0]) for row in kinds] == ["matched", "different", "missing_in_books"],
        "a comparison found something else",
    )
