"""The breaker of a submission: in the job's script, by a real shell, and in the supervisor here."""

import dataclasses
import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.jobs.local import runner
from attnctl.jobs.submission import code_snapshot, guard
from attnctl.jobs.submission.submit import submit
from attnctl.lifecycle import evidence
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import submissions
from attnctl.workspace.records import Exit, Request, Resources

Specs = Callable[[int], list[RunSpec]]
TAG = "attnctl-x"


def run_script(config: Config, task: int, setup: list[str], training: str = "true", **more: str) -> int:
    """The part of a job's script that is ours, as SLURM would start it for one task."""
    lines = [*guard.wrap_setup(config, TAG, setup), training]
    environment = {"PATH": os.environ["PATH"], "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_JOB_ID": "77", **more}
    script = config.workspace.root / "script.sh"
    script.write_text("\n".join(lines))
    log = config.workspace.submission_logs(TAG) / f"77_{task}_0_log.out"
    with log.open("ab") as stream:
        return subprocess.run(["bash", str(script)], env=environment, stdout=stream, stderr=stream).returncode


@pytest.fixture
def prepared(config: Config, make_specs: Specs) -> list[str]:
    runs = [spec.id for spec in make_specs(5)]
    guard.prepare(config.workspace, TAG, [(run, 1) for run in runs])
    return runs


def exits(config: Config, run: str, restart: int = 0) -> list[Exit]:
    return config.workspace.run(run).attempt(1).incarnation(restart).exits()


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        (["exit 3"], "failed with exit code 3"),
        (["false"], "failed with exit code 1: false"),
        (["export A=1", "no_such_command 'a \"b\\' é"], "failed with exit code 127: no_such_command"),
        (["source /no/such/file"], "failed with exit code 1: source /no/such/file"),
        (['echo "unclosed'], "failed with exit code 2"),
        (["set -u", "echo $NO_SUCH"], "failed with exit code 1"),
    ],
    ids=str,
)
def test_a_failing_setup_is_recorded_and_after_three_the_others_are_held(
    config: Config, prepared: list[str], setup: list[str], message: str
) -> None:
    codes = [run_script(config, task, setup) for task in range(5)]
    assert [code == 0 for code in codes] == [False] * 3 + [True] * 2
    records = [exits(config, run)[0] for run in prepared]
    assert [record.outcome for record in records] == ["setup"] * 3 + ["held"] * 2
    assert message in records[0].message
    assert records[4].message == f"the same error in 3 runs: {records[0].message}"


# As Environment Modules define it: the shell's own commands come from a program, and the line of the user is `module`.
MODULES = """\
module() {
    local errors
    eval "$(modulecmd bash "$@")"
}
modulecmd() {
    if [ "$3" = gcc ]; then echo 'true'; return; fi
    echo "ERROR: Unable to locate a modulefile for '$3'" >&2
    echo 'test 0 = 1;'
}
"""


@pytest.mark.parametrize(
    ("setup", "line", "output"),
    [
        (
            ["module load gcc", "module load cuda/99"],
            "module load cuda/99",
            "Unable to locate a modulefile for 'cuda/99'",
        ),
        (["module load \\", "    cuda/98"], "module load cuda/98", "Unable to locate a modulefile for 'cuda/98'"),
        (["if true; then module load cuda/97; fi"], "if true; then module load cuda/97; fi", "'cuda/97'"),
        (["missing() { no_such_tool; }", "missing here"], "missing here", "no_such_tool: command not found"),
        (["set -E", "module load cuda/96"], "module load cuda/96", "'cuda/96'"),
        (["cd /no/such"], "cd /no/such", "cd: /no/such: No such file or directory"),
    ],
)
def test_the_users_line_is_named_with_the_shells_last_words_and_not_what_a_function_does(
    config: Config, prepared: list[str], setup: list[str], line: str, output: str
) -> None:
    functions = config.workspace.root / "modules.sh"
    functions.write_text("# of the site\n\n" + MODULES)
    codes = [run_script(config, task, [f". {shlex.quote(str(functions))}", *setup]) for task in range(4)]
    assert [code != 0 for code in codes] == [True, True, True, False]
    (record,) = exits(config, prepared[0])
    assert record.message.startswith("the job's setup failed with exit code ")
    assert f": {line}; last output: " in record.message
    assert record.message.endswith(output)
    assert "eval" not in record.message
    (held,) = exits(config, prepared[3])
    assert held.message == f"the same error in 3 runs: {record.message}"


