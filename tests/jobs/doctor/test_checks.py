"""What `attnctl doctor` looks at, one fact at a time, with programs on the PATH that answer as a cluster's do."""

from __future__ import annotations

import dataclasses
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from attnctl import datasets
from attnctl.jobs.doctor import checks
from attnctl.jobs.doctor.checks import GPUS, Check
from attnctl.settings.config import Config, DataRoots, SlurmOptions
from attnctl.workspace.layout import Workspace
from tests.fixtures.fake_slurm import Fake

CONFIGURATION = (
    "ClusterName = test\nSLURM_VERSION = 22.05\nMaxArraySize = {arrays}\nAccountingStorageType = {accounting}\n"
    "JobAcctGatherType = {gather}\nJobRequeue = {requeue}\nPreemptMode = {preempt_mode}\n"
)


def cluster(
    fake: Fake,
    accounting: str = "accounting_storage/slurmdbd",
    gather: str = "jobacct_gather/cgroup",
    requeue: int = 1,
    preempt_mode: str = "OFF",
    arrays: int = 1001,
) -> None:
    text = CONFIGURATION.format(
        accounting=accounting, gather=gather, requeue=requeue, arrays=arrays, preempt_mode=preempt_mode
    )
    fake.says("scontrol", text)
    fake.says("sacct", "")
    fake.does("sbatch", "true")
    fake.says("sinfo", "")


def by_name(found: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in found}


@pytest.mark.parametrize(
    ("gpu", "serves", "ok"),
    [
        ("sm_80", ["sm_80", "sm_90"], True),
        ("sm_86", ["sm_80"], True),  # a minor version later
        ("sm_80", ["sm_86"], False),
        ("sm_90", ["sm_80"], False),
        ("sm_90", ["sm_80", "compute_80"], True),  # PTX serves all newer GPUs
        ("sm_70", ["compute_80"], False),
        ("sm_90", ["sm_90a"], True),
        ("gfx90a", ["gfx900", "gfx90a:sramecc+:xnack-"], True),
        ("gfx90a", ["gfx900", "gfx942"], False),
    ],
)
def test_a_gpu_is_served_by_its_own_major_version_or_by_older_ptx(gpu: str, serves: list[str], ok: bool) -> None:
    found = checks._gpus([["NVIDIA", gpu]], serves, "12.8")
    assert (found.name, found.ok, bool(found.fix)) == (GPUS, ok, not ok)


def test_gpus_that_torch_does_not_see_are_a_fault_but_no_gpus_are_not(fake: Fake) -> None:
    assert checks._gpus([], [], None).ok is None
    fake.does("nvidia-smi", "echo 'NVIDIA H100, 550.54'")
    for cuda in (None, "12.8"):
        found = checks._gpus([], [], cuda)
        assert (found.ok, "H100" in found.message) == (False, True)
        assert found.fix


