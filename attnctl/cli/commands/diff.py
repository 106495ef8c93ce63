"""`attnctl diff`: what makes two runs two."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

from attnctl import datasets, sources
from attnctl.cli import context, output, run_selection
from attnctl.cli.table_layout import Column
from attnctl.sources.store import is_own
from attnctl.spec import RunSpec
from attnctl.values import SpecError, format_value
from attnctl.workspace.layout import Workspace


def diff(
    a: run_selection.RunArgument,
    b: run_selection.RunArgument,
    as_json: context.AsJson = False,
) -> None:
    """Show how two runs differ, in fields and in own code.

    Examples:
        attnctl diff 3fa2 81bc
    """
    workspace = context.config().workspace
    ids = [run_selection.run_id(workspace, name) for name in (a, b)]
    specs = [workspace.run(run_id).read_spec() for run_id in ids]
    first, second = map(fields, specs)
    changed = _changed_code(workspace, *specs)
    names = [name for name in {**first, **second} if first.get(name) != second.get(name)]
    if as_json:
        differing = {name: [first.get(name), second.get(name)] for name in names}
        output.document({"runs": ids, "fields": differing, "code": changed})
    elif names:
        rows = [
            [name, *(format_value(side[name]) if name in side else "-" for side in (first, second))] for name in names
        ]
        output.table((Column("field"), *(Column(name, wrap=16) for name in ids)), rows)
        for line in changed:
            output.line(line)
    else:
        output.line(f"{ids[0]} and {ids[1]} are the same run")


def _changed_code(workspace: Workspace, first: RunSpec, second: RunSpec) -> list[str]:
    """The lines of a unified diff of the users' files of two runs; a stored copy that is damaged is named instead."""
    lines: list[str] = []
    for old, new in zip(_own_versions(first), _own_versions(second), strict=False):
        if old == new:
            continue
        try:
            before, after = (sources.load(workspace.sources, version) for version in (old, new))
        except SpecError as error:
            lines.append(str(error))
            continue
        for name in sorted({*before.files, *after.files}):
            was, now = (source.files.get(name, b"").decode(errors="replace").splitlines() for source in (before, after))
            lines += unified_diff(was, now, f"{first.id[:8]}/{name}", f"{second.id[:8]}/{name}", lineterm="")
    return lines


def _own_versions(spec: RunSpec) -> list[str]:
    return [str(version) for version in spec.code_versions if is_own(version)]


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
