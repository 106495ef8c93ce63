"""A CSV of numbers measured or published elsewhere: what each line says, or what is wrong with it, and where.

The first line names the columns: `table` and `row`, or else `label` (or `module`), `backbone` and `dataset`;
`placement`, `seed` and `source` if need be; and the numbers, each under the key of the table's column or the metric's
name, or all of them as pairs `column`, `value`.

Of a table a number is written as the table prints it: an error rate, or millions, where it prints these. Elsewhere
accuracies are percent, and params and macs may end in K, M or G. A comma may be the decimal point, where it cannot
separate thousands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from attnctl import backbones, datasets, models, papers
from attnctl.metrics import ALL_MEASURED, LOSSES
from attnctl.papers.model import COUNTED
from attnctl.reports.exchange.sheet import Line, lines
from attnctl.values import SpecError, comma_join, did_you_mean
from attnctl.workspace.records import Imported

PLACES = ("table", "row", "label", "module", "model", "backbone", "dataset", "placement", "seed", "source")
PAIR = ("column", "value")
COUNTS = ("params", "macs")
MEASURES = (*ALL_MEASURED, *COUNTS, "fps")
"""What can be imported for a comparison."""

_THOUSANDS = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(%|[KMG])?", re.ASCII)


@dataclass
class Results:
    """What a file says. warnings: what may be meant otherwise, in words."""

    records: list[Imported] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read(data: bytes, name: str, source: str, find: Callable[[str], papers.PaperTable]) -> Results:
    """The numbers in a file; raises SpecError with file, line and column.

    source: of the lines that say none. find: the table that a text means, such as ela:3; raises SpecError
    """
    names, below = lines(data, name)
    of_tables = "table" in names
    _check_header(names, name)
    reader = _OfTables(source, find) if of_tables else _OfRuns(source)
    for line in below:
        reader.take(line)
    if not reader.found.records:
        raise SpecError(f"{name} has no numbers: nothing follows the header line")
    reader.found.warnings += reader.fractions()
    return reader.found


def _check_header(names: Sequence[str], name: str) -> None:
    twice = next((column for k, column in enumerate(names) if column in names[:k]), None)
    if "" in names:
        raise SpecError(f"{name}:1: a column has no name; pandas leaves the index out with to_csv(index=False)")
    if twice is not None:
        raise SpecError(f"{name}:1: column {twice!r} appears twice")
    for column in names:
        if column not in PLACES and column.casefold() in {*PLACES, *PAIR} - {*names}:
            raise SpecError(f"{name}:1: unknown column {column!r}; did you mean {column.casefold()!r}?")
    needed = ("table", "row") if "table" in names else ("label", "backbone", "dataset")
    missing = [item for item in needed if item not in names and not (item == "label" and "module" in names)]
    if missing:
        other = "" if "table" in names else "; of a paper's table the columns are table and row"
        raise SpecError(f"{name}:1: missing column {comma_join(missing)}{other}")
    pair = [item for item in PAIR if item in names]
    measures = [item for item in names if item not in {*PLACES, *PAIR}]
    if len(pair) == 1:
        raise SpecError(f"{name}:1: column {pair[0]} needs a column {PAIR[1 - PAIR.index(pair[0])]}")
    if pair and measures:
        raise SpecError(f"{name}:1: columns column and value exclude column {measures[0]}")
    if not pair and not measures:
        raise SpecError(f"{name}:1: a column with numbers is missing, such as top1")
    if "table" not in names:
        for column in measures:
            if column not in MEASURES:
                raise SpecError(f"{name}:1: unknown column {column!r}{did_you_mean(column, [*MEASURES, *PLACES])}")


_GROUPED = re.compile(r"(\d{1,3}(?:[ ,.'_\u00a0\u202f]\d{3})+)([.,]\d*)?")
"""Digits in groups of three, as thousands are written; `272,474` may also be a decimal comma."""


def _with_point(text: str, *, percent: bool) -> str:
    """The number with a point if it has a decimal comma. No percentage has thousands."""
    is_decimal = text.count(",") == 1 and "." not in text and (percent or not _GROUPED.fullmatch(text.lstrip("+-")))
    return text.replace(",", ".") if is_decimal else text


def _advice(text: str, *, counted: bool) -> str:
    """How a number may be meant that cannot be read."""
    grouped = _GROUPED.fullmatch(text)
    if grouped is None:
        return ", such as 78.5"
    digits = re.sub(r"\D", "", grouped[1])
    if grouped[2]:
        return f"; write {digits}.{grouped[2][1:]}"
    return f"; write {digits}" + (f" or {digits[:-3]}.{digits[-3:]}{'K' if counted else ''}" if "," in text else "")


class _Reader:
    """Takes in line by line."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.found = Results()
        self._seen: dict[tuple[object, ...], str] = {}
        self._small: dict[tuple[str, str], list[tuple[str, float]]] = {}
        self._large: set[tuple[str, str]] = set()

    def numbers(self, line: Line) -> dict[str, str]:
        """Column to text of what is measured in a line; raises SpecError when there is nothing."""
        if "column" in line.texts and "value" in line.texts:
            return {line.texts["column"]: line.texts["value"]}
        found = {column: text for column, text in line.texts.items() if column not in {*PLACES, *PAIR}}
        if not found:
            raise line.error("this line has no number")
        return found

    def number(self, line: Line, column: str, text: str, *, percent: bool, counted: bool) -> float:
        """A number as it is written; raises SpecError."""
        match = _NUMBER.fullmatch(_with_point(text, percent=percent))
        if match is None or not math.isfinite(float(match[1])):
            raise line.error(f"{text!r} is not a number{_advice(text, counted=counted)}", column)
        value, unit = float(match[1]), match[2] or ""
        if (unit == "%" and not percent) or (unit in {"K", "M", "G"} and not counted):
            raise line.error(f"{text!r}: {unit} does not apply to {column}", column)
        if value < 0 or (percent and value > 100):
            raise line.error(f"{text!r} must be {'from 0 to 100, in percent' if percent else 'at least 0'}", column)
        place = line.texts.get("table", ""), column
        if percent and 0 < value <= 1 and not unit:
            self._small.setdefault(place, []).append((line.where, value))
        elif percent and value:
            self._large.add(place)
        return value * _THOUSANDS.get(unit, 1.0)

    def fractions(self) -> Iterator[str]:
        """A warning of each column whose percentages look like fractions."""
        for (table, column), found in self._small.items():
            where, value = found[0]
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            if (table, column) not in self._large:
                yield f"{where}: column {column}: {value:g} %: values are in percent; is it {100 * value:g}?{more}"

    def add(self, line: Line, record: Imported) -> None:
        """Take in a record; raises SpecError when an earlier line has said the same."""
        place = (record.table, record.row, record.label, record.backbone, record.dataset, record.placement)
        for column in record.values:
            key = (*place, record.seed, record.source, column)
            if key in self._seen:
                raise line.error(f"{self._seen[key]} already has {column} for this; several seeds need a column seed")
            self._seen[key] = f"line {line.where.rpartition(':')[2]}"
        self.found.records.append(record)

    def of(self, line: Line) -> str:
        """The line's source."""
        return line.texts.get("source", self.source)


