"""A run's identity."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnctl import own_data, recipes
from attnctl.grid import Axes, expand
from attnctl.spec import Recipe, RunSpec, Versions, recipe_fields, recipe_from, recipe_value
from attnctl.values import SpecError, format_value, split_list


def one(**axes: Any) -> RunSpec:
    (spec,) = expand(Axes(**{"modules": ("ela",), **axes})).specs
    return spec


GOLDEN = {
    "b442273118c4a2fc": {"hyperparameters": {"kernel": ("5",)}},
    "1b3962cc7eaa6942": {},
    "a3c06cc878ffde51": {"seeds": ("1",)},
    "40d561bd5a43f4c2": {"modules": ("none",)},
    "1a5b00b080a4a9ed": {"modules": ("se",)},
}


@pytest.mark.parametrize(("run_id", "axes"), GOLDEN.items())
def test_an_id_once_given_never_changes(run_id: str, axes: dict[str, Any]) -> None:
    """A changed id means that users' finished runs are run again: only a changed number may do that."""
    assert one(**axes).id == run_id


SEVERAL: list[dict[str, Any]] = [
    {},
    {"modules": ("none",)},
    {"models": ("fasterrcnn",), "datasets": ("digits-det",), "recipe": "digits-det", "backbones": ("resnet18",)},
    {"init": "run:b442273118c4a2fc"},
]


@pytest.mark.parametrize("axes", SEVERAL)
def test_the_runs_of_a_cell_have_the_ids_and_the_family_of_each_alone(axes: dict[str, Any]) -> None:
    spec = one(**axes)
    seeds = (3, 0, 2**32 - 1)
    alone = [dataclasses.replace(spec, seed=seed) for seed in seeds]
    assert spec.with_seeds(seeds) == alone
    assert [item.id for item in spec.with_seeds(seeds)] == [item.id for item in alone]
    without = dataclasses.replace(alone[0], seed=0, versions=Versions(**NO_VERSIONS))
    assert {item.family for item in (*spec.with_seeds(seeds), *alone)} == {without.id}


NO_VERSIONS: dict[str, Any] = {"module": "", "backbone": 0, "placement": 0, "dataset": 0, "loop": 0}
DETECTOR = {"models": ("yolox_nano",), "backbones": ("cspdarknet_nano",), "datasets": ("digits-det",)}
RENAMED: dict[str, dict[str, Any]] = {
    "ca": {"modules": ("ca",)},
    "ca min_channels=1": {"modules": ("ca",), "hyperparameters": {"min_channels": ("1",)}},
    "ca_gn": {"modules": ("ca_gn",)},
    "cbam min_channels=8": {"modules": ("cbam",), "hyperparameters": {"min_channels": ("8",)}},
    "se min_channels=8": {"modules": ("se",), "hyperparameters": {"min_channels": ("8",)}},
    "lr_gamma=0.2": {"overrides": {"schedule": ("step",), "lr_gamma": ("0.2",)}},
    "clip_grad_norm=1": {"overrides": {"clip_grad_norm": ("1",)}},
    "ema_decay=0.99": {"overrides": {"ema_decay": ("0.99",)}},
    "eval_interval=2": {"overrides": {"eval_interval": ("2",)}},
    "min_sizes=64+96": {
        **DETECTOR,
        "modules": ("none",),
        "recipe": "digits-det",
        "overrides": {"min_sizes": ("64+96",)},
    },
    "no_aug_epochs=1": {
        **DETECTOR,
        "modules": ("none",),
        "recipe": "digits-det",
        "overrides": {"no_aug_epochs": ("1",)},
    },
}
OLD_NAMES = {
    "min_channels": "floor",
    "lr_gamma": "decay",
    "clip_grad_norm": "clip_norm",
    "ema_decay": "ema",
    "eval_interval": "eval_epochs",
    "min_sizes": "scales",
    "no_aug_epochs": "plain_epochs",
}
RENAMED_IDS = json.loads(Path(__file__).with_name("renamed_ids.json").read_text())
"""What was asked for -> the id under the names before the first release, and the id since."""


