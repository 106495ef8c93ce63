"""What is known of a submitted job; `test_queries` tests how it is recognised in squeue's output."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.slurm import job
from attnctl.jobs.slurm.job import Job, by_cluster, by_id, login_name, recognised
from attnctl.settings.config import Config
from attnctl.workspace import submissions
from attnctl.workspace.records import Placed
from tests.fixtures.fake_slurm import Fake


def test_a_submission_says_whose_its_jobs_are_and_where_they_were_submitted(
    fake: Fake, placed: tuple[Config, list[Placed]]
) -> None:
    config, items = placed
    submissions.change(config.workspace, items[0].tag, cluster="second")
    write_atomic(config.workspace.run(items[1].run).attempt(1).owner, b"7_1")
    first, second = job.of(config.workspace, items).values()
    assert (first.id, first.array, first.tag, first.cluster) == ("7_0", "7", items[0].tag, "second")
    assert (first.owner, first.folder) == (pwd.getpwuid(os.getuid()).pw_name, str(Path.cwd()))
    assert abs(first.created - time.time()) < 60
    assert (first.started, second.started) == (False, True)
    assert not first.foreign


def test_the_user_is_named_by_the_user_id_and_not_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")
    assert login_name() == pwd.getpwuid(os.getuid()).pw_name
    assert Job(id="7_0", tag="t", owner="somebody").foreign
    assert not Job(id="7_0", tag="t").foreign


def test_times_are_understood_in_both_forms_of_slurm() -> None:
    known = Job(id="7_0", tag="t", created=time.time())
    printed = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(known.created))
    assert recognised(known, "ada", printed, "name|/w")
    assert recognised(known, "ada", f"{known.created:.0f}", "name|/w")
    assert not recognised(known, "ada", "Unknown", "name|/w")


def test_a_bar_in_a_name_or_a_folder_confuses_nothing() -> None:
    known = Job(id="7_0", tag="t", folder="/a|b", created=100.0)
    assert recognised(known, "ada", "100", "x|y|/a|b")
    assert not recognised(known, "ada", "100", "x|y|/a")
    assert recognised(known, "ada", "100", "x|y|"), "sacct learns the folder late"


def test_jobs_are_grouped_by_cluster_and_found_by_id() -> None:
    jobs = [Job(id=str(k), tag=f"t{k}", cluster=cluster) for k, cluster in enumerate((None, "here", "there"))]
    assert by_cluster(jobs, "here") == {None: jobs[:2], "there": jobs[2:]}
    assert by_id(jobs)("1") == [jobs[1]]
    assert by_id(jobs)("9") == []
