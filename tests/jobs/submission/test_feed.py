"""What waits is submitted when SLURM has a place for it: once, in order, with the settings that it was asked for with.

tests/slurm/test_feeding.py does the same on a real cluster.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from attnctl.files import write_atomic
from attnctl.jobs.submission import code_snapshot, feed
from attnctl.jobs.submission.feed import feed_after_runs, feed_missed, may_feed
from attnctl.jobs.submission.submit import Submitted, submit
from attnctl.lifecycle.evidence import newest_verdict
from attnctl.lifecycle.state import NO_PLACE, State
from attnctl.settings import trust
from attnctl.settings.config import Config, find
from attnctl.spec import RunSpec
from attnctl.workspace import submissions, waiting
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Exit, Request, Resources, Submission
from tests.fixtures.fake_slurm import LIMITED_SBATCH, Fake
from tests.fixtures.trusted_settings import write_trusted
from tests.jobs.submission.submitted import Specs


@pytest.fixture
def own(tmp_path: Path, places: Path) -> Config:
    """A workspace with settings of its own."""
    (tmp_path / "w").mkdir()
    (tmp_path / "w/attnctl.toml").write_text('[slurm]\nqos = "few"\n')
    return find(tmp_path / "w", tmp_path, {})


def sweep(config: Config, specs: list[RunSpec]) -> list[Submitted]:
    return submit(config, specs, Resources(minutes=30), config.slurm, "slurm")


def states(config: Config, specs: list[RunSpec]) -> list[str]:
    verdicts = [newest_verdict(config.workspace, spec.id) for spec in specs]
    return [str(verdict.state) if verdict is not None else "new" for verdict in verdicts]


def test_what_is_above_the_limit_waits_and_is_submitted_in_order(
    own: Config, make_specs: Specs, places: Path, fake: Fake
) -> None:
    specs = make_specs(8)
    first, rest = sweep(own, specs)
    assert len(first.tasks) == 3
    assert rest.waiting == {spec.id: f"{NO_PLACE}: QOSMaxSubmitJobPerUserLimit" for spec in specs[3:]}
    assert states(own, specs) == ["queued"] * 3 + ["waiting"] * 5
    assert feed.feed(own.workspace).submitted == {}
    (own.workspace.root / "attnctl.toml").write_text('[slurm]\nqos = "other"\n')
    places.write_text("2")
    fed = feed.feed(own.workspace)
    assert fed.submitted == {specs[3].id: "12_0", specs[4].id: "12_1"}
    assert list(fed.waiting) == [spec.id for spec in specs[5:]]
    assert "#SBATCH --qos=few" in (fake.folder / "script.12").read_text(), "the settings of the sweep"
    places.write_text("9")
    assert list(feed.feed(own.workspace).submitted) == [spec.id for spec in specs[5:]]
    assert states(own, specs) == ["queued"] * 8
    assert waiting.run_ids(own.workspace) == []
    assert feed.feed(own.workspace) == feed.Fed()
    request = Request.read(own.workspace.run(specs[7].id).attempt(1).request)
    assert request is not None
    assert request.resources["minutes"] == 30


def test_a_place_that_another_command_takes_meanwhile_leaves_the_runs_waiting(
    own: Config, make_specs: Specs, places: Path, fake: Fake
) -> None:
    specs = make_specs(2)
    text = LIMITED_SBATCH.format(folder=fake.folder)
    fake.does("sbatch", f'[ "$1" = --test-only ] || echo 0 > "{places}"\n{text}')
    (done,) = sweep(own, specs)
    assert list(done.waiting) == [spec.id for spec in specs]
    assert states(own, specs) == ["waiting"] * 2
    fake.does("sbatch", text)
    places.write_text("2")
    assert list(feed.feed(own.workspace).submitted) == [spec.id for spec in specs]
    assert [len(own.workspace.run(spec.id).attempts()) for spec in specs] == [2, 2]


def test_a_submission_that_was_killed_before_its_intent_does_not_end_the_wait(
    own: Config, make_specs: Specs, places: Path
) -> None:
    (spec,) = make_specs(1)
    places.write_text("0")
    sweep(own, [spec])
    attempt = own.workspace.run(spec.id).attempt(1)
    dead = Request(
        tag="attnctl-dead", created=1.0, host="elsewhere", pid=1, user="ada", nonce="n", where="slurm", resources={}
    )
    write_atomic(attempt.request, dead.encode())
    places.write_text("1")
    assert list(feed.feed(own.workspace).submitted) == [spec.id]
    assert states(own, [spec]) == ["queued"]


def test_a_job_that_was_not_recorded_is_adopted_and_not_submitted_twice(
    own: Config, make_specs: Specs, places: Path, fake: Fake
) -> None:
    specs = make_specs(2)
    places.write_text("1")
    sweep(own, specs)
    (tag,) = own.workspace.submission_tags()
    waiting.write(own.workspace, dataclasses.replace(waiting.own(own.workspace)[0], run=specs[0].id))
    submissions.change(own.workspace, tag, job_id=None)  # killed between sbatch and the record of its job
    fake.says("squeue", f"11_0|{tag}|RUNNING|node1|None\n")
    places.write_text("5")
    feed.feed(own.workspace)
    assert len(own.workspace.run(specs[0].id).attempts()) == 1
    assert len(own.workspace.submission_tags()) == 2


def test_what_slurm_rejects_is_the_reason_of_the_waiting_runs(own: Config, make_specs: Specs, fake: Fake) -> None:
    specs = make_specs(4)
    sweep(own, specs)
    fake.does("sbatch", "echo 'sbatch: error: Access/permission denied' >&2; exit 1")
    feed_after_runs(own.workspace, [specs[0].id], lambda: False)
    verdict = newest_verdict(own.workspace, specs[3].id)
    assert verdict is not None
    assert (verdict.state, "Access/permission denied" in verdict.reason) == (State.WAITING, True)


def test_settings_that_act_are_submitted_by_who_trusts_them_or_by_a_job_that_has_them(
    own: Config, make_specs: Specs, places: Path, fake: Fake
) -> None:
    """A folder that came from elsewhere may contain waiting runs, and the digest in their records proves nothing."""
    config = write_trusted(own.workspace.root, "[slurm]\nqos = 'few'\nsetup = ['touch made']\n")
    specs = make_specs(6)
    sweep(config, specs)
    assert config.file is not None
    trust.revoke(config.file)
    places.write_text("1")
    fed = feed.feed(own.workspace)
    assert (fed.submitted, len(fed.waiting)) == ({}, 3)
    assert all("is not trusted: run `attnctl trust " in why for why in fed.waiting.values())
    feed_after_runs(own.workspace, [specs[0].id], lambda: True, vouched_for="0" * 64)
    assert states(config, specs)[3] == "waiting"
    feed_after_runs(own.workspace, [specs[0].id], lambda: True, vouched_for=config.digest)
    assert states(config, specs)[3:] == ["queued", "waiting", "waiting"]
    trust.accept(config.file, config.source or b"", config.acting)
    places.write_text("9")
    assert list(feed.feed(own.workspace).submitted) == [spec.id for spec in specs[4:]]


def test_a_dependent_waits_until_its_base_is_completed(own: Config, make_specs: Specs, places: Path) -> None:
    base, spec = make_specs(2)
    dependent = dataclasses.replace(spec, init=f"run:{base.id}")
    places.write_text("0")
    sweep(own, [base, dependent])
    assert states(own, [base, dependent]) == ["waiting", "waiting"]
    verdict = newest_verdict(own.workspace, dependent.id)
    assert verdict is not None
    assert verdict.reason == f"for run {base.id}, whose weights it starts from, which is waiting"
    places.write_text("1")
    assert list(feed.feed(own.workspace).submitted) == [base.id]
    attempt = own.workspace.run(base.id).attempt(1)
    write_atomic(attempt.incarnation(0).exit(0), Exit(rank=0, at=time.time(), outcome="error", message="x").encode())
    assert states(own, [base, dependent]) == ["code error", "base unfinished"]
    places.write_text("1")
    assert feed.feed(own.workspace).submitted == {}
    write_atomic(attempt.incarnation(1).exit(0), Exit(rank=0, at=time.time(), outcome="completed").encode())
    assert list(feed.feed(own.workspace).submitted) == [dependent.id]
    (tag,) = [tag for tag in own.workspace.submission_tags() if dependent.id in _runs(own, tag)]
    submission = Submission.read(own.workspace.submission(tag))
    assert submission is not None
    assert "afterany" not in submission.script


def test_a_dependent_is_submitted_behind_the_job_of_a_base_that_has_one(
    own: Config, make_specs: Specs, places: Path
) -> None:
    base, spec = make_specs(2)
    dependent = dataclasses.replace(spec, init=f"run:{base.id}")
    places.write_text("1")
    first, rest = sweep(own, [base, dependent])
    assert ([run for run, _ in first.tasks], list(rest.waiting)) == ([base.id], [dependent.id])
    places.write_text("1")
    feed.feed(own.workspace)
    (tag,) = [tag for tag in own.workspace.submission_tags() if dependent.id in _runs(own, tag)]
    submission = Submission.read(own.workspace.submission(tag))
    assert submission is not None
    assert "afterany:11_0" in submission.script


def test_a_dependent_of_a_base_on_another_cluster_is_submitted_when_that_is_completed(
    own: Config, make_specs: Specs, places: Path, fake: Fake
) -> None:
    """A job id in --dependency is one of the job's own cluster, which may have given it to another job."""
    base, spec = make_specs(2)
    dependent = dataclasses.replace(spec, init=f"run:{base.id}")
    fake.says("sbatch", "11;first\n")
    (first,) = sweep(own, [base])
    fake.does("sbatch", LIMITED_SBATCH.format(folder=fake.folder))
    (done,) = sweep(own, [dependent])
    reason = (
        f"run {base.id}, whose weights it starts from, is queued as SLURM job 11_0 of cluster first, "
        "which jobs of cluster test cannot wait for"
    )
    assert (first.job_id, done.tasks, done.waiting) == ("11", [], {dependent.id: reason})
    assert feed.feed(own.workspace).waiting == {dependent.id: reason}
    assert states(own, [base, dependent]) == ["queued", "waiting"]
    attempt = own.workspace.run(base.id).attempt(1)
    write_atomic(attempt.incarnation(0).exit(0), Exit(rank=0, at=time.time(), outcome="completed").encode())
    assert list(feed.feed(own.workspace).submitted) == [dependent.id]


