"""A workspace with swept modules that are not trained."""

import json
from pathlib import Path

from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Sweep


def swept_modules(tmp_path: Path, *modules: str) -> Workspace:
    made = Workspace(tmp_path / "w")
    runs = expand(Axes(modules=modules)).specs
    for spec in runs:
        write_atomic(made.run(spec.id).spec, json.dumps(spec.to_json()).encode())
    record = Sweep(name="first", created=1.0, command=["attnctl"], runs=[spec.id for spec in runs])
    write_atomic(made.sweep("first"), record.encode())
    return made
