"""`--init`: runs that start from another run's weights, or from a file's."""

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import torch

from attnctl import backbones, grid
from attnctl.files import write_atomic
from attnctl.grid import Axes
from attnctl.jobs.local import runner
from attnctl.jobs.submission.submit import submit
from attnctl.papers.runs import Overrides
from attnctl.settings.config import find
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Resources, read_events
from tests.attnctl.cli.cli_run import Run, assert_refused, listing
from tests.attnctl.cli.past_runs import Past, left

SMALL = ["--epochs", "1", "--batch", "256", "--norm-batch", "64", "--input-size", "8"]


def ids(attnctl: Run, *words: str) -> list[str]:
    result = attnctl("sweep", *words, *SMALL, "--json")
    assert result.code == 0, result.err
    return [run["id"] for run in json.loads(result.out)["runs"]]


def initialised(folder: Path, run: str) -> dict[str, object]:
    events = Workspace(folder).run(run).attempt(1).incarnation(0).events
    (event,) = [event for event in read_events(events.read_bytes()) if event["kind"] == "initialised"]
    return event


def test_the_base_run_is_part_of_a_runs_id(folder: Path, attnctl: Run) -> None:
    (plain,) = ids(attnctl, "none")
    (alone,) = ids(attnctl, "se", "--dry-run")
    (started,) = ids(attnctl, "se", "--init", plain[:6])
    assert started != alone
    event = initialised(folder, started)
    assert event["source"] == f"run:{plain}"
    missing = event["missing"]
    assert isinstance(missing, list)
    assert missing
    assert all(".attention." in name for name in missing), "all but the new modules come from the plain backbone"
    assert (event["unexpected"], event["reshaped"]) == ([], [])
    again = json.loads(attnctl("sweep", "se", "--init", plain, *SMALL, "--json").out)["runs"]
    assert [(run["id"], run["action"]) for run in again] == [(started, "done")]


def test_a_run_starts_from_a_file_by_its_content(folder: Path, attnctl: Run) -> None:
    weights = backbones.build("resnet20", 100).state_dict()  # the head is for other classes
    torch.save({"state_dict": {f"module.{name}": value for name, value in weights.items()}}, folder / "a.pt")
    (first,) = ids(attnctl, "none", "--init", "a.pt")
    event = initialised(folder, first)
    assert event["reshaped"] == ["fc.weight", "fc.bias"]
    assert event["missing"] == event["unexpected"] == []
    (folder / "a.pt").rename(folder / "b.pt")
    assert ids(attnctl, "none", "--init", "b.pt", "--dry-run") == [first]


def test_the_rows_of_a_table_start_from_weights_too(folder: Path, attnctl: Run) -> None:
    torch.save(backbones.build("resnet50", 1000).state_dict(), folder / "resnet50.pt")
    words = ("sweep", "--table", "an:2", "--rows", "ResNet-50 BN", "--run-on", "local", "--dry-run", "--json")
    seeds = json.loads(attnctl(*words).out)
    document = json.loads(attnctl(*words, "--init", "resnet50.pt").out)
    assert document["overrides"]["init"].startswith("file:")
    assert document["runs"][0]["id"] != seeds["runs"][0]["id"]
    overrides = Overrides.from_json(document["overrides"])
    assert overrides.options() == ["--init", f"weights/{overrides.init.removeprefix('file:')}.pt"]
    assert Overrides(init="run:0123456789abcdef").options() == ["--init", "0123456789abcdef"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--init", "nothing.pt"], "is neither a file nor a run's id"),
        (["--init", ""], "is neither a file nor a run's id"),
    ],
)
def test_an_argument_that_is_neither_run_nor_file_is_refused(
    words: list[str], expected: str, folder: Path, attnctl: Run
) -> None:
    result = attnctl("sweep", "se", *words)
    assert (result.code, result.out, len(result.err.splitlines())) == (2, "", 1)
    assert expected in result.err
    assert listing(folder) == []


# ---------------------------------------------------------------------------------------- a run that has not completed

