"""What the operator writes into the records, which are sealed and kept for ever, names nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.worlds.books import REASON
from tests.worlds.watched import Room
from watchkeeper.boundary.features import BY_NAME
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Switch
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions
from watchkeeper.operation.incidents.cases import Conclusion
from watchkeeper.operation.playbooks.deskwork import DeskRefused, Operator, checked_reason

NAMED = ("ask Okello, 0772 123456, what came of it", "ask okello@example.org what came of it")


@pytest.fixture
def control(room: Room) -> Iterator[ControlRoom]:
    room.turn()
    found = ControlRoom(room.data, clock=room.clock)
    yield found
    found.close()


@pytest.fixture
def actor(room: Room, control: ControlRoom) -> Actor:
    user = control.books.user(room.market.market.operator.id)
    assert user is not None
    token = sessions.begin(control.identities, user, second_factor=True, at=room.clock.now())
    session = sessions.find(control.identities, control.books, token, clock=room.clock)
    return Actor(session, Operator(user.id, user.alias, True))


def _acts(control: ControlRoom, actor: Actor, alert: int, text: str) -> list[Callable[[], object]]:
    """Each way to write something into the records, with the text wherever one goes."""
    good = {
        "cause": REASON,
        "response": REASON,
        "resolution": REASON,
        "prevention": REASON,
        "analysis": REASON,
    }
    conclusions = [Conclusion(**(good | {name: text})) for name in good]
    return [
        lambda: control.acknowledge_alert(actor, alert, next_step=text),
        lambda: control.declare_alert(actor, title=text, detail=REASON, severity="low"),
        lambda: control.declare_alert(actor, title="Broken scales", detail=text, severity="low"),
        lambda: control.resolve_alert(actor, alert, reason=text),
        lambda: control.impose(
            actor, scope=EVERYTHING, classes=frozenset({OperationClass.OFFER}), reason=text
        ),
        lambda: control.lift(actor, 1, reason=text),
        lambda: control.confirm_server(actor, reason=text),
        lambda: control.turn_feature(actor, feature=next(iter(BY_NAME.values())), on=False, reason=text),
        lambda: control.flip(actor, switch=Switch.PILOT_MODE, action="engage", reason=text, hold=None),
        lambda: control.rebuild_gate(actor, reason=text),
        lambda: control.analyse(actor, "INC-20261126-140509", text=text),
        *(
            partial(control.close_incident, actor, "INC-20261126-140509", conclusion=conclusion)
            for conclusion in conclusions
        ),
    ]


@pytest.mark.rule("reason.names-nobody")
@pytest.mark.parametrize("text", NAMED)
def test_nothing_that_the_operator_writes_into_the_records_holds_a_way_to_reach_somebody(
    room: Room, control: ControlRoom, actor: Actor, text: str
) -> None:
    alert = control.declare_alert(actor, title="Broken scales", detail=REASON, severity="low")

    def written() -> list[object]:
        tables = (
            "operator_actions",
            "alerts",
            "alert_events",
            "incident_timeline",
            "incident_analyses",
            "lifts",
        )
        return [room.database.query(f"SELECT count(*) FROM {table}") for table in tables]

    before = written()
    for act in _acts(control, actor, alert.id, text):
        with pytest.raises((DeskRefused, Refusal), match="name people by their alias"):
            act()
    assert written() == before


@pytest.mark.rule("reason.names-nobody")
def test_a_note_of_a_playbook_holds_none_either() -> None:
    for text in NAMED:
        with pytest.raises(DeskRefused, match="name people by their alias"):
            checked_reason(text)
    plain = "20261123-140509-tra-4k9x2a was repaired at 2026-11-26 14:05, see INC-20261126-140509"
    assert checked_reason(plain) == plain
