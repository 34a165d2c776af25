"""Commits of a server may lie on one disk only: the page, the command line and its document say what a failover may lose."""

from __future__ import annotations

import json

from tests.worlds.system import System

WORDS = "may lose the last commits"


def test_the_page_and_the_command_line_say_what_a_failover_may_lose(system: System) -> None:
    """The tests' server has no standby, as a newcomer's has none; embedded books have nothing to fail over to."""
    has_server = system.engine == "postgresql"
    page = system.operator.page("/")
    assert (f'<span>A failover</span><span class="soft">{WORDS}</span>' in page) is has_server
    assert ("A failover" in page) is has_server
    assert (f"a failover {WORDS}" in system.command("status")) is has_server
    assert json.loads(system.command("status", "--json"))["watch"]["failover"] == (
        WORDS if has_server else ""
    )
