"""The market over real HTTP: bad input of every kind, who may call what, and fifty clients for one unit."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from tests.worlds.books import digest_of_all
from tests.worlds.system import REASON, System
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.demo.client import Person, Refused
from watchkeeper.market.reading import system_id_of
from watchkeeper.market.signin import enrolment
from watchkeeper.market.signin import store as identities_store


def digest(system: System) -> str:
    return digest_of_all(system.data)


GOOD = b'{"amount_ugx": 1000, "provider": "mtn", "external_ref": "X"}'


def send(
    system: System, body: bytes, *, person: Person, path: str = "/v1/deposits", **headers: str
) -> httpx.Response:
    base = {
        "authorization": f"Bearer {person._token}",
        "idempotency-key": "bad-input",
        "content-type": "application/json",
    }
    merged = {name: value for name, value in (base | headers).items() if value}
    return httpx.post(f"{system.market}{path}", content=body, headers=merged, trust_env=False, timeout=30)


def test_headers_of_the_wrong_kind_are_refused_too(system: System) -> None:
    trader = system.traders[0]
    before = digest(system)
    assert send(system, GOOD, person=trader, **{"content-type": "text/plain"}).status_code == 415
    assert send(system, GOOD, person=trader, **{"content-type": "application/xml"}).status_code == 415
    assert send(system, GOOD, person=trader, **{"idempotency-key": ""}).status_code == 422
    assert send(system, GOOD, person=trader, **{"idempotency-key": "x" * 129}).status_code == 422
    assert send(system, GOOD, person=trader, authorization="Bearer nonsense").status_code == 401
    assert send(system, GOOD, person=trader, authorization="Basic x").status_code == 401
    assert send(system, GOOD, person=trader, path="/v1/nowhere").status_code == 404
    put = httpx.put(f"{system.market}/v1/deposits", content=GOOD, trust_env=False)
    assert put.status_code in (405, 415)
    assert digest(system) == before


def test_a_cookie_from_another_site_does_nothing(system: System) -> None:
    trader = system.traders[0]
    answer = httpx.post(
        f"{system.market}/v1/deposits",
        content=GOOD,
        headers={
            "cookie": f"wk_session={trader._token}",
            "origin": "https://elsewhere.example",
            "sec-fetch-site": "cross-site",
            "idempotency-key": "x",
            "content-type": "application/json",
        },
        trust_env=False,
    )
    assert answer.status_code == 403


@pytest.mark.rule("refusal.not-found")
def test_another_traders_lock_is_not_found_rather_than_forbidden(system: System) -> None:
    mine, other = system.traders
    lock = system.lock(mine)
    assert other.get("/v1/wallet")["entries"]
    with pytest.raises(Refused, match="utid-not-found"):
        other.get(f"/v1/trace/{lock['utid']}")
    chain = mine.get(f"/v1/trace/{lock['utid']}")
    assert chain["act"]


def test_an_answer_holds_no_identity(system: System) -> None:
    for path in ("/v1/users", "/v1/locks", "/v1/listings"):
        text = json.dumps(system.admin.get(path))
        assert "+256" not in text
        assert "Person" not in text
    for log in (system.data / "run").glob("*.log"):
        assert "+256 700" not in log.read_text()


@pytest.mark.rule("lock.first-wins")
def test_fifty_http_clients_lock_one_unit_and_one_wins(system: System) -> None:
    unit = system.units.pop()
    codes: list[int] = []
    barrier = threading.Barrier(50)

    def client(number: int) -> None:
        trader = system.traders[number % 2]
        barrier.wait(20)
        answer = httpx.post(
            f"{system.market}/v1/locks",
            json={"unit_id": unit},
            headers={"authorization": f"Bearer {trader._token}", "idempotency-key": f"fifty-{number}"},
            trust_env=False,
            timeout=60,
        )
        codes.append(answer.status_code)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(codes) == [201] + [409] * 49


@pytest.mark.rule("key.first-answer")
def test_the_same_key_is_answered_the_same_also_while_the_gate_is_shut(system: System) -> None:
    trader = system.traders[0]
    headers = {"authorization": f"Bearer {trader._token}", "idempotency-key": "once-and-again"}
    body = {"amount_ugx": 1500, "provider": "cash", "external_ref": "ONCE"}
    first = httpx.post(f"{system.market}/v1/deposits", json=body, headers=headers, trust_env=False)
    assert first.status_code == 201
    system.admin.post("/v1/pilot-mode", {"engaged": True, "reason": REASON})
    try:
        again = httpx.post(f"{system.market}/v1/deposits", json=body, headers=headers, trust_env=False)
        assert (again.status_code, again.json()["utid"]) == (201, first.json()["utid"])
        other = httpx.post(
            f"{system.market}/v1/deposits",
            json=body | {"external_ref": "TWICE"},
            headers=headers | {"idempotency-key": "new"},
            trust_env=False,
        )
        assert other.status_code == 503
        assert other.json()["type"].endswith("pilot-mode-active")
    finally:
        system.admin.post("/v1/pilot-mode", {"engaged": False, "reason": REASON})


@pytest.mark.rule("sign-in.same-work", "pace.sign-in")
def test_wrong_user_and_wrong_password_look_the_same_and_are_throttled(system: System) -> None:
    seen = []
    for alias in ("tra_nobody", system.traders[1].alias):
        answer = httpx.post(
            f"{system.market}/v1/sessions",
            json={"alias": alias, "password": "not the right password"},
            trust_env=False,
            timeout=30,
        )
        seen.append((answer.status_code, answer.json()["type"], answer.json()["detail"]))
    assert seen[0] == seen[1]
    codes = [
        httpx.post(
            f"{system.market}/v1/sessions",
            json={"alias": "tra_flooded", "password": "x"},
            trust_env=False,
            timeout=30,
        ).status_code
        for _ in range(12)
    ]
    assert codes[:10] == [401] * 10
    assert codes[10:] == [429, 429]


@pytest.mark.rule("journal.flips")
def test_a_flip_stands_in_the_journal_when_it_is_answered(system: System) -> None:
    for engaged in (True, False):
        flip = system.admin.post("/v1/pilot-mode", {"engaged": engaged, "reason": REASON})
        traced = system.admin.get(f"/v1/trace/{flip['utid']}")
        assert traced["utid"] == flip["utid"]


def test_a_link_whose_enrolment_was_cut_short_still_works_and_then_no_more(system: System) -> None:
    answer = system.admin.post("/v1/users", {"role": "trader", "reason": REASON})
    link = f"{system.market}{answer['enrolment']}"
    person = {"name": "Ada Okello", "phone": "+256 700 654321", "email": "", "password": REASON, "code": ""}
    identities = identities_store.open_identities(system.data, system_id=system_id_of(system.data))
    # A market that died between the identity and the activation leaves exactly this.
    enrolment.finish(
        identities,
        link.rpartition("/")[2],
        enrolment.Person(**person),
        still_invited=True,
        clock=SystemClock(),
    )
    identities.close()
    assert "<form" in httpx.get(link, trust_env=False).text
    done = httpx.post(link, data=person, headers={"sec-fetch-site": "same-origin"}, trust_env=False)
    assert done.status_code == 201
    assert "<form" not in httpx.get(link, trust_env=False).text
    again = httpx.post(link, data=person, headers={"sec-fetch-site": "same-origin"}, trust_env=False)
    assert again.status_code == 409


def test_the_control_room_knows_no_finding_with_a_number_too_large_for_any(system: System) -> None:
    for path in ("/findings/", "/playbooks/"):
        assert system.operator.http.get(f"{path}{'9' * 40}").status_code == 404
        assert system.operator.http.get(f"{path}{2**63}").status_code == 404
