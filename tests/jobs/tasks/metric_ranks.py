"""Real processes of one gloo group that evaluate a classifier with a user's metric."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._C._distributed_c10d import FileStore  # torch.distributed exports it, but type checkers do not see it there

from attnctl import recipes
from attnctl.jobs.data.order import share
from attnctl.jobs.runtime.group import Group
from attnctl.jobs.tasks.classify import Classify
from attnctl.jobs.tasks.task import Arithmetic

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["attnctl.jobs.tasks.classify", "torch._dynamo"])

SAMPLES = 13


def evaluate(rank: int, world: int, files: Path, store: Any) -> dict[str, float]:
    """The metrics of 13 fixed samples, of which this rank has its share, in batches of 4."""
    cpu = torch.device("cpu")
    group = Group(rank, world, cpu, store)
    recipe, code = recipes.resolve_with_code("digits", {"metrics": f"{files}/scores.py:order+{files}/scores.py:Spread"})
    scores = Classify(recipe, Arithmetic.of(recipe, cpu), code).scores()
    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(SAMPLES, 5, generator=draw), torch.randint(5, (SAMPLES,), generator=draw)
    for chosen in torch.tensor(list(share(SAMPLES, rank, world))).split(4):
        scores.update(nn.Flatten(), (logits[chosen][:, :, None, None], labels[chosen]))
    values, count = scores.compute(group)
    assert count == SAMPLES
    group.close()
    return values


def _run(rank: int, world: int, files: Path, answers: Any) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    answers.put(evaluate(rank, world, files, FileStore(str(files / "store"), world)))


def answers_of(world: int, files: Path) -> list[dict[str, float]]:
    """What the ranks of a real group found."""
    answers = SERVER.Queue()
    processes = [SERVER.Process(target=_run, args=(rank, world, files, answers)) for rank in range(world)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=240) for _ in processes]
    for process in processes:
        process.join()
    return found
