"""`attnctl weights`: published weights in the user's caches, by the names that `sweep --init` and papers use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.table_layout import Column
from attnctl.units import size
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.networks.weights.published import Published

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Such as torchvision:default or timm:NAME.", show_default=False),
]
Table = Annotated[
    str | None,
    typer.Option(help="The weights from which this table's rows start, such as ela:6.", metavar="PAPER:N"),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        help="The backbone of names such as torchvision:default.", metavar="NAME", autocompletion=completion.backbones
    ),
]


def fetch(names: Names = None, table: Table = None, backbone: Backbone = None, as_json: context.AsJson = False) -> None:
    """Download published weights into the user's caches.

    For a machine with a network; jobs and sweeps only read the caches.

    Examples:
        attnctl weights fetch torchvision:ResNet50_Weights.IMAGENET1K_V1
        attnctl weights fetch --table ela:6
    """
    from attnctl.cli.commands.data import progress
    from attnctl.jobs.data.fetch import fetch_weights
    from attnctl.networks.weights.published import sha256

    found = _published(names or [], table, backbone)
    if not found:
        raise SpecError(
            f"no row of table {table} starts from published weights"
            if table
            else "missing NAME or --table: name weights"
        )
    documents = []
    for weights in found:
        with progress(weights.name) as report:
            path = fetch_weights(weights, report)
        documents.append({"name": weights.name, "path": str(path), "sha256": sha256(path)})
        if not as_json:
            output.line(f"{weights.name} is in {path} (SHA-256 {documents[-1]['sha256']})")
    if as_json:
        output.document({"weights": documents})


def list_(names: Names = None, table: Table = None, backbone: Backbone = None, as_json: context.AsJson = False) -> None:
    """List published weights, and where they are.

    Without NAME those from which rows of the built-in papers start.

    Examples:
        attnctl weights list
        attnctl weights list timm:resnet50.a1_in1k
    """
    from attnctl import papers
    from attnctl.networks.weights.published import sha256

    tables = [table] if table is not None else []
    if not names and table is None:
        tables = [one.name for name in papers.names() for one in papers.load(name).tables.values()]
    parts: list[str | None] = [*tables] or [None]
    found = {item.name: item for one in parts for item in _published(names or [], one, backbone)}
    rows = []
    for weights in found.values():
        path = weights.path
        rows.append(
            {
                "name": weights.name,
                "path": str(path) if path is not None else None,
                "bytes": path.stat().st_size if path is not None else None,
                "sha256": sha256(path) if path is not None else None,
            }
        )
    if as_json:
        output.document({"weights": rows})
        return
    columns = (Column("name"), Column("size"), Column("SHA-256"), Column("file", free=True))
    output.table(
        columns,
        [
            [
                str(row["name"]),
                size(row["bytes"]) if isinstance(row["bytes"], int) else "",
                str(row["sha256"] or "")[:12],
                str(row["path"] or "not there: attnctl weights fetch"),
            ]
            for row in rows
        ],
    )


def _published(names: Iterable[str], table: str | None, backbone: str | None) -> list[Published]:
    """The weights that names and a table's rows mean; raises SpecError."""
    from attnctl import backbones
    from attnctl.cli.reporting import paper_tables
    from attnctl.cli.sweeping.init_weights import named
    from attnctl.networks.weights import published
    from attnctl.papers import starts
    from attnctl.papers.runs import Overrides, cells_of

    if backbone is not None:
        backbones.describe(backbone)
    keys: dict[str, tuple[str, str]] = {}
    for name in names:
        if not starts.is_published(name):
            raise SpecError(f"{name!r} must be torchvision:NAME, timm:NAME or yolox:NAME")
        if starts.published_key(name, "-") != name and backbone is None:
            raise SpecError(f"{name} needs --backbone, such as --backbone resnet50")
        keys[starts.published_key(name, backbone or "")] = (name, backbone or "")
    if table is not None:
        _, part = paper_tables.find_table(None, table, context.config().workspace)
        specs = [spec for item in cells_of(part, Overrides()) for spec in item.specs]
        keys |= {key: item for key, item in named(specs).items() if starts.is_published(item[0])}
    return list(published.describe(keys).values())
