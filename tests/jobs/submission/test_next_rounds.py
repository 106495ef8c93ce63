"""The jobs of a search choose and submit what follows: what the command typed again would, and each run once.

tests/slurm/test_search.py does the same on a real cluster.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.cli import main, stalled_searches, sweep_records
from attnctl.files import write_atomic
from attnctl.jobs.submission import next_rounds
from attnctl.settings.config import find
from attnctl.spec import RunSpec
from attnctl.workspace import submissions, waiting, waiting_searches
from attnctl.workspace.layout import Workspace
from tests.fixtures.fake_slurm import Fake
from tests.reports.report_workspace import train

SWEEP = ["sweep", "se,none", "--lr", "log:1e-3..1e-1", "--epochs", "2", "--samples", "4", "--halving", "2"]
SLURM = ["--gpus-per-node", "0", "--run-on", "slurm", "--name", "tuned"]
End = Callable[..., None]


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Path, fake: Fake) -> Workspace:
    """A search of two rungs, whose first one SLURM has."""
    places.write_text("100")
    root = tmp_path / "w"
    root.mkdir()
    (root / "attnctl.toml").write_text('[slurm]\nqos = "first"\n')
    monkeypatch.chdir(root)
    monkeypatch.delenv("ATTNCTL_WORKSPACE", raising=False)
    assert main([*SWEEP, *SLURM]) == 0
    return Workspace(root)


def runs(workspace: Workspace) -> list[RunSpec]:
    return [workspace.run(run).read_spec() for run in sweep_records.read(workspace, "tuned").runs]


def end(workspace: Workspace, module: str, outcome: str = "completed") -> None:
    for spec in runs(workspace):
        if spec.module == module:
            train(workspace, spec, 100 * spec.recipe.lr, outcome=outcome)


def job_ends(workspace: Workspace, vouched_for: str = "") -> None:
    next_rounds.submit_after_runs(workspace, [], lambda: False, vouched_for=vouched_for)


def typed_again(workspace: Workspace, folder: Path) -> set[str]:
    """What the command chooses in a copy of the workspace."""
    copy = shutil.copytree(workspace.root, folder)
    os.chdir(copy)
    assert main([*SWEEP, *SLURM]) == 0
    os.chdir(workspace.root)
    return set(sweep_records.read(Workspace(copy), "tuned").runs)


def test_the_job_that_ends_last_submits_what_the_command_would_with_the_settings_of_its_submission(
    search: Workspace, fake: Fake, tmp_path: Path
) -> None:
    first = runs(search)
    assert [item.sweep for item in waiting_searches.own(search)] == ["tuned"]
    job_ends(search)
    assert runs(search) == first, "nothing has ended"
    end(search, "se")
    expected = typed_again(search, tmp_path / "copy")
    (search.root / "attnctl.toml").write_text("[slurm]\nwrong = 1\n")
    job_ends(search)
    assert {spec.id for spec in runs(search)} == expected
    assert len(expected) == len(first) + 2
    script = (fake.folder / "script.13").read_text()
    assert "#SBATCH --array=0-1" in script
    assert "#SBATCH --qos=first" in script
    job_ends(search)
    assert {spec.id for spec in runs(search)} == expected, "the same end does not count twice"
    end(search, "none")
    end(search, "se")
    job_ends(search)
    assert len(runs(search)) == 12
    job_ends(search)
    assert waiting_searches.own(search) == [], "nothing is left to choose"
    assert list(search.waiting_folder.glob("[!.]*")) == []


def test_two_jobs_that_end_together_submit_each_run_once(search: Workspace, fake: Fake) -> None:
    end(search, "se")
    end(search, "none")
    jobs = [threading.Thread(target=job_ends, args=[search]) for _ in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    intents = [json.loads(search.submission(tag).read_bytes()) for tag in search.submission_tags()]
    tasks = [run for intent in intents for run, _ in intent["tasks"]]
    assert len(tasks) == len(set(tasks)) == 12


def test_who_cannot_choose_leaves_a_mark_so_that_the_other_looks_once_more(
    search: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_rounds, "_TURN", 0.1)
    end(search, "se")
    with waiting.locked(search, 1.0, "searching"):
        job_ends(search)
        assert len(runs(search)) == 8
    assert waiting.mark(search, "searching").exists()
    job_ends(search)
    assert len(runs(search)) == 10


def test_runs_that_a_killed_process_recorded_but_did_not_submit_are_submitted(search: Workspace) -> None:
    end(search, "se")
    job_ends(search)
    lost = [spec for spec in runs(search) if spec.recipe.epochs == 2]
    for spec in lost:
        shutil.rmtree(search.run(spec.id).path / "attempts")
    job_ends(search)
    assert all(search.run(spec.id).attempt(1).request.exists() for spec in lost)


def test_a_job_retries_nothing_and_continues_nothing_that_was_cancelled(search: Workspace) -> None:
    end(search, "se")
    failed = next(spec for spec in runs(search) if spec.module == "none")
    train(search, failed, outcome="code error")
    job_ends(search)
    assert len(runs(search)) == 10
    assert not search.run(failed.id).attempt(2).request.exists()


def test_a_failure_is_in_the_log_and_in_status_and_ends_with_the_next_success(
    search: Workspace, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    end(search, "se")
    end(search, "none")
    (record,) = waiting_searches.own(search)
    settings = search.waiting_settings(record.tag)
    content = settings.read_bytes()
    write_atomic(settings, b"[slurm]\n")
    job_ends(search)
    assert f"search tuned: its next trainings were not chosen: {settings} was changed" in caplog.text
    (line,) = stalled_searches.notes(search)
    assert line.endswith("; type: attnctl " + " ".join([*SWEEP, *SLURM]))
    capsys.readouterr()
    for command in (["status", "tuned"], ["report", "tuned"], ["feed"]):
        main(command)
        printed = capsys.readouterr()
        assert "its next trainings are due" in " ".join((printed.out + printed.err).split()), command
    write_atomic(settings, content)
    job_ends(search)
    assert len(runs(search)) == 12
    assert list(stalled_searches.notes(search)) == []


def test_settings_that_act_are_vouched_for_by_a_job_that_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Path
) -> None:
    from attnctl.settings import trust

    places.write_text("100")
    root = tmp_path / "w"
    root.mkdir()
    file = root / "attnctl.toml"
    file.write_text('[slurm]\nsetup = ["module load x"]\n')
    config = find(root, root, {})
    trust.accept(file, file.read_bytes(), config.acting)
    monkeypatch.chdir(root)
    assert main([*SWEEP, *SLURM]) == 0
    trust.revoke(file)
    workspace = Workspace(root)
    end(workspace, "se")
    job_ends(workspace)
    assert len(runs(workspace)) == 8
    assert "is not trusted" in waiting_searches.own(workspace)[0].reason
    job_ends(workspace, config.digest)
    assert len(runs(workspace)) == 10
    assert waiting_searches.own(workspace)[0].reason == ""


def test_a_refused_submission_leaves_the_search_as_it_was(
    search: Workspace, fake: Fake, capsys: pytest.CaptureFixture[str]
) -> None:
    before = waiting_searches.own(search)
    fake.does("sbatch", "echo 'sbatch: error: invalid account' >&2; exit 1")
    assert main([*SWEEP[:1], "se,none,eca", *SWEEP[2:], *SLURM]) == 2
    assert waiting_searches.own(search) == before
    assert [head.failed for head in submissions.heads(search)] == [None]


def test_a_search_that_goes_on_is_not_announced_as_ended(search: Workspace) -> None:
    assert not next_rounds.goes_on(search, "tuned")
    end(search, "se")
    end(search, "none")
    assert next_rounds.goes_on(search, "tuned")
    assert not next_rounds.goes_on(search, "other")
