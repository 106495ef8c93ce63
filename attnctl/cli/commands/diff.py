"""`attnctl diff`: what makes two runs two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnctl import datasets
from attnctl.cli import context, output, run_selection
from attnctl.cli.table_layout import Column
from attnctl.spec import RunSpec
from attnctl.values import format_value


def diff(
    a: run_selection.RunArgument,
    b: run_selection.RunArgument,
    as_json: context.AsJson = False,
) -> None:
    """Show the fields in which two runs differ.

    Examples:
        attnctl diff 3fa2 81bc
    """
    workspace = context.config().workspace
    ids = [run_selection.run_id(workspace, name) for name in (a, b)]
    first, second = (fields(workspace.run(run_id).read_spec()) for run_id in ids)
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    if as_json:
        differing = {name: [first.get(name), second.get(name)] for name in names}
        output.document({"runs": ids, "fields": differing})
    elif names:
        rows = [
            [name, *(format_value(side[name]) if name in side else "-" for side in (first, second))] for name in names
        ]
        output.table((Column("field"), *(Column(name, wrap=16) for name in ids)), rows)
    else:
        output.line(f"{ids[0]} and {ids[1]} are the same run")


def fields(spec: RunSpec) -> dict[str, Any]:
    """The spec's values by a name as a user types it: `kernel`, `lr`; versions as `version of backbone`."""
    document = spec.to_json() | _of_own_data(spec)
    document.pop("data", None)
    parts: Mapping[str, Mapping[str, Any]] = {
        name: document.pop(name) for name in ("hyperparameters", "recipe", "versions")
    }
    versions = {f"version of {name}": value for name, value in parts["versions"].items()}
    return {**document, **parts["hyperparameters"], **parts["recipe"], **versions}


def _of_own_data(spec: RunSpec) -> dict[str, Any]:
    """What a user's own data set was when it was measured, in place of the description's JSON text."""
    if not spec.data:
        return {}
    data = datasets.describe(spec.dataset)
    size = f"{data.height}x{data.width}" if data.height else "each its own"
    split = f"{data.split:g} (seed {data.split_seed})" if data.split else "none"
    images = {"classes": data.classes, "training images": data.train_size, "test images": data.test_size}
    return {**images, "image size": size, "split": split, "content": data.content}