UNFINISHED = {
    "queued": (
        "PENDING",
        None,
        (),
        "is queued, not completed; wait for it (attnctl status {run} --watch), then sweep again",
    ),
    "running": (
        "RUNNING",
        None,
        (10,),
        "is running, not completed; wait for it (attnctl status {run} --watch), then sweep again",
    ),
    "timeout": ("TIMEOUT", left("timeout"), (10,), "is timeout, not completed; finish it first: attnctl resume {run}"),
    "a clean end before its time": (
        "COMPLETED",
        left("timeout"),
        (10,),
        "is timeout, not completed; finish it first: attnctl resume {run}",
    ),
    "failed": (
        "FAILED",
        left("error", "boom"),
        (10,),
        "is code error, not completed; finish it first: attnctl resume {run}",
    ),
    "diverged": (
        "FAILED",
        left("diverged"),
        (10,),
        "is diverged, not completed; finish it first: attnctl resume {run}",
    ),
}


@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry", "real"])
@pytest.mark.parametrize(("word", "ended", "saved", "said"), UNFINISHED.values(), ids=UNFINISHED)
def test_a_run_that_has_not_completed_is_refused_by_its_name_and_state(
    word: str, ended: Exit | None, saved: tuple[int, ...], said: str, dry: list[str], folder: Path, attnctl: Run
) -> None:
    past = Past(folder)
    (spec,) = past.specs(1)
    past.attempt(spec, word, saved=saved, exit=ended)
    for step in saved:
        past.checkpoint(spec, f"{step}-1.0.pt")
    before = listing(folder)
    result = attnctl("sweep", "none", "--init", spec.id[:6], *SMALL, "--run-on", "local", *dry)
    assert_refused(result, word)
    assert said.format(run=spec.id) in result.err
    assert f"run {spec.id} ({spec.label()}, resnet20, digits) is" in result.err
    assert listing(folder) == before


def test_a_run_that_was_never_started_is_refused(folder: Path, attnctl: Run) -> None:
    (spec,) = Past(folder).specs(1)
    write_atomic(Workspace(folder).run(spec.id).spec, json.dumps(spec.to_json()).encode())
    result = attnctl("sweep", "none", "--init", spec.id, *SMALL)
    assert_refused(result, "never started")
    assert "is new, not completed; train it first with `attnctl sweep`" in result.err


def test_a_completed_run_without_checkpoints_is_refused(folder: Path, attnctl: Run) -> None:
    past = Past(folder)
    (spec,) = past.specs(1)
    past.attempt(spec, "COMPLETED", exit=left("completed"))
    result = attnctl("sweep", "none", "--init", spec.id, "--run-on", "local", *SMALL)
    assert_refused(result, "no checkpoint")
    assert "no longer has a checkpoint; name another run, or a file" in result.err


def test_the_job_itself_does_not_start_from_an_unfinished_checkpoint(folder: Path, attnctl: Run) -> None:
    (base,) = ids(attnctl, "none")
    config = find(folder, folder, {})
    small = {
        word.removeprefix("--").replace("-", "_"): (value,) for word, value in zip(SMALL[::2], SMALL[1::2], strict=True)
    }
    (spec,) = grid.expand(Axes(modules=("se",), overrides=small, init=f"run:{base}")).specs
    waiting = submit(config, [spec], Resources(), config.slurm, "local")
    ended = config.workspace.run(base).attempt(1).incarnation(0).exit(0)
    record = Exit.read(ended)
    assert record is not None
    write_atomic(ended, dataclasses.replace(record, outcome="preempted").encode())
    runner.run(config, waiting, Resources(), 1, lambda _progress: None)
    incarnation = config.workspace.run(spec.id).attempt(1).incarnation(0)
    (found,) = incarnation.exits()
    assert (found.outcome, found.traceback, found.step) == ("base unfinished", "", 0)
    assert found.message == f"run {base}, whose weights it starts from, is preempted, not completed"
    assert not incarnation.events.exists()
    (row,) = [row for row in json.loads(attnctl("resume", "--dry-run", "--json").out)["runs"] if row["id"] == spec.id]
    assert (row["state"], row["action"], row["starts"]) == ("base unfinished", "waits", False)
    assert row["words"] == f"run {base}, whose weights it starts from, is preempted: resume that run"
    write_atomic(
        ended, dataclasses.replace(record, step=record.step + 1).encode()
    )  # as if its last checkpoint were gone
    assert attnctl("resume", spec.id).code == 1
    (found,) = config.workspace.run(spec.id).attempt(2).incarnation(0).exits()
    words = f"run {base} was completed at step {record.step + 1}, but its newest valid checkpoint is "
    assert found.message.startswith(words)
    write_atomic(ended, record.encode())
    assert attnctl("resume", spec.id, "--force").code == 0
    assert config.workspace.run(spec.id).completed


