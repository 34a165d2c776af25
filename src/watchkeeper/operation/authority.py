"""The documented authority: everything that the system may do by itself, and how a person undoes it.

Every automatic act cites its entry; what is not listed here only a person does. Automation may stop
things. It never corrects, reverses, lifts or resumes (catalogue, Documented authority).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One act that needs nobody: its limit, and who undoes it how."""

    id: str
    act: str
    limit: str
    undone_by: str

    @property
    def cited(self) -> str:
        """How a record names this entry as the one who acted."""
        return f"authority:{self.id}"


RESTRICT = Entry(
    "restrict",
    "raise a restriction",
    "the smallest scope that suffices, on a finding or on UNKNOWN past its deadline",
    "the operator lifts it after the cure",
)
RELEASE_UNKNOWN = Entry(
    "release-unknown",
    "end a pause that stood for UNKNOWN",
    "only when the same check holds again in a fresh pass",
    "the operator restricts by hand",
)
STOP_FILE = Entry(
    "stop-file",
    "engage shutdown because the stop file was found",
    "the operator's hold on shutdown, nothing else",
    "the operator removes the file and releases the hold",
)
RESTART = Entry(
    "restart",
    "restart a process of ours that ended, kill one that hangs",
    "our own processes, with a growing pause between tries",
    "nothing to undo",
)
TELL = Entry("tell", "send and repeat alerts", "the channels in the settings", "the operator acknowledges")
RECORD = Entry(
    "record", "open incident records", "one for each cause", "the operator closes it with the true cause"
)
SEAL = Entry("seal", "verify, seal and anchor", "on schedule and on every commit", "nothing to undo")
EXPIRE_OFFER = Entry(
    "expire-offer",
    "expire an offer",
    "24 hours after its last step, by the rule; no money moves",
    "the trader makes a new offer",
)

REGISTER = (RESTRICT, RELEASE_UNKNOWN, STOP_FILE, RESTART, TELL, RECORD, SEAL, EXPIRE_OFFER)
