"""Texts in CSV files that a spreadsheet would take for formulas.

A spreadsheet computes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end, and a formula can open addresses
and start programs (owasp.org/www-community/attacks/CSV_Injection). Such a text gets an apostrophe in front, which
spreadsheets take as the mark of a text. A text that begins with apostrophes and then one of these signs gets one more,
so that `restored` gives back every text. Numbers stay as they are.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001 (the wide signs count too)
_PROTECTED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def protected(value: object) -> object:
    """The value as it is written into a cell."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def restored(text: str) -> str:
    """The text of a cell that `protected` was written into."""
    return text[1:] if _PROTECTED.match(text) else text
