"""Bad input: one clear line, exit code 2, nothing written. The cases are generated from the command line itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.attnctl.cli.cli_cases import Option, commands, flags, options
from tests.attnctl.cli.cli_run import Run, assert_refused, listing, without_slurm, workspace_with_a_run

HOSTILE = ("; touch made", "$(touch made)", "../made", "a\nb", "\x1b[31mred", "é")
LONG = "x" * 20_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one run that was asked for, so that a command's other words are good ones."""
    return workspace_with_a_run(tmp_path_factory.mktemp("bad"))


@pytest.fixture
def standing(workspace: Path, monkeypatch: pytest.MonkeyPatch, attnctl: Run) -> Path:
    """Standing in that workspace, whose index has been made."""
    monkeypatch.chdir(workspace)
    without_slurm(monkeypatch)
    assert attnctl("status").code == 0
    return workspace


def bad_values(option: Option) -> Iterator[str]:
    """Values that an option cannot have, of each class."""
    yield ""
    if option.is_path:
        yield from ("a\nb", LONG)
        return
    if option.is_text:
        yield from (" ", LONG, "a\nb", "\x1b[31mred")
        return
    yield from (LONG, *HOSTILE)
    if option.is_list:
        yield from (",", "5,", ",5", "5,5", "5,,7", "nonsense,")
    yield from option.near_misses
    if option.is_number:
        yield from ("x", "1.5.2", "-1", "1e9", "9" * 40, "nan", "inf", "0x10", "1;2", "\u0661")
        if not option.zero_is_good:
            yield "0"


@pytest.mark.parametrize("option", options(), ids=lambda option: f"{option.command} {option.name}")
def test_a_bad_value_is_one_line_and_writes_nothing(option: Option, standing: Path, attnctl: Run) -> None:
    before = listing(standing.parent)
    run = next((standing / "runs").iterdir()).name[:8]
    for value in bad_values(option):
        result = attnctl(*(word.replace("{run}", run) for word in option.words(value)))
        assert_refused(result, f"{option.command} {option.name} {value[:40]!r}")
    assert listing(standing.parent) == before


@pytest.mark.parametrize(
    "option",
    [option for option in options() if not option.is_argument],
    ids=lambda option: f"{option.command} {option.name}",
)
def test_an_option_without_its_value_is_refused(option: Option, standing: Path, attnctl: Run) -> None:
    assert_refused(attnctl(*option.command.split(), *option.good, option.name), option.name)


@pytest.mark.parametrize(("command", "flag"), flags(), ids=lambda words: words)
def test_a_flag_accepts_no_value(command: str, flag: str, standing: Path, attnctl: Run) -> None:
    assert_refused(attnctl(*command.split(), f"{flag}=yes"), flag)


@pytest.mark.parametrize("command", commands())
def test_an_unknown_option_names_the_nearest(command: str, standing: Path, attnctl: Run) -> None:
    result = attnctl(*command.split(), "--hepl")
    assert_refused(result, command)
    assert "--help" in result.err


@pytest.mark.parametrize("command", commands())
def test_a_surplus_argument_is_refused(command: str, standing: Path, attnctl: Run) -> None:
    assert_refused(attnctl(*command.split(), "a", "b", "c"), command)


# ------------------------------------------------------------------------------------------------------ named cases

CELLS = {
    "even kernel": (["ela", "--kernel", "4"], "kernel must be odd"),
    "unknown module": (["elaa"], "did you mean 'ela'"),
    "unknown backbone": (["ela", "--backbone", "resnet21"], "did you mean 'resnet20'"),
    "unknown dataset": (["ela", "--dataset", "digit"], "did you mean 'digits'"),
    "unknown recipe": (["ela", "--recipe", "digit"], "did you mean 'digits'"),
    "unknown placement": (["ela", "--placement", "blok"], "did you mean 'block'"),
    "unknown hyperparameter": (["ela", "--kernal", "5"], "--kernel"),
    "a hyperparameter of another module": (["ela", "--r", "4"], "No such option: --r"),
    "unknown recipe value": (["ela", "--optimizer", "sdg"], "one of sgd, adamw"),
    "a typo after -p": (["ela", "-p", "ela.kernal=5"], "did you mean 'kernel'"),
    "-p of a module that is not named": (["ela", "-p", "se.r=4"], "not in this sweep"),
    "-p twice": (["ela", "-p", "ela.kernel=5", "-p", "ela.kernel=7"], "given twice"),
    "r larger than the channels": (["se", "--r", "32"], "must not exceed the channels"),
    "groups that do not divide the channels": (["ela", "--groups", "5"], "must divide the channels"),
    "a batch that norm_batch does not divide": (
        ["ela", "--batch", "64", "--norm-batch", "24"],
        "does not divide batch",
    ),
    "a batch larger than the data": (["ela", "--batch", "4096"], "larger than the 1437"),
    "a world that does not fit": (["ela", "--tasks-per-node", "3"], "worlds that fit: 1, 2"),
    "two nodes without SLURM": (["ela", "--nodes", "2"], "needs SLURM"),
    "SLURM that is not there": (["ela", "--run-on", "slurm"], "sbatch is not on the PATH"),
    "GPUs that are not there": (["ela", "--device", "cuda"], "no GPUs"),
    "a profile without attnctl.toml": (["ela", "--profile", "big"], "no profile 'big'"),
    "a bad time": (["ela", "--time", "1:xx"], "HH:MM:SS"),
    "a bad name": (["ela", "--name", "../up"], "sweep name"),
}


