"""Text from outside cannot break what Prometheus reads, nor say who somebody is."""

from __future__ import annotations

import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.worlds.measured import MeasuredRoom
from watchkeeper.interfaces.control_web.exposition import exposed
from watchkeeper.market.commands import CreateListing, PayToLock
from watchkeeper.operation.catalogue.metrics import METRICS, Measured, WrongLabels
from watchkeeper.operation.metrics.store import Now

HOSTILE = (
    'x"} 1\nwatchkeeper_pilot_mode_engaged 1\n# ',
    "back\\slash\\",
    "\u202emirrored\x00\x1b[2J\r\n",
    "Grace Nakato, +256 700 123456",
    "tra_UPPER1",
    "account 5",
    "é" * 500,
    "\ud800 alone",
    "",
)


def series(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels; a series that stands twice is an error for Prometheus."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(text.decode("utf-8")):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def well_formed(text: bytes) -> bool:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=60
    )
    return (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_an_alias_that_is_none_is_named_by_its_number(measured: MeasuredRoom) -> None:
    trader = measured.market.trader(capital_ugx=500_000)
    listing = CreateListing(produce="Vanilla", grams=10_000, price_ugx_per_kg=1000)
    units = measured.market.one(listing, measured.market.farmer).body["unit_ids"]
    assert isinstance(units, list)
    measured.market.one(PayToLock(unit_id=units[0]), trader)
    alias = measured.alias(trader)
    assert measured.value("account_exposure_ugx", alias) == 10_000
    for text in HOSTILE:
        if "\x00" in text or "\ud800" in text:
            # No engine takes these for a text; the labels are tried with them below.
            continue
        measured.as_owner("UPDATE users SET alias = ? WHERE id = ?", (text, trader), table="users")
        now = measured.look()
        assert now.of("account_exposure_ugx") == {(f"account {trader}",): 10_000}
        read = series(exposed(now, accept="")[0])
        assert read["watchkeeper_account_exposure_ugx", (("account", f"account {trader}"),)] == 10_000
        assert read["watchkeeper_pilot_mode_engaged", ()] == 0
    measured.as_owner("UPDATE users SET alias = ? WHERE id = ?", (alias, trader), table="users")
    assert measured.value("account_exposure_ugx", alias) == 10_000


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0; q=x"])
def test_whatever_a_label_holds_the_text_is_well_formed(accept: str) -> None:
    measured = Measured()
    for number, text in enumerate(HOSTILE):
        measured.say("channel_waiting", number, text)
        # Two that differ in nothing that may be shown are one series, never two of one name.
        measured.say("channel_waiting", number, text)
    measured.cannot(["tier_up"], HOSTILE[0])
    now = Now(values=dict(measured.readings), unknown=dict(measured.unknown))
    text_, _ = exposed(now, accept=accept)
    if not accept:
        assert well_formed(text_)
        read = series(text_)
        assert sum(name == "watchkeeper_channel_waiting" for name, _ in read) == len(HOSTILE)
        assert ("watchkeeper_pilot_mode_engaged", ()) not in read
        assert read["watchkeeper_metric_known", (("metric", "watchkeeper_tier_up"),)] == 0
    assert all(len(line) < 400 for line in text_.decode("utf-8").splitlines())


def test_a_value_with_other_labels_than_its_metric_is_refused() -> None:
    with pytest.raises(WrongLabels):
        Measured().say("tier_up", 1)


def test_every_metric_is_described_once_and_bounded() -> None:
    names = [metric.full_name for metric in METRICS.values()]
    assert len(names) == len(set(names))
    numbers = {metric.number for metric in METRICS.values() if metric.number}
    # The manual's sixteen.
    assert numbers == {
        *("1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "3.1", "3.2"),
        *("4.1", "4.2", "4.3", "4.4", "5.1", "5.2", "6.1", "6.2"),
    }
    for metric in METRICS.values():
        assert metric.help.endswith((".", "0."))
        assert metric.kind == "gauge" or metric.name.endswith("_total")
        assert (metric.unit == "s") == metric.name.endswith("_seconds")
        assert (metric.unit == "UGX") == metric.name.endswith("_ugx")
