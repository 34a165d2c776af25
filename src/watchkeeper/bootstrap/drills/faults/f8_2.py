"""8.2 UTIDs are traceable: an act that left nothing, and a row that cites an act which never was."""

from watchkeeper.bootstrap.drills.faults.model import COMMAND, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import STOPPABLE, journal_row, logged, notice, notice_row

_OF_A_FARMER = "'20261124-120000-far-zzzzzz'"
_OF_AN_ADMIN = "'20261124-120000-adm-zzzzzz'"
_NOWHERE = "'20261124-120000-tra-nowher'"

FAULTS = (
    Fault(
        "listing that left no row",
        "8.2",
        journal_row(
            utid=_OF_A_FARMER,
            command="create_listing",
            actor_id="{farmer}",
            actor="{farmer_alias}",
            role="farmer",
            subject="Beans",
        ),
        (Stopped("8.2", COMMAND, STOPPABLE, key="create_listing"),),
    ),
    Fault(
        "notice about an act that never was",
        "8.2",
        (
            notice(_OF_AN_ADMIN, kind="utid_specific", about=_NOWHERE),
            logged(_OF_AN_ADMIN, action="send_notice"),
            *notice_row(_OF_AN_ADMIN),
        ),
        (Stopped("8.2", COMMAND, STOPPABLE, key="send_notice"),),
    ),
    Fault(
        "notice past the journal about an act that never was",
        "8.2",
        (notice(_OF_AN_ADMIN, kind="utid_specific", about=_NOWHERE),),
        (
            Stopped("8.2", EVERYTHING, frozenset(["notice"]), seen="new"),
            Stopped("2.3", EVERYTHING, frozenset(["notice"]), seen="new"),
        ),
    ),
)
