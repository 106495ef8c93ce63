"""Inference speed of networks with attention beside the plain one, and the ratios that the papers printed."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from attnctl import attention, models, papers
from attnctl.grid import Axes, expand
from attnctl.jobs import bench
from attnctl.jobs.bench import Conditions
from attnctl.networks import surgery
from attnctl.papers.runs import Overrides, cells_of
from attnctl.papers.speeds import Published, published
from attnctl.spec import RunSpec
from on_gpu.parts import Context, Item, Part
from on_gpu.rows import PLAIN, Row

EAGER, GRAPH = "eager, batch 1", "CUDA graph, batch 64"
BATCHES = {EAGER: 1, GRAPH: 64}

QUICK = {"mobilenet_v2": ("ean",), "yolox_nano": ("ela",)}
"""With --quick: a small network of each of the two papers, with its own module."""


@dataclass(frozen=True)
class Group:
    """Networks that differ in their attention; the plain one first. name: of the network or the detector."""

    name: str
    specs: tuple[RunSpec, ...]


def parts(*, quick: bool) -> list[Part]:
    """The networks whose speed a paper printed, then all other modules in a ResNet-50."""
    groups = list(_of_papers())
    if quick:
        groups = [_fewer(group, QUICK[group.name]) for group in groups if group.name in QUICK]
    else:
        groups += _others(groups)
    return [Part(items=[_item(group, mode) for group in groups for mode in _modes(group, quick=quick)])]


def _others(groups: Sequence[Group]) -> list[Group]:
    """Two groups, so that fewer networks share the GPU's memory."""
    known = {spec.module for group in groups for spec in group.specs if group.name == "resnet50"}
    names = [name for name in attention.names() if name not in known and not attention.describe(name).replaces]
    plain, *specs = expand(Axes(modules=(PLAIN, *names), backbones=("resnet50",), datasets=("imagenet",))).specs
    half = len(specs) // 2
    return [Group("resnet50", (plain, *specs[:half])), Group("resnet50", (plain, *specs[half:]))]


def _of_papers() -> Iterator[Group]:
    for paper in papers.names():
        for table in papers.load(paper).tables.values():
            keys = {column.key for column in table.columns if column.metric == "fps"}
            if not keys:
                continue  # the places of its rows may have to be measured, which needs more than torch
            cells = [cells for cells in cells_of(table, Overrides()) if keys & cells.row.published.keys()]
            specs = [found.specs[0] for found in cells if found.specs]
            for name in dict.fromkeys(_name(spec) for spec in specs):
                yield Group(name, tuple(spec for spec in specs if _name(spec) == name))


def _name(spec: RunSpec) -> str:
    return spec.model or spec.backbone


def _fewer(group: Group, modules: Sequence[str]) -> Group:
    return Group(group.name, tuple(spec for spec in group.specs if spec.module in (PLAIN, *modules)))


def _modes(group: Group, *, quick: bool) -> tuple[str, ...]:
    """A detector's forward is in no graph: how much there is to do depends on the image."""
    return (EAGER,) if quick or group.specs[0].model else (EAGER, GRAPH)


def _item(group: Group, mode: str) -> Item:
    rows = []
    for spec in group.specs:
        printed = published(spec.module, spec.backbone, spec.dataset, spec.model)
        rows.append(_row(group.name, spec.module, mode, printed))
    pairs = [Group(group.name, (group.specs[0], spec)) for spec in group.specs[1:]]
    return Item(
        empty=rows,
        work=Measure(group.specs),
        kind=f"{len(rows)} networks, {mode}",
        seconds=4.0 * len(rows),
        smaller=[_item(pair, mode) for pair in pairs] if len(pairs) > 1 else (),
    )


def _row(network: str, module: str, mode: str, printed: Published | None) -> Row:
    row = Row(part="inference", network=network, module=module, mode=mode, batch=BATCHES[mode])
    if printed is None or module == PLAIN:
        return row
    ratio = printed.fps / printed.baseline
    return dataclasses.replace(row, published=ratio, published_in=f"{printed.table}, {printed.row}")


@dataclass(frozen=True)
class Measure:
    """Measures the networks of a group in turns."""

    specs: tuple[RunSpec, ...]

    def __call__(self, context: Context, empty: Sequence[Row]) -> list[Row]:
        """The rows with their speeds."""
        gc.collect()
        if context.device == "cuda":
            torch.cuda.empty_cache()
        conditions = Conditions(
            shape=surgery.input_shape(self.specs[0]),
            batch=empty[0].batch,
            device=context.place,
            rounds=1 if context.quick else 5,
            detects=models.task(self.specs[0].model) in ("detect", "instance"),
            graph=empty[0].mode == GRAPH,
        )
        *_, timings = bench.measure([surgery.build(spec) for spec in self.specs], conditions)
        return [
            dataclasses.replace(
                row,
                images_per_s=timing.images_per_s,
                ms=1000 * timing.seconds,
                spread=timing.spread / timing.seconds,
                ratio=timings[0].seconds / timing.seconds,
            )
            for row, timing in zip(empty, timings, strict=True)
        ]
