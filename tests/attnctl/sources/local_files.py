"""Users' files, written and loaded."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from attnctl import sources

MINE = "import helpers\n\nX = helpers.ONE + 1\n"


def write(folder: Path, **files: str) -> Path:
    """Files by name without .py; `__` in a name stands for a folder. Gives the first."""
    paths = [folder / f"{name.replace('__', '/').replace('INIT', '__init__')}.py" for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return paths[0]


def load(source: sources.Source) -> ModuleType:
    return import_module(sources.import_name(source))
