"""Each sabotage of the demonstration, from the paste into sqlite3 to the closed and signed incident."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from tests.worlds.system import REASON, System
from watchkeeper.base.database import Engine
from watchkeeper.bootstrap.demo import sabotage
from watchkeeper.bootstrap.demo.client import Refused
from watchkeeper.operation.seals import prove
from watchkeeper.operation.seals.copy import CopyUnreadable


def _broken(system: System, rule: str, scope: str) -> dict[str, Any]:
    def seen() -> dict[str, Any] | None:
        overview = system.operator.overview()
        restricted = {(r["rule"], r["scope"]) for r in overview["restrictions"]}
        found = [run for run in overview["runs"] if (run["rule"], run["scope"]) == (rule, scope)]
        return found[0] if (rule, scope) in restricted and found else None

    return until(seen, seconds=30, what=f"{rule} on {scope} is seen, contained and has its playbook")


def _text(mail: Message) -> str:
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode("utf-8").replace("\r\n", "\n")


def _told(system: System, rule: str, scope: str, events: int, mails: int) -> None:
    """Both channels tell, after what they had told before, of this rule on this scope, of the same alert."""

    def sent() -> dict[str, Any] | None:
        told = (e["data"] for e in system.webhook.events[events:])
        return next((d for d in told if (d["condition"], d["scope"]) == (rule, scope)), None)

    alert = until(sent, what="the webhook has it")

    def mailed() -> bool:
        return any(
            re.search(rf"^Rule or condition: +{re.escape(rule)}$", text, re.MULTILINE)
            and re.search(rf"^Scope: +{re.escape(scope)}$", text, re.MULTILINE)
            and f"Alert {alert['alert']}. Next:" in text
            for text in map(_text, system.mail.mails[mails:])
        )

    until(mailed, what="the mail has it")
    assert alert["findings"]
    assert system.webhook.forged == 0


def _play(system: System, run: int, cure: Callable[[], None]) -> None:
    """Every required step in its order, refusals before the cure included."""
    operator = system.operator
    done, _ = operator.act("lift", run=run, step="lift", reason=REASON)
    assert not done, "it could be lifted before the cure"
    states = json.loads(system.command("playbook", "show", str(run), "--json"))
    for step in (s["key"] for s in states["steps"] if s["state"] == "waiting"):
        if step in ("blocked", "logged", "told"):
            continue
        if step in ("investigate", "enforcement"):
            operator.must("conclude", run=run, step=step, reason="somebody pasted a line into sqlite3")
        elif step == "defences":
            operator.must("restore-defences", run=run, step=step, reason=REASON)
        elif step in ("cure", "reduce"):
            cure()
        elif step == "verify":
            operator.must("verify", run=run, step=step)
        elif step == "lift":
            operator.must("lift", run=run, step=step, reason=REASON)
        elif step == "document":
            operator.must(
                "document",
                run=run,
                step=step,
                cause="a person with the file pasted SQL into it",
                response="followed the playbook step by step",
                resolution="cured and checked again from the first row",
                prevention="nobody but the market opens this file",
                analysis="Why could they? The file was readable by their account. Why? It was never restricted.",
            )


def _holds_again(system: System) -> None:
    until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=30, what="everything holds again")
    found = json.loads(system.command("check", "--full", "--json"))
    assert found["verdict"] == "HOLDS"


def test_a_deposit_past_the_journal_stops_that_trader_alone_and_is_acknowledged(system: System) -> None:
    victim, neighbour = system.traders
    events, mails = len(system.webhook.events), len(system.mail.mails)
    system.sabotage(sabotage.added(victim.alias))
    run = _broken(system, "2.3", f"account:{victim.alias}")
    with pytest.raises(Refused, match="operation-restricted"):
        system.lock(victim)
    assert system.lock(neighbour)["utid"]
    _told(system, "2.3", f"account:{victim.alias}", events, mails)
    (finding,) = (f["id"] for f in run["findings"])
    assert "FOUND-" in system.operator.page(f"/findings/{finding}")

    def cure() -> None:
        system.operator.must("acknowledge", run=run["id"], finding=finding, reason=REASON)
        capital = victim.get("/v1/wallet")["capital_ugx"]
        assert isinstance(capital, int)
        system.operator.must(
            "correct",
            run=run["id"],
            account=victim.alias,
            bucket="capital",
            amount_ugx=-500_000,
            predicted=capital - 500_000,
            reason=REASON,
        )

    _play(system, run["id"], cure)
    _holds_again(system)
    assert system.lock(victim)["utid"]


@pytest.mark.parametrize("line", [sabotage.edited, sabotage.deleted])
def test_a_changed_or_missing_entry_stops_all_wallets_and_is_repaired(
    system: System, line: Callable[[str, Engine], str]
) -> None:
    victim, neighbour = system.traders
    before = victim.get("/v1/wallet?limit=200")["entries"]
    events, mails = len(system.webhook.events), len(system.mail.mails)
    system.sabotage(line(victim.alias, system.engine))
    run = _broken(system, "1.2", "everything")
    with pytest.raises(Refused, match="operation-restricted"):
        system.lock(neighbour)
    listing = system.farmer.post(
        "/v1/listings", {"produce": "Beans", "grams": 20_000, "price_ugx_per_kg": 3000}
    )
    assert listing["listing_id"]
    _told(system, "1.2", "everything", events, mails)

    def named() -> list[int]:
        runs = [r for r in system.operator.overview()["runs"] if r["id"] == run["id"]]
        ids: list[int] = [f["id"] for f in runs[0]["findings"]]
        shown = json.loads(system.command("playbook", "show", str(run["id"]), "--json"))
        rows = {f["finding"] for f in shown["findings"] if f["can_be_repaired"]}
        return [i for i in ids if i in rows]

    until(named, what="the row itself is named")

    def cure() -> None:
        for finding in named():
            system.operator.must("repair", run=run["id"], finding=finding, reason=REASON)

    _play(system, run["id"], cure)
    _holds_again(system)
    assert victim.get("/v1/wallet?limit=200")["entries"] == before
    assert system.lock(neighbour)["utid"]


def test_the_incidents_are_signed_commits_that_stock_git_verifies_on_a_clone(
    system: System, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"

    def listed() -> dict[str, str]:
        # Much is done within the hour here, and a detector may have told so; a sabotage breaks a rule.
        incidents = json.loads(system.command("incident", "list", "--json"))
        return {i["id"]: i["state"] for i in incidents if i["title"].endswith(" is broken")}

    def closed() -> bool:
        states = listed()
        return bool(states) and set(states.values()) == {"closed"}

    until(closed, what="every sabotage's incident is closed")
    subprocess.run(["git", "clone", "-q", str(system.data / "incidents"), str(clone)], check=True)
    commits = subprocess.run(
        ["git", "-C", str(clone), "rev-list", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert len(commits) >= 7
    for commit in commits:
        subprocess.run(
            [
                "git",
                "-C",
                str(clone),
                "-c",
                f"gpg.ssh.allowedSignersFile={clone / 'allowed_signers'}",
                "verify-commit",
                commit,
            ],
            check=True,
            capture_output=True,
        )
    subprocess.run(["git", "-C", str(clone), "fsck", "--strict"], check=True, capture_output=True)
    key = system.data / "keys" / "incidents.pub"
    found = json.loads(system.command("incident", "verify", str(clone), "--key", str(key), "--json"))
    assert found["sound"]
    assert set(listed()) <= {path.parent.name for path in clone.glob("INC-*/02-closed.md")}
    assert found["incidents"] >= len(listed())


def test_a_copy_of_the_seals_verifies_and_proves_with_the_public_key_alone(
    system: System, tmp_path: Path
) -> None:
    utid = str(system.lock(system.traders[1])["utid"])
    copy = tmp_path / "copy"

    def published() -> bool:
        subprocess.run(["rm", "-rf", str(copy)], check=True)
        copied = subprocess.run(["cp", "-r", str(system.data / "seals" / "main"), str(copy)], check=False)
        if copied.returncode:
            # What was being published got its name while it was copied.
            return False
        try:
            prove.prove(copy, key.read_text(), utid)
        except (prove.NotInLog, CopyUnreadable):
            # A copy taken while a checkpoint is published may be of the one before.
            return False
        return True

    key = tmp_path / "main.vkey"
    key.write_text((system.data / "seals" / "main.vkey").read_text())
    until(published, what="the lock is published")
    assert json.loads(system.command("seal", "verify", str(copy), "--key", str(key), "--json"))["sound"]
    proof = tmp_path / "proof.json"
    proof.write_text(
        system.command("seal", "prove", utid, "--folder", str(copy), "--key", str(key), "--json")
    )
    system.command("seal", "prove", utid, "--key", str(key), "--check", str(proof))
    document = json.loads(proof.read_text())
    document["leaf"] = document["leaf"].replace("pay_to_lock", "pay_to_luck")
    proof.write_text(json.dumps(document))
    system.command("seal", "prove", utid, "--key", str(key), "--check", str(proof), code=1)