@pytest.mark.parametrize("name", RENAMED_IDS)
def test_an_id_changed_once_by_renamed_fields_and_by_nothing_else(name: str) -> None:
    """The canonical JSON with the old names hashes to the old id: nothing but names has moved."""
    old, new = RENAMED_IDS[name]
    spec = one(**RENAMED[name])
    assert spec.id == new
    document = json.loads(spec.canonical())
    for values in (document["hyperparameters"], document["recipe"]):
        for now, before in OLD_NAMES.items():
            if now in values:
                values[before] = values.pop(now)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest()[: len(old)] == old


@pytest.mark.parametrize(
    "changed",
    [
        {"init": "run:../../x"},
        {"init": "file:/etc/passwd"},
        {"init": "x"},
        {"versions": {"module": "ast:../../x"}},
        {"module": "ean+se", "versions": {"module": "1+ast:../../x"}},
        {"module": "ean", "versions": {"module": "1+1"}},
    ],
)
def test_a_spec_whose_names_lead_elsewhere_is_refused(changed: dict[str, Any]) -> None:
    document = one().to_json()
    versions = document["versions"] | changed.get("versions", {})
    with pytest.raises(SpecError, match="not a run's spec: "):
        RunSpec.from_json(document | changed | {"versions": versions})


def test_the_description_of_an_own_data_set_is_read_with_the_spec() -> None:
    spec = dataclasses.replace(one(), dataset="flowers@44136fa355", data="{}")
    assert RunSpec.from_json(spec.to_json()) == spec
    assert own_data.DESCRIPTIONS["flowers@44136fa355"] == "{}"
    assert "data" not in one().to_json()
    for changed in ({"data": ""}, {"data": "{} "}, {"dataset": "digits"}, {"dataset": "flowers@0000000000"}):
        with pytest.raises(SpecError, match="is not the name of the data set that is described"):
            RunSpec.from_json(spec.to_json() | changed)


def test_every_field_of_the_spec_moves_the_id() -> None:
    spec = one()
    changed: dict[str, Any] = {
        "module": "se",
        "hyperparameters": (("kernel", 9),),
        "backbone": "resnet56",
        "placement": "stage",
        "dataset": "cifar10",
        "recipe": dataclasses.replace(spec.recipe, lr=0.2),
        "seed": 1,
        "versions": dataclasses.replace(spec.versions, loop=99),
        "init": "run:0123456789abcdef",
        "model": "fasterrcnn",
        "data": "{}",
    }
    assert set(changed) == {item.name for item in dataclasses.fields(RunSpec) if item.compare}
    ids = {dataclasses.replace(spec, **{name: value}).id for name, value in changed.items()}
    assert len(ids | {spec.id}) == len(changed) + 1


def test_only_non_neutral_values_of_a_recipe_field_are_part_of_the_id() -> None:
    spec = one()
    other: dict[str, Any] = {
        "nesterov": True,
        "milestones": "3",
        "precision": "bf16",
        "channels_last": True,
        "compile": True,
    }
    other |= {"norms": "frozen", "min_sizes": "480+800", "decay_norms": False}
    other |= {"loss": "focal:Focal", "metrics": "mine:kappa", "part_options": "loss.gamma=2"}
    other |= {"decay_biases": False, "param_groups": "fc.*:lr=10"}
    instead: dict[str, dict[str, Any]] = {"steps": {"epochs": 0}, "warmup_steps": {"warmup_epochs": 0.0}}
    for name, item in recipe_fields().items():
        if "neutral" not in item.metadata:
            assert f'"{name}":' in spec.canonical()
            continue
        base = dataclasses.replace(spec.recipe, **instead.get(name, {}))
        at_neutral = dataclasses.replace(spec, recipe=dataclasses.replace(base, **{name: item.metadata["neutral"]}))
        assert f'"{name}":' not in at_neutral.canonical()
        moved = dataclasses.replace(spec, recipe=dataclasses.replace(base, **{name: other.get(name, 0.5)}))
        assert moved.id != at_neutral.id


@pytest.mark.parametrize("name", [name for name, item in recipe_fields().items() if "neutral" in item.metadata])
def test_every_default_of_a_recipe_can_be_typed_and_is_that_default(name: str) -> None:
    neutral = recipe_fields()[name].metadata["neutral"]
    typed = format_value(neutral)
    assert split_list(typed, f"--{name}") == (typed,)
    assert recipe_value(name, typed) == neutral
    recipe = one().recipe
    overrides = {name: (typed,)}
    if name in {"steps", "warmup_steps"}:  # which take the place of epochs
        epochs = name.replace("steps", "epochs")
        overrides[epochs] = (format_value(getattr(recipe, epochs)),)
    if getattr(recipe, name) == neutral:
        assert one(overrides=overrides).id == one().id


