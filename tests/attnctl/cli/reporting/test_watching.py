"""A report that is written again while its runs go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnctl.cli import main
from attnctl.cli.reporting import watching
from tests.attnctl.cli.past_runs import Past, left

RELOADS = 'data-reload="10"'


def watch(past: Past, file: Path, *words: str) -> int:
    return main(["--workspace", str(past.config.workspace.root), "report", "-o", str(file), "--watch", *words])


def test_the_page_is_written_again_until_the_runs_have_ended(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (spec,) = past.specs(1)
    past.attempt(spec, "RUNNING")
    file = tmp_path / "table.html"
    pages: list[str] = []

    def sleep(seconds: float) -> None:
        assert seconds == watching.PAUSE
        pages.append(file.read_text())
        if len(pages) == 2:
            past.attempt(spec, "COMPLETED", exit=left("completed", step=40))

    monkeypatch.setattr(watching, "sleep", sleep)
    assert watch(past, file) == 0
    assert len(pages) == 2
    assert all(RELOADS in page for page in pages)
    assert "1 run: 1 running. This page reloads while runs go on." in pages[0]
    assert RELOADS not in file.read_text()
    assert "This page reloads" not in file.read_text()
    out, err = capsys.readouterr()
    assert out == ""
    assert [line for line in err.splitlines() if "SLURM" not in line] == [  # this test does not depend on SLURM
        f"written: {file}, again every 10 s until the runs have ended (Ctrl-C stops)",
        "1 run: 1 running",
        f"written: {file}",
        "1 run: 1 completed",
    ]


def test_a_stopped_watch_leaves_a_page_that_does_not_reload(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    past.attempt(past.specs(1)[0], "RUNNING")
    file = tmp_path / "table.html"

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "sleep", stop)
    assert watch(past, file) == 130
    assert RELOADS not in file.read_text()
    assert f"stopped; {file} is as of " in capsys.readouterr().err


def test_other_formats_are_written_again_too(past: Past, tmp_path: Path) -> None:
    past.attempt(past.specs(1)[0], "COMPLETED", exit=left("completed", step=40))
    assert watch(past, tmp_path / "table.md") == 0
    assert "| module" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--watch"], "--watch writes a file again; name it with -o, such as -o table.html"),
        (["--watch", "-o", "x.html", "--lock", "x.lock"], "--watch cannot be combined with --lock"),
        (["--watch", "--missing"], "--watch shows the table; leave out --missing"),
        (["--watch", "--provenance"], "--watch shows the table; leave out --provenance"),
    ],
)
def test_what_cannot_be_watched_is_one_line(
    past: Past, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    past.attempt(past.specs(1)[0], "RUNNING")
    assert main(["--workspace", str(past.config.workspace.root), "report", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