def test_a_job_leaves_runs_of_other_code_to_others(
    own: Config, make_specs: Specs, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = make_specs(4)
    sweep(own, specs)
    places.write_text("1")
    with monkeypatch.context() as other:
        other.setattr(code_snapshot, "digest", lambda: "0" * 16)
        feed_after_runs(own.workspace, [specs[0].id], lambda: False)
    assert states(own, specs)[3] == "waiting"
    feed_after_runs(own.workspace, [specs[0].id], lambda: False)
    assert states(own, specs)[3] == "queued"


def test_a_job_stays_until_those_whose_runs_have_ended_are_gone(
    own: Config, make_specs: Specs, places: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = make_specs(5)
    first, _ = sweep(own, specs)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        if seconds == feed._INTERVAL:
            waits.append(seconds)
            places.write_text("2")  # the other jobs are gone

    monkeypatch.setattr(time, "sleep", sleep)
    fake.says("squeue", "".join(f"11_{task}|{first.tag}|RUNNING\n" for task in range(3)))
    feed_after_runs(own.workspace, [specs[0].id], lambda: False)
    assert waits == [], "the others train, and submit when they end"
    for spec in specs[:3]:
        path = own.workspace.run(spec.id).attempt(1).incarnation(0).exit(0)
        write_atomic(path, Exit(rank=0, at=time.time(), outcome="completed").encode())
    feed_after_runs(own.workspace, [specs[0].id], lambda: True)
    assert waits == [], "it is to end at once"
    feed_after_runs(own.workspace, [specs[0].id], lambda: False)
    assert waits == [feed._INTERVAL]
    assert states(own, specs)[3:] == ["queued"] * 2


def test_a_base_that_ends_before_its_dependent_is_recorded_is_not_missed(
    own: Config, make_specs: Specs, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job of the base has looked for waiting runs already, and no other job is to end."""
    base, spec = make_specs(2)
    dependent = dataclasses.replace(spec, init=f"run:{base.id}")
    places.write_text("0")
    sweep(own, [base])
    keep = code_snapshot.keep

    def base_ends(workspace: Workspace) -> None:
        path = workspace.run(base.id).attempt(1).incarnation(0).exit(0)
        write_atomic(path, Exit(rank=0, at=time.time(), outcome="completed").encode())
        keep(workspace)

    monkeypatch.setattr(code_snapshot, "keep", base_ends)
    waiting.remove(own.workspace, base.id)
    assert list(sweep(own, [dependent])[0].waiting) == [dependent.id]
    assert feed_missed(own.workspace, [base.id]) == feed.Fed(), "not one that this command has put off"
    places.write_text("1")
    fed = feed_missed(own.workspace, [dependent.id])
    (tag,) = own.workspace.submission_tags()
    assert (fed.submitted, fed.tags) == ({dependent.id: "11_0"}, {dependent.id: tag})


def test_a_command_looks_again_for_places_only_if_no_job_is_to_end(
    own: Config, make_specs: Specs, places: Path, fake: Fake
) -> None:
    specs = make_specs(5)
    first, _ = sweep(own, specs)
    places.write_text("2")
    fake.says("squeue", f"11_0|{first.tag}|RUNNING\n")
    put_off = [spec.id for spec in specs[3:]]
    asked = len(fake.calls("squeue"))
    assert feed_missed(own.workspace, put_off) == feed.Fed()
    assert len(fake.calls("squeue")) == asked + 1, "once for all of them"
    fake.says("squeue", "")
    assert list(feed_missed(own.workspace, put_off).submitted) == put_off


def test_a_job_that_ends_while_another_process_feeds_makes_it_look_once_more(
    own: Config, make_specs: Specs, places: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = make_specs(4)
    sweep(own, specs)
    monkeypatch.setattr(feed, "_TURN", 0.0)
    with waiting.locked(own.workspace):
        feed_after_runs(own.workspace, [specs[0].id], lambda: False)
    mark = waiting.mark(own.workspace)
    assert mark.exists()
    limited = LIMITED_SBATCH.format(folder=fake.folder)
    fake.does("sbatch", f"touch '{mark}'; echo 1 > '{places}'\necho 'sbatch: error: QOSMaxSubmitJob' >&2; exit 1")
    monkeypatch.setattr(waiting, "take_mark", repaired(waiting.take_mark, lambda: fake.does("sbatch", limited)))
    assert list(feed.feed(own.workspace).submitted) == [specs[3].id]
    assert not mark.exists()


def repaired(look: Callable[[Workspace], bool], repair: Callable[[], None]) -> Callable[[Workspace], bool]:
    """The look at the mark, which repairs sbatch when it finds one after the first time."""
    looks: list[bool] = []

    def call(workspace: Workspace) -> bool:
        looks.append(look(workspace))
        if len(looks) > 1 and looks[-1]:
            repair()
        return looks[-1]

    return call


def test_a_job_tries_again_when_slurm_does_not_answer(
    own: Config, make_specs: Specs, places: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = make_specs(4)
    sweep(own, specs)
    places.write_text("1")
    fake.does("sbatch", "echo 'sbatch: error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        if seconds == feed._INTERVAL:
            waits.append(seconds)
            fake.does("sbatch", LIMITED_SBATCH.format(folder=fake.folder))

    monkeypatch.setattr(time, "sleep", sleep)
    feed_after_runs(own.workspace, [specs[0].id], lambda: False)
    assert (waits, states(own, specs)[3]) == ([feed._INTERVAL], "queued")


def test_after_the_same_error_at_the_start_of_three_jobs_no_more_are_submitted(own: Config, make_specs: Specs) -> None:
    sweep(own, make_specs(4))
    workspace = own.workspace
    assert [may_feed(workspace, f"CUDA error {n}", 3) for n in range(3)] == [True, True, False]
    assert may_feed(workspace, "another error", 3)
    assert may_feed(workspace, "", 3), "a run that trained"
    assert may_feed(workspace, "CUDA error 4", 3)
    assert all(may_feed(workspace, "CUDA error", 0) for _ in range(5)), "no limit"


def _runs(config: Config, tag: str) -> list[str]:
    submission = Submission.read(config.workspace.submission(tag))
    return [run for run, _ in submission.tasks] if submission is not None else []
