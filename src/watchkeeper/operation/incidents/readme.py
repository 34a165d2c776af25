"""What stands in the incident repository's own README, from its first commit on."""

from __future__ import annotations

_TEXT = """# Incident records

What went wrong in the system `{system}`, and what was done about it. Watchkeeper writes here by itself.

- `INC-date-time/01-opened.md` is written when an incident begins, `02-closed.md` when it ends,
  `03-analysis.md` when somebody has found out why. A later analysis has the next number and replaces the
  earlier one in meaning, not on disk.
- `seals/main.checkpoint` and `seals/side.checkpoint` hold the newest signed state of the seal logs. They are
  the only files that change, and they only ever grow in size.

Every commit is signed with the key in `allowed_signers`, and no record is ever rewritten. Compare that
key with `keys/incidents.pub` of the installation: a copy of this repository cannot vouch for itself.

With Git alone:

    git -c gpg.ssh.allowedSignersFile=<a file you trust> log --show-signature
    git fsck --strict

With Watchkeeper, which checks all the rules above as well:

    watchkeeper incident verify <this folder> --key <incidents.pub that you trust>
"""


def text(system_id: str) -> str:
    """The README of the repository of this system."""
    return _TEXT.format(system=system_id)
