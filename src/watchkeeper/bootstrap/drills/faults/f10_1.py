"""10.1 no autonomous decision: acts in the system's name that the documented authority does not name, or not so."""

from __future__ import annotations

from watchkeeper.bootstrap.drills.faults.model import COMMAND, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import PATCH, STOPPABLE, deposit, journal_row

_UTID = "'20261124-120000-sys-zzzzzz'"


FAULTS = (
    Fault(
        "deposit by the system",
        "10.1",
        (
            deposit(utid=_UTID),
            PATCH,
            *journal_row(utid=_UTID, actor_id="1", actor="system", role="system", amount="500000"),
        ),
        # The policy does not let the system do it either.
        (
            Stopped("10.1", COMMAND, STOPPABLE, key="deposit"),
            Stopped("2.1", COMMAND, STOPPABLE, key="deposit"),
        ),
    ),
    Fault(
        "end of an offer that was fresh",
        "10.1",
        (
            "INSERT INTO offer_steps (id, utid, offer_utid, step, price_ugx_per_kg, at) "
            f"SELECT max(id) + 1, {_UTID}, '{{paid_offer}}', 'expired', NULL, max(at) FROM offer_steps",
            "UPDATE offer_state SET status = 'expired', expires_at = (SELECT max(at) + 86400000000 FROM offer_steps) "
            "WHERE offer_id = (SELECT id FROM offers WHERE utid = '{paid_offer}')",
            *journal_row(
                utid=_UTID,
                command="expire_offer",
                actor_id="1",
                actor="system",
                role="system",
                subject="unit",
                target="'{paid_offer}'",
            ),
        ),
        (Stopped("10.1", COMMAND, STOPPABLE, key="expire_offer"),),
    ),
)
