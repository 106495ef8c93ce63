"""What the index has of a run's spec."""

from __future__ import annotations

import dataclasses
import json

import pytest

from attnctl.db import spec_rows
from attnctl.spec import RunSpec
from tests.db import written


@pytest.mark.parametrize("axes", [{}, {"modules": ("none",)}, {"modules": ("an@norm2+se@block",)}])
def test_the_text_is_the_whole_spec_as_json_with_sorted_keys(axes: dict[str, tuple[str, ...]]) -> None:
    for spec in written.specs(seeds=("0", "1"), **axes):  # the second has the recipe of the first
        row = spec_rows.recipe_row(spec)
        assert row["text"] == json.dumps(spec.to_json(), sort_keys=True)
        assert RunSpec.from_json(json.loads(row["text"])) == spec
        assert {name: row[name] for name in vars(spec.recipe)} == vars(spec.recipe)
        assert not any(isinstance(value, bool) for value in row.values())


def test_recipes_that_are_equal_but_for_the_type_of_a_number_keep_their_texts() -> None:
    (spec,) = written.specs()
    whole = dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, weight_decay=0))
    fraction = dataclasses.replace(spec, recipe=dataclasses.replace(spec.recipe, weight_decay=0.0))
    assert whole == fraction
    for each in (whole, fraction):
        assert spec_rows.recipe_row(each)["text"] == json.dumps(each.to_json(), sort_keys=True)


def test_the_columns_of_a_run_are_those_of_its_spec_and_are_kept() -> None:
    (spec,) = written.specs(seeds=("3",))
    columns = spec_rows.columns(spec)
    assert (columns["label"], columns["seed"], columns["family"]) == (spec.label(), 3, spec.family)
    assert columns["versions"] == "module 1, backbone 1, placement 1, dataset 1, loop 1"
    assert spec_rows.known_columns(columns | {"state": "new"}) == columns
    unreadable = spec_rows.columns(None)
    assert unreadable.keys() == columns.keys()
    assert (unreadable["module"], unreadable["seed"], unreadable["family"]) == ("?", 0, "")
