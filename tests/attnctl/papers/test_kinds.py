"""The kinds of values in a paper's file: what each takes, and that it refuses everything else."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl.papers import kinds
from attnctl.papers.kinds import InsideError, Kind


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (kinds.line, "a line", "a line"),
        (kinds.text, "a\n text ", "a text"),
        (kinds.published, "76.50", "76.50"),
        (kinds.name, "ean-2.b", "ean-2.b"),
        (kinds.label, "5a", "5a"),
        (kinds.flag, True, True),
        (kinds.decimals, 0, 0),
        (kinds.one_of(("linear", "conv")), "conv", "conv"),
        (kinds.number, 1.5, 1.5),
        (kinds.count, 3, 3),
        (kinds.list_of(kinds.count), [1, 2], (1, 2)),
        (kinds.texts, {"a": "x\ny"}, {"a": "x y"}),
        (kinds.scalar, False, False),
        (kinds.scalars, {"kernel": 5, "groups": "c/8"}, {"kernel": 5, "groups": "c/8"}),
        (kinds.train, {"lr": [0.1, 0.05], "epochs": 3}, {"lr": (0.1, 0.05), "epochs": (3,)}),
        (kinds.written, {"pools": True, "fc": "conv"}, {"pools": True, "fc": "conv"}),
        (kinds.maps, [[256, 56], [512, 28]], ((256, 56), (512, 28))),
    ],
)
def test_a_value_of_the_kind_becomes_the_models(kind: Kind, value: Any, expected: Any) -> None:
    assert kind(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((kinds.line, value) for value in ("", " ", "a\nb", "\x1b[31m", 1, None)),
        *((kinds.text, value) for value in (1, ["a"])),
        *((kinds.published, value) for value in (76.5, 76, "", True)),
        *((kinds.name, value) for value in ("", "-a", "a b", "../x", 1)),
        *((kinds.label, value) for value in ("", "5.a", "a:b", 5)),
        *((kinds.flag, value) for value in (1, "true")),
        *((kinds.decimals, value) for value in (-1, 10, 1.0, True, "2")),
        *((kinds.one_of(("linear", "conv")), value) for value in ("convv", 1)),
        (kinds.section, []),
        (kinds.section, "x"),
        (kinds.sections, {}),
        (kinds.sections, "x"),
        *((kinds.number, value) for value in ("1", True)),
        *((kinds.count, value) for value in (-1, 1.5, True)),
        *((kinds.list_of(kinds.count), value) for value in ([], 1, ["x"])),
        (kinds.scalar, [1]),
        (kinds.scalar, {}),
        (kinds.scalar, None),
        (kinds.scalars, []),
        (kinds.scalars, {"a": [1]}),
        (kinds.train, {"lrr": 1}),
        (kinds.train, {"lr": []}),
        (kinds.train, {"lr": "high"}),
        (kinds.train, {"epochs": -1}),
        (kinds.train, []),
        *((kinds.written, value) for value in ({"pool": True}, {"pools": 1}, {"fc": "convv"})),
        *((kinds.maps, value) for value in ([], [[1]], [[0, 1]], [[1, 2.0]], "x")),
    ],
)
def test_anything_else_is_a_value_error_that_follows_the_key(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^(must|is) ") as error:
        kind(value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "value", "key"),
    [
        (kinds.scalars, {"a": 1, "b": [1]}, "b"),
        (kinds.train, {"lr": 0.1, "lrr": 1}, "lrr"),
        (kinds.written, {"pools": 1}, "pools"),
    ],
)
def test_an_error_within_a_table_knows_its_key(kind: Kind, value: Any, key: str) -> None:
    with pytest.raises(InsideError) as error:
        kind(value)
    assert error.value.key == key
