"""A provider's statement beside the books, at the command line as typed and over HTTP, from a running system."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import httpx
import pytest

from tests.worlds.books import digest, digest_of_all
from tests.worlds.system import System
from watchkeeper.base.clock import SystemClock, kampala, later
from watchkeeper.bootstrap.demo.client import Person, Refused

HEADER = "Id,Date,Status,Amount,Currency,Fee\n"


@pytest.fixture(scope="module")
def system(system_apart: System) -> System:
    """Its own: others use up the operator's recovery codes and the pilot's places."""
    return system_apart


@pytest.fixture(scope="module")
def signed_in(system: System) -> System:
    system.command(
        "login", "--alias", system.operator.alias, "--code", system.operator_codes.pop(), secret=True
    )
    return system


def days() -> tuple[str, str]:
    """Yesterday and tomorrow, as people in Kampala count them: now is far from both ends."""
    now = SystemClock().now()
    return kampala(later(now, seconds=-86_400))[:10], kampala(later(now, seconds=86_400))[:10]


def statement(system: System, *, but: str = "", **more: int) -> str:
    """What mtn would say of all that came in by it."""
    rows: dict[str, int] = {}
    for trader in system.traders:
        wallet = trader.get("/v1/wallet")
        assert isinstance(wallet["entries"], list)
        rows |= {
            entry["external_ref"]: entry["amount_ugx"]
            for entry in wallet["entries"]
            if entry.get("provider") == "mtn"
        }
    when = kampala(SystemClock().now())
    return HEADER + "".join(
        f'{reference},{when},Successful,"{amount:,}.00",UGX,10\n'
        for reference, amount in (rows | more).items()
        if reference != but
    )


def paid_in(system: System, amount: int) -> str:
    reference = f"MTN{secrets.token_hex(4).upper()}"
    system.traders[0].post(
        "/v1/deposits", {"amount_ugx": amount, "provider": "mtn", "external_ref": reference}
    )
    return reference


def test_the_command_line_says_what_differs_by_its_exit_code_and_writes_it_once(
    signed_in: System, tmp_path: Path
) -> None:
    system = signed_in
    reference = paid_in(system, 4321)
    file = tmp_path / "mtn.csv"
    first, last = days()
    arguments = ("reconcile", str(file), "--map", "mtn", "--from", first, "--to", last)
    file.write_text(statement(system))
    tried = json.loads(system.command(*arguments, "--dry-run", "--json"))
    assert (tried["different"], tried["missing_in_books"], tried["missing_in_statement"]) == (0, 0, 0)
    assert (tried["utid"], tried["items"]) == (None, [])
    found = json.loads(system.command(*arguments, "--json"))
    assert found["matched"] == tried["matched"] > 0
    assert found["complete"]
    assert found["fees_ugx"] == 10 * found["matched"]
    again = json.loads(system.command(*arguments, "--json"))
    assert again == found
    assert found["utid"] in system.command("journal", "--limit", "20")

    file.write_text(statement(system, but=reference, NEVERBOOKED=77))
    told = system.command(*arguments, code=1)
    assert "1 missing in the books, 1 missing in the statement" in told
    assert reference in told
    assert "NEVERBOOKED" in told
    assert "compared mtn until" in system.command("status")


def test_what_cannot_be_read_is_refused_in_words_and_writes_nothing(
    signed_in: System, tmp_path: Path
) -> None:
    system = signed_in
    before = digest_of_all(system.data)
    file = tmp_path / "bad.csv"
    file.write_text(HEADER + "R1,2026-11-01 10:00:00,Successful,12.50,UGX,\n")
    for arguments, words in (
        (("reconcile", str(file), "--map", "mtn"), "Line 2, column Amount"),
        (("reconcile", str(file), "--map", str(file)), "neither mtn, airtel"),
        (("reconcile", str(tmp_path / "none.csv"), "--map", "mtn"), "no such file"),
        (("reconcile", str(file), "--map", "airtel"), "no column"),
        (("reconcile", str(file), "--map", "mtn", "--from", "yesterday"), "YYYY-MM-DD"),
        (
            ("reconcile", str(file), "--map", "mtn", "--from", "2026-02-02", "--to", "2026-02-01"),
            "before the first",
        ),
    ):
        said = " ".join(system.command(*arguments, code=2, errors=True).replace("│", " ").split())
        assert words in said, said
    assert digest_of_all(system.data) == before


def test_writing_needs_the_operator_and_comparing_only_does_not(system: System, tmp_path: Path) -> None:
    session = system.data / "run" / "operator-session"
    kept = session.read_text() if session.exists() else None
    session.unlink(missing_ok=True)
    file = tmp_path / "mtn.csv"
    file.write_text(statement(system))
    before = digest(system.data)
    try:
        system.command("reconcile", str(file), "--map", "mtn", code=3)
        system.command("reconcile", str(file), "--map", "mtn", "--dry-run")
    finally:
        if kept is not None:
            session.write_text(kept)
    assert digest(system.data) == before
    said = system.command("reconcile", "--help")
    assert "Example: watchkeeper reconcile november.csv --map mtn" in " ".join(said.split())


def post(system: System, person: Person, body: dict[str, object], key: str = "") -> httpx.Response:
    return httpx.post(
        f"{system.market}/v1/reconciliations",
        json=body,
        headers={
            "authorization": f"Bearer {person._token}",
            "idempotency-key": key or secrets.token_hex(8),
        },
        trust_env=False,
        timeout=30,
    )


def test_an_admin_compares_over_http_and_reads_the_items_page_by_page(system: System) -> None:
    reference = paid_in(system, 1234)
    first, last = days()
    body: dict[str, object] = {
        "statement": statement(system, but=reference, HTTPONLY=5),
        "map": "mtn",
        "first_day": first,
        "last_day": last,
    }
    key = secrets.token_hex(8)
    answer = post(system, system.admin, body, key)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["missing_in_books"], made["missing_in_statement"], made["different"]) == (1, 1, 0)
    assert post(system, system.admin, body, key).json() == made
    assert post(system, system.admin, body).json() == made
    other = body | {"statement": statement(system, HTTPTWO=6)}
    reused = post(system, system.admin, other, key)
    assert (reused.status_code, reused.json()["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")

    listed = system.admin.get("/v1/reconciliations?limit=1")
    assert listed["reconciliations"] == [made]
    older = system.admin.get(f"/v1/reconciliations?before={listed['next']}")["reconciliations"]
    assert made not in older  # type: ignore[operator]
    items: list[dict[str, object]] = []
    after: object = 0
    while after is not None:
        page = system.admin.get(f"/v1/reconciliations/{made['utid']}?after={after}&limit=2")
        assert isinstance(page["items"], list)
        items += page["items"]
        after = page["next"]
    assert len(items) == made["lines"]
    (lacking,) = [item for item in items if item["kind"] == "missing_in_statement"]
    assert (lacking["external_ref"], lacking["our_amount_ugx"], lacking["their_at"]) == (
        reference,
        1234,
        None,
    )
    only = system.admin.get(f"/v1/reconciliations/{made['utid']}?kind=missing_in_books")
    assert [item["external_ref"] for item in only["items"]] == ["HTTPONLY"]  # type: ignore[attr-defined]
    # A trader sees nothing of it, though references of others stand in it.
    for utid in {str(made["utid"]), *_parts(system, str(made["utid"]))}:
        with pytest.raises(Refused, match="utid-not-found"):
            system.traders[0].get(f"/v1/trace/{utid}")
    with pytest.raises(Refused, match="reconciliation-not-found"):
        system.admin.get("/v1/reconciliations/20200101-000000-adm-000000")


def _parts(system: System, utid: str) -> list[str]:
    later = system.admin.get(f"/v1/trace/{utid}")["later"]
    assert isinstance(later, list)
    assert later
    return [str(act["rows"][0]["utid"]) for act in later]


def test_a_map_of_ones_own_comes_with_the_request(system: System) -> None:
    body: dict[str, object] = {
        "statement": "Ref;Day;Credit;Debit\r\nB1;01.11.2026;1.000,00;\r\n",
        "own_map": {
            "provider": "bank",
            "columns": {"reference": ["Ref"], "date": ["Day"], "credit": ["Credit"], "debit": ["Debit"]},
            "date_formats": ["%d.%m.%Y"],
            "thousands": ".",
            "decimal": ",",
            "delimiter": ";",
        },
    }
    answer = post(system, system.admin, body)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["provider"], answer.json()["missing_in_books"]) == ("bank", 1)


def test_what_is_refused_over_http_is_refused_in_words_and_writes_nothing(system: System) -> None:
    good: dict[str, object] = {
        "statement": HEADER + "R1,2026-11-01 10:00:00,Successful,5,UGX,\n",
        "map": "mtn",
    }
    before = digest(system.data)
    for person in (system.traders[0], system.farmer):
        assert post(system, person, good).status_code == 403
    for change, words in (
        ({"statement": HEADER + "R1,2026-11-01 10:00:00,Successful,x,UGX,\n"}, "Line 2, column Amount"),
        ({"map": None}, "map and own_map"),
        ({"first_day": "2026-02-30"}, "YYYY-MM-DD"),
        ({"first_day": "2026-02-02", "last_day": "2026-02-01"}, "ends before it begins"),
        ({"statement": HEADER + "R\u0000"}, "right form"),
        ({"map": "mtn\n"}, "right form"),
    ):
        answer = post(system, system.admin, good | change)
        assert answer.status_code == 422, answer.text
        assert words in answer.json()["detail"]
    long = post(system, system.admin, good | {"statement": "x" * 70_000})
    assert long.status_code == 413
    assert "watchkeeper reconcile" in long.json()["detail"]
    assert digest(system.data) == before
