"""Logs: one JSON object a line, bounded files, no identity and no secret by construction of what is logged."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

from watchkeeper.base.clock import SystemClock, iso

_BYTES_MAX = 5_000_000
_FILES_KEPT = 3


def configure(file: Path | None, *, level: int = logging.INFO) -> None:
    """Send every log line of this level or above to `file` (rotated), or to standard error when there is none."""
    clock = SystemClock()

    def stamp(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["at"] = iso(clock.now())
        return event

    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = RotatingFileHandler(file, maxBytes=_BYTES_MAX, backupCount=_FILES_KEPT, encoding="utf-8")
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        stamp,
        structlog.processors.format_exc_info,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Libraries that would log addresses or bodies of what they send stay silent below warnings.
    for chatty in ("httpx", "httpcore", "apprise", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