def test_a_recipe_counts_epochs_or_steps_and_never_both() -> None:
    counted = recipes.resolve("digits", {"steps": "100", "warmup_steps": "10"})
    assert (counted.epochs, counted.steps, counted.warmup_epochs, counted.warmup_steps) == (0, 100, 0.0, 10)
    assert recipe_from(vars(counted)) == counted
    with pytest.raises(SpecError, match="epochs and steps both say how long"):
        recipes.resolve("digits", {"epochs": "3", "steps": "100"})
    with pytest.raises(SpecError, match="epochs is 0; it must be at least 1"):
        recipes.resolve("digits", {"epochs": "0"})
    with pytest.raises(SpecError, match="no_aug_epochs are the last ones of a recipe that counts epochs"):
        recipes.resolve("digits", {"steps": "100", "no_aug_epochs": "2"})
    with pytest.raises(SpecError, match="lacks epochs"):
        recipes.resolve("digits", {"steps": "0"})


def test_synchronous_norms_need_a_process_for_each_forward() -> None:
    recipe = recipes.resolve("digits", {"norms": "sync", "batch": "64", "norm_batch": "16"})
    assert recipe.worlds == [4]
    recipe.check_world(4)
    with pytest.raises(SpecError, match="a process for each of the 4 forwards of a step, not 2"):
        recipe.check_world(2)


def test_a_spec_round_trips_through_json_and_older_ones_get_neutral_values() -> None:
    spec = one(hyperparameters={"kernel": ("5",)})
    document = json.loads(json.dumps(spec.to_json()))
    assert RunSpec.from_json(document) == spec
    del document["recipe"]["cutmix"]
    assert RunSpec.from_json(document).id == spec.id


@pytest.mark.parametrize("document", [{}, {"module": 3}, {"recipe": None}, [], {"hyperparameters": "x"}])
def test_an_invalid_spec_is_refused(document: Any) -> None:
    with pytest.raises(SpecError, match="not a run's spec"):
        RunSpec.from_json(document)


def test_a_variant_and_its_settings_are_the_same_run() -> None:
    spelled = one(hyperparameters={"kernel": ("5",), "groups": ("c/8",), "num_groups": ("16",)})
    assert one(hyperparameters={"variant": ("s",)}).id == spelled.id


def test_the_text_of_a_number_does_not_matter() -> None:
    assert one(overrides={"lr": ("0.10",)}).id == one(overrides={"lr": ("1e-1",)}).id == one().id


@given(batch=st.integers(1, 512), norm_batch=st.integers(1, 512), world=st.integers(1, 16))
def test_a_number_of_processes_fits_exactly_if_it_divides_the_replicas(batch: int, norm_batch: int, world: int) -> None:
    values = {**vars(one().recipe), "batch": batch, "norm_batch": norm_batch}
    if batch % norm_batch:
        with pytest.raises(SpecError, match="does not divide batch"):
            Recipe(**values)
        return
    recipe = Recipe(**values)
    if (batch // norm_batch) % world:
        with pytest.raises(SpecError, match="worlds that fit: 1"):
            recipe.check_world(world)
    else:
        recipe.check_world(world)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("lr", 0, "above 0"),
        ("momentum", 1.0, "below 1"),
        ("epochs", 0, "at least 1"),
        ("optimizer", "adan", "one of sgd, adamw"),
        ("milestones", "150+100", "ascending"),
        ("milestones", "a", "ascending"),
        ("min_sizes", "800+a", "not pixels"),
        ("milestones", "", "not ascending epochs such as .*, or none"),
        ("min_sizes", "", "not pixels such as .*, or default"),
        ("norms", "x", "one of default, batch, frozen, sync"),
        ("norms", "", "norms is empty; it must be one of default, batch, frozen, sync"),
        ("colour", 1, "unknown recipe field"),
    ],
)
def test_a_recipe_names_the_field_that_is_wrong(field: str, value: float | str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        recipe_from({**vars(one().recipe), field: value})
