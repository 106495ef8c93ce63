"""Requests answered by a separate process, so that users' code can crash or pollute only that process.

`ask` writes request.json and the users' files in `sources` into a temporary folder, and starts `python -P -m MODULE
FOLDER`. There, `serve` computes the answer and writes answer.json. The answer is a file, and standard output goes to
standard error, because users' code may print anything.
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
    """The answer of a process `python -m module` to a request; both are JSON objects.

    versions: of the modules and backbones needed; users' files among them are copied next to the request.
    what: the activity, for messages. seconds: the time limit. environment: of the process; default: inherited.
    Raises SpecError with the error of the process, or when it died or exceeded its time.
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
    answer: dict[str, Any] = document["answer"]
    return answer


def serve(answer: Callable[[dict[str, Any], Path], Mapping[str, Any]]) -> None:
    """The main function of the process: answer one request.

    answer: maps the request and its folder to the answer; its exceptions become error messages.
    """
    os.dup2(2, 1)
    folder = Path(sys.argv[1])
    request = untrusted_json.loads_object((folder / _REQUEST).read_bytes())
    document: dict[str, Any]
    try:
        document = {"answer": answer(request, folder)}
    except SpecError as error:
        document = {"error": str(error)}
    except Exception as error:  # whatever users' code raises
        document = {"error": blame.describe(error)}
    write_atomic(folder / _ANSWER, json.dumps(document).encode())
