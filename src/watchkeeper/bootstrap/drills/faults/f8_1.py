"""8.1 every admin action is logged: acts of an admin that left no row in the log, or another one."""

from watchkeeper.bootstrap.drills.faults.model import COMMAND, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import (
    ADMIN,
    NEW_UTID,
    OLD_UTID,
    PATCH,
    STOPPABLE,
    deposit,
    journal_row,
    logged,
    notice,
    notice_row,
)

_UTID = "'20261124-120000-adm-zzzzzz'"
_STOPS = (Stopped("8.1", COMMAND, STOPPABLE, key="send_notice"),)


def _notice(number: int, **wrong: str) -> tuple[str, ...]:
    """A notice whose row in the log is wrong in one way."""
    utid = _UTID.replace("zzzzzz", f"zzzzz{number}")
    said = {"action": "send_notice", **wrong}
    return (notice(utid), logged(utid, **said), *notice_row(utid, command_id=f"forged {number}"))


_TWICE = "'20261124-120000-adm-zzzzz9'"

FAULTS = (
    Fault("notice that is not in the log", "8.1", (notice(_UTID), *notice_row(_UTID)), _STOPS),
    Fault(
        "notices that the log tells otherwise",
        "8.1",
        (
            *_notice(1, action="end_sessions"),
            *_notice(2, actor_id="{second_admin}"),
            *_notice(3, target=OLD_UTID),
            *_notice(4, subject=""),
            # As long as a reason, and none.
            *_notice(5, reason=" " * 10),
            notice(_TWICE),
            logged(_TWICE, action="send_notice"),
            logged(_TWICE, action="send_notice"),
            *notice_row(_TWICE, command_id="forged 9"),
        ),
        (
            Stopped("8.1", COMMAND, STOPPABLE, key="send_notice", findings=6),
            # The one in another's name.
            Stopped("2.1", COMMAND, STOPPABLE, key="send_notice", findings=1),
        ),
    ),
    Fault(
        "notice that the log alone tells of",
        "8.1",
        (logged(_UTID, action="send_notice"), *notice_row(_UTID)),
        (*_STOPS, Stopped("4.2", COMMAND, STOPPABLE, key="send_notice")),
    ),
    Fault(
        "deposit in the admins' log",
        "8.1",
        (
            deposit(),
            PATCH,
            logged(NEW_UTID, action="deposit", actor_id="{trader}"),
            *journal_row(amount="500000"),
        ),
        (
            Stopped("8.1", COMMAND, STOPPABLE, key="deposit"),
            # Nor is it an admin whom the log names.
            Stopped("2.2", EVERYTHING, ADMIN),
        ),
    ),
)