def test_a_rocm_build_is_named_with_the_gpus_that_it_supports(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (
        '{"version": "2.9+rocm6.2", "cuda": null, "hip": "6.2.4", "archs": ["gfx90a", "gfx942"],'
        ' "gpus": [["AMD Instinct MI210", "gfx90a"]]}'
    )
    version, gpus = torch_says(monkeypatch, f"print({answer!r})")
    assert "built for ROCm 6.2.4 (gfx90a, gfx942)" in version.message
    assert (gpus.ok, gpus.message) == (True, "AMD Instinct MI210 (gfx90a)")


def test_the_question_to_torch_names_an_amd_gpu_by_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    pretended = """
import torch
from types import SimpleNamespace
torch.version.cuda, torch.version.hip = None, "6.2.4"
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: 1
torch.cuda.get_arch_list = lambda: ["gfx90a"]
torch.cuda.get_device_name = lambda index: "AMD Instinct MI210"
torch.cuda.get_device_capability = lambda index: (9, 0)
torch.cuda.get_device_properties = lambda index: SimpleNamespace(gcnArchName="gfx90a:sramecc+:xnack-")
"""
    _, gpus = torch_says(monkeypatch, pretended + checks._TORCH_SCRIPT)
    assert (gpus.ok, gpus.message) == (True, "AMD Instinct MI210 (gfx90a)")


@pytest.mark.parametrize(
    ("archs", "settings", "ok", "words"),
    [
        (["x86_64", "x86_64"], SlurmOptions(), True, "x86_64, as on this machine"),
        (["aarch64", "aarch64"], SlurmOptions(), False, "2 of 2 nodes are aarch64, but this machine is x86_64"),
        (["x86_64", "aarch64"], SlurmOptions(), False, "1 of 2 nodes is aarch64, but this machine is x86_64"),
        (["aarch64", "aarch64"], SlurmOptions(python="/arm/python"), None, "check with --job"),
        (["aarch64", "aarch64"], SlurmOptions(command_prefix=("apptainer", "exec", "x.sif")), None, "check with --job"),
    ],
)
def test_nodes_of_another_architecture_are_told_before_a_sweep(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, archs: list[str], settings: SlurmOptions, ok: bool | None, words: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    lines = [f"NodeName=node{k} Arch={arch} CPUTot=8 Partitions=gpu" for k, arch in enumerate(archs)]
    fake.says("scontrol", "\n".join(["PartitionName=gpu Default=YES", *lines, ""]))
    (found,) = checks._architecture(settings)
    assert (found.name, found.ok) == ("architecture", ok)
    assert words in found.message
    assert (found.fix == "set exclude in [slurm] to node1") == (archs[0] != archs[1])


def test_an_architecture_that_slurm_does_not_tell_is_not_mentioned(fake: Fake) -> None:
    assert list(checks._architecture(SlurmOptions())) == []


def torch_says(monkeypatch: pytest.MonkeyPatch, code: str) -> list[Check]:
    monkeypatch.setattr(checks, "_TORCH_SCRIPT", code)
    return list(checks.torch())


def test_torch_is_queried_in_its_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = '{"version": "2.9", "cuda": null, "archs": [], "gpus": []}'
    version, gpus = torch_says(monkeypatch, f"print('a word of an import'); print({answer!r})")
    assert (version.ok, "2.9" in version.message, gpus.name) == (True, True, GPUS)


@pytest.mark.parametrize(
    ("code", "said"),
    [("import no_such_module_", "no_such_module_"), ("print('no json')", "no json"), ("raise SystemExit(1)", "")],
)
def test_a_torch_without_output_is_a_fault_with_advice(code: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = torch_says(monkeypatch, code)
    assert found.ok is False
    assert said in found.message
    assert sys.executable in found.fix


def test_a_torch_that_takes_too_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_TORCH_TIMEOUT", 0.2)
    (found,) = torch_says(monkeypatch, "import time; time.sleep(60)")
    assert found.ok is False


def test_a_missing_slurm_is_reported_and_not_a_fault(
    monkeypatch: pytest.MonkeyPatch, config: Config, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = checks.scheduler(config)
    assert (found.name, found.ok) == ("SLURM", None)


def test_a_slurm_that_does_not_answer_is_wrong(fake: Fake, config: Config) -> None:
    cluster(fake)
    fake.does("scontrol", "echo 'Unable to contact slurm controller' >&2; exit 1")
    (found,) = checks.scheduler(config)
    assert (found.ok, "Unable to contact" in found.message) == (False, True)


def test_a_cluster_is_described_by_accounting_arrays_requeue_and_partition(fake: Fake, config: Config) -> None:
    cluster(fake)
    found = by_name(list(checks.scheduler(config)))
    assert list(found) == ["SLURM", "accounting", "array limit", "requeue", "preemption", "partition"]
    assert (found["SLURM"].ok, found["accounting"].ok, found["requeue"].ok) == (True, True, True)
    assert "1001" in found["array limit"].message or "1000" in found["array limit"].message
    assert found["partition"].ok is False, "this cluster has no partition at all"


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"accounting": "accounting_storage/none"}, "accounting"),
        ({"gather": "jobacct_gather/none"}, "accounting"),
        ({"preempt_mode": "CANCEL"}, "preemption"),
    ],
)
def test_missing_cluster_features_are_not_faults(
    settings: dict[str, str | int], name: str, fake: Fake, config: Config
) -> None:
    cluster(fake, **settings)  # type: ignore[arg-type]
    assert by_name(list(checks.scheduler(config)))[name].ok is None


def test_jobs_requeue_themselves_whatever_the_cluster_does_by_default(fake: Fake, config: Config) -> None:
    cluster(fake, requeue=0, preempt_mode="CANCEL")
    found = by_name(list(checks.scheduler(config)))
    assert found["requeue"].ok
    assert found["requeue"].message == (
        "JobRequeue=0, but attnctl's jobs ask for it with --requeue: interrupted jobs start again from their checkpoint"
    )
    assert found["preemption"].message == (
        "PreemptMode=CANCEL: jobs requeue themselves if they have time to save; for the others run attnctl resume"
    )


def test_an_accounting_that_fails_is_wrong(fake: Fake, config: Config) -> None:
    cluster(fake)
    fake.does("sacct", "echo 'sacct: error: slurmdbd: connection refused' >&2; exit 1")
    found = by_name(list(checks.scheduler(config)))["accounting"]
    assert (found.ok, "connection refused" in found.message) == (False, True)


def test_an_unknown_partition_is_a_fault_with_the_valid_ones(fake: Fake, config: Config) -> None:
    cluster(fake)
    asked = dataclasses.replace(config, slurm=dataclasses.replace(config.slurm, partition="gpuu"))
    found = by_name(list(checks.scheduler(asked)))["partition"]
    assert (found.ok, "gpuu" in found.message) == (False, True)


