from __future__ import annotations

import pytest

from tests.unit.operation.incidents.room import MORNING, Room
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import ConstraintViolated
from watchkeeper.operation.incidents import life, records, store

HOUR = 3_600_000_000


def content_of(room: Room, incident_id: str, name: str) -> str:
    row = room.database.one(
        "SELECT content FROM incident_files WHERE incident_id = ? AND name = ?", (incident_id, name)
    )
    assert row is not None
    return str(row[0])


def test_an_incident_is_named_by_the_clock_in_kampala(room: Room) -> None:
    assert room.open().id == "INC-20261124-073049"


def test_a_second_that_is_taken_moves_on(room: Room) -> None:
    ids = [room.open(f"cause {number}").id for number in range(12)]
    assert ids[0] == "INC-20261124-073049"
    assert ids[11] == "INC-20261124-073100"


def test_one_cause_is_one_incident(room: Room) -> None:
    first = room.open(alert_ids=(1, 2))
    again = room.open(alert_ids=(2, 3), at=Instant(MORNING + 5))
    assert again.id == first.id
    assert store.alert_ids(room.database, first.id) == [1, 2, 3]
    assert life.of_alerts(room.database) == {1: first.id, 2: first.id, 3: first.id}
    assert [entry.kind for entry in life.timeline(room.database, first.id)] == ["opened", "again"]
    assert len(life.files(room.database, first.id)) == 1


def test_the_severity_of_an_open_incident_rises_and_never_falls(room: Room) -> None:
    first = room.open(severity="medium")
    assert room.open(severity="critical").severity == "critical"
    assert room.open(severity="low").severity == "critical"
    assert life.get(room.database, first.id).severity == "critical"


def test_a_cause_that_comes_back_after_the_closing_is_a_new_incident(room: Room) -> None:
    first = room.open()
    room.close(first)
    again = room.open()
    assert again.id != first.id
    assert life.of_alerts(room.database)[1] == again.id


def test_what_is_still_open_refuses_the_closing_by_name(room: Room) -> None:
    incident = room.open()
    with pytest.raises(life.IncidentHasOpenParts, match="finding 7, restriction 2"):
        room.close(incident, open_parts=("finding 7", "restriction 2"))
    assert life.get(room.database, incident.id).open
    assert [file.name for file in life.files(room.database, incident.id)] == ["01-opened.md"]


def test_a_closing_without_its_words_is_refused(room: Room) -> None:
    incident = room.open()
    with pytest.raises(life.IncidentTextMissing):
        room.close(incident, text=" \n\t ")
    assert life.get(room.database, incident.id).open


def test_an_incident_is_closed_once(room: Room) -> None:
    incident = room.close(room.open())
    with pytest.raises(life.IncidentClosedAlready):
        room.close(incident)


def test_an_unknown_incident_is_refused(room: Room) -> None:
    with pytest.raises(life.NoSuchIncident), room.database.transaction("write"):
        life.add_timeline(room.database, "INC-20000101-000000", at=MORNING, kind="note", text="x")


def test_the_closing_fixes_every_field(room: Room) -> None:
    incident = room.close(room.open())
    fields = records.read_front_matter(content_of(room, incident.id, "02-closed.md"))
    assert all(fields[key] for key in records.FIELDS)
    assert fields["duration"] == "1 min 30 s"
    assert fields["system"] == "sys_k4n8"


def test_a_critical_incident_is_closed_with_its_analysis(room: Room) -> None:
    incident = room.open(severity="critical")
    with pytest.raises(life.AnalysisMissing):
        room.close(incident)
    room.close(incident, analysis="A raw connection wrote the row.")
    names = [file.name for file in life.files(room.database, incident.id)]
    assert names == ["01-opened.md", "03-analysis.md", "02-closed.md"]


def test_a_later_analysis_supersedes_and_keeps_the_earlier_one(room: Room) -> None:
    incident = room.close(room.open())
    before = content_of(room, incident.id, "02-closed.md")
    for text in ("first thought", "second thought"):
        with room.database.transaction("write"):
            life.add_analysis(room.database, incident.id, by="opr_b7k2m9", text=text, at=MORNING)
    assert [analysis.text for analysis in life.analyses(room.database, incident.id)] == [
        "first thought",
        "second thought",
    ]
    later = records.read_front_matter(content_of(room, incident.id, "04-analysis.md"))
    assert later["supersedes"] == "03-analysis.md"
    assert content_of(room, incident.id, "02-closed.md") == before
    assert "first thought" in content_of(room, incident.id, "03-analysis.md")


def test_an_analysis_is_overdue_by_the_severity_of_its_incident(room: Room) -> None:
    for severity in ("high", "medium", "low"):
        room.close(room.open(severity, severity=severity), at=MORNING)
    analysed = room.close(room.open("analysed"), at=MORNING)
    with room.database.transaction("write"):
        life.add_analysis(room.database, analysed.id, by="opr_b7k2m9", text="why", at=MORNING)

    def overdue(hours: int) -> list[str]:
        at = Instant(MORNING + hours * HOUR)
        return [incident.cause_key for incident in life.overdue_analyses(room.database, at=at)]

    assert overdue(24) == []
    assert overdue(25) == ["high"]
    assert overdue(7 * 24 + 1) == ["high", "medium"]
    assert overdue(30 * 24 + 1) == ["high", "medium", "low"]


def test_the_timeline_is_bounded_and_says_what_it_left_out(room: Room) -> None:
    incident = room.open()
    with room.database.transaction("write"):
        for number in range(life.TIMELINE_ENTRIES_MAX + 4):
            life.add_timeline(room.database, incident.id, at=MORNING, kind="note", text=str(number))
    assert len(life.timeline(room.database, incident.id)) == life.TIMELINE_ENTRIES_MAX
    closed = room.close(incident)
    assert closed.timeline_left_out == 6
    assert "6 more entries" in content_of(room, incident.id, "02-closed.md")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incidents SET cause = 'nothing'",
        "UPDATE incidents SET state = 'open', closed_at = NULL",
        "DELETE FROM incidents",
        "UPDATE incident_timeline SET text = 'nothing'",
        "DELETE FROM incident_timeline",
        "UPDATE incident_files SET content = 'nothing'",
        "DELETE FROM incident_files",
        "UPDATE incident_analyses SET text = 'nothing'",
        "DELETE FROM incident_analyses",
    ],
)
def test_the_database_refuses_to_change_what_was_written(room: Room, statement: str) -> None:
    incident = room.close(room.open(), analysis="why")
    with pytest.raises(ConstraintViolated), room.database.transaction("write"):
        room.database.execute(statement)
    assert not life.get(room.database, incident.id).open


def test_text_from_outside_is_cleaned_before_it_is_stored(room: Room) -> None:
    incident = room.open("a\x00b\ud800", text="x\u202e\n---\n" + "y" * 1_048_576)
    stored = life.get(room.database, incident.id)
    assert stored.cause_key == "a(U+0000)b(U+D800)"
    assert len(stored.description) <= 4_000
    assert "\n" not in stored.title
    assert life.of_cause(room.database, "a\x00b\ud800") == stored
