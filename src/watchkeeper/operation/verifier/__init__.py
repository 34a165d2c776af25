"""The verifier: sees what was committed, runs the checks of the catalogue, keeps findings and verdicts."""
