"""The records of searches that go on by themselves."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from attnctl.workspace import waiting, waiting_searches
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import RecordError
from attnctl.workspace.waiting_searches import WaitingSearch

RECORD = WaitingSearch(
    sweep="tuned",
    command=["sweep", "se", "--name", "tuned"],
    folder="/",
    tag="attnctl-a",
    created=5.0,
    host="login",
    user="ada",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_command_typed_again_replaces_its_record_and_another_has_its_own(workspace: Workspace) -> None:
    assert waiting_searches.own(workspace) == []
    waiting_searches.write(workspace, RECORD, b"")
    again = dataclasses.replace(RECORD, command=[*RECORD.command, "--wait"], tag="attnctl-b", created=6.0)
    waiting_searches.write(workspace, again, b"[slurm]\n")
    assert waiting_searches.own(workspace) == [again]
    other = dataclasses.replace(RECORD, command=["sweep", "ela", "--name", "tuned"], created=4.0)
    waiting_searches.write(workspace, other)
    assert waiting_searches.own(workspace) == [other, again]
    assert waiting_searches.tags(workspace) == {"attnctl-a", "attnctl-b"}
    assert waiting.run_ids(workspace) == [], "it is not taken for a run"
    waiting_searches.remove(workspace, again)
    assert waiting_searches.own(workspace) == [other]
    assert not workspace.waiting_settings("attnctl-b").exists()


def test_what_others_wrote_and_what_is_damaged_is_not_ours_to_continue(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting_searches.write(workspace, RECORD)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert waiting_searches.own(workspace) == []
    assert waiting_searches.everybodys(workspace) == [RECORD]
    monkeypatch.undo()
    waiting_searches.path_of(workspace, RECORD.key).write_text('{"sweep": "../x"}')
    assert waiting_searches.own(workspace) == waiting_searches.everybodys(workspace) == []
    with pytest.raises(RecordError):
        waiting_searches.read(workspace, RECORD.key)


def test_settings_of_a_search_are_not_taken_for_unused(workspace: Workspace) -> None:
    waiting_searches.write(workspace, RECORD, b"[slurm]\n")
    settings = workspace.waiting_settings(RECORD.tag)
    os.utime(settings, (0, 0))
    waiting.remove_unused_settings(workspace, waiting_searches.tags(workspace))
    assert settings.exists()
    waiting.remove_unused_settings(workspace)
    assert not settings.exists()


def test_a_renamed_sweep_goes_on_under_its_new_name(workspace: Workspace) -> None:
    other = dataclasses.replace(RECORD, sweep="other", command=["sweep", "se", "--name=other"])
    waiting_searches.write(workspace, RECORD, b"[slurm]\n")
    waiting_searches.write(workspace, other)
    waiting_searches.rename(workspace, "tuned", "better")
    waiting_searches.rename(workspace, "other", "last")
    found = {record.sweep: record.command for record in waiting_searches.own(workspace)}
    assert found == {"better": ["sweep", "se", "--name", "better"], "last": ["sweep", "se", "--name=last"]}
    assert workspace.waiting_settings(RECORD.tag).exists()
