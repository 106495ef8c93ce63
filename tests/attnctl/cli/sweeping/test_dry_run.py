"""`sweep --dry-run`: what would be done, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run, listing, workspace_with_a_run
from tests.attnctl.cli.swept_runs import runs
from tests.fixtures.fake_slurm import Fake


def test_a_dry_run_counts_runs_and_rows_and_writes_nothing(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "--table", "ean:1", "--seed", "0,1", "--run-on", "local", "--dry-run")
    assert (result.code, result.err) == (0, "")
    assert "EAN table 1: 112 runs for 28 of 28 rows\n112 runs: 112 new" in result.out
    assert "missing data: cifar10 is incomplete" in result.out
    assert "MobileNetV2+EAN" in result.out
    assert listing(folder) == []


def test_a_dry_run_writes_nothing_at_all(folder: Path, attnctl: Run) -> None:
    planned = attnctl("sweep", "ela,none", "--kernel", "5,7", "--seed", "0,1", "--dry-run", "--json")
    assert planned.code == 0
    assert len(runs(planned.out)) == 6
    assert {run["action"] for run in runs(planned.out)} == {"new"}
    assert attnctl("sweep", "ela", "--dry-run", "--workspace", "new").code == 0
    assert listing(folder) == []


def test_a_dry_run_changes_nothing_in_a_workspace(folder: Path, attnctl: Run) -> None:
    root = workspace_with_a_run(folder)
    before = {name: (root / name).stat().st_mtime_ns for name in listing(root)}
    result = attnctl("--workspace", str(root), "sweep", "ela", "--kernel", "5,7", "--dry-run")
    assert "1 new, 1 queued" in result.out
    assert {name: (root / name).stat().st_mtime_ns for name in listing(root)} == before


def test_a_dry_run_shows_its_plan_and_script_while_slurm_is_silent(folder: Path, attnctl: Run, fake: Fake) -> None:
    for name in ("sinfo", "scontrol", "squeue"):
        fake.does(name, "echo 'Unable to contact slurm controller' >&2; exit 1")
    fake.says("sbatch", "")
    result = attnctl("sweep", "ela", "--kernel", "5,7", "--time", "60", "--dry-run")
    assert result.code == 0
    assert "SLURM does not answer: Unable to contact slurm controller" in result.err
    assert "this plan is for SLURM, without the cluster's limits" in result.err
    assert "#SBATCH --array=0-1%2" in result.out
    assert "2 runs: 2 new; each 1 process on the CPU, on SLURM" in result.out
    assert listing(folder) == []


def test_a_dry_run_says_that_the_time_limit_is_above_the_partitions(folder: Path, attnctl: Run, fake: Fake) -> None:
    fake.says("sinfo", "4|1:00|(null)|main*\n")
    fake.says("sbatch", "")
    result = attnctl("sweep", "ela", "--kernel", "5", "--time", "60", "--dry-run")
    assert "the time limit of 1.0 h exceeds that of partition main (1:00)" in " ".join(result.out.split())


@pytest.mark.parametrize("words", [("--dry-run",), ("--dry-run", "--gpus-per-node", "1"), ()])
@pytest.mark.parametrize(
    ("partition", "hint"), [("maim", "; did you mean 'main'?"), ("gpuu", ""), ("low,maim", "; did you mean 'main'?")]
)
def test_a_partition_that_the_cluster_does_not_have_is_refused(
    folder: Path, attnctl: Run, fake: Fake, words: tuple[str, ...], partition: str, hint: str
) -> None:
    fake.says("sinfo", "4|1:00|(null)|main*\n2|1:00|gpu:2|low\n")
    fake.does("sbatch", "cat > /dev/null; echo 'sbatch: error: invalid partition specified' >&2; exit 1")
    (folder / "attnctl.toml").write_text(f"[slurm]\npartition = {partition!r}\n")
    result = attnctl("sweep", "ela", "--kernel", "5", *words)
    name = partition.removeprefix("low,")
    assert result.code == 2
    assert f"no partition {name} on this cluster; partitions: main, low{hint}" in " ".join(result.err.split())
    assert listing(folder) == ["attnctl.toml"]
    assert fake.calls("sbatch") == [f"--test-only --partition {partition}"]


def test_a_partition_that_only_the_sites_submit_plugin_knows_is_accepted(
    folder: Path, attnctl: Run, fake: Fake
) -> None:
    fake.says("sinfo", "4|1:00|(null)|main*\n")
    fake.does("sbatch", "cat > /dev/null")
    (folder / "attnctl.toml").write_text("[slurm]\npartition = 'express'\n")
    result = attnctl("sweep", "ela", "--kernel", "5", "--dry-run")
    assert result.code == 0
    assert "#SBATCH --partition=express" in result.out


def test_variables_of_the_shell_that_do_not_apply_are_named(
    folder: Path, attnctl: Run, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.does("sbatch", "true")
    fake.says("sinfo", "2|1-00:00:00|(null)|main*\n")
    monkeypatch.setenv("PATH", f"{fake.folder}:/usr/bin:/bin")
    monkeypatch.setenv("SBATCH_TIMELIMIT", "5")
    monkeypatch.setenv("SBATCH_ACCOUNT", "lab")
    words = ("sweep", "se", "--run-on", "slurm", "--dry-run")
    told = attnctl(*words).err
    assert "SBATCH_TIMELIMIT in your shell does not apply to these jobs" in told
    assert "SBATCH_ACCOUNT" not in told
    monkeypatch.delenv("SBATCH_TIMELIMIT")
    assert attnctl(*words).err == ""


RULES = """\
[slurm]
mem = "500M"
[[slurm.rules]]
backbone = "resnet101"
gpus_per_node = 2
time = "2:00:00"
[[slurm.rules]]
backbone = "resnet*"
dataset = "imagenet"
mem = "64G"
"""


def test_runs_that_rules_give_other_resources_have_arrays_of_their_own(folder: Path, attnctl: Run, fake: Fake) -> None:
    fake.says("sinfo", "4|infinite|gpu:4|main*\n")
    fake.does("sbatch", "cat > /dev/null")
    (folder / "attnctl.toml").write_text(RULES)
    words = ("sweep", "none,se", "--backbone", "resnet20,resnet101", "--dataset", "digits", "--gpus-per-node", "1")
    # An option of the command overrides what a rule says of it, and the rest of the rule stays.
    both = attnctl(*words, "--dry-run", "--json")
    shapes = json.loads(both.out)["shapes"]
    assert [(len(item["runs"]), item["resources"]["gpus_per_node"]) for item in shapes] == [(2, 1), (2, 1)]
    assert [item["resources"]["minutes"] for item in shapes] == [None, 120]
    assert [item["rules"] for item in shapes] == [[], ["rule 1 (backbone=resnet101)"]]
    shown = attnctl(*words[:-2], "--dry-run")
    assert shown.code == 0
    assert [line for line in shown.out.splitlines() if line.startswith("#SBATCH --array")] == [
        "#SBATCH --array=0-1%2"
    ] * 2
    assert shown.out.count("#SBATCH --gpus-per-node=2") == 1
    table = shown.out.partition("runs  each")[2]
    assert "2 processes, 2 GPUs" in table
    assert "rule 1 (backbone=resnet101)" in table
    assert "4 runs: 4 new; on SLURM, in 2 job arrays" in table
    idle = f"rule 2 (backbone=resnet*, dataset=imagenet) in {folder / 'attnctl.toml'} matches no run of this sweep"
    assert idle in " ".join(table.split())
    assert listing(folder) == ["attnctl.toml"]


def test_the_places_that_slurm_has_count_for_all_shapes_together(folder: Path, attnctl: Run, places: Path) -> None:
    (folder / "attnctl.toml").write_text('[[slurm.rules]]\nbackbone = "resnet101"\nmem = "2G"\n')
    result = attnctl("sweep", "none,se", "--backbone", "resnet20,resnet101", "--gpus-per-node", "0", "--dry-run")
    assert "3 of 4 runs are submitted now, as many as SLURM takes; 1 wait" in " ".join(result.out.split())


def test_jobs_that_slurm_would_not_start_are_told_before_they_are_submitted(
    folder: Path, attnctl: Run, fake: Fake
) -> None:
    fake.says("sinfo", "4|infinite|(null)|main*\n")
    fake.does("sbatch", "echo 'sbatch: error: Requested node configuration is not available' >&2; exit 1")
    words = ("sweep", "se", "--run-on", "slurm", "--device", "cpu", "--mem", "9999G", "--dry-run")
    told = "SLURM accepts the jobs, but cannot start them at present: Requested node configuration is not available"
    assert told in " ".join(attnctl(*words).out.split())
    document = json.loads(attnctl(*words, "--json").out)
    assert document["submitted_now"] == 1
    assert document["warnings"] == [told]
