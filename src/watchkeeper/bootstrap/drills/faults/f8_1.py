"""8.1 every admin action is logged: acts of an admin that left no row in the log, or another one."""

from watchkeeper.bootstrap.drills.faults.model import COMMAND, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import STOPPABLE, logged, notice, notice_row

_UTID = "'20261124-120000-adm-zzzzzz'"
_STOPS = (Stopped("8.1", COMMAND, STOPPABLE, key="send_notice"),)

FAULTS = (
    Fault("notice that is not in the log", "8.1", (notice(_UTID), *notice_row(_UTID)), _STOPS),
    Fault(
        "notice that the log calls something else",
        "8.1",
        (notice(_UTID), logged(_UTID, action="end_sessions"), *notice_row(_UTID)),
        _STOPS,
    ),
)
