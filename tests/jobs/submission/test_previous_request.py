"""What an earlier attempt had asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from attnctl.jobs.submission.previous_request import options, resources
from attnctl.jobs.submission.submit import submit
from attnctl.settings.config import Config, SlurmOptions, read
from attnctl.workspace.records import Request, Resources
from tests.fixtures.fake_slurm import Fake
from tests.jobs.submission.submitted import Specs, requested


def request(**asked: Any) -> Request:
    return Request(tag="t", created=1.0, host="login", pid=1, user="ada", nonce="n", where="slurm", resources=asked)


def test_the_requested_resources_are_read_back() -> None:
    asked: dict[str, Any] = {
        "nodes": 2,
        "tasks_per_node": 4,
        "gpus_per_node": 4,
        "cpus_per_task": 8,
        "minutes": 90,
        "device": "cuda",
    }
    assert resources(request(**asked)) == Resources(**asked)


def test_a_missing_time_limit_is_none() -> None:
    assert resources(request(nodes=2, minutes=None)).minutes is None


@pytest.mark.parametrize("asked", [{}, {"nodes": "many"}, {"nodes": True}, {"minutes": "long"}, {"newer": 5}])
def test_missing_and_invalid_values_become_defaults(asked: dict[str, Any]) -> None:
    assert resources(request(**asked)) == Resources(minutes=None)


def attempted(config: Config, fake: Fake, make_specs: Specs, chosen: SlurmOptions, number: int = 1) -> Request:
    """The request of an attempt that was submitted with these options."""
    fake.does("sbatch", "cat >/dev/null; echo 7")
    (spec,) = make_specs(1)
    submit(config, [spec], Resources(), chosen, "slurm", ended={spec.id: number - 1})
    return requested(config, spec, number)


def test_a_later_attempt_keeps_what_variables_set_for_the_first(
    fake: Fake, config: Config, make_specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PARTITION", "low"), ("ACCOUNT", "lab"), ("RESERVATION", "course"), ("QOS", "long")):
        monkeypatch.setenv(f"SBATCH_{name}", value)
    (spec,) = make_specs(1)
    first = attempted(config, fake, make_specs, SlurmOptions(qos="short"))
    for name in ("PARTITION", "ACCOUNT", "RESERVATION", "QOS"):
        monkeypatch.delenv(f"SBATCH_{name}")
    second = options(config, first.options, spec)
    assert (second.partition, second.account, second.qos) == ("low", "lab", "short")
    assert second.extra == {"reservation": "course"}

    third = options(config, attempted(config, fake, make_specs, second, 2).options, spec)
    assert third == second

    monkeypatch.setenv("SBATCH_PARTITION", "main")
    fourth = options(config, attempted(config, fake, make_specs, third, 3).options, spec)
    assert (fourth.partition, fourth.account) == (None, "lab")  # the variable decides, and the rest stays


def test_an_option_of_a_later_command_replaces_what_a_variable_set(
    fake: Fake, config: Config, make_specs: Specs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "low")
    (spec,) = make_specs(1)
    first = attempted(config, fake, make_specs, SlurmOptions())
    monkeypatch.delenv("SBATCH_PARTITION")
    chosen = dataclasses.replace(options(config, first.options, spec), partition="big")
    second = attempted(config, fake, make_specs, chosen, 2)
    monkeypatch.setenv("SBATCH_PARTITION", "main")
    assert options(config, second.options, spec).partition == "big"


@pytest.mark.parametrize("recorded", [5, {"partition": 5}, {"partition": ""}, {"partition": "a\nb"}, {"time": "5"}])
def test_invalid_records_of_variables_are_ignored(config: Config, make_specs: Specs, recorded: object) -> None:
    (spec,) = make_specs(1)
    assert options(config, {"from_environment": recorded}, spec) == config.slurm


RULES = '[slurm]\nmem = "1G"\n[[slurm.rules]]\nmodule = "{module}"\nmem = "{mem}"\nconstraint = "a100"\n'


def test_the_next_attempt_has_what_the_rules_say_of_its_run_now_and_what_its_command_said(
    fake: Fake, tmp_path: Path, make_specs: Specs
) -> None:
    file = tmp_path / "attnctl.toml"
    (spec,) = make_specs(1)
    file.write_text(RULES.format(module=spec.module, mem="2G"))
    config = read(file)
    chosen = dataclasses.replace(config.for_run(None, spec), constraint="h100")  # as by --constraint
    first = attempted(config, fake, make_specs, chosen)
    assert first.options["rules"] == [f"rule 1 (module={spec.module})"]
    assert (first.options["mem"], first.options["from_command"]) == ("2G", ["constraint"])
    file.write_text(RULES.format(module=spec.module, mem="3G"))
    second = options(read(file), first.options, spec)
    assert (second.mem, second.constraint) == ("3G", "h100")
    file.write_text(RULES.format(module="another", mem="3G"))
    assert options(read(file), first.options, spec).mem == "1G"
