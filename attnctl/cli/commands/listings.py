"""`attnctl backbones`, `models`, `datasets` and `recipes`: the other axes of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from attnctl import backbones as known_backbones
from attnctl import datasets as known_datasets
from attnctl import models as known_models
from attnctl import recipes as known_recipes
from attnctl.cli import completion, context, output
from attnctl.cli.table_layout import Column
from attnctl.values import format_value

_BACKBONES = (Column("backbone"), Column("placements", wrap=20), Column("input"), Column("what it is", wrap=24))
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
    chosen = [known_backbones.describe(name) for name in names or known_backbones.names()]
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
        rows = [[item.name, ", ".join(item.placements), f"{item.input}x{item.input}", item.source] for item in chosen]
        output.table(_BACKBONES, rows)
        output.note("attnctl backbones NAME shows its placements; other torchvision networks and timm:NAME work too")


def _placements(backbone: str) -> dict[str, dict[str, Any]]:
    """Its placements, as --placement takes them: whether they replace, the channels at each place, where in words."""
    return {
        name: {
            "placement": name,
            "replaces": place.replaces,
            "channels": list(known_backbones.channels(backbone, name)),
            "where": f"in place of {place.where}" if place.replaces else place.where,
        }
        for name, place in known_backbones.placements(backbone).items()
    }


def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Show the backbones, placements, data sets and recipes of these models.",
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
    chosen = [known_models.describe(name) for name in names or known_models.names()]
    if as_json:
        output.document({"models": [_model(item) for item in chosen]})
    elif names:
        rows = [[item.name, *row] for item in chosen for row in _parts(item)]
        output.table(_PARTS, rows)
    else:
        rows = [[item.name, item.task, ", ".join(item.backbones), str(item.input), item.source] for item in chosen]
        output.table(_MODELS, rows)
        output.note("attnctl models NAME shows its backbones, placements and data sets")


def _model(item: known_models.Model) -> dict[str, Any]:
    """A model for JSON, with the data sets of its task."""
    own = [{"placement": place.label, "where": place.where} for place in item.placements.values()]
    fields = {name: value for name, value in vars(item).items() if name != "build"}
    return {**fields, "recipes": dict(item.recipes), "placements": own, "datasets": known_models.datasets_of(item.task)}


def _parts(item: known_models.Model) -> Iterator[list[str]]:
    """What can be chosen with a model: its backbones, its own placements, its data sets with their recipes."""
    for position, backbone in enumerate(item.backbones):
        yield ["backbone", backbone, "the default" if position == 0 else ""]
    for place in item.placements.values():
        yield ["placement", place.label, place.where]
    for dataset in known_models.datasets_of(item.task):
        recipe = item.recipes.get(dataset)
        yield ["dataset", dataset, f"recipe {recipe}" if recipe else "needs --recipe"]


def datasets(
    as_json: context.AsJson = False,
) -> None:
    """List data sets and whether they are available.

    Examples:
        attnctl datasets
    """
    roots = context.config().data
    rows, found = [], []
    for name in known_datasets.names():
        item = known_datasets.describe(name)
        folder = roots.folder(name)
        missing = known_datasets.missing_files(item, folder)
        here = "built in" if folder is None else f"missing in {folder}" if missing else str(folder)
        sizes = map(str, (item.classes, item.train_size, item.test_size))
        rows.append([name, ", ".join(item.tasks), *sizes, item.default_backbone, here])
        place = {"folder": None if folder is None else str(folder), "missing": list(map(str, missing))}
        found.append(asdict(item) | place)
    if as_json:
        output.document({"datasets": found})
    else:
        output.table(_DATASETS, rows)


def recipes(
    as_json: context.AsJson = False,
) -> None:
    """List training recipes.

    Examples:
        attnctl recipes
    """
    if as_json:
        output.document({"recipes": [{"name": name, **known_recipes.load(name)} for name in known_recipes.names()]})
        return
    rows = [
        [name, " ".join(f"{field}={format_value(value)}" for field, value in known_recipes.load(name).items())]
        for name in known_recipes.names()
    ]
    output.table(_RECIPES, rows)
