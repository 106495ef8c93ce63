"""A request that a process of its own answers: users' code runs there, and can end or clutter only that process.

`ask` writes request.json into a temporary folder, beside it the users' files in `sources`, and starts `python -P -m
MODULE FOLDER`. There `serve` computes the answer and writes answer.json. The answer is a file, and standard output
goes to standard error, because users' code may print whatever it likes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attnctl.files import write_atomic
from attnctl.sources import blame
from attnctl.sources.store import is_own, keep
from attnctl.units import duration
from attnctl.values import SpecError
from attnctl.workspace import untrusted_json
from attnctl.workspace.untrusted_json import RecordError

_REQUEST, _ANSWER, SOURCES = "request.json", "answer.json", "sources"


def ask(
    module: str,
    request: Mapping[str, Any],
    versions: Iterable[int | str],
    *,
    what: str,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What a process of `python -m module` answers to a request, JSON values both.

    versions: of the modules and backbones that are needed; those of users' files are put beside the request.
    what: is being done, for messages. seconds: it may take. environment: of the process, this one's unless given.
    Raises SpecError with the words of the process, also when that died or did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="attnctl-") as name:
        folder = Path(name)
        for version in set(versions):
            if is_own(version):
                keep(str(version), folder / SOURCES)
        (folder / _REQUEST).write_text(json.dumps(request), encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", module, name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SpecError(f"{what} did not finish within {duration(seconds)}") from None
        try:
            document = untrusted_json.read_object(folder / _ANSWER) or {}
        except RecordError:
            document = {}
    if "error" in document:
        raise SpecError(str(document["error"]))
    if not isinstance(document.get("answer"), dict):
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else "it left no message; was it out of memory?"
        raise SpecError(f"{what} ended its process with exit code {done.returncode}: {last}")
    found: dict[str, Any] = document["answer"]
    return found


def serve(answer: Callable[[dict[str, Any], Path], Mapping[str, Any]]) -> None:
    """Be the process of one request. answer: of the request and of its folder; what it raises is told in words."""
    os.dup2(2, 1)
    folder = Path(sys.argv[1])
    request = untrusted_json.loads_object((folder / _REQUEST).read_bytes())
    document: dict[str, Any]
    try:
        document = {"answer": answer(request, folder)}
    except SpecError as error:
        document = {"error": str(error)}
    except Exception as error:  # whatever users' code raises
        document = {"error": blame.words(error)}
    write_atomic(folder / _ANSWER, json.dumps(document).encode())
