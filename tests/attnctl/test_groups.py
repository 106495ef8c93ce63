"""Groups of modules: what is in them, and how a module list with groups is read."""

from __future__ import annotations

from typing import Any

import pytest

from attnctl import attention, groups, papers
from attnctl.spec import NO_MODULE
from attnctl.values import SpecError

GATES = [name for name in attention.names() if not attention.describe(name).replaces]


def test_every_group_holds_gates_and_the_plain_backbone() -> None:
    for members, what in groups.BUILT_IN.values():
        assert members[0] == NO_MODULE
        assert list(members[1:]) == sorted(set(members[1:]))
        assert set(members[1:]) <= set(GATES)
        assert what


def test_the_lightweight_modules_are_those_with_at_most_the_parameters_of_se() -> None:
    counts = {}
    for name in GATES:
        module: Any = attention.create(name, 256, (14, 14))
        counts[name] = sum(parameter.numel() for parameter in module.parameters())
    assert [name for name in GATES if counts[name] <= counts["se"]] == list(groups.LIGHTWEIGHT[1:])


def test_the_modules_of_papers_are_the_gates_of_their_tables() -> None:
    compared = {
        row.setup.module for name in papers.names() for table in papers.load(name).tables.values() for row in table.rows
    }
    assert [name for name in GATES if name in compared] == list(groups.PAPERS[1:])


def test_a_group_stands_for_its_modules_each_once_and_the_plain_backbone_comes_first() -> None:
    own = {"rivals": ("none", "se", "ela")}
    assert groups.expanded(["./mine.py:Mine", "se", "group:rivals"], own) == ("none", "./mine.py:Mine", "se", "ela")
    assert groups.expanded(["se", "none"], own) == ("se", "none")
    assert groups.expanded(["ela@stage", "group:global"], {}) == ("none", "ela@stage", "gc", "nl", "shsa")
    assert groups.expanded(["se", "group:mine"], {"mine": ("ela",)}) == ("se", "ela")


def test_an_unknown_group_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(SpecError, match="unknown group 'lightwight'; did you mean 'lightweight'"):
        groups.expanded(["group:lightwight"], {})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("papers", "se", "is a built-in group"),
        ("a b", "se", "is not a name"),
        ("mine", "se,,ela", "must be a comma list of modules"),
        ("mine", "", "must be a comma list of modules"),
        ("mine", "se,group:papers", "holds group:papers; write its modules"),
        ("mine", "se,./x.py:X", "holds the file ./x.py:X; name files in the command: sweep ./x.py:X,group:mine"),
    ],
)
def test_a_group_of_the_settings_has_a_name_and_known_kinds_of_modules(name: str, text: str, words: str) -> None:
    assert words in groups.fault(name, text)
    assert groups.fault("mine", "none, se,ela@stage") == ""
