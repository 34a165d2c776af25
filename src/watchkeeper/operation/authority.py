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
SAFE_STATE = Entry(
    "safe-state",
    "engage the safe state: pilot mode on, purchase window closed",
    "at the end of the ladder, on a critical alert off call, by the watchdog, or for a switch that does not bite; "
    "its own hold, and never a release",
    "the operator releases the hold",
)
RECORD_FLIP = Entry(
    "record-flip",
    "write down a flip that stands in the gate when whoever flipped it cannot any more",
    "a flip that the gate has, word for word; nothing is decided by it",
    "nothing to undo: the flip is in force with or without its row",
)
ROLL_BACK = Entry(
    "roll-back", "take an activation back", "when a step of it failed", "the operator activates again"
)
ENROL_AT_SET_UP = Entry(
    "enrol-at-set-up",
    "make the system's own account and invite the first operator and the first admin",
    "once, in the first row of the journal, from the host",
    "suspend the account",
)
EXPIRE_OFFER = Entry(
    "expire-offer",
    "expire an offer",
    "24 hours after its last step, by the rule; no money moves",
    "the trader makes a new offer",
)
STORAGE_FEE = Entry(
    "storage-fee",
    "deduct a storage fee",
    "full days in store that count, once each, never below nothing; goods, not money",
    "the operator writes a compensating weight row",
)
FORM_BLOCK = Entry(
    "form-block",
    "form a block",
    "the ten oldest free lots of one trader and produce; each lot stays what it is",
    "an admin writes the block off",
)
RESTART = Entry(
    "restart",
    "restart a process of ours that ended, kill one that hangs, end who holds the gate too long, mark off call",
    "our own processes, with a growing pause between tries; 3 seconds at the gate; a prompt that nobody answered",
    "nothing to undo",
)
TELL = Entry(
    "tell",
    "send, repeat and escalate alerts, and prove the channels",
    "the channels in the settings, by the ladder",
    "the operator acknowledges",
)
RECORD = Entry(
    "record", "open incident records", "one for each cause", "the operator closes it with the true cause"
)
SEAL = Entry("seal", "back up, verify, seal and anchor", "on schedule and on every commit", "nothing to undo")

REGISTER = (
    RESTRICT,
    RELEASE_UNKNOWN,
    STOP_FILE,
    SAFE_STATE,
    RECORD_FLIP,
    ROLL_BACK,
    ENROL_AT_SET_UP,
    EXPIRE_OFFER,
    STORAGE_FEE,
    FORM_BLOCK,
    RESTART,
    TELL,
    RECORD,
    SEAL,
)
