"""What the runs of a table were trained with instead of the paper's values: a note, and footnotes of single rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from attnctl.papers.runs import ALL, Cells, Overrides
from attnctl.values import comma_join


def usual(cells: Sequence[Cells]) -> Overrides:
    """The overrides of most rows; of several such the first."""
    rows = {item.row.name: item.overrides for item in reversed(cells)}
    counts = Counter(_trained(own) for own in rows.values())
    return max(list(rows.values())[::-1], key=lambda own: counts[_trained(own)], default=Overrides())


def footnotes(cells: Sequence[Cells], usual: Overrides) -> Mapping[str, str]:
    """Row -> its footnote, for the rows that are not trained as most are."""
    return {
        item.row.name: _words(item.overrides)
        for item in cells
        if _trained(item.overrides) != _trained(usual) and item.variants
    }


def note(usual: Overrides, cells: Sequence[Cells]) -> str:
    """The sentence under the table; empty if most rows have the paper's values."""
    bases = _bases(usual)
    if not usual.summary():
        return f"{bases[0].upper()}{bases[1:]}." if bases else ""
    others = ", unless a footnote says otherwise" if footnotes(cells, usual) else ""
    return (
        f"Trained with {usual.summary()} instead of the paper's values{others}; "
        f"{bases + '; ' if bases else ''}params and FLOPs are of the paper's networks."
    )


def _bases(overrides: Overrides) -> str:
    """What the networks were trained with from which rows start; empty if with the paper's values."""
    found = {name: Overrides.from_json(own).summary() for name, own in overrides.bases.items()}
    words = dict.fromkeys(f"{text}{'' if name == ALL else f' ({name})'}" for name, text in found.items() if text)
    return f"the networks that rows start from were trained with {comma_join(words)} instead of theirs" if words else ""


def _trained(overrides: Overrides) -> object:
    """What a footnote can say: not from which runs rows start, nor how one of several trainings is chosen."""
    return tuple(sorted(overrides.summary().split()))


def _words(overrides: Overrides) -> str:
    summary = overrides.summary()
    return f"trained with {summary} instead of the paper's values" if summary else "trained with the paper's values"
