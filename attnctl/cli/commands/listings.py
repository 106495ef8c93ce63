"""`attnctl backbones`, `models`, `datasets` and `recipes`: the other axes of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from attnctl import backbones as known_backbones
from attnctl import datasets as known_datasets
from attnctl import models as known_models
from attnctl import recipes as known_recipes
from attnctl.cli import completion, context, output
from attnctl.cli.sweeping.dynamic_options import option_name
from attnctl.cli.table_layout import Column
from attnctl.datasets import class_folders, headers, own
from attnctl.spec import recipe_fields
from attnctl.values import SpecError, format_value, split_list

_BACKBONES = (
    Column("backbone"),
    Column("placements", wrap=20),
    Column("input", wrap=12),
    Column("what it is", wrap=24),
)
_PLACEMENTS = (
    Column("backbone"),
    Column("placement"),
    Column("places"),
    Column("where", wrap=20),
    Column("channels", wrap=14),
)
_MODELS = (
    Column("model"),
    Column("task"),
    Column("backbones", wrap=18),
    Column("input"),
    Column("what it is", wrap=22),
)
_PARTS = (Column("model"), Column("takes"), Column("name"), Column("which is", wrap=20))
_DATASETS = (
    Column("dataset"),
    Column("task", wrap=9),
    Column("classes"),
    Column("train"),
    Column("test"),
    Column("default backbone", drop=1),
    Column("where", short=lambda text: text.partition(" in ")[0], shrink=20),
)
_RECIPES = (Column("recipe"), Column("values", wrap=30))
_FACTS = (Column("dataset"), Column("fact"), Column("value", wrap=30))
_FIELDS = (Column("recipe"), Column("field"), Column("value", wrap=12), Column("what it is", wrap=30))


def split_names(given: Sequence[str] | None) -> list[str]:
    """The names, which may be typed one by one or as a comma list; raises SpecError for an empty one."""
    return [name for text in given or () for name in split_list(text, "NAME")]


def backbones(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="BACKBONE",
            help="Show the placements of these backbones: from the list, from torchvision, or timm:NAME.",
            autocompletion=completion.backbones,
        ),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """List backbones and their placements.

    Examples:
        attnctl backbones
        attnctl backbones resnet50 timm:convnext_tiny
    """
    chosen = [known_backbones.describe(name) for name in split_names(names) or known_backbones.names()]
    if as_json:
        output.document(
            {
                "backbones": [
                    asdict(item) | {"placements": list(_placements(item.key or item.name).values())} for item in chosen
                ]
            }
        )
    elif names:
        rows = [
            [item.name, row["placement"], str(len(row["channels"])), row["where"], " ".join(map(str, distinct))]
            for item in chosen
            for row in _placements(item.key or item.name).values()
            if (distinct := dict.fromkeys(row["channels"]))
        ]
        output.table(_PLACEMENTS, rows)
    else:
        rows = [[item.name, ", ".join(item.placements), _input(item), item.source] for item in chosen]
        output.table(_BACKBONES, rows)
        output.note("attnctl backbones NAME shows its placements; other torchvision networks and timm:NAME work too")


def _input(backbone: known_backbones.Backbone) -> str:
    """The usual input, and the smallest one if that is large, as `224x224 (from 32)`; with the step of its sides."""
    usual = f"{backbone.input}x{backbone.input}"
    if backbone.multiple > 1:
        return f"{usual} (from {backbone.smallest} in steps of {backbone.multiple})"
    return f"{usual} (from {backbone.smallest})" if backbone.smallest >= _LARGE else usual


_LARGE = 29
"""Pixels of a smallest input that the images of some data sets do not have."""


def _placements(backbone: str) -> dict[str, dict[str, Any]]:
    """Name -> placement of a backbone for JSON, with the channels at each of its positions."""
    return {
        name: {
            "placement": name,
            "replaces": placement.replaces,
            "channels": list(known_backbones.channels(backbone, name)),
            "where": f"in place of {placement.where}" if placement.replaces else placement.where,
        }
        for name, placement in known_backbones.placements(backbone).items()
    }


def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Show the backbones, placements, options, data sets and recipes of these models.",
            autocompletion=completion.models,
        ),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """List detectors and segmentation networks.

    `attnctl sweep --model` trains one; the model determines the task.

    Examples:
        attnctl models
        attnctl models fasterrcnn
    """
    chosen = [known_models.describe(name) for name in split_names(names) or known_models.names()]
    if as_json:
        output.document({"models": [_model(item) for item in chosen]})
    elif names:
        rows = [[item.name, *row] for item in chosen for row in _choices(item)]
        output.table(_PARTS, rows)
    else:
        rows = [[item.name, item.task, ", ".join(item.backbones), str(item.input), item.source] for item in chosen]
        output.table(_MODELS, rows)
        output.note("attnctl models NAME shows its backbones, placements, options and data sets")


def _model(item: known_models.Model) -> dict[str, Any]:
    """A model for JSON, with the data sets of its task."""
    placements = [{"placement": placement.label, "where": placement.where} for placement in item.placements.values()]
    fields = {name: value for name, value in vars(item).items() if name != "build"}
    return {
        **fields,
        "recipes": dict(item.recipes),
        "placements": placements,
        "datasets": known_models.datasets_of(item.task),
    }


def _choices(item: known_models.Model) -> Iterator[list[str]]:
    """The choices that a model offers: backbones, its own placements, options, and data sets with their recipes."""
    for position, backbone in enumerate(item.backbones):
        yield ["backbone", backbone, "the default" if position == 0 else ""]
    for placement in item.placements.values():
        yield ["placement", placement.label, placement.where]
    for option in item.options:
        yield ["option", option_name(option), recipe_fields()[option].metadata["help"]]
    for dataset in known_models.datasets_of(item.task):
        recipe = item.recipes.get(dataset)
        yield ["dataset", dataset, f"recipe {recipe}" if recipe else "needs --recipe"]


def datasets(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET",
            help="Show the size, the default recipe, the folder and the missing files of these data sets.",
            autocompletion=completion.datasets,
        ),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """List data sets and whether they are available.

    Examples:
        attnctl datasets
        attnctl datasets voc07
    """
    config = context.config()
    roots, recorded = config.data, own.recorded(config.workspace.datasets)
    every = (*known_datasets.names(), *recorded)
    chosen = [known_datasets.describe(name) for name in split_names(names) or every]
    folders = {item.name: roots.folder(item.name) for item in chosen}
    missing = {item.name: list(map(str, known_datasets.missing_files(item, folders[item.name]))) for item in chosen}
    problems = {item.name: "" if missing[item.name] else _problem(item, folders[item.name]) for item in chosen}
    if as_json:
        output.document(
            {
                "datasets": [
                    asdict(item)
                    | {"folder": folder and str(folder), "missing": missing[item.name], "problem": problems[item.name]}
                    for item, folder in zip(chosen, folders.values(), strict=True)
                ]
            }
        )
    elif names:
        rows = []
        for item in chosen:
            facts = _facts(item, folders[item.name], missing[item.name], problems[item.name])
            rows += [[item.name, *fact] for fact in facts]
        output.table(_FACTS, rows)
    else:
        states = {name: "missing" if missing[name] else "faulty" if problems[name] else "" for name in missing}
        output.table(_DATASETS, [_dataset(item, folders[item.name], states[item.name]) for item in chosen])
        output.note("attnctl datasets NAME shows its size, its recipe, and what is missing or wrong")
        output.note("attnctl data check NAME also reads its files")


def _problem(item: known_datasets.Dataset, folder: Path | None) -> str:
    """What is wrong with the files of a data set, as far as their beginnings and the names of classes show it."""
    try:
        differ = class_folders.mismatch(item, folder).removeprefix(f"{item.name}: ")
    except SpecError as error:
        return str(error)
    return differ or headers.damaged(item, folder)


def _dataset(item: known_datasets.Dataset, folder: Path | None, state: str) -> list[str]:
    """The row of a data set in the list of all. state: of its files; empty if nothing is wrong."""
    location = "built in" if folder is None else f"{state} in {folder}" if state else str(folder)
    sizes = map(str, (item.classes, item.train_size, item.test_size))
    return [item.name, ", ".join(item.tasks), *sizes, item.default_backbone, location]


def _facts(
    item: known_datasets.Dataset, folder: Path | None, missing: Sequence[str], problem: str
) -> Iterator[list[str]]:
    """The facts about a data set, and the command that fetches missing files."""
    yield ["task", ", ".join(item.tasks)]
    yield ["classes", str(item.classes)]
    yield ["images", f"{item.train_size} in train, {item.test_size} in test"]
    yield ["image size", f"{item.height}x{item.width}" if item.height else "each its own"]
    if item.default_backbone:
        yield ["default backbone", item.default_backbone]
        yield ["default recipe", known_recipes.default_for(item.name, item.default_backbone)]
    yield ["folder", "built in" if folder is None else str(folder)]
    for position, name in enumerate(missing[:_MOST_FILES]):
        yield ["" if position else "missing", name]
    if len(missing) > _MOST_FILES:
        yield ["", f"and {len(missing) - _MOST_FILES} more"]
    if missing and item.can_be_fetched:
        yield ["to get it", f"attnctl data fetch {item.name}"]
    if problem:
        yield ["problem", problem]


_MOST_FILES = 5
"""The maximum number of missing files that are named."""


def recipes(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RECIPE",
            help="Show each field of these recipes: from the list, or ./mine.toml.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    as_json: context.AsJson = False,
) -> None:
    """List training recipes.

    Examples:
        attnctl recipes
        attnctl recipes cifar ./mine.toml
    """
    chosen = {name: known_recipes.load(name) for name in split_names(names) or known_recipes.names()}
    if as_json:
        output.document({"recipes": [{"name": name, **values} for name, values in chosen.items()]})
    elif names:
        rows = [
            [name, field, format_value(value), recipe_fields()[field].metadata["help"]]
            for name, values in chosen.items()
            for field, value in values.items()
        ]
        output.table(_FIELDS, rows)
    else:
        rows = [
            [name, " ".join(f"{field}={format_value(value)}" for field, value in values.items())]
            for name, values in chosen.items()
        ]
        output.table(_RECIPES, rows)
        output.note("attnctl recipes NAME explains its fields")
