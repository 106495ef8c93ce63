"""Repeats the command of a search, to choose and submit its next trainings: started by a job that has ended.

    python -P -m attnctl.cli.next_round --workspace ROOT --search KEY [--settings DIGEST]

It writes no record of its own and leaves the user's index alone. On an error the exit code is not 0, and the last line
of standard error says why.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attnctl import cli
from attnctl.cli import context
from attnctl.cli.errors import guarded
from attnctl.db.location import keep_apart
from attnctl.settings import config
from attnctl.values import SpecError
from attnctl.workspace import waiting_searches
from attnctl.workspace.layout import Workspace


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code.

    --settings: the digest of the settings of the job, which may act
    """
    parser = argparse.ArgumentParser(prog=f"python -P -m {__spec__.name}", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--search", required=True)
    parser.add_argument("--settings", default="")
    given = parser.parse_args(argv)
    return guarded(lambda: repeat(given.workspace, given.search, given.settings))


def repeat(root: Path, key: str, vouched_for: str) -> int:
    """Run the command of a search again. Raises SpecError, RecordError and OSError; returns the exit code."""
    workspace = Workspace(root)
    record = waiting_searches.read(workspace, key)
    if record is None:
        raise SpecError(f"{waiting_searches.path_of(workspace, key)} is not a search of this user")
    settings = config.frozen(
        root,
        workspace.waiting_settings(record.tag),
        record.settings,
        vouched_for=bool(vouched_for) and record.settings == vouched_for,
    )
    os.chdir(record.folder)
    context.freeze(settings)
    with tempfile.TemporaryDirectory(prefix="attnctl-") as folder:
        keep_apart(Path(folder))
        return cli.main(record.command)


if __name__ == "__main__":
    sys.exit(main())
