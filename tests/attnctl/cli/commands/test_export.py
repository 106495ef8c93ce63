"""`attnctl export`: every value arrives, in each format, at any time, and a half export is never taken for a whole."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from attnctl.cli.commands import export as command
from attnctl.db import RunRow, open_index
from attnctl.workspace.layout import Workspace
from tests.attnctl.cli.cli_run import Run, listing
from tests.attnctl.cli.exchange_cases import NOW, events, spec, wandb_records, write_attempt
from tests.db import opened, written

Values = dict[tuple[str, int, str], float]


def measured(root: Path) -> Values:
    """What the index has: run, step and name to value."""
    with open_index(Workspace(root)) as index:
        index.refresh()
        return {(run.id, row.step, row.name): row.value for run in index.runs() for row in index.history(run.id)}


def of_csv(text: str) -> Values:
    rows = csv.DictReader(io.StringIO(text))
    return {(row["run"], int(row["step"]), row["name"]): float(row["value"]) for row in rows}


def of_json(text: str) -> Values:
    return {
        (run["id"], item["step"], name): value
        for run in json.loads(text)["runs"]
        for item in run["metrics"]
        for name, value in item["values"].items()
    }


def of_tensorboard(folder: Path) -> Values:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for run in filter(Path.is_dir, folder.iterdir()):
        events = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
        for name in set(events.Tags()["scalars"]) - {"epoch"}:
            for item in events.Scalars(name):
                found[run.name.rpartition("-")[2], item.step, name] = item.value
    return found


def of_wandb(folder: Path) -> Iterator[tuple[tuple[str, int, str], float]]:
    for path in folder.glob("offline-run-*/run-*.wandb"):
        for record in wandb_records(path):
            for item in record.history.item:
                name = item.key or item.nested_key[0]
                if not name.startswith("_") and name != "epoch":
                    key = path.stem.removeprefix("run-"), record.history.step.num, name
                    yield key, json.loads(item.value_json)


def test_real_runs_are_exported_in_each_format_with_every_value(trained: Path, attnctl: Run) -> None:
    wanted = measured(trained)
    assert {name for _, _, name in wanted} >= {"top1", "loss", "train_loss", "lr"}
    assert of_csv(attnctl("export", "first", "--format", "csv").out) == wanted
    assert of_json(attnctl("export", "--format", "json").out) == wanted
    result = attnctl("export", "--format", "tensorboard", "-o", "board")
    assert (result.code, result.out) == (0, "tensorboard --logdir board\n")
    assert of_tensorboard(trained / "board") == {key: np.float32(value) for key, value in wanted.items()}
    result = attnctl("export", "--format", "wandb", "-o", "offline")
    assert (result.code, result.out) == (0, "wandb sync offline/offline-run-*\n")
    assert dict(of_wandb(trained / "offline")) == wanted
    assert not [path for path in (trained / "offline").rglob("*") if path.is_symlink()]


def test_only_runs_that_meet_the_options_are_exported(trained: Path, attnctl: Run) -> None:
    modules = {run.id: run.module for run in _runs(trained)}
    written = attnctl("export", "--module", "ela", "--state", "completed", "--format", "json")
    assert {modules[run["id"]] for run in json.loads(written.out)["runs"]} == {"ela"}
    refused = attnctl("export", "--metric", "top1=..-1", "--format", "json")
    assert (refused.code, "meets --metric top1=..-1" in refused.err) == (2, True)


def _runs(root: Path) -> list[RunRow]:
    with open_index(Workspace(root)) as index:
        index.refresh()
        return index.runs()


def test_hyperparameters_and_times_go_with_the_metrics(trained: Path, attnctl: Run) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    attnctl("export", "-f", "tensorboard", "-o", "board")
    (run,) = (trained / "board").glob("ela-*")
    found = EventAccumulator(str(run)).Reload()
    data = HParamsPluginData.FromString(found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    settings = data.session_start_info.hparams
    assert settings["ela.kernel"].number_value == 7
    assert settings["backbone"].string_value == "resnet20"
    assert settings["compile"].bool_value is False
    attnctl("export", "-f", "json", "-o", "runs.json")
    written = {item["id"]: item for item in json.loads((trained / "runs.json").read_text())["runs"]}
    at = [item["at"] for item in written[run.name.rpartition("-")[2]]["metrics"]]
    assert [item.wall_time for item in found.Scalars("top1")] == pytest.approx(at)
    assert all(item["state"] == "completed" and item["params"] > 0 for item in written.values())
    assert all(item["last"]["values"]["top1"] == item["metrics"][-1]["values"]["top1"] for item in written.values())


def test_nothing_is_written_into_the_workspace_not_even_a_database(trained: Path, attnctl: Run) -> None:
    before = listing(trained)
    assert "attnctl.sqlite" not in before
    assert attnctl("export", "-f", "csv").code == 0
    assert listing(trained) == before


def test_a_csv_of_runs_that_the_index_has_opens_none_of_their_files_and_is_the_same(folder: Path, attnctl: Run) -> None:
    workspace, (first, second) = Workspace(folder), (spec(), spec("se"))
    for run in (first, second):
        write_attempt(workspace, run, 1, {10: 50.0, 20: 60.0}, nonce="a", outcome="preempted")
        write_attempt(workspace, run, 2, {20: 61.5, 30: 70.0}, nonce="b", created=NOW + 500)
    from_folders = attnctl("export", "-f", "csv").out
    assert of_csv(from_folders)
    written.age(workspace)
    attnctl("status")
    with opened.under(workspace.runs) as paths:
        assert attnctl("export", "-f", "csv").out == from_folders
    assert not [path for path in paths if path.endswith((".json", ".jsonl"))]
    write_attempt(workspace, second, 3, {30: 71.0}, nonce="c", created=NOW + 900)
    after = attnctl("export", "-f", "csv").out
    assert of_csv(after)[second.id, 30, "top1"] == 71.0, "what changed since is read from its folder"
    (folder / "attnctl.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert attnctl("export", "-f", "csv").out == after


def test_of_a_step_trained_again_the_later_attempt_counts(folder: Path, attnctl: Run) -> None:
    workspace, run = Workspace(folder), spec()
    write_attempt(workspace, run, 1, {10: 50.0, 20: 60.0}, nonce="a", outcome="preempted")
    write_attempt(workspace, run, 2, {20: 61.5, 30: 70.0}, nonce="b", created=NOW + 500)
    text = attnctl("export", run.id[:6], "-f", "csv").out
    top1 = [(row["step"], row["value"], row["attempt"]) for row in csv.DictReader(io.StringIO(text))]
    assert of_csv(text) == measured(folder)
    assert [row for row in top1 if row[1] in {"50.0", "60.0", "61.5", "70.0"}] == [
        ("10", "50.0", "1"),
        ("20", "61.5", "2"),
        ("30", "70.0", "2"),
    ]


def test_a_second_export_during_training_contains_all_steps(folder: Path, attnctl: Run) -> None:
    workspace, run = Workspace(folder), spec()
    write_attempt(workspace, run, 1, {10: 50.0}, nonce="a", outcome=None)
    log = workspace.run(run.id).attempt(1).incarnation(0).events
    with log.open("ab") as stream:
        stream.write(b'{"kind": "metrics", "step": 20, "epo')  # a line that is being written
    assert attnctl("export", "-f", "tensorboard", "-o", "board").code == 0
    first = of_tensorboard(folder / "board")
    assert {step for _, step, _ in first} == {10}
    log.write_bytes(events({10: 50.0, 20: 60.0}))
    assert attnctl("export", "-f", "tensorboard", "-o", "board", "--force").code == 0
    second = of_tensorboard(folder / "board")
    assert {step for _, step, _ in second} == {10, 20}
    assert first.items() <= second.items()


def test_existing_files_stay_without_force_and_foreign_folders_always(trained: Path, attnctl: Run) -> None:
    assert attnctl("export", "-o", "a.csv").code == 0
    again = attnctl("export", "-o", "a.csv")
    assert (again.code, again.err) == (2, "attnctl: a.csv already exists; --force replaces it\n")
    assert attnctl("export", "-o", "a.csv", "--force").code == 0
    for name in ("runs", "a.csv"):
        refused = attnctl("export", "-f", "tensorboard", "-o", name, "--force")
        assert (refused.code, "it exists and is not an export of attnctl; name another folder" in refused.err) == (
            2,
            True,
        )
    (trained / "empty").mkdir()
    assert attnctl("export", "-f", "tensorboard", "-o", "empty").code == 0


def test_an_interrupted_export_keeps_the_earlier_one(
    trained: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    attnctl("export", "-o", "a.json")
    before, there = (trained / "a.json").read_bytes(), listing(trained)

    def broken(self: command._Runs) -> str:
        raise OSError(28, "No space left on device", "a.json")

    with monkeypatch.context() as patch:
        patch.setattr(command._Runs, "__iter__", broken)
        for words in (["-o", "a.json", "--force"], ["-f", "tensorboard", "-o", "board"], ["-f", "wandb", "-o", "wb"]):
            assert attnctl("export", *words).code == 2
    assert (trained / "a.json").read_bytes() == before
    assert listing(trained) == there


def test_a_broken_run_is_named_and_the_others_are_written(trained: Path, attnctl: Run) -> None:
    broken = next((trained / "runs").iterdir())
    (broken / "spec.json").write_text("{")
    result = attnctl("export", "first", "-f", "csv")
    assert result.code == 0
    assert f"{broken.name}/spec.json is not a run's spec" in result.err
    assert {run for run, _, _ in of_csv(result.out)} == {run.name for run in (trained / "runs").iterdir()} - {
        broken.name
    }
    shutil.rmtree(next(run for run in (trained / "runs").iterdir() if run != broken))
    refused = attnctl("export", "-o", "a.csv")
    assert (refused.code, (trained / "a.csv").exists()) == (2, False)


@pytest.mark.parametrize("package", ["tensorboard", "wandb"])
def test_a_missing_package_is_one_line(
    package: str, trained: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    result = attnctl("export", "-f", package, "-o", "there")
    assert result.code == 2
    assert f"pip install 'attnctl[{package}]'" in result.err
    assert not (trained / "there").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "missing --format: one of csv, json, tensorboard, wandb"),
        (["-f", "wandb"], "wandb writes a folder; missing -o FOLDER"),
        (["-o", "a.txt"], "missing --format"),
        (["-o", "no/a.csv"], "there is no folder no"),
        (["firts", "-f", "csv"], "did you mean 'first'"),
        (["zz", "-f", "csv"], "no run or sweep is called 'zz'"),
    ],
)
def test_an_invalid_request_is_an_error_with_a_reason(words: list[str], said: str, trained: Path, attnctl: Run) -> None:
    result = attnctl("export", *words)
    assert (result.code, said in result.err) == (2, True), result.err


def test_steps_are_exported_beside_the_epochs_in_each_format(folder: Path, attnctl: Run) -> None:
    run = spec()
    write_attempt(Workspace(folder), run, 1, {10: 1.0}, nonce="a")
    path = Workspace(folder).run(run.id).attempt(1).incarnation(0).events
    progress = {"kind": "progress", "t": NOW, "step": 4, "loss": 2.5, "images_per_s": 80.0}
    path.write_text(json.dumps(progress) + "\n" + path.read_text())
    epochs = of_csv(attnctl("export", "--format", "csv").out)
    wanted = {**epochs, (run.id, 4, "step_loss"): 2.5, (run.id, 4, "step_images_per_s"): 80.0}
    assert len(wanted) == len(epochs) + 2
    assert of_csv(attnctl("export", "--steps", "--format", "csv").out) == wanted
    assert of_json(attnctl("export", "--steps", "--format", "json").out) == wanted
    assert attnctl("export", "--steps", "--format", "tensorboard", "-o", "board").code == 0
    assert of_tensorboard(folder / "board") == {key: np.float32(value) for key, value in wanted.items()}
    assert attnctl("export", "--steps", "--format", "wandb", "-o", "offline").code == 0
    assert dict(of_wandb(folder / "offline")) == wanted
