"""`--init`: runs that start from another run's weights, or from a file's."""

import json
from pathlib import Path

import pytest
import torch

from attnctl import backbones
from attnctl.papers.runs import Overrides
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import read_events
from tests.attnctl.cli.cli_run import Run, listing

SMALL = ["--epochs", "1", "--batch", "256", "--norm-batch", "64", "--input-size", "8"]


def ids(attnctl: Run, *words: str) -> list[str]:
    result = attnctl("sweep", *words, *SMALL, "--json")
    assert result.code == 0, result.err
    return [run["id"] for run in json.loads(result.out)["runs"]]


def initialised(folder: Path, run: str) -> dict[str, object]:
    events = Workspace(folder).run(run).attempt(1).incarnation(0).events
    (event,) = [event for event in read_events(events.read_bytes()) if event["kind"] == "initialised"]
    return event


def test_a_run_starts_from_a_run_and_its_id_holds_that(folder: Path, attnctl: Run) -> None:
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
    words = ("sweep", "--table", "an:2", "--rows", "ResNet-50 AN", "--run-on", "here", "--dry-run", "--json")
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
        (["--init", "nothing.pt"], "is neither a file nor the beginning of a run's id"),
        (["--init", ""], "is neither a file nor the beginning of a run's id"),
    ],
)
def test_what_is_neither_is_refused(words: list[str], expected: str, folder: Path, attnctl: Run) -> None:
    result = attnctl("sweep", "se", *words)
    assert (result.code, result.out, len(result.err.splitlines())) == (2, "", 1)
    assert expected in result.err
    assert listing(folder) == []


def test_a_file_without_weights_ends_the_run_with_clear_words(folder: Path, attnctl: Run) -> None:
    (folder / "a.pt").write_text("no weights")
    assert attnctl("sweep", "none", "--init", "a.pt", *SMALL).code == 1
    (row,) = json.loads(attnctl("status", "--json").out)["runs"]
    assert (row["state"], "holds no weights that torch can load" in row["reason"]) == ("code error", True)