class _OfTables(_Reader):
    """Lines of papers' tables."""

    def __init__(self, source: str, find: Callable[[str], papers.PaperTable]) -> None:
        super().__init__(source)
        self._find = find

    def take(self, line: Line) -> None:
        """Take in a line; raises SpecError."""
        for place in ("table", "row"):
            if place not in line.texts:
                raise line.error("is empty", place)
        table = self._table(line)
        rows = {row.name: row for row in table.rows}
        if line.texts["row"] not in rows:
            raise line.error(
                f"{table.name} has no row {line.texts['row']!r}{did_you_mean(line.texts['row'], rows)}", "row"
            )
        values = {}
        for name, text in self.numbers(line).items():
            column = _column(line, table, name)
            value = self.number(line, name, text, percent=_is_percent(column.metric), counted=False)
            values[column.key] = _own_unit(line, table, column, value)
        self.add(
            line,
            Imported(values=values, table=table.name, row=line.texts["row"], source=self.of(line), seed=_seed(line)),
        )

    def _table(self, line: Line) -> papers.PaperTable:
        try:
            return self._find(line.texts["table"])
        except SpecError as error:
            raise line.error(str(error), "table") from error


class _OfRuns(_Reader):
    """Lines for a comparison of runs."""

    def take(self, line: Line) -> None:
        """Take in a line; raises SpecError."""
        label = line.texts.get("label") or line.texts.get("module")
        if not label:
            raise line.error("is empty", "label")
        places = {"backbone": backbones.names(), "dataset": datasets.names()}
        for place in places:
            if place not in line.texts:
                raise line.error("is empty", place)
        values = {}
        for name, text in self.numbers(line).items():
            if name not in MEASURES:
                raise line.error(f"unknown metric {name!r}{did_you_mean(name, MEASURES)}", "column")
            values[name] = self.number(line, name, text, percent=_is_percent(name), counted=name in COUNTS)
            if name in COUNTS and 0 < values[name] < 1000:
                words = f"{text} is read as a count; write {text}M for millions"
                self.found.warnings.append(f"{line.where}: column {name}: {words}")
        backbone, dataset = (self._known(line, place, known) for place, known in places.items())
        model = self._known(line, "model", models.names()) if "model" in line.texts else ""
        record = Imported(
            values=values,
            label=label,
            backbone=f"{model} {backbone}".lstrip(),
            dataset=dataset,
            placement=line.texts.get("placement", ""),
            source=self.of(line),
            seed=_seed(line),
        )
        self.add(line, record)

    def _known(self, line: Line, place: str, known: Collection[str]) -> str:
        """A name as it is spelt here; one that is none of ours is kept, and said."""
        text = line.texts[place]
        found = next((name for name in known if name.casefold() == text.casefold()), None)
        if found is None:
            nearest = did_you_mean(text, known)
            hint = nearest if "did you mean" in nearest else ""
            words = f"column {place}: {text!r} is unknown to attnctl and gets a row of its own in reports{hint}"
            if not any(words in said for said in self.found.warnings):
                self.found.warnings.append(f"{line.where}: {words}")
        return found or text