def test_equal_failures_are_counted_together_whatever_else_they_print(config: Config, prepared: list[str]) -> None:
    setup = ['echo "on $(mktemp -u) today"; false']
    codes = [run_script(config, task, setup) for task in range(4)]
    assert [code != 0 for code in codes] == [True, True, True, False]


@pytest.mark.parametrize(
    "setup",
    [["[ -d /no/such ] && cd /no/such", "true"], ["false || true"], ["if false; then", "true", "fi"], []],
    ids=str,
)
def test_a_successful_setup_is_followed_by_the_training(config: Config, prepared: list[str], setup: list[str]) -> None:
    trained = config.workspace.root / "trained"
    assert run_script(config, 0, setup, f"touch {shlex.quote(str(trained))}") == 0
    assert trained.exists()
    assert exits(config, prepared[0]) == []


def test_failures_inside_a_sourced_file_are_ignored(config: Config, prepared: list[str], tmp_path: Path) -> None:
    (tmp_path / "env.sh").write_text("false\ntrue\n")
    assert run_script(config, 0, [f"source {tmp_path / 'env.sh'}"]) == 0


def test_a_training_that_started_writes_its_own_exit_record(config: Config, prepared: list[str]) -> None:
    begun = config.workspace.run(prepared[0]).attempt(1).incarnation(0).path
    assert run_script(config, 0, [], f"mkdir -p {shlex.quote(str(begun))}; exit 1") == 1
    assert exits(config, prepared[0]) == []
    assert run_script(config, 1, [], "exit 2") == 2
    assert "srun failed with exit code 2" in exits(config, prepared[1])[0].message
    assert run_script(config, 2, [], "exit 137") == 137  # killed: no fault of the start
    assert exits(config, prepared[2]) == []


def test_a_python_that_is_gone_is_a_missing_environment(
    config: Config, prepared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnctl.jobs.submission.guard.sys.executable", "/gone/bin/python")
    assert run_script(config, 0, [], "/gone/bin/python -m x", SLURMD_NODENAME="node7") == 127
    (record,) = exits(config, prepared[0])
    words = "there is no Python at /gone/bin/python on node7"
    assert (record.outcome, record.message) == ("environment missing", words)


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/python: No module named attnctl",
        "ModuleNotFoundError: No module named 'psutil'",
        "python: error while loading shared libraries: libpython3.so: cannot open shared object file: No such file",
    ],
)
def test_packages_that_are_gone_are_a_missing_environment(config: Config, prepared: list[str], line: str) -> None:
    log = config.workspace.submission_logs(TAG) / "77_0_0_log.out"
    log.write_text(f"Traceback\n{line}\nsrun: error: node7: task 0: Exited with exit code 1\n")
    assert run_script(config, 0, [], "exit 1") == 1
    (record,) = exits(config, prepared[0])
    assert record.outcome == "environment missing"
    assert record.message.endswith(f"srun failed with exit code 1, {line}")


def test_a_job_that_does_not_own_the_attempt_writes_nothing(config: Config, prepared: list[str]) -> None:
    owner = config.workspace.run(prepared[0]).attempt(1).owner
    owner.parent.mkdir(parents=True)
    owner.write_text("76_0")
    run_script(config, 0, ["exit 3"])
    assert exits(config, prepared[0]) == []
    owner.write_text("77_0")
    run_script(config, 0, ["exit 3"])
    assert len(exits(config, prepared[0])) == 1


