"""Path patterns, compared with those of the shell."""

from __future__ import annotations

import json
from dataclasses import asdict
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from attnctl.backbones.places import Part, from_pattern, is_pattern, matches, stages
from attnctl.workspace import untrusted_json

names = st.text("ab1", min_size=1, max_size=3)
globs = st.text("ab1*?", min_size=1, max_size=3).filter(lambda text: "**" not in text)


@given(path=st.lists(names, min_size=1, max_size=3), pattern=st.lists(globs, min_size=1, max_size=3))
def test_each_part_of_a_path_matches_as_in_a_shell(path: list[str], pattern: list[str]) -> None:
    expected = len(path) == len(pattern) and all(map(fnmatchcase, path, pattern))
    assert matches(Part(".".join(path), "Conv2d", "Block", None), ".".join(pattern)) == expected


@given(path=st.lists(names, min_size=1, max_size=4), last=names)
def test_two_stars_are_any_number_of_names(path: list[str], last: str) -> None:
    assert matches(Part(".".join([*path, last]), "Conv2d", "Block", None), f"**.{last}")
    assert matches(Part(".".join(path), "Conv2d", "Block", None), "**")


def test_classes_narrow_a_pattern() -> None:
    part = Part("layer1.0.bn2", "BatchNorm2d", "BasicBlock", (4, 2, 2), outer="Sequential")
    for pattern in (
        "**.bn2:Sequential.BasicBlock",
        "layer1.0.bn2",
        "layer?.*.bn2:BasicBlock",
        "**=BatchNorm2d",
        "layer[!2].0.bn[12]:BasicBlock=BatchNorm2d",
    ):
        assert matches(part, pattern), pattern
    for pattern in (
        "layer1.0.bn",
        "**.bn2:Bottleneck",
        "**.bn2:ResNet.BasicBlock",
        "**=GroupNorm",
        "layer[!1].*.bn2",
        "layer*.bn2",
    ):
        assert not matches(part, pattern), pattern


def test_patterns_are_told_from_names() -> None:
    for text in ("layer*.?.bn3", "features.3", "replace:layer1.?.bn2", "**=ReLU", "layer[12]"):
        assert is_pattern(text.removeprefix("replace:")), text
    for text in ("block", "stem+stage", "own-se", "norm2"):
        assert not is_pattern(text), text


def test_the_label_of_a_replacing_pattern_has_the_prefix() -> None:
    assert (from_pattern("layer*.?.bn3").label, from_pattern("layer*.?.bn3").replaces) == ("layer*.?.bn3", False)
    assert (from_pattern("replace:a.*").label, from_pattern("replace:a.*").replaces) == ("replace:a.*", True)


def test_parts_round_trip_through_json() -> None:
    for part in (Part("a", "B", "C", (1, 2, 3), True, 2, "D", 1), Part("a", "B", "C", None)):
        assert untrusted_json.decode(Part, untrusted_json.loads(json.dumps(asdict(part)))) == part


def test_stages_end_at_changes_of_resolution() -> None:
    found = [
        ("stem", 112),
        ("pool", 56),
        ("one.0", 56),
        ("one", 56),
        ("two.0.a", 56),
        ("two.0", 28),
        ("two", 28),
        ("gap", 1),
    ]
    parts = [Part(path, "Block", "Net", (8, size, size)) for path, size in found]
    assert stages(parts, 224) == ("one", "two")