def test_complete_data_sets_pass_and_others_have_advice(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for part in ("train", "val"):
        (folder / "imagenet" / part / "n01440764").mkdir(parents=True)
    asked = dataclasses.replace(config, data=DataRoots(root=folder))
    found = by_name(list(checks.data(asked)))
    assert found["data set digits"].ok is found["data set imagenet"].ok is True
    assert found["data set imagenet"].message == (
        f"files found in {folder / 'imagenet'}; attnctl data check imagenet reads them"
    )
    for name in filter(lambda name: datasets.describe(name).can_be_fetched, datasets.names()):
        check = found[f"data set {name}"]
        assert (check.ok, check.fix) == (None, f"attnctl data fetch {name}")


def test_class_folders_that_differ_are_a_fault(config: Config, tmp_path: Path) -> None:
    for part, name in (("train", "n01440764"), ("val", "n01443537")):
        (tmp_path / "data" / "imagenet" / part / name).mkdir(parents=True)
    asked = dataclasses.replace(config, data=DataRoots(root=tmp_path / "data"))
    check = by_name(list(checks.data(asked)))["data set imagenet"]
    assert check.ok is False
    assert check.message.startswith("the class names of train/ and val/ in ")


def test_a_data_set_of_random_bytes_is_a_fault(config: Config, tmp_path: Path) -> None:
    described = datasets.describe("cifar10")
    folder = tmp_path / "data" / described.folder
    folder.mkdir(parents=True)
    for item in described.files:
        (folder / item.name).write_bytes(b"\x07random" * 99)
    asked = dataclasses.replace(config, data=DataRoots(root=tmp_path / "data"))
    check = by_name(list(checks.data(asked)))["data set cifar10"]
    assert (check.ok, check.message) == (False, f"{folder / 'data_batch_1'} is not a pickle")


def test_a_workspace_is_checked_by_writing_and_left_unchanged(tmp_path: Path, config: Config) -> None:
    asked = dataclasses.replace(config, workspace=Workspace(tmp_path / "w"))
    found = by_name(list(checks.workspace(asked)))
    assert (found["workspace"].ok, found["exclusive creation"].ok) == (True, True)
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_cannot_be_written_is_wrong(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checks, "create_exclusive", refuses)
    found = by_name(list(checks.workspace(dataclasses.replace(config, workspace=Workspace(tmp_path)))))
    assert (found["workspace"].ok, "Permission denied" in found["workspace"].message) == (False, True)


def test_a_file_system_without_exclusive_creation_is_wrong(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overwrites(path: Path, data: bytes) -> bool:
        path.write_bytes(data)
        return True

    monkeypatch.setattr(checks, "create_exclusive", overwrites)
    found = by_name(list(checks.workspace(dataclasses.replace(config, workspace=Workspace(tmp_path)))))
    assert found["exclusive creation"].ok is False
    assert found["exclusive creation"].fix


def test_looking_imports_no_torch() -> None:
    code = "import sys; from attnctl.jobs.doctor import checks; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-Pc", code], check=True)


@pytest.mark.parametrize(
    ("states", "ok", "words"),
    [
        ("3|up|idle\n1|up|down*\n", True, ""),
        ("3|up|mixed\n", True, ""),
        ("4|down|idle\n", False, "its state is down"),
        ("4|drain|allocated\n", False, "its state is drain"),
        ("1|up|drained\n3|up|down*\n", False, "all its nodes are down or drained"),
    ],
)
def test_a_partition_that_starts_no_jobs_is_not_ok(
    fake: Fake, config: Config, states: str, ok: bool, words: str
) -> None:
    cluster(fake)
    listed = "".join(f"{line}|gpu*\n" for line in states.splitlines()) + "2|down|down|other\n"
    refused = "*'-a '*'-p '*) echo 'Conflicting options, -a and -p, specified.' >&2; exit 1"  # as sinfo of 22.05
    fake.does("sinfo", f"case \"$*\" in {refused} ;; *%T*) printf '{listed}' ;; *) echo '4|1:00|gpu:2|gpu*' ;; esac")
    found = by_name(list(checks.scheduler(config)))["partition"]
    assert (found.ok, bool(found.fix)) == (ok, not ok)
    assert found.message == "gpu: 4 nodes, up to 2 GPUs per node, time limit 1:00" + (f"; {words}" if words else "")


def test_each_of_the_partitions_is_checked(fake: Fake, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(fake)
    fake.says("sinfo", "4|1:00|gpu:2|gpu*\n2|1:00|(null)|low\n")
    monkeypatch.setenv("SBATCH_PARTITION", "low,gpuu")
    found = [check for check in checks.scheduler(config) if check.name == "partition"]
    assert [(check.ok, check.message) for check in found] == [
        (True, "low: 2 nodes, no GPUs, time limit 1:00"),
        (False, "there is no partition 'gpuu'"),
    ]
