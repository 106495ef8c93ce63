"""Real processes of one gloo group that each take in their share of an evaluation."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import torch
from torch._C._distributed_c10d import FileStore  # torch.distributed exports it, but type checkers do not see it there

from attnctl.jobs.metrics import Metric
from attnctl.jobs.metrics.coco import CocoAP
from attnctl.jobs.metrics.segmentation import MeanIoU
from attnctl.jobs.metrics.voc import VocMAP
from attnctl.jobs.runtime.group import Group
from tests.jobs.metrics.random_detections import CATEGORIES, batch, parts

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["attnctl.jobs.metrics.coco", "attnctl.jobs.metrics.voc", "attnctl.jobs.runtime.group", "torch._dynamo"]
)

IMAGES = 13


def metrics() -> dict[str, Metric]:
    return {"coco": CocoAP(CATEGORIES, masks=True), "voc": VocMAP(CATEGORIES, "11-point"), "iou": MeanIoU(4)}


def class_maps(rank: int, world: int) -> Any:
    draw = torch.Generator().manual_seed(3)
    logits, targets = torch.randn(IMAGES, 4, 9, 9, generator=draw), torch.randint(4, (IMAGES, 9, 9), generator=draw)
    return {"out": logits[rank::world]}, targets[rank::world]


def evaluate(rank: int, world: int, found: dict[str, Metric]) -> None:
    outputs, targets = parts(batch(11, IMAGES, masks=True), world)[rank]
    for name in ("coco", "voc"):
        found[name].update(outputs, targets)
    found["iou"].update(*class_maps(rank, world))


def run(rank: int, world: int, folder: Path, twice: bool, answers: Any) -> None:
    """One rank: its share, the gathering, the values. twice: two ranks evaluate the same image."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    store: Any = FileStore(str(folder / "store"), world)
    group = Group(rank, world, torch.device("cpu"), store)
    if twice:
        alone = CocoAP(CATEGORIES, masks=True)
        alone.update(*batch(11, 2, masks=True))
        try:
            alone.gather(group)
        except RuntimeError as error:
            answers.put((rank, str(error)))
    else:
        found = metrics()
        evaluate(rank, world, found)
        values = {}
        for name, metric in found.items():
            metric.gather(group)
            values[name] = (metric.compute(), metric.count if rank == 0 else IMAGES)
        coco: Any = found["coco"]
        if rank == 0:
            coco.write(folder / f"{world}.json")
        answers.put((rank, values))
    group.close()


def answers_of(world: int, folder: Path, *, twice: bool = False) -> list[Any]:
    """What the ranks answered, by rank."""
    answers = SERVER.Queue()
    processes = [SERVER.Process(target=run, args=(rank, world, folder, twice, answers)) for rank in range(world)]
    for process in processes:
        process.start()
    count = 1 if twice else world
    found = sorted(answers.get(timeout=120) for _ in range(count))
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0] * world
    return [answer for _, answer in found]
