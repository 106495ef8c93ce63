"""One rank's training from start to end, in this process."""

from __future__ import annotations

import dataclasses
import platform
import re
import resource
from pathlib import Path

import pytest
import torch

from attnctl.jobs.runtime import cpu_energy
from attnctl.jobs.runtime.rank import Worker
from attnctl.jobs.runtime.usage import UsageRecorder
from attnctl.jobs.training import environment, session
from attnctl.jobs.training.context import TrainingContext
from attnctl.jobs.training.session import Assignment
from attnctl.settings.config import DataRoots
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace
from attnctl.workspace.records import Resources, read_events
from tests.jobs.runtime.test_cpu_energy import zone
from tests.jobs.training.training_workers import Run, make_spec


def assignment(run: Run, world: int = 1) -> Assignment:
    _, incarnation = run.submit()
    incarnation.path.mkdir(parents=True, exist_ok=True)
    return Assignment(
        context=TrainingContext(run=run.directory, token=(1, 0)),
        incarnation=incarnation,
        worker=Worker.from_environment(run.environ(0, world), None),
        resources=Resources(device="cpu", cpus_per_task=1),
        roots=DataRoots(),
        workspace=run.workspace,
    )


@pytest.mark.usefixtures("one_thread")
def test_a_training_writes_what_it_is_what_it_measures_and_how_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run.create(tmp_path / "here", make_spec(epochs=1))
    work = assignment(run)
    with caplog.at_level("INFO"):
        assert session.perform(work) == "completed"
    assert re.search(r"epoch 1, step 5 of 5: loss [\d.]+, top1 [\d.]+", caplog.text)
    events = list(read_events(work.incarnation.events.read_bytes()))
    kinds = [event["kind"] for event in events]
    assert (kinds[0], kinds[-1]) == ("model", "end")
    assert kinds.count("metrics") == 1
    model = events[0]
    assert (model["steps"], model["world"], model["device"], model["threads"]) == (5, 1, "cpu", 1)
    assert model["params"] == sum(each.numel() for each in session.build(run.spec, torch.device("cpu")).parameters())
    assert list(run.directory.checkpoints.iterdir())


@pytest.mark.usefixtures("one_thread")
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can keep freed memory")
def test_a_training_on_a_cpu_keeps_the_memory_that_it_frees(tmp_path: Path) -> None:
    assert session.perform(assignment(Run.create(tmp_path / "here", make_spec(epochs=1)))) == "completed"
    torch.ones(48 << 20, dtype=torch.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(48 << 20, dtype=torch.uint8)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 10 * 12288 / 2, "each would need 12288 pages"


@pytest.mark.usefixtures("one_thread")
def test_a_training_knows_the_energy_of_its_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = zone(tmp_path / "powercap", "intel-rapl:0", "package-0", 5_000_000)
    monkeypatch.setattr(cpu_energy, "POWERCAP", tmp_path / "powercap")
    work = assignment(Run.create(tmp_path / "here", make_spec(epochs=1)))

    def beat() -> None:
        counter.write_text("9000000\n")

    context = dataclasses.replace(work.context, beat=beat)
    assert session.perform(dataclasses.replace(work, context=context)) == "completed"
    usage = context.position.usage
    assert (usage.values["cpu_joules"], usage.unread) == (4.0, {})


@pytest.mark.usefixtures("one_thread")
def test_a_node_without_counters_says_so_and_a_second_process_does_not_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_energy, "POWERCAP", tmp_path)
    work = assignment(Run.create(tmp_path / "here", make_spec(epochs=1)))
    assert session.perform(work) == "completed"
    reason = f"{tmp_path}: there is no counter of a processor in it"
    assert work.context.position.usage.unread == {"cpu_joules": reason}
    other = UsageRecorder()
    environment.watch(other, torch.device("cpu"), first=False)
    assert other.unread == {}


@pytest.mark.usefixtures("one_thread")
def test_the_seed_alone_decides_the_first_weights() -> None:
    cpu = torch.device("cpu")
    first, again, other = (session.build(make_spec(seed=seed), cpu).state_dict() for seed in (0, 0, 1))
    torch.manual_seed(99)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_a_batch_that_the_processes_cannot_share_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "here", make_spec(epochs=1))
    work = assignment(run, world=3)
    with pytest.raises(SpecError, match="3"):
        session.perform(work)
    assert not work.incarnation.events.exists()
    assert Workspace(tmp_path / "here").run(run.spec.id).attempts()
