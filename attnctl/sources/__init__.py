"""Users' own modules, backbones and parts of recipes, such as `./mine.py:MyAttention`: the file and its local imports.

    reference.py    parsing `FILE.py:NAME`
    closure.py      finding a file's local imports without running anything
    reachable.py    what of a file a class uses, so that only this counts in its version
    digest.py       the hash of the syntax trees, which ignores formatting, comments and docstrings
    store.py        storing the files in a workspace as sources/<hash>/, from which workers load them
    importing.py    importing the files under a package name of their own
    callables.py    reading the options of a recipe's parts, such as losses, from their source
    isolated.py     running users' code in a separate process

Nothing here imports torch.
"""

from __future__ import annotations

from attnctl.sources.closure import READ_SOURCES, Scope, Source, narrowed, read, read_within
from attnctl.sources.importing import import_name
from attnctl.sources.reference import Reference, is_reference, parse
from attnctl.sources.store import file_of, is_own, keep, load, remember

__all__ = [
    "READ_SOURCES",
    "Reference",
    "Scope",
    "Source",
    "file_of",
    "import_name",
    "is_own",
    "is_reference",
    "keep",
    "load",
    "narrowed",
    "parse",
    "read",
    "read_within",
    "remember",
]
