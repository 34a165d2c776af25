"""`seal verify`, `seal prove`: checks on a copy, with the public key alone and nothing else of ours."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.interfaces.cli.shared import AsJson, answer
from watchkeeper.operation.seals import copy, note, prove

seal_app = typer.Typer(
    no_args_is_help=True,
    help="Seals: check a copy of the log, prove that an act stands in it. Needs the copy and the public key alone.",
)
Key = Annotated[
    Path | None, typer.Option("--key", help="The public key's file; the .vkey beside the copy when left out.")
]


def _key(folder: Path, key: Path | None) -> str:
    path = key or folder.parent / f"{folder.name}.vkey"
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"the public key {path} cannot be read; name one with --key") from error


@seal_app.command("verify")
def seal_verify(
    folder: Annotated[
        Path, typer.Argument(help="A published log or a copy of one, for example data/seals/main.")
    ],
    key: Key = None,
    witness: Annotated[
        Path | None, typer.Option(help="An older checkpoint that you kept; the log must still begin with it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a log from its leaves: exit code 0 sound, 1 not.

    Without a witness from elsewhere this shows that the copy agrees with whoever holds the signing key, no more.
    """
    try:
        kept = None if witness is None else witness.read_text(encoding="utf-8")
        report = copy.verify_copy(folder, _key(folder, key), witness=kept, progress=_progress)
    except (copy.CopyUnreadable, OSError) as error:
        answer({"sound": False, "problems": [str(error)]}, as_json=as_json, text=f"NOT SOUND: {error}")
        raise typer.Exit(1) from error
    text = f"{'sound' if report.sound else 'NOT SOUND'}: {report.leaves_checked} leaves, root {report.root}"
    answer(
        {
            "sound": report.sound,
            "origin": report.origin,
            "size": report.size,
            "root": report.root,
            "problems": report.problems,
        },
        as_json=as_json,
        text="\n".join([text, *report.problems]),
    )
    raise typer.Exit(0 if report.sound else 1)


def _progress(done: int, upto: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{100 * done // max(1, upto)} %")


@seal_app.command("prove")
def seal_prove(
    utid: str,
    folder: Annotated[Path, typer.Option(help="The published log or a copy.")] = Path("data/seals/main"),
    key: Key = None,
    check: Annotated[
        Path | None, typer.Option(help="Check this proof instead of making one; needs the public key only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that an act stands in the log: its leaf, its path to the root, the signed checkpoint."""
    vkey = _key(folder, key)
    try:
        if check is not None:
            document = json.loads(check.read_text(encoding="utf-8"))
            proof = prove.Proof(
                str(document["utid"]),
                int(document["index"]),
                str(document["leaf"]),
                tuple(str(step) for step in document["path"]),
                str(document["checkpoint"]),
            )
            if proof.utid != utid:
                raise prove.ProofFails("this proof is of another act")
            prove.check(proof, vkey)
        else:
            proof = prove.prove(folder, vkey, utid)
    except (
        prove.NotInLog,
        prove.ProofFails,
        copy.CopyUnreadable,
        note.NoteNotSigned,
        note.NoteUnreadable,
        OSError,
        ValueError,
        KeyError,
    ) as error:
        answer({"proven": False, "detail": str(error)}, as_json=as_json, text=f"not proven: {error}")
        raise typer.Exit(1) from error
    answer(
        proof.document(),
        as_json=as_json,
        text=f"proven: {utid} is leaf {proof.index} of the signed log, {len(proof.path)} steps below its root\n"
        f"{proof.leaf}",
    )
