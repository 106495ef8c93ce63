"""The sampled values of a run."""

from __future__ import annotations

from attnctl.grid import Axes, expand
from attnctl.search.sampled import is_shared, values_of
from attnctl.spec import RunSpec


def one(modules: str, **overrides: tuple[str, ...]) -> RunSpec:
    return expand(Axes(modules=(modules,), overrides=overrides)).specs[0]


def test_fields_options_and_hyperparameters_are_found_by_their_names() -> None:
    spec = one("ela", lr=("0.25",), loss=("focal",), **{"loss.gamma": ("3",)})
    names = ["lr", "loss.gamma", "kernel", "ela.kernel", "eca.kernel", "r"]
    assert values_of(spec, names) == {"lr": 0.25, "loss.gamma": "3", "kernel": 7, "ela.kernel": 7}


def test_a_hyperparameter_of_one_of_several_modules_is_found_by_its_module() -> None:
    spec = one("an@norm2+se@block")
    assert values_of(spec, ["an.K", "se.r", "se.K", "ela.kernel"]) == {"an.K": 10, "se.r": 16}


def test_all_modules_share_what_is_of_the_recipe() -> None:
    assert [is_shared(name) for name in ("lr", "loss.gamma", "kernel", "ela.kernel")] == [True, True, False, False]
