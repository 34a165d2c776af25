"""What a comparison finds, and how it is written down (domain, Ledgers). Pure.

A payment of the statement and one of the books are the same when provider and reference are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchkeeper.base.clock import Instant
from watchkeeper.base.money import AMOUNT_UGX_MAX
from watchkeeper.market.commands.reconciled import ITEMS_MAX, Line, Reconcile, ReconcilePart
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.ledgers.rules import PROVIDERS, REFERENCE_LENGTH_MAX
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Payment, Reconciliation, State

IN, OUT = "in", "out"
MATCHED = "matched"
MISSING_IN_BOOKS = "missing_in_books"
MISSING_IN_STATEMENT = "missing_in_statement"
DIFFERENT = "different"
KINDS = (MATCHED, MISSING_IN_BOOKS, MISSING_IN_STATEMENT, DIFFERENT)
#: Cash has no statement.
COMPARED = tuple(provider for provider in PROVIDERS if provider != "cash")
#: As many payments as one comparison takes, of the statement and of the books together.
ITEMS_OF_A_RUN_MAX = 200_000
#: What is booked this near to an end of the statement may stand in the one before or after it.
EDGE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Item:
    """One finding of a comparison: the statement's payment, the books', or both."""

    line: Line
    ours: Payment | None

    @property
    def kind(self) -> str:
        """Which of the four kinds it is."""
        if self.ours is None:
            return MISSING_IN_BOOKS
        if self.line.direction is None:
            return MISSING_IN_STATEMENT
        same = (self.ours.direction, self.ours.amount_ugx) == (self.line.direction, self.line.amount_ugx)
        return MATCHED if same else DIFFERENT


def printable_reference(text: str) -> bool:
    """Whether this may be a provider's reference: a few plain characters, and nothing that a spreadsheet would run."""
    return (
        0 < len(text) <= REFERENCE_LENGTH_MAX
        and text.isascii()
        and text.isprintable()
        and text == text.strip()
        and text[0] not in "=+-@"
    )


def begin(command: Reconcile, state: State, context: Context) -> Decision:
    """Open a comparison; a second one of the same statement is refused."""
    if command.provider not in COMPARED:
        raise Refusal(
            "validation-failed", f"A statement comes from one of {', '.join(COMPARED)}.", field="provider"
        )
    if command.since >= command.until:
        raise Refusal("validation-failed", "The time of a statement ends after it begins.", field="until")
    counts = (command.matched, command.missing_in_books, command.missing_in_statement, command.different)
    if (
        min(*counts, command.ignored, command.fees_ugx) < 0
        or sum(counts) > ITEMS_OF_A_RUN_MAX
        or not 0 < command.journal_n < state.next_n
    ):
        raise Refusal("validation-failed", "These counts cannot be those of a statement.")
    key = (command.provider, command.file_digest, command.map_digest, command.since, command.until)
    if key in state.statements:
        raise Refusal("already-reconciled", "This statement was compared already.")
    decision = Decision(utid=context.utid, subject=command.provider)
    identifier = decision.add(
        state,
        "reconciliations",
        provider=command.provider,
        since=command.since,
        until=command.until,
        file_digest=command.file_digest,
        map_digest=command.map_digest,
        journal_n=command.journal_n,
        lines=sum(counts),
        matched=command.matched,
        missing_in_books=command.missing_in_books,
        missing_in_statement=command.missing_in_statement,
        different=command.different,
        ignored=command.ignored,
        fees_ugx=command.fees_ugx,
        actor_id=context.actor.id,
        at=context.at,
    )
    state.statements.add(key)
    state.reconciliations[context.utid] = Reconciliation(
        identifier, context.utid, command.provider, command.journal_n, sum(counts), 0
    )
    decision.answer = {"provider": command.provider}
    return decision


def fill(command: ReconcilePart, state: State, context: Context) -> Decision:
    """Write the next items of a comparison down, each decided by the books as they stood when it was opened."""
    run = state.reconciliations.get(command.reconciliation)
    if run is None:
        raise Refusal("reconciliation-not-found", "There is no such reconciliation.")
    count = len(command.lines)
    if not 0 < count <= ITEMS_MAX:
        raise Refusal("validation-failed", f"A part has 1 to {ITEMS_MAX} items.", field="lines")
    if command.first != run.filled + 1 or run.filled + count > run.lines:
        raise Refusal("out-of-turn", "These are not the next items of this reconciliation. Send it again.")
    decision = Decision(utid=context.utid, subject=run.provider, target_utid=run.utid)
    for number, line in enumerate(command.lines, start=command.first):
        _checked(line)
        ours = state.payments.get((run.provider, line.reference))
        item = Item(line, ours if ours is not None and ours.n <= run.journal_n else None)
        if item.ours is None and line.direction is None:
            raise Refusal("validation-failed", "This payment stands neither here nor there.", field="lines")
        decision.add(
            state,
            "reconciliation_items",
            reconciliation_id=run.id,
            number=number,
            provider=run.provider,
            external_ref=line.reference,
            kind=item.kind,
            our_utid=None if item.ours is None else item.ours.utid,
            our_direction=None if item.ours is None else item.ours.direction,
            our_amount_ugx=None if item.ours is None else item.ours.amount_ugx,
            their_direction=line.direction,
            their_amount_ugx=line.amount_ugx,
            their_at=line.at,
        )
    state.reconciliations[run.utid] = replace(run, filled=run.filled + count)
    decision.answer = {"reconciliation": run.utid, "filled": run.filled + count}
    return decision


def _checked(line: Line) -> None:
    given = (line.direction, line.amount_ugx, line.at)
    whole = None not in given or given == (None, None, None)
    if (
        not whole
        or not 0 < len(line.reference) <= REFERENCE_LENGTH_MAX
        or line.direction not in (None, IN, OUT)
        or not 0 < (line.amount_ugx or 1) <= AMOUNT_UGX_MAX
        or (line.amount_ugx is not None and line.amount_ugx <= 0)
    ):
        raise Refusal("validation-failed", "This line is none of a statement.", field="lines")


def expected(at: Instant, *, since: Instant, until: Instant) -> bool:
    """Whether what was booked at this instant must stand in a statement of that time; not near its ends."""
    edge = EDGE_SECONDS * 1_000_000
    return since + edge <= at < until - edge
