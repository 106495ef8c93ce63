"""The command line that the benchmarks share: sizes, and --quick for the smallest ones."""

from __future__ import annotations

import argparse


class Arguments:
    """A parser whose sizes have two defaults: one that gives meaningful figures, and one for --quick."""

    def __init__(self, description: str | None) -> None:
        self.parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.parser.add_argument("--quick", action="store_true", help="tiny sizes: checks that this benchmark runs")
        self._sizes: dict[str, tuple[int, int]] = {}

    def size(self, name: str, usual: int, quick: int, words: str) -> None:
        """Add `--NAME N`, a number from 1 up; `words` say of what."""
        self._sizes[name] = (usual, quick)
        self.parser.add_argument(
            f"--{name}", type=_positive, metavar="N", help=f"{words} (default: {usual}; with --quick: {quick})"
        )

    def read(self) -> argparse.Namespace:
        """The options of this process, with each size that was not given at its default."""
        options = self.parser.parse_args()
        for name, (usual, quick) in self._sizes.items():
            if getattr(options, name) is None:
                setattr(options, name, quick if options.quick else usual)
        return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {number}")
    return number
