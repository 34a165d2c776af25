"""Statements and the export of the books, from a running system."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from pathlib import Path

import httpx

from tests.worlds.system import System
from watchkeeper.bootstrap.demo.client import Person


def _get(system: System, person: Person, path: str) -> httpx.Response:
    return httpx.get(
        f"{system.market}{path}",
        headers={"authorization": f"Bearer {person._token}"},
        trust_env=False,
        timeout=20,
    )


def test_a_trader_reads_the_same_statement_as_document_spreadsheet_and_page(system: System) -> None:
    trader = system.traders[0]
    document = _get(system, trader, "/v1/statement").json()
    assert document["after"]["capital_ugx"] == trader.get("/v1/wallet")["capital_ugx"]
    sheet = _get(system, trader, "/v1/statement.csv")
    assert sheet.headers["content-type"].startswith("text/csv")
    assert f"statement-{trader.alias}.csv" in sheet.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(sheet.text)))[1:]
    assert [row["utid"] for row in rows] == [entry["utid"] for entry in document["entries"]]
    page = _get(system, trader, "/v1/statement.html").text
    assert re.findall(r"<code>([^<]+)</code>", page) == [row["utid"] for row in rows]
    assert f"{document['after']['capital_ugx']:,}" in page
    assert "from the beginning to the day of issue" in page
    assert re.search(r"Issued 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", page)
    days = _get(system, trader, "/v1/statement.html?first_day=2026-01-01&last_day=2026-01-31").text
    assert "from 2026-01-01 to 2026-01-31" in days
    assert system.traders[1].alias not in page + sheet.text


def test_a_day_without_entries_has_the_balances_of_before(system: System) -> None:
    trader = system.traders[0]
    early = _get(system, trader, "/v1/statement?last_day=2020-01-01").json()
    assert early["entries"] == []
    assert set(early["after"].values()) == {0}
    late = _get(system, trader, "/v1/statement?first_day=2099-01-01").json()
    assert late["before"] == late["after"] == _get(system, trader, "/v1/statement").json()["after"]
    for days in ("first_day=yesterday", "first_day=2026-02-30", "first_day=2026-02-02&last_day=2026-02-01"):
        assert _get(system, trader, f"/v1/statement?{days}").status_code == 422, days


def test_who_never_had_a_ledger_names_one_in_vain(system: System) -> None:
    # An admin may have been a trader; this one was not.
    refused = _get(system, system.admin, "/v1/statement")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "ledger")
    assert _get(system, system.admin, "/v1/statement?ledger=wallet").json()["entries"] == []
    assert _get(system, system.admin, "/v1/statement?ledger=journal").status_code == 422
    assert httpx.get(f"{system.market}/v1/statement", trust_env=False).status_code == 401


def test_the_export_is_what_stock_hledger_agrees_with_while_the_market_goes_on(
    system: System, tmp_path: Path
) -> None:
    folder = tmp_path / "the books"
    found = json.loads(system.command("export", str(folder), "--json"))
    assert found["rows"]["wallet_ledger"] > 0
    checked = subprocess.run(
        ["hledger", "-f", str(folder / "market.journal"), "check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr
    assert os.stat(folder).st_mode & 0o077 == 0
    system.command("export", str(folder), code=2)
    system.command("export", str(tmp_path / "x"), "--from", "2026-02-02", "--to", "2026-02-01", code=2)
    assert not (tmp_path / "x").exists()
    everything = b"".join(file.read_bytes() for file in folder.iterdir())
    assert b"Person 4" not in everything
    assert b"+256 700" not in everything


def test_the_operator_reads_anybodys_statement_at_the_command_line(system: System) -> None:
    alias = system.farmer.alias
    document = json.loads(system.command("statement", alias, "--json"))
    assert document["after"]["earnings_ugx"] == system.farmer.get("/v1/wallet")["earnings_ugx"]
    assert "After:" in system.command("statement", alias)
    assert system.command("statement", alias, "--csv").startswith("number,")
    # Of whoever had another role the operator names the ledger of before.
    named = json.loads(system.command("statement", alias, "--ledger", "farmer", "--json"))
    assert named["entries"] == document["entries"]
    other = json.loads(system.command("statement", alias, "--ledger", "wallet", "--json"))
    assert (other["ledger"], other["entries"]) == ("wallet", [])
    system.command("statement", alias, "--ledger", "journal", code=2)
    system.command("statement", "tra_nobody", code=3)
    system.command("statement", system.admin.alias, code=3)
