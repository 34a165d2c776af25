"""`/metrics` as a real Prometheus reads it, on both engines: who may, what it finds, and that it is well formed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.waiting import until
from tests.worlds.system import REASON, System
from watchkeeper.operation.catalogue.metrics import METRICS
from watchkeeper.operation.metrics import token

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def system(system_apart: System) -> System:
    """Its own: it is measured while a test counts."""
    return system_apart


def bearer(system: System) -> dict[str, str]:
    return {"authorization": f"Bearer {(system.data / token.FILE_NAME).read_text().strip()}"}


def scraped(system: System, *, accept: str = "text/plain") -> httpx.Response:
    return httpx.get(
        f"{system.control}/metrics", headers=bearer(system) | {"accept": accept}, trust_env=False, timeout=30
    )


def value(system: System, series: str) -> float | None:
    """The value of one series as it is written there."""
    for line in scraped(system).text.splitlines():
        if line.rpartition(" ")[0] == series:
            return float(line.rpartition(" ")[2])
    return None


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@contextmanager
def prometheus(folder: Path, system: System) -> Iterator[str]:
    """A Prometheus that scrapes the system every five seconds; its address."""
    folder.mkdir()
    target = system.control.removeprefix("http://")
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 5s, scrape_timeout: 5s}\n"
        "scrape_configs:\n"
        "  - job_name: watchkeeper\n"
        f"    authorization: {{credentials_file: '{system.data / token.FILE_NAME}'}}\n"
        f"    static_configs: [{{targets: ['{target}']}}]\n"
    )
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
            env=os.environ | {"no_proxy": "*"},
        )
        try:
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(30)


def asked(address: str, query: str) -> dict[tuple[str, ...], float]:
    """What Prometheus answers: the labels' values that are the metric's own, and the value."""
    try:
        answer = httpx.get(f"{address}/api/v1/query", params={"query": query}, trust_env=False)
    except httpx.TransportError:
        return {}
    found = answer.json().get("data", {}).get("result", []) if answer.status_code == httpx.codes.OK else []
    return {
        tuple(
            text
            for name, text in sorted(one["metric"].items())
            if name not in ("__name__", "instance", "job")
        ): float(one["value"][1])
        for one in found
    }


def test_a_real_prometheus_scrapes_what_the_books_say(system: System, tmp_path: Path) -> None:
    with prometheus(tmp_path / "prometheus", system) as address:
        until(lambda: asked(address, "up") == {(): 1.0}, seconds=60, what="a scrape that succeeded")
        trader = system.traders[0]

        def shown() -> bool:
            """Prometheus has what the trader is told."""
            exposure = float(str(trader.get("/v1/exposure")["exposure_ugx"]))
            return asked(address, f'watchkeeper_account_exposure_ugx{{account="{trader.alias}"}}') == {
                (trader.alias,): exposure
            }

        until(shown, seconds=120, what="what was locked before shows in Prometheus")
        system.lock(trader)
        until(shown, seconds=120, what="the lock shows in Prometheus")
        until(
            lambda: (
                asked(address, "watchkeeper_tier_up")
                == {("books",): 1.0, ("commands",): 1.0, ("control",): 1.0, ("market",): 1.0}
            ),
            seconds=120,
            what="every tier answers",
        )
        until(
            lambda: asked(address, "watchkeeper_pilot_mode_engaged") == {(): 0.0},
            seconds=60,
            what="pilot mode is off",
        )
        system.admin.post("/v1/pilot-mode", {"engaged": True, "reason": REASON})
        until(
            lambda: asked(address, "watchkeeper_pilot_mode_engaged") == {(): 1.0},
            seconds=60,
            what="pilot mode is on",
        )
        system.admin.post("/v1/pilot-mode", {"engaged": False, "reason": REASON})
        names = {metric.full_name for metric in METRICS.values()}
        until(
            lambda: {name for (name,) in asked(address, "watchkeeper_metric_known")} == names,
            seconds=60,
            what="every metric is said to be known or not",
        )

        def young() -> bool:
            ages = asked(address, 'watchkeeper_verdict_age_seconds{mode="continuous"}').values()
            return bool(ages) and max(ages) < 30

        until(young, seconds=60, what="the verdicts are young")


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_promtool_finds_nothing_to_say(system: System, accept: str) -> None:
    answer = scraped(system, accept=accept)
    assert answer.status_code == 200
    assert accept.partition(";")[0] in answer.headers["content-type"]
    # promtool reads the text format; the other is for Prometheus itself, which the test above had read.
    if accept == "text/plain":
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=answer.content,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    else:
        assert answer.text.endswith("# EOF\n")


def test_only_the_session_and_the_token_open_it_and_neither_is_told(system: System) -> None:
    address = f"{system.control}/metrics"
    secret = (system.data / token.FILE_NAME).read_text().strip()
    path = system.data / token.FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {secret}"},
        {"authorization": f"Bearer {secret}x"},
        {"authorization": "Bearer"},
        {"cookie": "wk_control=wrong"},
    ):
        answer = httpx.get(address, headers=headers, trust_env=False)
        assert answer.status_code == 401, headers
        assert "watchkeeper_" not in answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert system.operator.http.get("/metrics").status_code == 200
    assert httpx.post(address, headers=bearer(system), trust_env=False).status_code == 405
    # A person of the market is nobody here.
    session = system.admin._http.headers.get("authorization", "")
    assert httpx.get(address, headers={"authorization": session}, trust_env=False).status_code == 401
    assert secret not in "".join(system.lines)
    for log in (system.data / "run").glob("*.log"):
        assert secret not in log.read_text(errors="replace")


def test_a_token_that_others_can_read_and_an_emptied_one_let_nobody_in(system: System) -> None:
    path = system.data / token.FILE_NAME
    secret, headers = path.read_text(), bearer(system)
    address = f"{system.control}/metrics"
    path.chmod(0o644)
    assert httpx.get(address, headers=headers, trust_env=False).status_code == 401
    path.chmod(0o600)
    assert httpx.get(address, headers=headers, trust_env=False).status_code == 200
    path.write_text("")
    for given in (headers, {"authorization": "Bearer"}):
        assert httpx.get(address, headers=given, trust_env=False).status_code == 401
    path.write_text("n" * 40)
    assert httpx.get(address, headers=headers, trust_env=False).status_code == 401
    assert (
        httpx.get(address, headers={"authorization": f"Bearer {'n' * 40}"}, trust_env=False).status_code
        == 200
    )
    path.write_text(secret)


def test_the_page_draws_every_part_over_each_time(system: System) -> None:
    for over in ("1h", "48h", "1y", "nonsense"):
        page = system.operator.page(f"/measures?over={over}")
        assert page.count("<svg ") == page.count("<title id=") == page.count("<desc id=") > 20
        for words in (
            "Rates",
            "Exposure",
            "States",
            "Verdicts",
            "The watch",
            "At most 1,000,000 UGX.",
            "Must be 0.",
        ):
            assert words in page
        assert system.traders[0].alias in page


def test_the_command_line_lists_them_and_tells_of_one(system: System) -> None:
    listed = json.loads(system.command("metrics", "--json"))
    assert {row["metric"] for row in listed["metrics"]} == {metric.full_name for metric in METRICS.values()}
    assert "watchkeeper_utids_last_hour" in system.command("metrics")
    told = json.loads(system.command("metrics", "utids_last_hour", "--since", "2h", "--json"))
    assert told["series"][0]["samples"][-1]["value"] > 0
    assert "UTIDs made in the last 60 minutes" in system.command("metrics", "watchkeeper_utids_last_hour")
    assert "There is no metric" in system.command("metrics", "nonsense", code=2, errors=True)
    assert "since" in system.command("metrics", "utids_last_hour", "--since", "soon", code=2, errors=True)
