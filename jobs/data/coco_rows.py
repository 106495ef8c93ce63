"""The entries of COCO's annotation files: their numbers, and what is wrong with them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attnctl.jobs.data.errors import DataError

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading an entry that is not as in COCO's files raises, beside DataError."""


def whole(row: Mapping[str, Any], key: str, noun: str, default: int | None = None) -> int:
    """A whole number, also written as 3.0 or as the text "3"; raises DataError naming what has another value.

    default: what a missing value and null mean; None if it must not be missing.
    """
    value = row[key] if default is None else row.get(key)
    if type(value) is int:
        return value
    number = default if value is None else _parsed(value)
    if number is None:
        raise DataError(f"{noun} {row.get('id')} has {key} {value!r:.40} instead of a whole number")
    return number


def _parsed(value: object) -> int | None:
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    is_short_number = isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,18}(\.0*)?\s*", value)
    return int(str(value).partition(".")[0]) if is_short_number else None


def find_faults(document: object) -> list[str]:
    """A line for each wrong category, image and annotation of a file that cannot be used."""
    if not isinstance(document, dict):
        return []
    faults: list[str] = []
    known: dict[str, set[int]] = {"category": set(), "image": set()}

    def check(noun: str, row: Any) -> None:
        if noun == "annotation":
            _check_annotation(row, known)
            return
        known[noun].add(whole(row, "id", noun))

    for noun, rows in (("category", "categories"), ("image", "images"), ("annotation", "annotations")):
        if noun == "annotation" and (faults or not all(known.values())):
            break  # what is wrong above would only be repeated
        for position, row in enumerate(_rows(document, rows)):
            faults += _fault(check, noun, row, position)
    return faults


def _rows(document: Mapping[str, Any], key: str) -> Iterator[Any]:
    rows = document.get(key)
    yield from rows if isinstance(rows, list) else ()


def _fault(check: Callable[[str, Any], None], noun: str, row: Any, position: int) -> list[str]:
    """The fault of an entry, in a list that is empty if it has none."""
    name = (
        f"{noun} {row['id']!r:.40}" if isinstance(row, dict) and "id" in row else f"entry {position} of the {noun} list"
    )
    try:
        check(noun, row)
    except DataError as error:
        return [str(error)]
    except KeyError as error:
        return [f"{name} lacks {error}"]
    except MALFORMED as error:
        return [f"{name}: {error}"]
    return []


def check_box(annotation: Mapping[str, Any]) -> None:
    """Raise DataError unless the annotation has a list of four values as its box."""
    box = annotation["bbox"]
    if not isinstance(box, list) or len(box) != 4:
        shown = f"{json.dumps(box):.60}"
        raise DataError(f"annotation {annotation.get('id')} has bbox {shown} instead of [x, y, width, height]")


def _check_annotation(row: Mapping[str, Any], known: Mapping[str, set[int]]) -> None:
    for key, noun in (("image_id", "image"), ("category_id", "category")):
        if whole(row, key, "annotation") not in known[noun]:
            raise DataError(f"annotation {row.get('id')} refers to {noun} {row[key]}, which is not in the file")
    check_box(row)
    box = row["bbox"]
    if not all(map(math.isfinite, map(float, box))):
        raise DataError(f"annotation {row.get('id')} has bbox {box}, which is not finite")
    whole(row, "iscrowd", "annotation", 0)
