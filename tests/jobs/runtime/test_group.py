"""The processes of one run as a group."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._C._distributed_c10d import FileStore  # torch.distributed exports it, but type checkers do not see it there

from attnctl.jobs.runtime import group as group_module
from attnctl.jobs.runtime.group import Group, gradient_sync
from tests.jobs.training.training_workers import answers_of

CPU = torch.device("cpu")


def rank_of_two(rank: int, folder: Path, answers: Any) -> None:
    torch.set_num_threads(1)
    group = Group(rank, 2, CPU, FileStore(str(folder / "store"), 2))
    tensors = [torch.full((2, 3), float(rank)), torch.full((4,), rank), torch.full((1,), 10.0 + rank)]
    group.copy_from_first(tensors)
    network = nn.Linear(2, 1, bias=False)
    nn.init.ones_(network.weight)
    wrapped = group.wrap(network)
    x = torch.full((1, 2), float(rank + 1))
    gradients = []
    for wanted in (False, True):
        with gradient_sync(wrapped, wanted):
            wrapped(x).sum().backward()
        assert network.weight.grad is not None
        gradients.append(network.weight.grad.tolist())
    answers.put(
        {
            "rank": rank,
            "maximum": group.maximum([rank, 5 - rank]),
            "total": group.total(torch.tensor([1.0 + rank, 2.0])).tolist(),
            "choice": group.broadcast({"value": rank}),
            "gathered": group.gather(f"of {rank}" * (rank + 1)),
            "plain": group.broadcast([None, True, 0.1 + 0.2, float("inf"), "µ"]),
            "copied": [tensor.flatten()[0].item() for tensor in tensors],
            "gradients": gradients,
        }
    )
    group.close()


def test_two_ranks_reduce_broadcast_and_copy_from_rank_0(tmp_path: Path) -> None:
    found = {answer.pop("rank"): answer for answer in answers_of(rank_of_two, 2, tmp_path)}
    for answer in found.values():
        assert answer["maximum"] == [1, 5]
        assert answer["total"] == [3, 4]
        assert answer["choice"] == {"value": 0}
        assert answer["plain"] == [None, True, 0.1 + 0.2, float("inf"), "µ"]
        assert answer["copied"] == [0, 0, 10]
    assert (found[0]["gathered"], found[1]["gathered"]) == (["of 0", "of 1of 1"], [])
    # The first backward stays each rank's own; the second averages all that has gathered.
    assert [found[rank]["gradients"][0] for rank in range(2)] == [[[1, 1]], [[2, 2]]]
    assert found[0]["gradients"][1] == found[1]["gradients"][1] == [[3, 3]]


class Calls:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def attacked_rank(rank: int, folder: Path, answers: Any) -> None:
    """Rank 1 is an attacker that sends a pickle where rank 0 gathers JSON."""
    group = Group(rank, 2, CPU, FileStore(str(folder / "store"), 2))
    if rank == 1:
        attack = pickle.dumps(Calls(folder / "made"))
        group_module._encoded = lambda value: attack  # in this process alone
    try:
        group.gather("mine")
        answers.put((rank, "gathered"))
    except ValueError as error:
        answers.put((rank, str(error)))
    group.close()


def test_a_pickle_that_a_rank_sends_is_an_error_and_not_loaded(tmp_path: Path) -> None:
    found = dict(answers_of(attacked_rank, 2, tmp_path))
    assert found[1] == "gathered"
    assert "decode" in found[0] or "Expecting value" in found[0]
    assert not (tmp_path / "made").exists()


def test_no_package_uses_collectives_that_unpickle_or_a_store_that_anybody_can_reach() -> None:
    root = Path(group_module.__file__).resolve().parents[2]
    sources = [path for folder in ("attnctl", "jobs", "benchmarks") for path in (root / folder).rglob("*.py")]
    assert len(sources) > 100
    torch_only = re.compile(r"(broadcast|gather|scatter|send|recv)_object|TCPStore")
    assert [path.name for path in sources if torch_only.search(path.read_text())] == []


def test_a_group_of_one_process_needs_no_communication() -> None:
    group = Group(0, 1, CPU)
    values = torch.tensor([1.0, 2.0])
    assert group.first
    assert group.maximum([3, 4]) == [3, 4]
    assert group.total(values).tolist() == [1, 2]
    assert group.total(values).data_ptr() != values.data_ptr(), "the sum is a copy"
    assert (group.broadcast("x"), group.gather("x")) == ("x", ["x"])
    network = nn.Linear(2, 1)
    assert group.wrap(network) is network
    group.copy_from_first([values])
    group.close()


@pytest.mark.parametrize("wanted", [True, False])
def test_gradient_sync_does_nothing_with_one_process(wanted: bool) -> None:
    network = nn.Linear(2, 1)
    with gradient_sync(network, wanted):
        network(torch.ones(1, 2)).sum().backward()
    assert network.weight.grad is not None
