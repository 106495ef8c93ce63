"""The one option by which a script asks for GPUs."""

import pytest

from attnctl.settings import gpu_request
from attnctl.settings.config import SlurmOptions
from attnctl.values import SpecError
from attnctl.workspace.records import Resources


def asked(options: SlurmOptions, gpus: int, nodes: int = 1) -> dict[str, str]:
    resources = Resources(nodes=nodes, gpus_per_node=gpus, tasks_per_node=max(1, gpus))
    return gpu_request.read(options).options(resources)


@pytest.mark.parametrize(
    ("options", "per_node", "script"),
    [
        (SlurmOptions(), None, {"gpus-per-node": "2"}),
        (SlurmOptions(gpus_per_node=2), 2, {"gpus-per-node": "2"}),
        (SlurmOptions(gpus_per_node=2, gpu_type="a100"), 2, {"gpus-per-node": "a100:2"}),
        (SlurmOptions(extra={"gres": "gpu:a100:2"}), 2, {"gres": "gpu:a100:2"}),
        (SlurmOptions(extra={"--gres": "gpu:2,nvme:1"}), 2, {"gres": "gpu:2,nvme:1"}),
        (SlurmOptions(extra={"gres": "gpu"}), 1, {"gres": "gpu:2"}),
        (SlurmOptions(extra={"gpus": "2"}), 2, {"gpus": "2"}),
        (SlurmOptions(extra={"gpus": "a100:2"}), 2, {"gpus": "a100:2"}),
        (SlurmOptions(extra={"gpus-per-task": "1"}), 1, {"gpus-per-task": "1"}),
        (SlurmOptions(gpus_per_node=2, extra={"gpus-per-task": "a100:1"}), 2, {"gpus-per-task": "a100:1"}),
        (SlurmOptions(gpus_per_node=2, extra={"gpus-per-node": "false"}), 2, {}),
        (
            SlurmOptions(gpus_per_node=1, extra={"gpus-per-node": "false", "gres": "gpu:a100:1"}),
            1,
            {"gres": "gpu:a100:2"},
        ),
        (SlurmOptions(extra={"gpus": "2", "gres": "nvme:1"}), 2, {"gpus": "2", "gres": "nvme:1"}),
        (SlurmOptions(extra={"gres": "nvme:1"}), None, {"gpus-per-node": "2", "gres": "nvme:1"}),
    ],
)
def test_a_script_asks_in_exactly_one_way(options: SlurmOptions, per_node: int | None, script: dict[str, str]) -> None:
    assert gpu_request.read(options, 1).per_node == per_node
    assert asked(options, 2) == script


def test_the_number_of_the_resources_counts_and_the_type_stays() -> None:
    gres = SlurmOptions(extra={"gres": "gpu:a100:1,nvme:1"})
    assert asked(gres, 4) == {"gres": "gpu:a100:4,nvme:1"}
    assert asked(gres, 0) == {"gres": "nvme:1"}
    assert asked(SlurmOptions(extra={"gres": "gpu:1"}), 0) == {}
    assert asked(SlurmOptions(extra={"gpus": "a100:2"}), 2, nodes=2) == {"gpus": "a100:4"}
    assert asked(SlurmOptions(extra={"gpus-per-task": "1"}), 0) == {}


def test_the_gpus_of_all_nodes_together_are_shared_by_the_nodes() -> None:
    assert gpu_request.read(SlurmOptions(extra={"gpus": "4"}), nodes=2).per_node == 2
    both = SlurmOptions(gpus_per_node=2, extra={"gpus": "4"})
    assert gpu_request.read(both, nodes=2).per_node == 2
    assert asked(SlurmOptions(extra={"gpus": "4"}), 2, nodes=3) == {"gpus": "6"}  # a resumed run on more nodes
    with pytest.raises(SpecError, match=r"gpus in \[slurm.extra\] is 3, which 2 nodes cannot share evenly"):
        gpu_request.read(SlurmOptions(extra={"gpus": "3"}), nodes=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SlurmOptions(gpus_per_node=2, extra={"gres": "gpu:1"}), "gres in [slurm.extra] asks for 1 GPU per node"),
        (SlurmOptions(gpus_per_node=2, extra={"gpus": "4"}), "gpus in [slurm.extra] asks for 4 GPUs per node"),
        (SlurmOptions(extra={"gres": "gpu:1", "gpus": "1"}), "asks for GPUs twice (gpus and gres)"),
        (SlurmOptions(extra={"gres": "gpu:a100:1,gpu:v100:1"}), "asks for GPUs twice"),
        (SlurmOptions(extra={"gpus": "many"}), "gpus in [slurm.extra] is 'many'"),
        (SlurmOptions(extra={"gpus-per-task": "2"}), "gpus-per-task in [slurm.extra] is 2; it must be 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(options: SlurmOptions, words: str) -> None:
    with pytest.raises(SpecError) as raised:
        gpu_request.read(options, 1)
    assert words in str(raised.value)


@pytest.mark.parametrize("kind", ["a100_1g.5gb", "1g.10gb", "nvidia_h100_80gb_hbm3_3g.40gb"])
def test_mig_slices_serve_one_process_only(kind: str) -> None:
    options = SlurmOptions(gpus_per_node=1, gpu_type=kind)
    assert asked(options, 1) == {"gpus-per-node": f"{kind}:1"}
    for gpus, nodes in ((2, 1), (1, 2)):
        with pytest.raises(SpecError, match="cannot train in 2 processes on MIG slices"):
            asked(options, gpus, nodes)
    assert gpu_request.read(SlurmOptions(extra={"gres": f"gpu:{kind}:1"})).kind == kind
