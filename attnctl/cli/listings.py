"""`attnctl backbones`, `datasets` and `recipes`: the other axes of a sweep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from attnctl import backbones as known_backbones
from attnctl import datasets as known_datasets
from attnctl import recipes as known_recipes
from attnctl.cli import complete, context, output
from attnctl.values import text


def backbones(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BACKBONE]...",
            help="Show where the placements of these are: of the list, of torchvision, or timm:NAME.",
            autocompletion=complete.backbones,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """List the backbones and their placements."""
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
        output.table(("backbone", "placement", "places", "where", "channels"), rows)
    else:
        rows = [[item.name, ", ".join(item.placements), f"{item.input}x{item.input}", item.source] for item in chosen]
        output.table(("backbone", "placements", "input", "what it is"), rows)
        output.note("attnctl backbones NAME tells where its placements are; torchvision's others and timm:NAME go too")


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


def datasets() -> None:
    """List the data sets, and whether they are here."""
    roots = context.config().data
    rows = []
    for name in known_datasets.names():
        item = known_datasets.describe(name)
        folder = roots.folder(name)
        missing = known_datasets.missing_files(item, folder)
        here = "built in" if folder is None else f"missing in {folder}" if missing else str(folder)
        sizes = map(str, (item.classes, item.train_size, item.test_size))
        rows.append([name, ", ".join(item.tasks), *sizes, item.default_backbone, here])
    output.table(("dataset", "task", "classes", "train", "test", "default backbone", "where"), rows)


def recipes() -> None:
    """List the recipes: how a run is trained."""
    rows = [
        [name, " ".join(f"{field}={text(value)}" for field, value in known_recipes.load(name).items())]
        for name in known_recipes.names()
    ]
    output.table(("recipe", "values"), rows)
