"""The tables of docs/backbones.md, as Markdown: where attention goes, and what each backbone is.

    python benchmarks/backbone_table.py [BACKBONE ...] [--quick]

Parameters and multiply-accumulates are those of the plain network at its usual input, counted on the meta device: with
1000 classes, or with 10 where the usual input is 32 pixels. Networks of timm are named as timm:NAME.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arguments import Arguments

from attnctl import backbones
from attnctl.backbones import table

HEAD = "| backbone | input | smallest | parameters | GMACs | placements |\n|---|---|---:|---:|---:|---|"
FAMILY_HEAD = "| family | placement | where |\n|---|---|---|"


def families() -> Iterator[str]:
    """The lines of the table of placements: those of any network, and those of each family of backbones."""
    used = ["any", *dict.fromkeys(backbones.describe(name).family for name in backbones.names())]
    yield FAMILY_HEAD
    for family in used:
        for place in backbones.family_places(family).values():
            where = f"in place of {place.where}" if place.replaces else place.where
            yield f"| {family} | `{place.name}` | {where} |"


def row(name: str) -> str:
    """The line of a backbone."""
    from attnctl.networks.complexity import Cell, counts

    backbone = backbones.describe(name)
    classes = 10 if backbone.input == 32 else 1000
    counted = counts(Cell(model="", backbone=name, classes=classes, size=backbone.input))
    places = "; ".join(f"`{place}` {_places(name, place)}" for place in backbone.placements if place != "norms")
    smallest = (
        f"{backbone.smallest}, in steps of {backbone.multiple}" if backbone.multiple > 1 else f"{backbone.smallest}"
    )
    smallest = smallest if name in table.names() else "-"
    cells = (f"`{name}`", backbone.input, smallest, f"{counted.parameters:,}", f"{counted.macs / 1e9:.3f}", places)
    return f"| {' | '.join(map(str, cells))} |"


def _places(name: str, place: str) -> str:
    channels = backbones.channels(name, place)
    least, most = min(channels), max(channels)
    return f"{len(channels)} of {least}" if least == most else f"{len(channels)} of {least}-{most}"


def lines(names: Sequence[str]) -> Iterator[str]:
    """The lines of the table of backbones."""
    yield HEAD
    yield from map(row, names)


def main() -> None:
    """Print the tables."""
    arguments = Arguments(__doc__)
    arguments.parser.add_argument("backbones", nargs="*", metavar="BACKBONE", help="these only (default: all)")
    options = arguments.read()
    print("\n".join(families()), end="\n\n")
    for line in lines(options.backbones or (["resnet20"] if options.quick else table.names())):
        print(line, flush=True)


if __name__ == "__main__":
    main()