def _column(line: Line, table: papers.PaperTable, name: str) -> papers.PaperColumn:
    """The table's column of that key, or the only one of that metric; raises SpecError."""
    found = [column for column in table.columns if column.key == name]
    found = found or [column for column in table.columns if column.metric == name]
    if not found:
        known = [column.key for column in table.columns if column.kind in {"run", "params", "flops", "fps"}]
        raise line.error(f"{table.name} has no column {name!r}{did_you_mean(name, known)}", "column")
    if len(found) > 1:
        raise line.error(f"{table.name} has {name} in several columns: {comma_join(item.key for item in found)}", name)
    if found[0].kind in {"words", "trait"}:
        raise line.error(f"this is not a number of {table.name}", name)
    return found[0]


def _is_percent(metric: str) -> bool:
    return metric in MEASURES and metric not in {*LOSSES, *COUNTS, "fps"}


def _own_unit(line: Line, table: papers.PaperTable, column: papers.PaperColumn, value: float) -> float:
    """A number as the table prints it, in the metric's own unit; raises SpecError."""
    if column.error:
        return 100 - value
    if column.metric not in COUNTED:
        return value
    if column.unit not in _THOUSANDS:
        raise line.error(f"{table.name} prints it in {column.unit}, which is not a count", column.key)
    return value * _THOUSANDS[column.unit]


def _seed(line: Line) -> int | None:
    text = line.texts.get("seed")
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,10})(?:\.0*)?", text, re.ASCII)  # pandas writes 0.0 where another line has no seed
    if match is None:
        raise line.error(f"{text!r} is not a seed; it must be a whole number", "seed")
    return int(match[1])
