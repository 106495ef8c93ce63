"""`attnctl weights`: published weights in the user's caches, and trained networks as files for other tools."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnctl.cli import completion, context, output
from attnctl.cli.drawing import trained_networks
from attnctl.cli.output_files import check_file
from attnctl.cli.run_selection import RunArgument, run_id
from attnctl.cli.table_layout import Column
from attnctl.files import write_atomic
from attnctl.networks.weights.formats import Format, format_of
from attnctl.units import size
from attnctl.values import SpecError

if TYPE_CHECKING:
    from attnctl.jobs.inspect.exporting import Exported
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


def export(
    run: RunArgument,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file: .safetensors, .pt or .onnx.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        Format | None,
        typer.Option("--format", help="Format (default: from the suffix of the file).", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: context.AsJson = False,
) -> None:
    """Write the weights of a trained network to a file.

    A .pt file is a plain state_dict. A safetensors or ONNX file also has the class names, the input size and the mean
    and standard deviation of the images. An ONNX file is run, and its outputs are compared with the network's.

    Examples:
        attnctl weights export 3fa2 -o ela.safetensors
        attnctl weights export 3fa2 -o ela.onnx
    """
    if file is None:
        raise SpecError("missing -o FILE, such as -o weights.safetensors")
    chosen = format_of(file, kind)
    check_file(file, force=force)
    config = context.config()
    name = run_id(config.workspace, run)
    from attnctl.jobs.inspect import exporting  # torch, once the run is known

    with output.others_on_standard_error():
        (network,) = trained_networks.networks(config, [name], "cpu")
        exported = exporting.export(network, chosen)
    write_atomic(file, exported.content)
    if as_json:
        output.document(
            {"run": name, "step": network.step, "file": str(file), "format": chosen, **_agreement(exported)}
        )
        return
    output.line(f"{file}: {chosen}, {size(len(exported.content))}, step {network.step} of run {name[:8]}")
    if (found := exported.agreement) is not None:
        equal = f"the largest difference of its outputs in {found.by} is {found.difference:.2g}, of {found.largest:.3g}"
        output.line(equal)
        if not found.close:
            output.note(f"warning: {file} does not compute what the network computes: {equal}")


def _agreement(exported: Exported) -> dict[str, Any]:
    found = exported.agreement
    if found is None:
        return {}
    return {
        "compared": {
            "difference": found.difference,
            "largest_output": found.largest,
            "by": found.by,
            "close": found.close,
        }
    }


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
