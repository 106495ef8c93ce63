"""Rows of the comparison that were measured or published elsewhere: never in a mean with runs of this workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from attnctl import attention
from attnctl.components import AND, AT
from attnctl.reports.comparison.grouping import Place
from attnctl.reports.display_names import DisplayNames
from attnctl.reports.statistics.means import summary
from attnctl.reports.table import Cell, ReportColumn, Row
from attnctl.spec import NO_MODULE
from attnctl.workspace.records import Imported


def lines(
    imports: Sequence[Imported],
    places: Sequence[Place],
    columns: Sequence[ReportColumn],
    names: DisplayNames,
    *,
    with_placement: bool,
) -> Mapping[Place, list[tuple[str, Row]]]:
    """The named rows by their group: that of the same backbone and data set when there is one, else their own.

    names: what modules are called; a row that is not called like a module keeps its text
    """
    found: dict[tuple[str, str, str, str, str], list[Imported]] = defaultdict(list)
    for record in imports:
        if not record.table:
            found[record.backbone, record.dataset, record.label, record.placement, record.source].append(record)
    groups: dict[Place, list[tuple[str, Row]]] = {}
    for (backbone, dataset, label, placement, source), records in found.items():
        alike = [place for place in places if (place.network, place.dataset) == (backbone, dataset)]
        place = alike[0] if len(alike) == 1 else Place(backbone, dataset, own="imported")
        shown = _shown(label, backbone, names)
        row = Row(
            header=(shown, placement) if with_placement else (shown,),
            cells=tuple(_cell(column, records) for column in columns),
            marks=(f"imported from {source}",),
        )
        groups.setdefault(place, []).append((label, row))
    return groups


def _shown(label: str, backbone: str, names: DisplayNames) -> str:
    """`ela kernel=7` as ELA (k = 7), and `none` as the plain backbone; any other text as it is, or as renamed."""
    if label in names.given:
        return names.given[label]
    module, *words = label.split(" ")
    settings = [(name, value) for name, equals, value in (word.partition("=") for word in words) if name and equals]
    known = all(part.partition(AT)[0] in attention.names() for part in module.split(AND))
    is_row = len(settings) == len(words) and (known or label == NO_MODULE)
    return names.row(module, settings, backbone) if is_row else label


def _cell(column: ReportColumn, records: Sequence[Imported]) -> Cell:
    found = summary([record.values[column.name] for record in records if column.name in record.values])
    if found is None:
        return Cell()
    spread = found.spread if column.measured else None
    return Cell(value=found.mean, spread=spread, n=found.n, wanted=found.n)
