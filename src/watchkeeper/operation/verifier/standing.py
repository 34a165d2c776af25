"""Does a finding still stand? Asked by playbooks: the same question as the check's, on the same place, from the rows as
they are now.
"""

from __future__ import annotations

from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.model import Standing
from watchkeeper.operation.verifier.findings import Finding


def of(context: Context, finding: Finding) -> Standing:
    """How this finding stands in the rows as they are now. Of a kind that no check knows, it stands."""
    invariant = INVARIANTS.get(finding.invariant)
    closes = None if invariant is None else invariant.closes.get(finding.kind)
    if closes is None:
        return Standing("stands", "no check of this version knows how a finding of this kind closes")
    with context.views.snapshot():
        return closes(context, finding)
