from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.base.clock import Instant
from watchkeeper.operation.incidents import records
from watchkeeper.operation.incidents.model import Analysis, Incident, TimelineEntry
from watchkeeper.operation.incidents.text import clean

BEGIN = Instant(1_795_494_649_000_000)
HOSTILE = (
    'x"\n---\nseverity: "low"\n\n# INC-20000101-000000 closed\n\n| a | b |\n|---|---|\n'
    "<!-- <script>alert(1)</script> \u202e\u2066\x00\x1b[2J\r\n## Resolution\n\n> all is well\n```\n"
)


def incident(text: str = "A wallet differs.", *, closed: bool = False) -> Incident:
    known = text if closed else None
    return Incident(
        id="INC-20261124-073049",
        cause_key=text,
        type="invariant 1.1",
        severity="critical",
        title="A wallet differs",
        state="closed" if closed else "open",
        opened_by="authority:record",
        opened_role="system",
        opened_at=BEGIN,
        description=text,
        impact=text,
        closed_by="opr_b7k2m9" if closed else None,
        closed_role="operator" if closed else None,
        closed_at=Instant(BEGIN + 3_723_000_000) if closed else None,
        cause=known,
        response=known,
        resolution=known,
        prevention=known,
    )


def context(text: str = "restricted") -> records.Context:
    entry = TimelineEntry(1, BEGIN, "restriction", text, "ab" * 32, "restriction 4")
    return records.Context("sys_k4n8", [entry], [3, 4])


def test_the_opening_has_all_fourteen_fields_and_says_what_is_not_known() -> None:
    fields = records.read_front_matter(records.opened(incident(), context()))
    assert set(records.FIELDS) <= fields.keys()
    assert len(records.FIELDS) == 14
    assert {key for key in records.FIELDS if fields[key] is None} == set(
        records.FIELDS
    ) - records.KNOWN_AT_ONCE


def test_the_closing_leaves_no_field_open() -> None:
    fields = records.read_front_matter(records.closed(incident(closed=True), context()))
    assert all(fields[key] for key in records.FIELDS)
    assert fields["duration"] == "1 h 2 min 3 s"
    assert fields["operator"] == "opr_b7k2m9 (operator)"
    assert fields["end"] == "2026-11-24T05:32:52.000000Z"


def test_an_open_incident_has_no_closing_record() -> None:
    with pytest.raises(ValueError, match="no closing record"):
        records.closed(incident(), context())


def test_an_analysis_names_what_it_supersedes() -> None:
    first = Analysis(3, "a", "opr_b7k2m9", "operator", BEGIN)
    second = Analysis(4, "b", "opr_b7k2m9", "operator", BEGIN)
    text = records.analysis(incident(closed=True), second, context(), supersedes=first)
    fields = records.read_front_matter(text)
    assert fields["supersedes"] == "03-analysis.md"
    assert fields["record"] == "analysis"
    assert "## Analysis\n\n> b\n" in text


def test_the_timeline_shows_time_kind_words_and_digest() -> None:
    text = records.opened(incident(), context())
    assert f"| 2026-11-24 07:30:49 | restriction | restricted | restriction 4 | {'ab' * 32} |" in text


def test_hostile_text_stays_inside_its_field() -> None:
    honest = records.closed(incident(closed=True), context())
    hostile = records.closed(incident(clean(HOSTILE), closed=True), context(clean(HOSTILE)))
    fields = records.read_front_matter(hostile)
    assert fields.keys() == records.read_front_matter(honest).keys()
    assert fields["severity"] == "critical"
    assert fields["description"] == clean(HOSTILE)
    assert _structure(hostile) == _structure(honest)


@given(st.text(st.characters(codec=None), max_size=500))
def test_any_text_stays_inside_its_field(text: str) -> None:
    honest = records.closed(incident(closed=True), context())
    hostile = records.closed(incident(clean(text), closed=True), context(clean(text)))
    assert records.read_front_matter(hostile)["cause"] == clean(text)
    assert _structure(hostile) == _structure(honest)


def _structure(text: str) -> list[str]:
    """Every line that is no text of a field: headings, fences, table frame."""
    kept: list[str] = []
    for line in text.splitlines():
        if line.startswith(">"):
            if kept[-1] != ">":
                kept.append(">")
        elif line.startswith("| 2026"):
            cells = line.replace("\\|", "").split("|")
            kept.append(f"row of {len(cells)}")
        elif ': "' in line:
            kept.append(line.split(": ", 1)[0])
        else:
            kept.append(line)
    return kept


@given(
    st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,20}", fullmatch=True), st.none() | st.text(), max_size=20)
)
def test_front_matter_reads_back_as_written(fields: dict[str, str | None]) -> None:
    assert records.read_front_matter(records.front_matter(fields) + "prose\n---\n") == fields


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n",
        "prose",
        '---\nid: "a"\n',
        '---\nid: "a"\nid: "b"\n---\n',
        "---\nid: a\n---\n",
        "---\nid: 7\n---\n",
        '---\nid: ["a"]\n---\n',
        '---\nid: "a" # "\n---\n',
        '---\nId: "a"\n---\n',
        '---\n id: "a"\n---\n',
        "---\n" + '\nkey: "x"' * 100 + "\n---\n",
    ],
)
def test_front_matter_that_we_would_not_write_is_refused(text: str) -> None:
    with pytest.raises(records.FrontMatterMalformed):
        records.read_front_matter(text)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min 0 s"), (-5, "0 s")]
)
def test_a_duration_is_told_in_words(seconds: int, shown: str) -> None:
    assert records.duration(BEGIN, Instant(BEGIN + seconds * 1_000_000)) == shown