# ------------------------------------------------------------------------------------------------------------- a file


@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry", "real"])
def test_a_file_that_fits_only_partly_is_refused_before_anything_is_submitted(
    dry: list[str], folder: Path, attnctl: Run
) -> None:
    """A ResNet-20 whose shortcuts have no weights, and whose head has another name."""
    weights = {
        name.replace("fc.", "linear."): value for name, value in backbones.build("resnet20", 10).state_dict().items()
    }
    part = {name: value for name, value in weights.items() if "downsample" not in name}
    torch.save({"state_dict": part}, folder / "part.pt")
    before = listing(folder)
    result = attnctl("sweep", "none,se", "--init", "part.pt", *SMALL, *dry)
    assert_refused(result, "part.pt")
    words = "none resnet20 digits: part.pt does not fit this network: "
    assert f"{words}{len(part)} of {len(weights)} tensors load; missing: layer2.0.downsample.0.weight, " in result.err
    assert result.err.endswith(" and 9 more; --init-partial accepts that (and 1 more run)\n")
    assert listing(folder) == before


def test_a_base_run_that_fits_only_partly_is_refused_before_anything_is_submitted(folder: Path, attnctl: Run) -> None:
    (attended,) = ids(attnctl, "se")
    before = listing(folder)
    result = attnctl("sweep", "none", "--init", attended, *SMALL)
    assert_refused(result, "a base with attention")
    words = f"run {attended} (se bias=false r=16, resnet20, digits) does not fit this network: 128 of 128 tensors load"
    assert f"{words}; not in this network: layer1." in result.err
    assert listing(folder) == before


def test_a_partial_load_is_accepted_when_it_is_asked_for_and_then_it_is_told(folder: Path, attnctl: Run) -> None:
    weights = backbones.build("resnet20", 10).state_dict()
    torch.save({name: value for name, value in weights.items() if "downsample" not in name}, folder / "part.pt")
    words = ("sweep", "none", "--init", "part.pt", "--init-partial", *SMALL)
    left_out = f"{len(weights) - 12} of {len(weights)} tensors load; missing: layer2.0.downsample.0.weight, "
    dry = json.loads(attnctl(*words, "--dry-run", "--json").out)["runs"][0]
    assert (dry["loads"]["loaded"], dry["loads"]["total"]) == (len(weights) - 12, len(weights))
    assert dry["loads"]["words"].startswith(left_out)
    result = attnctl(*words)
    assert result.code == 0, result.err
    assert f"none resnet20 digits: {left_out}" in result.err
    (row,) = json.loads(attnctl("status", "--json").out)["runs"]
    assert row["id"] == dry["id"]
    event = initialised(folder, row["id"])
    assert event["source"] == f"file:{hashlib.sha256((folder / 'part.pt').read_bytes()).hexdigest()}+partial"
    assert event["missing"] == [name for name in weights if "downsample" in name]
    shown = attnctl("show", row["id"]).out
    assert f"{len(weights) - 12} of {len(weights)} tensors loaded; new: layer2.0.downsample.0.weight, " in shown
    assert "and 8 more" in shown
    without = attnctl("sweep", "none", "--init", "part.pt", *SMALL)
    assert_refused(without, "the same file without the option")


def test_partial_loads_cannot_be_accepted_without_weights(folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "none", "--init-partial", *SMALL)
    assert_refused(result, "no weights")
    assert result.err == "attnctl: --init-partial needs --init\n"
    assert listing(folder) == []


@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry", "real"])
def test_a_file_without_weights_is_refused_before_anything_is_submitted(
    dry: list[str], folder: Path, attnctl: Run
) -> None:
    (folder / "a.pt").write_text("no weights")
    with zipfile.ZipFile(folder / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"\x80\x02}.")
        archive.writestr("bomb/data/0", bytes(1 << 24))
    before = listing(folder)
    for name, reason in {"a.pt": "was not written by torch.save", "bomb.pt": "its content is compressed"}.items():
        result = attnctl("sweep", "none", "--init", name, *SMALL, *dry)
        assert_refused(result, name)
        assert f"cannot load weights from {name}: " in result.err
        assert reason in result.err
    assert listing(folder) == before
