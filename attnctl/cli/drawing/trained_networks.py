"""Shared by the commands that inspect trained networks: the runs, the images, the names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attnctl import datasets
from attnctl.cli import completion, output
from attnctl.datasets import hub, own_code
from attnctl.values import SpecError, comma_join, split_list
from attnctl.workspace.evaluations import EvaluatedSplit
from attnctl.workspace.records import Device

if TYPE_CHECKING:
    from attnctl.jobs.inspect.load import Trained
    from attnctl.jobs.inspect.pictures import Picture
    from attnctl.reports.display_names import DisplayNames
    from attnctl.settings.config import Config
    from attnctl.workspace.layout import Workspace

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="Runs (ids or their first digits) or sweeps.",
        autocompletion=completion.runs_and_sweeps,
    ),
]


EvaluatedData = Annotated[
    str | None,
    typer.Option(
        help="A data set, or a folder such as ./photos (default: the data set of the run).",
        metavar="NAME|DIR",
        autocompletion=completion.datasets,
    ),
]

SplitOption = Annotated[
    EvaluatedSplit, typer.Option(help="Test images, those held out by val_split, or training images.")
]


@dataclass(frozen=True, kw_only=True)
class InspectOptions:
    """The images that trained networks are shown, and the device that computes, as typed."""

    images: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR|FILES",
            help="Images for activation maps, or folders of them (default: the first of the test set).",
            show_default=False,
        ),
    ] = None
    device: Annotated[Device, typer.Option(help="auto uses a GPU if there is one.")] = "auto"

    def files(self) -> list[Path]:
        """The images and folders of --images; raises SpecError."""
        return paths(self.images) if self.images is not None else []


def check_data(dataset: str | None) -> None:
    """Raise SpecError if --dataset is empty."""
    if dataset == "":
        raise SpecError("--dataset is empty; leave it out, or name a data set or a folder")


def data_name(dataset: str | None) -> str | None:
    """The data set of --dataset as an evaluation takes it. A user's code that makes one runs; raises SpecError."""
    made = dataset is not None and (own_code.is_reference(dataset) or hub.is_reference(dataset))
    return datasets.canonical(dataset) if dataset is not None and made else dataset


def trained(config: Config, targets: Sequence[str], device: Device, limit: int) -> list[Trained]:
    """The networks of these runs; prints which checkpoints were skipped. Raises SpecError above `limit` runs."""
    from attnctl.cli.run_selection import chosen

    ids = chosen(config.workspace, targets)
    if len(ids) > limit:
        raise SpecError(f"{len(ids)} runs are too many for a figure (at most {limit}); name the runs to show")
    return networks(config, ids, device)


def completed(workspace: Workspace, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The runs that these words mean, without those of a sweep that did not complete; and these, with their states.

    A run that is named itself is taken as it is. Raises SpecError, also if none is left.
    """
    from attnctl.cli import run_selection
    from attnctl.lifecycle.evidence import newest_verdict

    named = [target for word in words if not (target := run_selection.target(workspace, word)).sweep]
    kept = {run for target in named for run in target.runs}
    ids = run_selection.chosen(workspace, words)
    left_out: dict[str, str] = {}
    for run in ids:
        if run not in kept and not workspace.run(run).completed:
            verdict = newest_verdict(workspace, run)
            left_out[run] = str(verdict.state) if verdict is not None else "new"
    if len(left_out) == len(ids):
        states = comma_join(f"{run[:8]} ({state})" for run, state in list(left_out.items())[:3])
        raise SpecError(f"none of these runs is completed: {states}{' ...' if len(left_out) > 3 else ''}")
    return [run for run in ids if run not in left_out], left_out


def networks(config: Config, ids: Sequence[str], device: Device) -> list[Trained]:
    """The networks of the runs of these ids."""
    from attnctl.jobs.inspect import load

    loaded = [load.load(config.workspace, run, load.choose(device)) for run in ids]
    for network in loaded:
        for problem in network.skipped:
            output.note(f"run {network.run}: {problem}; using the one before it")
    return loaded


def names(networks: Sequence[Trained], display: DisplayNames | None = None) -> list[str]:
    """Distinct names of the runs, such as `ELA (k = 5)`; with recipe fields or seeds only if nothing else differs."""
    from attnctl.reports import naming
    from attnctl.reports.display_names import PLAIN

    specs = [network.spec for network in networks]
    without_recipes = [replace(spec, recipe=specs[0].recipe) for spec in specs]
    chosen = without_recipes if len(set(without_recipes)) == len(without_recipes) else specs
    keys = naming.keys_of_specs(chosen)
    names = naming.names(set(keys), display or PLAIN)
    alike = Counter(keys)
    return [
        f"{names[key]}, seed {spec.seed}" if alike[key] > 1 else names[key]
        for key, spec in zip(keys, chosen, strict=True)
    ]


def of_test_set(config: Config, network: Trained, count: int, classes: Sequence[int] = ()) -> list[Picture]:
    """The first images of the run's test set, or the first of each class."""
    from attnctl.jobs.inspect import pictures

    return pictures.of_test_set(network.spec, config.data, count, classes)


def one_dataset(networks: Sequence[Trained], advice: str = "") -> str:
    """The common data set of the networks; raises SpecError if they differ. advice: end of the message."""
    names = sorted({network.spec.dataset for network in networks})
    if len(names) > 1:
        raise SpecError(
            f"these runs were trained on different data sets ({comma_join(names)}) and share no test images{advice}"
        )
    return names[0]


def paths(texts: Sequence[str], option: str = "--images") -> list[Path]:
    """Files and folders, given one by one or in comma lists; raises SpecError naming `option`."""
    result: list[Path] = []
    for text in texts:
        path = Path(text).expanduser()
        items = [text] if text.isprintable() and len(text) < 4096 and path.exists() else split_list(text, option)
        if not all(item.isprintable() and len(item) < 4096 for item in items):
            raise SpecError(f"{option} {text[:60]!r} is not a file name")
        result += [Path(item).expanduser() for item in items]
    return result
