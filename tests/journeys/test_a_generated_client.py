"""A client that openapi-python-client makes from the document does the money loop, every answer read as its shape."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.worlds.system import REASON, ROOT, System
from watchkeeper.bootstrap.demo.client import Person, enrol

#: Of its own: it needs another typer than the project.
LOCK = ROOT / "tests" / "worlds" / "generated_client.lock"
LOOP = ROOT / "tests" / "worlds" / "loop_by_generated_client.py"


def run(*command: str | Path, folder: Path, given: str = "") -> str:
    """A command in the environment in this folder; what it printed."""
    done = subprocess.run(
        [str(folder / "bin" / str(command[0])), *(str(part) for part in command[1:])],
        input=given,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the generator and what its clients need."""
    folder = tmp_path_factory.mktemp("generator") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    run("pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", LOCK, folder=folder)
    return folder


def credentials(person: Person, code: str = "") -> dict[str, str]:
    return {"alias": person.alias, "password": person.password, "code": code}


def test_a_generated_client_does_the_money_loop(system: System, generator: Path, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(httpx.get(f"{system.market}/openapi.json", trust_env=False).text)
    client = tmp_path / "client"
    made = run(
        "openapi-python-client", "generate", "--path", document, "--output-path", client, "--fail-on-warning",
        folder=generator,
    )  # fmt: skip
    assert "arning" not in made
    word = secrets.token_urlsafe(18)
    trader = system.invited("trader", 7, word)
    link = str(system.admin.post("/v1/users", {"role": "admin", "reason": REASON})["enrolment"])
    admin = enrol(system.market, link, name="Person 6", phone="+256 700 000006", password=word)
    operator = {
        "alias": system.operator.alias,
        "password": system.operator.password,
        "code": system.operator_codes.pop(),
    }
    given = {
        "base": system.market,
        "people": {
            "farmer": credentials(system.farmer),
            "trader": credentials(trader),
            "admin": {"alias": admin.alias, "password": word, "code": admin.recovery_codes[0]},
            "operator": operator,
        },
    }
    (client / LOOP.name).write_text(LOOP.read_text())
    assert run("python", client / LOOP.name, folder=generator, given=json.dumps(given)) == "done\n"
