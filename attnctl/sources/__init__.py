"""Users' own code: `./mine.py:MyAttention`, its file and local imports, as one content that runs are made of.

    reference.py    the text that names a file and a name in it
    closure.py      which files a file needs: its local imports, found without running anything
    digest.py       the hash of a content by its syntax trees: formatting, comments and docstrings do not count
    store.py        the contents in a workspace: sources/<hash>/, from which workers load
    importing.py    running a content under a package name of its own, beside everything else
    isolated.py     a request that a process of its own answers, so that users' code runs only there

Nothing here imports torch.
"""

from __future__ import annotations

from attnctl.sources.closure import KNOWN, Scope, Source, read, read_within
from attnctl.sources.importing import import_name
from attnctl.sources.reference import Reference, is_reference, parse
from attnctl.sources.store import is_own, keep, kept

__all__ = [
    "KNOWN",
    "Reference",
    "Scope",
    "Source",
    "import_name",
    "is_own",
    "is_reference",
    "keep",
    "kept",
    "parse",
    "read",
    "read_within",
]
