"""4.2 every meaningful action has a UTID: an act whose rows do not all carry it, and a row that carries none."""

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, COMMAND, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import OF_AN_ACCOUNT, STOPPABLE, journal_row

_UTID = "'20261124-120000-far-zzzzzz'"


def _listing(utid: str) -> str:
    return (
        "INSERT INTO listings (id, utid, farmer_id, produce, grams, price_ugx_per_kg, at) "
        f"SELECT max(id) + 1, {utid}, {{farmer}}, 'Beans', 10000, 100, max(at) FROM listings"
    )


FAULTS = (
    Fault(
        "listing without its units, with a forged journal row",
        "4.2",
        (
            _listing(_UTID),
            *journal_row(
                utid=_UTID,
                command="create_listing",
                actor_id="{farmer}",
                actor="{farmer_alias}",
                role="farmer",
                subject="Beans",
            ),
        ),
        (Stopped("4.2", COMMAND, STOPPABLE, key="create_listing"),),
    ),
    Fault(
        "listing without a UTID",
        "4.2",
        (_listing("''"),),
        (
            Stopped("4.2", EVERYTHING, frozenset(["listing", "lock"]), seen="new"),
            Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, key="{farmer_alias}", seen="new"),
        ),
    ),
)
