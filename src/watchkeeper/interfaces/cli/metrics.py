"""`metrics`: what is measured, now and since when you like."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from watchkeeper.base.clock import SECONDS_PER_HOUR, Instant, kampala, later
from watchkeeper.interfaces.cli.shared import DEFAULT_DATA, AsJson, Data, answer, room, table
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.operation.catalogue.metrics import METRICS, PREFIX, Metric
from watchkeeper.operation.console import charts
from watchkeeper.operation.console.measures import Told

_SINCE = re.compile(r"([0-9]{1,4})(m|h|d)")
_SECONDS = {"m": 60, "h": SECONDS_PER_HOUR, "d": 24 * SECONDS_PER_HOUR}


def metrics(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    name: Annotated[
        str, typer.Argument(help="One of them, with or without watchkeeper_; all without it.")
    ] = "",
    since: Annotated[str, typer.Option("--since", help="How far back: 30m, 6h, 90d; at most a year.")] = "1h",
) -> None:
    """List what is measured, or tell how one of it was.

    Every value is of this moment; what could not be read freshly is UNKNOWN, with the reason. Samples are kept for two days,
    hours with the least, the mean and the greatest value for a year.
    """
    metric = METRICS.get(name.removeprefix(PREFIX))
    if name and metric is None:
        raise typer.BadParameter(f"There is no metric {name}; see watchkeeper metrics.")
    found = _SINCE.fullmatch(since)
    if found is None:
        raise typer.BadParameter("--since is a number with m, h or d: 30m, 6h, 90d.")
    seconds = int(found[1]) * _SECONDS[found[2]]
    with room(data) as control:
        if metric is None:
            _list(control, as_json=as_json)
        else:
            _tell(control, metric, since=later(control.clock.now(), seconds=-seconds), as_json=as_json)


def _list(control: ControlRoom, *, as_json: bool) -> None:
    now = control.measures.now()
    document: list[dict[str, object]] = []
    lines: list[dict[str, object]] = []
    for metric in METRICS.values():
        values = sorted(now.of(metric.name).items())
        document.append(
            {
                "metric": metric.full_name,
                "number": metric.number,
                "unit": metric.unit,
                "scale": metric.scale,
                "most": metric.most,
                "least": metric.least,
                "unknown": now.unknown.get(metric.name, ""),
                "values": [
                    {"labels": dict(zip(metric.labels, labels, strict=True)), "value": v}
                    for labels, v in values
                ],
            }
        )
        for labels, value in values:
            lines.append(
                _line(metric, labels, charts.text(metric, value), "" if metric.well(value) else "NOT WELL")
            )
        if metric.name in now.unknown:
            lines.append(_line(metric, (), "UNKNOWN", now.unknown[metric.name]))
    columns = ("no", "metric", "of", "value", "note")
    answer({"ages_seconds": now.ages, "metrics": document}, as_json=as_json, text=table(list(lines), columns))


def _line(metric: Metric, labels: tuple[str, ...], value: str, note: str) -> dict[str, object]:
    return {
        "no": metric.number,
        "metric": metric.full_name,
        "of": " ".join(labels),
        "value": value,
        "note": note,
    }


def _tell(control: ControlRoom, metric: Metric, *, since: Instant, as_json: bool) -> None:
    told = control.measures.told(metric, since=since)
    document = {
        "metric": metric.full_name,
        "help": metric.help,
        "unit": metric.unit,
        "scale": metric.scale,
        "series": [
            {
                "labels": dict(zip(metric.labels, one.labels, strict=True)),
                "samples": [{"at": sample.at, "value": sample.value} for sample in one.samples],
                "hours": [
                    {
                        "begin": h.begin,
                        "known": h.known,
                        "low": h.low,
                        "high": h.high,
                        "total": h.total,
                        "last": h.last,
                    }
                    for h in one.hours
                ],
            }
            for one in told
        ],
    }
    lines = [f"{metric.full_name}: {metric.help}"]
    for one in told:
        lines += ["", *_series(metric, one)]
    if not told:
        lines.append("Nothing of it was sampled in this time.")
    answer(document, as_json=as_json, text="\n".join(lines))


def _series(metric: Metric, one: Told) -> list[str]:
    lines = [" ".join(one.labels)] if one.labels else []
    lines += [
        f"{kampala(hour.begin)}  least {charts.text(metric, hour.low)}, mean {charts.text(metric, hour.total // hour.known)}, "
        f"greatest {charts.text(metric, hour.high)}"
        for hour in one.hours
    ]
    lines += [
        f"{kampala(sample.at)}  {'UNKNOWN' if sample.value is None else charts.text(metric, sample.value)}"
        for sample in one.samples
    ]
    return lines