def test_a_requeued_job_is_not_held(config: Config, prepared: list[str]) -> None:
    for task in range(3):
        run_script(config, task, ["exit 3"])
    assert run_script(config, 3, [], SLURM_RESTART_COUNT="1") == 0
    assert exits(config, prepared[3], restart=1) == []


def test_the_training_learns_where_the_log_of_its_start_begins(config: Config, prepared: list[str]) -> None:
    log = config.workspace.submission_logs(TAG) / "77_0_0_log.out"
    told = 'echo "from $ATTNCTL_LOG_START on"'
    assert run_script(config, 0, [], told) == 0
    before = log.stat().st_size
    assert run_script(config, 0, [], told, SLURM_RESTART_COUNT="1") == 0
    assert log.read_text().split("\n") == ["from 0 on", f"from {before} on", ""]


def test_the_script_and_the_supervisor_count_errors_equally(config: Config, prepared: list[str]) -> None:
    for task in range(2):
        guard.record_error(config.workspace, TAG, task, f"ModuleNotFoundError: No module named 'x{task}'")
    assert guard.hold_reason(config.workspace, TAG, 3) is None
    guard.record_error(config.workspace, TAG, 2, "ModuleNotFoundError: No module named 'x2'")
    assert guard.hold_reason(config.workspace, TAG, 0) is None
    message = guard.hold_reason(config.workspace, TAG, 3)
    assert message is not None
    assert message.startswith("the same error in 3 runs: ModuleNotFoundError: No module named 'x")
    assert run_script(config, 3, []) == 0
    (record,) = exits(config, prepared[3])
    assert (record.outcome, record.message.partition(":")[0]) == ("held", "the same error in 3 runs")


def test_local_runs_are_held_too(config: Config, make_specs: Specs) -> None:
    specs = make_specs(5)
    for spec in specs:  # what every worker meets at its start: a spec that is another run's
        path = config.workspace.run(spec.id).spec
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(specs[0].to_json() | {"seed": 99}))
    batches = submit(config, specs, Resources(), config.slurm, "local")
    runner.run(config, batches, Resources(), 1, lambda _: None)
    states = []
    for spec in specs:
        attempt = config.workspace.run(spec.id).attempt(1)
        request = Request.read(attempt.request)
        assert request is not None
        found = evidence.verdict(attempt, request, lambda tag: submissions.head(config.workspace.submission(tag)))
        states.append(found.state)
    assert states == [State.ERROR] * 3 + [State.HELD] * 2


def group(config: Config) -> Config:
    return dataclasses.replace(config, workspace=dataclasses.replace(config.workspace, group=True))


def test_a_changed_snapshot_of_a_group_is_recorded_and_nothing_is_trained(
    config: Config, prepared: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shared = group(config)
    code = code_snapshot.keep(shared.workspace)
    assert code is not None
    lines = code_snapshot.check_lines(shared.workspace)
    trained = tmp_path / "trained"
    assert run_script(shared, 0, lines, f"touch {shlex.quote(str(trained))}") == 0
    assert trained.exists()
    trained.unlink()
    (code_snapshot.folder(shared.workspace, code) / "sitecustomize.py").write_text("print('EVIL')")
    assert run_script(shared, 1, lines, f"touch {shlex.quote(str(trained))}") == 1
    assert not trained.exists()
    (record,) = exits(shared, prepared[1])
    assert record.outcome == "setup"
    assert f"/code/{code} was changed after it was created: delete it, then run attnctl resume" in record.message


def test_a_changed_guard_of_a_group_is_not_run(config: Config, prepared: list[str], tmp_path: Path) -> None:
    shared = group(config)
    assert run_script(shared, 0, []) == 0
    evil = tmp_path / "evil"
    path = shared.workspace.submission_logs(TAG) / "guard.sh"
    path.write_text(f"touch {shlex.quote(str(evil))}\n{path.read_text()}")
    assert run_script(shared, 1, []) == 1
    assert not evil.exists()
    log = (shared.workspace.submission_logs(TAG) / "77_1_0_log.out").read_text()
    assert "guard.sh was changed after it was written: run attnctl resume" in log
