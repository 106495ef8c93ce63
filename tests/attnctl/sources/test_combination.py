"""Several modules declared as one."""

from __future__ import annotations

import pytest

from attnctl import attention
from attnctl.sources.combination import combine, parts_of, values_of
from attnctl.values import SpecError


def test_the_hyperparameters_of_a_combination_have_the_names_of_their_modules() -> None:
    source = attention.describe("ean+se")
    assert [item.name for item in source.hyperparameters if item.name.startswith("se")] == [
        "se.r",
        "se.bias",
        "se.min_channels",
    ]
    assert source.version == "1+1"
    values = source.resolve({"ean.G": "4", "se.r": 8})
    assert (values["ean.G"], values["se.r"], values["ean.shared"]) == (4, 8, True)
    ean, se = parts_of(source)
    assert values_of(source, ean, values) == ean.resolve({"G": 4})
    assert values_of(source, se, values) == se.resolve({"r": 8})
    assert source.without_neutral(values) == {"ean.G": 4, "ean.shared": True, "se.bias": False, "se.r": 8}


def test_a_single_module_is_its_own_part() -> None:
    se = attention.describe("se")
    assert parts_of(se) == (se,)
    assert values_of(se, se, {"r": 4}) == {"r": 4}


def test_the_rules_of_each_part_hold() -> None:
    source = attention.describe("ean+se")
    with pytest.raises(SpecError, match=r"^ean G=3 does not work at 16 channels: G must divide the channels"):
        source.check(source.resolve({"ean.G": 3}), 16)
    spatial = attention.describe("se+nam")
    with pytest.raises(SpecError, match=r"^nam gates=both works for maps of one size; yolof has images of many sizes"):
        spatial.check_any_size(spatial.resolve({"nam.gates": "both"}), "yolof")


def test_a_hyperparameter_without_its_module_is_refused() -> None:
    with pytest.raises(SpecError, match=r"ean\+se has no hyperparameter 'r'; write ean\.NAME"):
        attention.describe("ean+se").resolve({"r": 4})
    with pytest.raises(SpecError, match="se has no hyperparameter 'G'"):
        attention.describe("ean+se").resolve({"se.G": 4})


def test_a_module_twice_is_refused_with_the_way_to_have_it_at_several_places() -> None:
    se = attention.describe("se")
    with pytest.raises(SpecError, match=r"se\+se has se twice; one module at several places is se@conv2\+stage"):
        combine([se, se])
