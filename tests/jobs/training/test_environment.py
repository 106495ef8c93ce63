"""What a run is trained on."""

import pytest
import torch

from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.training import environment
from attnctl.values import SpecError
from attnctl.workspace.records import Resources


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_requested_gpu_that_does_not_exist_is_an_error() -> None:
    assert environment.choose_device(Resources(), 0).type == "cpu"
    assert environment.choose_device(Resources(gpus_per_node=2, device="cpu"), 0).type == "cpu"
    for resources in (Resources(gpus_per_node=1), Resources(device="cuda")):
        with pytest.raises(SpecError, match="needs a GPU, but torch"):
            environment.choose_device(resources, 0)


def pretend_gpus(monkeypatch: pytest.MonkeyPatch, name: str, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: name)
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)


def test_a_mig_slice_trains_one_process_and_refuses_more(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, "NVIDIA A100-SXM4-40GB MIG 1g.5gb", 1)
    assert environment.choose_device(Resources(gpus_per_node=1), 0) == torch.device("cuda", 0)
    with pytest.raises(SpecError, match=r"cannot train in 2 processes on MIG slices .*; use one slice, or whole GPUs"):
        environment.choose_device(Resources(gpus_per_node=2, tasks_per_node=2), 0)


@pytest.mark.parametrize("variable", ["", "CUDA_VISIBLE_DEVICES", "SLURM_GPUS_ON_NODE"])
def test_two_processes_share_no_gpu_where_nobody_hands_them_out(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a whole node of a cluster without GRES that has fewer GPUs than the settings say."""
    for name in environment._HANDED_OUT:
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    pretend_gpus(monkeypatch, "NVIDIA H200", 1)
    resources = Resources(gpus_per_node=2, tasks_per_node=2)
    assert environment.choose_device(resources, 0) == torch.device("cuda", 0)
    if variable:
        assert environment.choose_device(resources, 1) == torch.device("cuda", 0), "its own GPU has this number too"
    else:
        with pytest.raises(SpecError, match="process 1 of this node has no GPU: torch detects 1"):
            environment.choose_device(resources, 1)


def test_the_record_of_an_amd_machine_names_hip(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, "AMD Instinct MI210", 1)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", "6.2.4")
    worker = Worker(job_id="7_0", task=0, rank=0, world=1, local_rank=0, restart=0, node="n1", on_slurm=True)
    document = environment.describe(worker, torch.device("cuda", 0), 1, {})
    assert (document["hip"], document["cuda"], document["gpus"]) == ("6.2.4", None, ["AMD Instinct MI210"])
    assert environment.describe(worker, torch.device("cpu"), 1, {})["hip"] is None
