"""How the system that `bench detect` measures is started: nothing outside decides where it is, and a failure is said in words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from watchkeeper.bootstrap.bench import detect
from watchkeeper.bootstrap.bench.books import BenchFailed


def test_it_chooses_its_own_ports_and_its_own_database_and_says_why_it_did_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is started instead says how it was, and ends.
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "$@; database: ${WATCHKEEPER_DATABASE-none}"\n', encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("WATCHKEEPER_DATABASE", "postgresql://super@127.0.0.1:1/postgres")
    with pytest.raises(BenchFailed) as failed:
        detect.measure(rounds=1, say=lambda _: None)
    said = str(failed.value)
    assert said.startswith("the system did not start; ")
    # A port that was free a moment ago may be another's by now.
    assert "--port" not in said
    assert said.endswith("; database: none")
