"""A workspace, and a cache folder, that may only be read: whoever looks needs no right to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attnctl.cli.cli_run import Run, listing
from tests.fixtures.unprivileged import ReadOnly

LOOKS = [["status"], ["report", "first", "--provenance"], ["show", "{run}"], ["resume", "--dry-run"]]


@pytest.fixture
def reader(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: ReadOnly) -> Path:
    """A reader's place: in a workspace that may only be read, and without a cache folder that can be made.

    Its settings name a command, which nobody has trusted: looking does not ask for trust.
    """
    (trained / "attnctl.toml").write_text('[notify]\ncommand = "/bin/true"\n')
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for index in trained.glob("*.sqlite"):
        index.unlink()
    for folder in (trained, home):
        read_only(folder)
    return trained


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_who_may_only_read_sees_what_its_owner_sees(
    words: list[str], reader: Path, attnctl: Run, unprivileged: Run
) -> None:
    run = min((reader / "runs").iterdir()).name
    words = [word.replace("{run}", run) for word in words]
    before = listing(reader.parent)
    seen = unprivileged(*words)
    assert seen.code == 0, seen.err
    assert listing(reader.parent) == before, "nothing was written"
    if words[0] in {"status", "show"}:  # these say how long ago something was
        assert (seen.err, "completed" in seen.out) == ("", True)
    else:
        assert seen == attnctl(*words)


@pytest.mark.parametrize("words", [["db", "rebuild"], ["sweep", "se", "--epochs", "1"]])
def test_what_has_to_write_says_where_it_may_not(words: list[str], reader: Path, unprivileged: Run) -> None:
    (reader / "attnctl.toml").write_text("")  # nothing to trust
    before = listing(reader.parent)
    done = unprivileged(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "ermission denied" in done.err
    assert "Errno" not in done.err
    assert listing(reader.parent) == before
