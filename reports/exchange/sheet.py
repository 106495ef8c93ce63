"""The lines of a CSV file, each with its place, for complaints that name it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attnctl.reports.csv_cells import restored
from attnctl.units import quantity
from attnctl.values import SpecError, comma_join

_TOLD = re.compile(r"\"?sep=([,;\t|])\"?[ ]*(?:\r\n|\n|\r|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """A line of the file. where: the file and the line's number; texts: by column, without what is empty."""

    where: str
    texts: Mapping[str, str]

    def error(self, words: str, column: str = "") -> SpecError:
        """What is wrong with it, or with its text in a column."""
        return SpecError(f"{self.where}: {f'column {column}: ' if column else ''}{words}")


def lines(data: bytes, name: str) -> tuple[list[str], list[Line]]:
    """The names of the columns, and the lines below; raises SpecError. name: of the file.

    The file is UTF-8, with or without a byte order mark. Its separator is whichever of comma, semicolon and tab the
    first line has most of, or what a line `sep=;` before it says, as Excel writes it; a text that holds it stands in
    double quotes. Texts that attnctl or a spreadsheet protected with an apostrophe, as in `'=a`, come without it.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{name}:{line}: this is not UTF-8 text; save the file as CSV UTF-8") from error
    told = _TOLD.match(text)
    body = text[told.end() :] if told else text
    separator = told[1] if told else max(",;\t", key=body.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    rows = list(_rows(reader, name, 2 if told else 1))
    if not rows:
        raise SpecError(f"{name} is empty; its first line must name the columns")
    names = [restored(cell.strip()) for cell in rows[0][1]]
    found = []
    for number, row in rows[1:]:
        if len(row) != len(names):
            values, columns = quantity(len(row), "value"), quantity(len(names), "column")
            raise SpecError(f"{name}:{number}: {values} for {columns} ({comma_join(names)})")
        texts = {column: restored(cell.strip()) for column, cell in zip(names, row, strict=True) if cell.strip()}
        found.append(Line(f"{name}:{number}", texts))
    return names, found


def _rows(reader: Any, name: str, first: int) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty, each with the number of its first line. first: of the reader's lines."""
    number = first
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield number, row
            number = reader.line_num + first
    except csv.Error as error:
        raise SpecError(f"{name}:{number}: {error}") from error
