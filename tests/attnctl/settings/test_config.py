"""attnctl.toml."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from attnctl.settings.config import TEMPLATE, Config, ConfigError, find, submitted
from attnctl.workspace.layout import Workspace


def config(tmp_path: Path, text: str) -> Config:
    (tmp_path / "attnctl.toml").write_text(text)
    return find(None, tmp_path, {})


def test_without_a_file_this_folder_is_the_workspace(tmp_path: Path) -> None:
    found = find(None, tmp_path, {})
    assert (found.workspace.root, found.file, found.data.root) == (tmp_path, None, tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


def test_the_nearest_parent_with_a_settings_file_is_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "attnctl.toml").write_text("")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find(None, below, {}).workspace.root == tmp_path
    assert find(None, below, {"ATTNCTL_WORKSPACE": "."}).workspace.root == below
    assert find(tmp_path, below, {"ATTNCTL_WORKSPACE": "/x"}).workspace.root == tmp_path


def test_a_workspace_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is not a folder"):
        find(tmp_path / "file", tmp_path, {})


def test_a_profile_changes_some_of_the_settings(tmp_path: Path) -> None:
    found = config(
        tmp_path,
        """
[slurm]
partition = "gpu"
time = 90
setup = ["module load cuda"]
extra = { mail-type = "FAIL", requeue = true }
[slurm.profiles.big]
gpus_per_node = 8
""",
    )
    assert found.slurm.gpus_per_node is None
    big = found.profile("big")
    assert (big.partition, big.gpus_per_node, big.time, big.setup) == ("gpu", 8, "90", ("module load cuda",))
    assert big.extra == {"mail-type": "FAIL", "requeue": "true"}
    with pytest.raises(ConfigError, match=r"no profile 'bgi'.*did you mean 'big'"):
        found.profile("bgi")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = config(tmp_path, '[paths]\ncheckpoints = "scratch"\n[data]\nimagenet = "/sets/in1k"\n')
    assert found.workspace.run("ab").checkpoints == tmp_path / "scratch" / "ab"
    assert str(found.data.folder("imagenet")) == "/sets/in1k"
    assert found.data.folder("cifar10") == tmp_path / "data" / "cifar-10-batches-py"
    assert found.data.folder("digits") is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[slurm]\n\npartitoin = "gpu"\n', 3, "partitoin is not a key of [slurm]; did you mean 'partition'?"),
        ("[slrum]\n", 1, "slrum is not a section; did you mean 'slurm'?"),
        ('[slurm]\ngpus_per_node = "2"\n', 2, "gpus_per_node must be a whole number"),
        ('[slurm]\ngpus_per_node = "two"\n', 2, "gpus_per_node must be a whole number, or a type and a number such as"),
        ('[slurm]\n\nmem = "64 GB"\n', 3, "'64 GB' is not a memory size; write 64G or 4000M"),
        ('[slurm.profiles.big]\nmem = "lots"\n', 2, "'lots' is not a memory size; write 64G or 4000M"),
        ("[slurm.extra]\ngpus_per_node = 2\n", 2, "gpus_per_node is decided by attnctl; set gpus_per_node in [slurm]"),
        ("[slurm.extra]\ngpus_per_node = false\n", 2, "gpus_per_node is not an option of sbatch; write gpus-per-node"),
        ('[slurm.extra]\nmail_type = "FAIL"\n', 2, "mail_type is not an option of sbatch; write mail-type"),
        ("[slurm.srun]\nkill_on_bad_exit = 0\n", 2, "kill_on_bad_exit is decided by attnctl; if one process of a run"),
        ('[slurm.srun]\ncpu_bind = "no"\n', 2, "cpu_bind is not an option of srun; write cpu-bind"),
        ("[slurm]\ngpus_per_node = -1\n", 2, "gpus_per_node is -1; it must be at least 0"),
        ("[slurm]\ncpus_per_gpu = 0\n", 2, "cpus_per_gpu is 0; it must be at least 1"),
        ('[slurm]\nruns_per_gpu = "4"\n', 2, "runs_per_gpu is '4'; it must be a whole number, or \"auto\""),
        ('[slurm]\ntime = "soon"\n', 2, "time 'soon' is not SLURM's"),
        ('[slurm]\nsetup = "module load"\n', 2, "setup must be a list"),
        ('[slurm.profiles.big]\nmemory = "1G"\n', 2, "memory is not a key of [slurm.profiles.big]"),
        ('[slurm]\npartition = "a\\nb"\n', 2, "partition must be one line of text"),
        ("[data]\nstage = 1\n", 2, "stage must be true or false"),
        ("[defaults]\nepochs = 1\nepoch = 3\n", 3, "epoch is not a key of [defaults]; did you mean 'epochs'?"),
        ("slurm = 3\n", 1, "slurm must be a section"),
    ],
)
def test_a_fault_names_file_line_and_key(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, text)
    assert str(raised.value).startswith(f"{tmp_path}/attnctl.toml:{line}: {words}")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_toml_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"attnctl.toml:2: this is not TOML"):
        config(tmp_path, "[slurm]\npartition = gpu\n")


def test_the_template_equals_the_defaults_and_its_examples_are_valid(tmp_path: Path) -> None:
    assert config(tmp_path, TEMPLATE).slurm == find(None, tmp_path / "none", {}).slurm
    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines()]
    examples = "\n".join(
        line for line in lines if line.startswith("[") or (" = " in line and not line.startswith("What"))
    )
    tomllib.loads(examples)
    assert config(tmp_path, examples).profile("big").gpus_per_node == 8


def test_gpus_can_have_a_type(tmp_path: Path) -> None:
    found = config(tmp_path, '[slurm]\ngpus_per_node = "a100:2"\n[slurm.profiles.any]\ngpus_per_node = 4\n').slurm
    assert (found.gpus_per_node, found.gpu_type) == (2, "a100")
    any_type = config(tmp_path, '[slurm]\ngpus_per_node = "a100"\n[slurm.profiles.any]\ngpus_per_node = 4\n')
    assert (any_type.slurm.gpus_per_node, any_type.slurm.gpu_type) == (1, "a100")
    assert (any_type.profile("any").gpus_per_node, any_type.profile("any").gpu_type) == (4, None)


def test_memory_is_a_size_or_a_number_of_megabytes(tmp_path: Path) -> None:
    assert config(tmp_path, '[slurm]\nmem = "64G"\n').slurm.mem == "64G"
    assert config(tmp_path, "[slurm]\nmem = 4000\n").slurm.mem == "4000"


def test_true_and_false_in_extra_are_words_of_sbatch_options(tmp_path: Path) -> None:
    found = config(tmp_path, "[slurm.extra]\nexclusive = true\ngpus-per-node = false\n").slurm
    assert found.extra == {"exclusive": "true", "gpus-per-node": "false"}


def test_a_submission_keeps_its_settings(tmp_path: Path) -> None:
    frozen = Workspace(tmp_path).submission_settings("attnctl-1")
    frozen.parent.mkdir()
    before = config(tmp_path, '[paths]\ncheckpoints = "scratch"\n[data]\nroot = "/data"\n')
    assert before.source is not None
    frozen.write_bytes(before.source)
    (tmp_path / "attnctl.toml").write_text("[paths]\ncheckpionts = 3\n")
    assert submitted(tmp_path, "attnctl-1", before.digest) == replace(before, vouched_for=True)
    assert before.workspace.checkpoints_root == tmp_path / "scratch"
    assert submitted(tmp_path, "attnctl-1", "") == before, "without a digest nothing acts"
    with pytest.raises(ConfigError, match=r"attnctl-1.toml was changed after its jobs were submitted: run attnctl res"):
        submitted(tmp_path, "attnctl-1", "0" * 64)
    with pytest.raises(ConfigError, match=r"attnctl-2.toml is missing: run attnctl resume"):
        submitted(tmp_path, "attnctl-2", before.digest)
    with pytest.raises(ConfigError, match="checkpionts"):
        submitted(tmp_path, "attnctl-2", "")  # of a release that kept none
    frozen.write_bytes(b"")
    without = submitted(tmp_path, "attnctl-1", "")
    assert (without.file, without.workspace, without.data.root) == (None, Workspace(tmp_path), tmp_path / "data")
