"""`make fuzz`: every parser for some seconds; what is found is kept in tests/fuzz/cases, and the exit code is 1.

Each parser first gets its valid inputs and the kept cases.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz import engine
from tests.fuzz.engine import Finding, Plan, Result
from tests.fuzz.parsers import CASES, PARSERS, Parser


def cases(parser: Parser) -> list[bytes]:
    """The inputs that once showed a fault of a parser."""
    return [path.read_bytes() for path in sorted((CASES / parser.name).glob("*"))]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--seconds", type=float, default=0.0, help="For each parser.")
    options.add_argument(
        "--examples",
        type=int,
        default=0,
        help="Random inputs for each parser instead of seconds; a tenth for slow ones.",
    )
    options.add_argument("--parser", action="append", choices=[parser.name for parser in PARSERS], metavar="NAME")
    options.add_argument("--seed", type=int, default=None, help="The same seed gives the same inputs.")
    options.add_argument("--keep", type=Path, default=None, help="Folder for what is found (default: none is kept).")
    given = options.parse_args(arguments)
    chosen = [parser for parser in PARSERS if given.parser is None or parser.name in given.parser]
    found: list[str] = []
    for parser in chosen:
        begin = time.monotonic()
        seed = engine.random_seed() if given.seed is None else given.seed
        examples = math.ceil(given.examples / 10) if parser.slow else given.examples
        result = engine.run(parser, Plan(parser.seeds(), cases(parser), given.seconds, examples, seed))
        lines = [f"{parser.name}, seed {seed}: {described(parser, finding, given.keep)}" for finding in result.findings]
        shown(summary(parser, result, time.monotonic() - begin), *lines)
        found += lines
    if found:
        shown(f"{len(found)} found in all:", *found)
    return 1 if found else 0


def shown(*lines: str) -> None:
    """Print lines at once: a run may be cut."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def summary(parser: Parser, result: Result, seconds: float) -> str:
    return f"{parser.name:<22} {result.inputs:>8} inputs {seconds:>6.1f} s  {len(result.findings)} found"


def described(parser: Parser, finding: Finding, keep: Path | None) -> str:
    """A finding as one line; it is written to a file, if wanted."""
    line = f"{finding.problem}: {finding.data[:300]!r}"
    if keep is None:
        return line
    path = keep / parser.name / hashlib.sha256(finding.data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(finding.data)
    return f"{line} in {path}"


if __name__ == "__main__":
    os.environ["MALLOC_ARENA_MAX"] = "2"
    sys.exit(main())
