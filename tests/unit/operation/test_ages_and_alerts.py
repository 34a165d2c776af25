"""Verdicts that age, alerts that live, and an outbox that loses nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from tests.worlds.receivers import WebhookReceiver
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.base.words import harmless
from watchkeeper.operation import store
from watchkeeper.operation.alerts import life
from watchkeeper.operation.notifications import channels, outbox
from watchkeeper.operation.notifications.channels import Webhook
from watchkeeper.operation.verifier import verdicts


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def database(tmp_path: Path, clock: TurnableClock) -> Iterator[SqliteDatabase]:
    store.create(tmp_path, system_id="t", clock=clock)
    found = store.open_store(tmp_path)
    yield found
    found.close()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    found = WebhookReceiver(secrets.token_bytes(24))
    found.start()
    yield found
    found.stop()


def raised(database: SqliteDatabase, clock: TurnableClock, *, severity: str = "critical") -> life.Alert:
    with database.transaction("write"):
        return life.raise_alert(
            database,
            condition="1.2",
            scope="everything",
            severity=severity,
            title="Broken",
            detail="a row is gone",
            playbook="2",
            finding_ids=[1],
            by="t",
            at=clock.now(),
        )


def words(database: SqliteDatabase, clock: TurnableClock) -> set[str]:
    return {view.continuous for view in verdicts.current(database, clock=clock)}


def passed(database: SqliteDatabase, clock: TurnableClock, **errors: str) -> None:
    with database.transaction("write"):
        verdicts.store(
            database, mode=verdicts.CONTINUOUS, errors=errors, numbers=1, boot=clock.boot(), at=clock.now()
        )


def test_a_verdict_that_was_never_given_is_unknown(database: SqliteDatabase, clock: TurnableClock) -> None:
    assert words(database, clock) == {"UNKNOWN"}


def test_a_verdict_holds_for_thirty_seconds_of_boot_time_whatever_the_clock_says(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    passed(database, clock)
    assert words(database, clock) == {"HOLDS"}
    clock.instant_offset = 365 * 86_400 * 1_000_000
    assert words(database, clock) == {"HOLDS"}
    clock.instant_offset = -clock.instant_offset
    assert words(database, clock) == {"HOLDS"}
    clock.boot_offset_seconds = 31
    assert words(database, clock) == {"UNKNOWN"}


def test_a_check_that_raised_is_unknown_and_the_others_hold(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    passed(database, clock, **{"7.1": "the check raised"})
    found = {view.invariant: view.continuous for view in verdicts.current(database, clock=clock)}
    assert found.pop("7.1") == "UNKNOWN"
    assert set(found.values()) == {"HOLDS"}


def test_an_alert_is_raised_once_and_again_and_never_falls(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    first = raised(database, clock, severity="high")
    again = raised(database, clock, severity="critical")
    assert (again.id, again.severity, again.times_raised) == (first.id, "critical", 2)
    assert raised(database, clock, severity="low").severity == "critical"
    assert [event.kind for event in life.events(database, first.id)] == ["raised", "worse", "raised again"]


def test_an_acknowledgement_expires_and_lapses_when_it_gets_worse(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    alert = raised(database, clock)
    with database.transaction("write"):
        life.acknowledge(database, alert.id, by="opr", next_step="look at the rows", at=clock.now())
    assert raised(database, clock).state == "open"
    with database.transaction("write"):
        life.acknowledge(database, alert.id, by="opr", next_step="look at the rows", at=clock.now())
    clock.instant_offset += 901 * 1_000_000
    with database.transaction("write"):
        life.sweep(database, at=clock.now())
    assert life.get(database, alert.id).state == "open"  # type: ignore[union-attr]


def test_an_unanswered_alert_is_told_again_once(database: SqliteDatabase, clock: TurnableClock) -> None:
    alert = raised(database, clock)
    clock.instant_offset += 301 * 1_000_000
    for _ in range(3):
        with database.transaction("write"):
            life.sweep(database, at=clock.now())
    assert [event.kind for event in life.events(database, alert.id)] == ["raised", "overdue"]


def test_an_alert_with_a_cause_cannot_be_resolved(database: SqliteDatabase, clock: TurnableClock) -> None:
    alert = raised(database, clock)
    with pytest.raises(life.AlertStillHasCause), database.transaction("write"):
        life.resolve(database, alert.id, by="opr", reason="r", causes=["finding 1"], at=clock.now())
    assert life.get(database, alert.id).state == "open"  # type: ignore[union-attr]


def test_hostile_text_becomes_one_harmless_line() -> None:
    assert harmless("a\r\nSubject: x\x00\u202eevil\x1b[2J", 100) == "a Subject: x evil [2J"
    assert len(harmless("x" * 10_000, 200)) == 200


def test_what_a_receiver_refuses_is_sent_again_under_the_same_id(
    database: SqliteDatabase, clock: TurnableClock, receiver: WebhookReceiver
) -> None:
    import base64

    secret = "whsec_" + base64.b64encode(receiver.secret).decode()
    hook = {"phone": Webhook("phone", receiver.url, secret, clock)}
    raised(database, clock)
    receiver.status = 500
    assert outbox.enqueue(database, ["phone"], clock=clock) == 1
    assert outbox.enqueue(database, ["phone"], clock=clock) == 0
    (failed,) = outbox.send_due(database, hook, clock=clock, link="")
    assert not failed.delivered
    assert outbox.send_due(database, hook, clock=clock, link="") == []
    receiver.status = 204
    clock.instant_offset += 120 * 1_000_000
    (sent,) = outbox.send_due(database, hook, clock=clock, link="")
    assert sent.delivered
    assert receiver.events[0]["data"]["condition"] == "1.2"
    assert receiver.forged == 0
    assert outbox.send_due(database, hook, clock=clock, link="") == []


def test_a_path_that_stays_broken_is_an_alert_of_its_own_and_heals(
    database: SqliteDatabase, clock: TurnableClock, receiver: WebhookReceiver
) -> None:
    import base64

    secret = "whsec_" + base64.b64encode(receiver.secret).decode()
    hook = {"phone": Webhook("phone", receiver.url, secret, clock)}
    raised(database, clock)
    receiver.status = 410
    outbox.enqueue(database, ["phone"], clock=clock)
    for _ in range(4):
        outbox.send_due(database, hook, clock=clock, link="")
        clock.instant_offset += 60 * 1_000_000
    assert life.of(database, condition="alert path", scope="channel:phone") is not None
    receiver.status = 200
    outbox.send_due(database, hook, clock=clock, link="")
    assert life.of(database, condition="alert path", scope="channel:phone") is None


def test_a_claim_of_a_dead_sender_is_taken_again_by_boot_time(
    database: SqliteDatabase, clock: TurnableClock, receiver: WebhookReceiver
) -> None:
    import base64

    secret = "whsec_" + base64.b64encode(receiver.secret).decode()
    hook = {"phone": Webhook("phone", receiver.url, secret, clock)}
    raised(database, clock)
    outbox.enqueue(database, ["phone"], clock=clock)
    assert outbox._claim(database, hook, clock=clock) is not None
    clock.instant_offset = 365 * 86_400 * 1_000_000
    assert outbox.send_due(database, hook, clock=clock, link="") == []
    clock.boot_offset_seconds = 61
    (sent,) = outbox.send_due(database, hook, clock=clock, link="")
    assert sent.delivered


def test_a_webhook_needs_https_elsewhere_and_a_secret_that_decodes(
    tmp_path: Path, clock: TurnableClock
) -> None:
    def configured(url: str, secret: str) -> int:
        (tmp_path / "s").write_text(secret)
        (tmp_path / "s").chmod(0o600)
        (tmp_path / "settings.toml").write_text(
            f'[[notifications.channel]]\nkind = "webhook"\nname = "x"\nurl = "{url}"\nsecret_file = "s"\n'
        )
        return len(channels.configured(tmp_path, clock=clock))

    assert configured("https://hooks.example.org/x", "whsec_AAAA") == 1
    assert configured("http://127.0.0.1:9/", "whsec_AAAA") == 1
    for url, secret in (
        ("http://hooks.example.org/x", "whsec_AAAA"),
        ("ftp://127.0.0.1/", "whsec_AAAA"),
        ("https://hooks.example.org/x", "whsec_AAA*"),
        ("https://hooks.example.org/x", "AAAA"),
    ):
        with pytest.raises(SettingsWrong):
            configured(url, secret)


@pytest.mark.parametrize(
    "text",
    [
        "[nonsense]\n",
        '[[notifications.channel]]\nkind = "pigeon"\nname = "x"\n',
        '[[notifications.channel]]\nkind = "webhook"\nname = "x"\nurl = "u"\n',
        '[[notifications.channel]]\nkind = "apprise"\nname = "x"\nurl_file = "f"\ncolour = "red"\n',
        '[[notifications.channel]]\nkind = "email"\nname = "x"\nhost = "mail.example"\nsender = "a"\nto = "b"\nsecurity = "none"\n',
        "not toml at all",
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, clock: TurnableClock, text: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(SettingsWrong):
        channels.configured(tmp_path, clock=clock)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, clock: TurnableClock) -> None:
    (tmp_path / "s").write_text("whsec_AAAA")
    (tmp_path / "s").chmod(0o644)
    (tmp_path / "settings.toml").write_text(
        '[[notifications.channel]]\nkind = "webhook"\nname = "x"\nurl = "u"\nsecret_file = "s"\n'
    )
    with pytest.raises(SettingsWrong, match="0600"):
        channels.configured(tmp_path, clock=clock)


@pytest.mark.parametrize("content", [b"\xff\xfe", "whsec_\u00e9".encode(), b"whsec_*"])
def test_a_secret_that_is_none_is_a_mistake_of_the_settings(
    tmp_path: Path, clock: TurnableClock, content: bytes
) -> None:
    """Anything else would end the thread that sends."""
    (tmp_path / "s").write_bytes(content)
    (tmp_path / "s").chmod(0o600)
    for name in ("s", "s\\u0000"):
        (tmp_path / "settings.toml").write_text(
            f'[[notifications.channel]]\nkind = "webhook"\nname = "x"\nurl = "https://example.org/"\nsecret_file = "{name}"\n'
        )
        with pytest.raises(SettingsWrong):
            channels.configured(tmp_path, clock=clock)


def test_any_apprise_address_takes_a_message(
    database: SqliteDatabase, clock: TurnableClock, tmp_path: Path
) -> None:
    import http.server
    import threading

    taken: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "url").write_text(f"json://127.0.0.1:{server.server_port}/")
    (tmp_path / "url").chmod(0o600)
    (tmp_path / "settings.toml").write_text(
        '[[notifications.channel]]\nkind = "apprise"\nname = "any"\nurl_file = "url"\n'
    )
    found = {c.name: c for c in channels.configured(tmp_path, clock=clock)}
    raised(database, clock)
    outbox.enqueue(database, list(found), clock=clock)
    (sent,) = outbox.send_due(database, found, clock=clock, link="")
    server.shutdown()
    server.server_close()
    assert sent.delivered
    assert b"Broken" in taken[0]
