"""Runs that SLURM does not take yet are put off, and cancelled without a job."""

from __future__ import annotations

import dataclasses
import os

import pytest

from attnctl.jobs.submission import waiting_list
from attnctl.jobs.submission.waiting_list import Postponed, put_off
from attnctl.lifecycle.evidence import newest_verdict
from attnctl.lifecycle.state import State
from attnctl.settings.config import Config
from attnctl.spec import RunSpec
from attnctl.workspace import waiting
from attnctl.workspace.records import Resources
from tests.jobs.submission.submitted import Specs, here

FULL = "SLURM accepts no more jobs at the moment: QOSMaxSubmitJobPerUserLimit"


def later(config: Config, specs: list[RunSpec], **more: object) -> tuple[dict[str, str], dict[str, str]]:
    postponed = Postponed(config=config, resources=Resources(minutes=7), options={"qos": "few"}, reason=FULL)
    return put_off(dataclasses.replace(postponed, **more), specs)  # type: ignore[arg-type]


def test_a_run_that_is_put_off_is_described_and_waits(config: Config, make_specs: Specs) -> None:
    config = dataclasses.replace(config, source=b"[slurm]\n")
    specs = make_specs(2)
    assert later(config, specs) == ({spec.id: FULL for spec in specs}, {})
    for order, spec in enumerate(specs):
        assert config.workspace.run(spec.id).read_spec() == spec
        record = waiting.read(config.workspace, spec.id)
        assert record is not None
        assert (record.after, record.order, record.resources["minutes"]) == (0, order, 7)
        assert record.options == {"qos": "few"}
        assert config.workspace.waiting_settings(record.tag).read_bytes() == b"[slurm]\n"
        verdict = newest_verdict(config.workspace, spec.id)
        assert verdict is not None
        assert (verdict.state, verdict.reason) == (State.WAITING, FULL)


def test_an_active_run_is_not_put_off_unless_its_own_job_does_it(config: Config, make_specs: Specs) -> None:
    (spec,) = make_specs(1)
    here(config, [spec])
    put, skipped = later(config, [spec])
    assert (put, list(skipped)) == ({}, [spec.id])
    assert waiting.read(config.workspace, spec.id) is None
    assert later(config, [spec], ended={spec.id: 1}) == ({spec.id: FULL}, {})
    record = waiting.read(config.workspace, spec.id)
    assert record is not None
    assert (record.after, record.ended) == (1, True)


def test_a_cancelled_run_is_not_waiting_and_says_who_cancelled_it(config: Config, make_specs: Specs) -> None:
    specs = make_specs(2)
    later(config, specs)
    outcome = waiting_list.cancel(config.workspace, [specs[0].id, "0" * 16])
    assert (outcome.accepted, outcome.refused) == ([specs[0].id], {})
    verdict = newest_verdict(config.workspace, specs[0].id)
    assert verdict is not None
    assert verdict.state is State.CANCELLED
    assert verdict.reason.startswith("cancelled by ")
    assert list(waiting_list.of(config.workspace, [spec.id for spec in specs])) == [specs[1].id]
    assert waiting_list.cancel(config.workspace, [specs[0].id]).accepted == []
    later(config, specs[:1])  # asked for again
    assert list(waiting_list.of(config.workspace, [specs[0].id])) == [specs[0].id]


def test_the_job_of_a_run_has_to_be_cancelled_too(config: Config, make_specs: Specs) -> None:
    (spec,) = make_specs(1)
    later(config, [spec])
    here(config, [spec])
    record = waiting.read(config.workspace, spec.id)
    assert record is None, "a run that has a job does not wait"
    later(config, [spec], ended={spec.id: 1})
    config.workspace.run(spec.id).attempt(2).path.mkdir()
    (config.workspace.run(spec.id).attempt(2).request).write_bytes(
        config.workspace.run(spec.id).attempt(1).request.read_bytes()
    )
    outcome = waiting_list.cancel(config.workspace, [spec.id])
    assert (outcome.accepted, outcome.refused) == ([], {})
    record = waiting.read(config.workspace, spec.id)
    assert record is not None
    assert record.cancelled_by, "it is not submitted again if that job never was"


def test_another_users_run_is_refused(config: Config, make_specs: Specs, monkeypatch: pytest.MonkeyPatch) -> None:
    (spec,) = make_specs(1)
    later(config, [spec])
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    outcome = waiting_list.cancel(config.workspace, [spec.id])
    assert outcome.accepted == []
    assert "who can cancel it" in outcome.refused[spec.id]
