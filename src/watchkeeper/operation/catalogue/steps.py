"""What to do, in words, where no playbook can be worked through step by step yet. An alert carries them."""

from __future__ import annotations

from collections.abc import Mapping

#: Playbook -> its steps, in order.
STEPS: Mapping[str, tuple[str, ...]] = {
    "3": (
        "look through the admin's acts of the last hour",
        "ask the admin, by telephone, whether they were theirs",
        "if they were not: end that account's sessions, or suspend it",
        "look at what was done and undo it in the usual way",
        "write down what it was",
    ),
    "4": (
        "see whose hits they are and of which limit",
        "look whether anything got past the limit",
        "confirm that the limit still refuses",
        "write down what it was",
    ),
    "5": (
        "look at each change of role: whose, by whom, with which reason",
        "ask the admin who made it",
        "look whether the account has done anything in its new role",
        "give back the right role, or suspend the account",
        "write down what it was",
    ),
    "8": (
        "see which addresses do not answer, and since when",
        "look at the processes' logs in the data folder's run/",
        "look at the machine: memory, disk, network",
        "start again what does not come back by itself",
        "write down what it was",
    ),
    "9": (
        "see what the write was refused with",
        "look at the disk and at the database's own log",
        "make room, or bring the database back",
        "wait until the write probe succeeds and the watch has read everything",
        "write down what it was",
    ),
    "10": (
        "trace the UTID from both ends",
        "find which row or which reference is missing, and look at its seal",
        "associate it, or acknowledge it",
        "have the check run again",
        "write down what it was",
    ),
    "13": (
        "see which part of the feature is on and which is off",
        "turn all of it off",
        "find what turned a part on or off",
        "turn all of it on again and have the check run",
        "write down what it was",
    ),
    "reversals": (
        "look at each reversal: which lock, marked by whom, reversed by whom and how soon",
        "ask those whose goods and money they were",
        "if it was wrong: end that account's sessions, or suspend it",
        "write down what it was",
    ),
    "switches": (
        "look at each flip: by whom and why",
        "ask the admin who made it",
        "put the switch where it belongs",
        "write down what it was",
    ),
    "late": (
        "take the alert that waits longest, the gravest first",
        "acknowledge it with the next step, or begin its playbook",
        "if nobody can answer now, go off call: what is grave then stops by itself",
    ),
    "correction": (
        "compare the prediction with the balance that came of it",
        "find what moved the account in between",
        "correct the difference by a correction of its own, from a prediction made anew",
        "lift the restriction when the balance is right",
        "write down what it was",
    ),
    "nearness": (
        "look at the trader's positions: what is locked, delivered and not yet sold",
        "see whether deliveries past their deadline or goods long in store hold it up",
        "have those verified, reversed, picked up or written off; at the limit further locks are refused",
    ),
    "money": (
        "compare the newest statement: watchkeeper reconcile",
        "look which payments are left: watchkeeper payment list",
        "ask the provider; what its statements go on lacking may never have been paid",
        "say of each why it differs, with a correction where the books are wrong: watchkeeper payment explain",
        "write down what it was",
    ),
    "unbooked": (
        "look which payments they are: watchkeeper payment list",
        "ask the provider what each is; money that went out without a command may have been taken",
        "have booked what belongs in the books, under its reference",
        "say of each of the others, such as a fee, what it is: watchkeeper payment explain",
        "write down what it was",
    ),
    "sign-ins": (
        "ask the person, by telephone, whether it was they",
        "if it was not: end that account's sessions and give it a reset code",
        "look through what the account did since",
        "write down what it was",
    ),
    "detector": (
        "see which detector is silent, and what it says",
        "look at the logs of the process that runs it",
        "until it speaks again, look yourself at what it would see",
        "write down what it was",
    ),
}


def in_words(playbook: str) -> str:
    """The steps of a playbook as one line; empty when there are none in words."""
    steps = STEPS.get(playbook, ())
    return "; ".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
