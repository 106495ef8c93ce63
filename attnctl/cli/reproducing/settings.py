"""What `--set` says: settings that replace the paper's, for all tables or for one of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attnctl.cli.sweeping import written_settings
from attnctl.papers.runs import Overrides
from attnctl.values import SpecError, did_you_mean


def read(texts: Sequence[str], numbers: Collection[str], seeds: int) -> dict[str, Overrides]:
    """The overrides of each table by its number, with seeds 0, 1 ... Raises SpecError.

    texts: `[TABLE:]NAME=VALUE`; what is said for one table counts more than what is said for all.
    """
    common: dict[str, str] = {}
    own: dict[str, dict[str, str]] = {number: {} for number in numbers}
    for text in texts:
        number, name, value = _parts(text)
        if number and number not in own:
            raise SpecError(f"--set {text!r}: table {number!r} is not reproduced{did_you_mean(number, numbers)}")
        (own[number] if number else common)[name] = value
    chosen = tuple(map(str, range(seeds)))
    return {number: written_settings.overrides(common | values, chosen) for number, values in own.items()}


def _parts(text: str) -> tuple[str, str, str]:
    """Number of the table (empty for all), name and value."""
    key, equals, value = text.partition("=")
    number, _, name = key.rpartition(":")
    form = "[TABLE:]NAME=VALUE, such as dataset=digits or 5:epochs=3"
    return number.strip(), *written_settings.read("--set", text, form, f"{name}{equals}{value}")
