"""Hands a fault's statements to the forger and says when they were committed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import watchkeeper
from watchkeeper.base.database import engine_of, file_of
from watchkeeper.base.database.places import addresses
from watchkeeper.base.database.server import STORES
from watchkeeper.bootstrap.drills.faults.model import DIGEST, DIGEST_OF, PUT_BACK, Sql, spoken
from watchkeeper.boundary.views import EFFECTS
from watchkeeper.operation.store import FILE_NAME

_FORGER = Path(__file__).with_name("forger.py")
_SECONDS_MAX = 60


def commit(data: Path, step: Sql, names: Mapping[str, object]) -> int:
    """Commit these statements in one transaction from outside; when, in nanoseconds since boot.

    Raises `subprocess.CalledProcessError` when the database refuses them.
    """
    # The control room's own store is a file whatever the books lie in.
    engine = "sqlite" if step.store == "operation" else engine_of(data)
    if step.store == "operation":
        place = str(data / FILE_NAME)
    elif engine == "sqlite":
        place = str(file_of(data, step.store))
    else:
        place = addresses(data)["owner"]
    schema = "market" if step.store == "operation" else STORES[step.store]
    job = {
        "engine": engine,
        "place": place,
        "schemas": ", ".join(dict.fromkeys((schema, "market", "boundary"))),
        "tables": [view.table for view in EFFECTS],
        "statements": [spoken(statement, engine).format(**names) for statement in step.statements],
        "digest_of": DIGEST_OF,
        "digest": DIGEST,
        "put_back": PUT_BACK,
    }
    done = subprocess.run(
        [sys.executable, str(_FORGER)],
        input=json.dumps(job),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        timeout=_SECONDS_MAX,
        env=os.environ | {"PYTHONPATH": str(Path(watchkeeper.__file__).resolve().parents[1])},
    )
    return int(done.stdout)