@pytest.mark.parametrize("words", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["dry", "real"])
def test_an_impossible_cell_has_a_reason(
    words: tuple[list[str], str], dry: list[str], folder: Path, attnctl: Run
) -> None:
    result = attnctl("sweep", *words[0], *dry)
    assert_refused(result, str(words))
    assert words[1] in result.err
    assert listing(folder) == []


def test_a_missing_an_empty_and_a_half_data_set_name_their_files(folder: Path, attnctl: Run) -> None:
    for there, named in (([], "train, test"), (["train"], "missing test;")):
        root = folder / "data" / "cifar-100-python"
        root.mkdir(parents=True, exist_ok=True)
        for name in there:
            (root / name).write_bytes(b"x")
        before = listing(folder)
        result = attnctl("sweep", "ela", "--dataset", "cifar100")
        assert_refused(result, named)
        assert named in result.err
        assert "attnctl data fetch cifar100" in result.err
        assert listing(folder) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[slurm]\npartitoin = 'gpu'\n",
            "attnctl.toml:2: partitoin is not a key of [slurm]; did you mean 'partition'?",
        ),
        ("\n[slrum]\n", "attnctl.toml:2: slrum is not a section; did you mean 'slurm'?"),
        ("[slurm]\ntime = 'soon'\n", "attnctl.toml:2"),
        ("[slurm\n", "attnctl.toml"),
        ("[defaults]\nrun_on = 'mars'\n", "run_on"),
        ("[defaults]\nseed = 'x'\n", "seed is x"),
    ],
)
def test_a_fault_of_the_settings_names_line_and_key(text: str, words: str, folder: Path, attnctl: Run) -> None:
    (folder / "attnctl.toml").write_text(text)
    result = attnctl("sweep", "ela", "--dry-run")
    assert_refused(result, text)
    assert words in result.err
    assert listing(folder) == ["attnctl.toml"]


@pytest.mark.parametrize("name", ["runs", "submissions", "sweeps"])
def test_a_workspace_that_cannot_be_written_is_named(name: str, folder: Path, attnctl: Run) -> None:
    (folder / name).write_text("a file in place of the folder")  # root may write everywhere else
    result = attnctl("sweep", "ela", "--epochs", "1")
    assert_refused(result, name)
    assert name in result.err
    assert set(listing(folder)) <= {name, "format.json"}


def test_a_workspace_below_a_file_is_refused(folder: Path, attnctl: Run) -> None:
    (folder / "file").write_text("")
    assert_refused(attnctl("--workspace", "file", "sweep", "ela"), "a file")
    assert_refused(attnctl("--workspace", "file/below", "sweep", "ela"), "below a file")
    assert_refused(attnctl("--workspace", "file/below", "init"), "below a file")
    assert listing(folder) == ["file"]


@pytest.mark.parametrize(
    "words", [["status"], ["report"], ["show", "ab"], ["cancel", "ab"], ["db", "path"], ["doctor"]]
)
def test_a_missing_workspace_is_not_created(words: list[str], folder: Path, attnctl: Run) -> None:
    assert_refused(attnctl("--workspace", "typo", *words), str(words))
    assert listing(folder) == []


@pytest.mark.parametrize("command", ["sbatch", "squeue", "sinfo"])
@pytest.mark.parametrize("dry", [True, False], ids=["dry", "real"])
def test_a_slurm_that_is_silent_is_an_error_and_nothing_trains_here(
    command: str, dry: bool, folder: Path, attnctl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder.parent / "bin"
    programs.mkdir()
    for name in {"sbatch", command}:
        program = programs / name
        program.write_text(
            f"#!/bin/sh\necho '{name}: error: Unable to contact slurm controller (connect failure)' >&2\nexit 1\n"
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    if dry:  # it plans all the same
        result = attnctl("sweep", "ela", "--dry-run")
        assert (result.code, "on SLURM" in result.out) == (0, True), result.err
    else:
        result = attnctl("sweep", "ela")
        assert_refused(result, command)
    assert "SLURM does not answer" in result.out + result.err
    assert listing(folder) == []


def test_invalid_cells_can_be_left_out_and_are_listed(folder: Path, attnctl: Run) -> None:
    refused = attnctl("sweep", "se", "--r", "4,32", "--dry-run")
    assert_refused(refused, "one of two")
    assert "--skip-invalid" in refused.err
    result = attnctl("sweep", "se", "--r", "4,32", "--dry-run", "--skip-invalid", "--json")
    assert result.code == 0
    document: dict[str, Any] = json.loads(result.out)
    assert [run["hyperparameters"]["r"] for run in document["runs"]] == [4]
    assert len(document["invalid"]) == 1
    nothing_left: Sequence[str] = ("sweep", "se", "--r", "32", "--dry-run", "--skip-invalid")
    assert_refused(attnctl(*nothing_left), "none left")
    assert listing(folder) == []
