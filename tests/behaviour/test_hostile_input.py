"""What others wrote, or a crash left, in any form: a parser gives its answer or its own error, and never another."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import string
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attnctl.jobs.slurm import accounting, configuration, queries
from attnctl.jobs.slurm.commands import CommandError
from attnctl.jobs.slurm.job import Job
from attnctl.lifecycle import attempts
from attnctl.lifecycle.resume_batch import plan
from attnctl.lifecycle.resume_policy import History, ResumeScope, Rules, normalised
from attnctl.lifecycle.run_reader import Facts, judge, read_run
from attnctl.lifecycle.state import Evidence, State, decide
from attnctl.reports.tex import escape
from attnctl.settings import config
from attnctl.settings.reader import ConfigError
from attnctl.spec import recipe_types
from attnctl.units import parse_memory, parse_time
from attnctl.values import SpecError, convert
from attnctl.workspace import events, records, submissions, untrusted_json
from attnctl.workspace.layout import RunDir, Workspace
from attnctl.workspace.records import Record, RecordError, read_events

some = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

KINDS = [
    kind
    for kind in vars(records).values()
    if isinstance(kind, type) and issubclass(kind, Record) and kind is not Record
]

scalars = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.integers(min_value=10**18, max_value=10**30), st.floats()),
    st.text(st.characters(), max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def whole(kind: type) -> dict[str, Any]:
    """A record's values that are right."""
    named = {"tasks": [["0" * 16, 1]], "where": "slurm", "outcome": "error", "values": {"top1": 1.0}}
    usual = {"str": "x", "float": 1.0, "int": 1, "bool": False, "list[str]": ["x"]}
    found = {}
    for item in dataclasses.fields(kind):
        missing = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if missing:
            hint = str(item.type)
            empty: Any = [] if hint.startswith("list") else {}
            found[item.name] = named.get(item.name, usual.get(hint, empty))
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@some
@given(data=st.data())
def test_a_record_of_any_values_is_valid_or_a_record_error(kind: type[Record], data: st.DataObject) -> None:
    good = whole(kind)
    assert kind.decode(json.dumps(good))
    names = [item.name for item in dataclasses.fields(kind)]
    document = good | data.draw(st.dictionaries(st.sampled_from(names), values, min_size=1, max_size=2))
    with contextlib.suppress(RecordError):
        record = kind.decode(json.dumps(document))
        assert kind.decode(record.encode()) == record


@some
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | values.map(lambda v: json.dumps(v).encode()))
def test_arbitrary_bytes_are_not_a_record(data: bytes) -> None:
    for kind in KINDS:
        with pytest.raises(RecordError):
            kind.decode(data)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, "\ufeff{}", "\x00", "{} {}"])
def test_json_that_cannot_be_read_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        untrusted_json.loads(text)


# -------------------------------------------------------------------------------------------------- a run's own folder

KEYS = ("kind", "t", "step", "steps", "epoch", "values", "loss", "images_per_s", "params", "macs", "device", "outcome")
KINDS_OF_EVENT = ("model", "progress", "metrics", "checkpoint", "resumed", "initialised", "end", "weather")
event = st.dictionaries(st.sampled_from(KEYS[1:]), values, max_size=5).flatmap(
    lambda keys: st.sampled_from(KINDS_OF_EVENT).map(lambda kind: {"kind": kind} | keys)
)
line = st.one_of(
    event.map(lambda found: json.dumps(found).encode()),
    values.map(lambda found: json.dumps(found).encode()),
    st.binary(max_size=30),
)


@some
@given(lines=st.lists(line, max_size=6), torn=st.booleans())
def test_the_index_and_the_folder_reader_agree_on_any_events(
    lines: list[bytes], torn: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = b"\n".join(lines) + (b"" if torn else b"\n")
    assert all(isinstance(item["kind"], str) for item in read_events(data))
    root = tmp_path_factory.mktemp("events")
    incarnation = Workspace(root).run("0" * 16).attempt(1).incarnation(0)
    incarnation.path.mkdir(parents=True)
    incarnation.events.write_bytes(data)
    log = events.read_ends(incarnation.events)
    assert all(isinstance(value, int) for value in (log.began, log.step or 0, log.steps or 0, log.saved))
    known = events.Log()
    for found in events.read(incarnation.events, known):
        for evaluation in found:
            assert all(isinstance(value, float) for value in evaluation.values.values())
    assert known.offset <= len(data)


FILES = ("request.json", "cancel.json", "observed/1.json", "0/exit.0.json", "0/exit.1.json", "0/env.json")
contents = st.one_of(st.binary(max_size=40), values.map(lambda found: json.dumps(found).encode()), st.just(b""))


def _good(name: str) -> bytes:
    kind = {"request": records.Request, "cancel": records.Cancel, "1": records.Observed}.get(Path(name).stem)
    if kind is None and "exit" in name:
        kind = records.Exit
    return json.dumps(whole(kind) if kind is not None else {}).encode()


def _with(kind: dict[str, Any], found: dict[str, Any]) -> bytes:
    return json.dumps(kind | found).encode()


@some
@given(data=st.data())
def test_an_attempt_of_any_files_has_a_state_and_a_place_in_the_plan(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = Workspace(tmp_path_factory.mktemp("run")).run("0" * 16)
    attempt = run.attempt(1)
    for name in FILES:
        path = attempt.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = json.loads(_good(name))
        changed = st.dictionaries(st.sampled_from(sorted(kind) or ["x"]), values, max_size=2)
        near = changed.map(partial(_with, kind))
        path.write_bytes(data.draw(st.one_of(st.just(_good(name)), near, contents), label=name))
    run.spec.write_bytes(data.draw(contents, label="spec.json"))
    with pytest.raises(RecordError):
        run.read_spec()
    facts = read_run(run, Facts())
    assert facts is not None
    assert judge(run, facts, {}).state in set(State)
    with contextlib.suppress(RecordError):  # a broken reservation
        told = attempts.read(run, lambda _: None)
        past = _history(run, told)
        if told and past.newest.state not in {State.COMPLETED} and not past.newest.state.active:
            plan([past], Rules(), ResumeScope(), {}, {})


def _history(run: RunDir, told: Any) -> History:
    return History(run=run.id, attempts=[item.ended for item in told])


@some
@given(data=st.data())
def test_the_head_of_a_submission_is_valid_or_a_record_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("submission") / "tag.json"
    document = whole(records.Submission) | {"script": "#!", "specs": {}, "job_id": "7", "failed": None, "cluster": "c"}
    document |= data.draw(st.dictionaries(st.sampled_from(sorted(document)), values, max_size=2))
    text = json.dumps(document, sort_keys=True).encode()
    path.write_bytes(text[: data.draw(st.integers(0, len(text)))] if data.draw(st.booleans()) else text)
    with contextlib.suppress(RecordError):
        head = submissions.head(path)
        assert head is not None
        assert isinstance(head.pid, int)


def test_every_scheduler_state_has_a_state() -> None:
    for word in ("", "ABSENT", "FAILED", "A_NEWER_STATE", "CANCELLED by 7", "\x00", "é"):
        seen = records.Observed(at=1.0, job_id="7_0", word=word)
        assert decide(Evidence(created=0.0, submitted=True, observations=[seen])).state in set(State)


# ----------------------------------------------------------------------------------------------- SLURM's own answers

field = st.text(st.sampled_from(string.printable + "é\u2028"), max_size=12)
row = st.lists(field, min_size=1, max_size=9).map("|".join)
JOBS = [Job(id=number, tag="tag") for number in ("7_0", "7_1")]


@some
@given(st.lists(row, max_size=5), st.booleans())
def test_slurm_output_of_any_form_yields_no_unnamed_jobs(rows: list[str], torn: bool) -> None:
    text = "\n".join([*rows, "7_0|RUNNING|node1|None|tag"]) + ("" if torn else "\n")
    for read in (
        lambda: queries.read_squeue(text, JOBS),
        lambda: queries.read_sacct(text, JOBS),
        lambda: queries.read_details(text, JOBS),
        lambda: accounting.parse(text, JOBS),
        lambda: {part.name: part for part in configuration.read_sinfo(text)},
    ):
        if torn:
            with pytest.raises(CommandError, match="cut off"):
                read()
        else:
            assert isinstance(read(), dict)
    if not torn:
        assert queries.read_squeue(text, JOBS)[JOBS[0]].state


def test_truncated_output_is_an_error_and_a_login_banner_is_ignored() -> None:
    text = "Welcome to the cluster!\n7_0|RUNNING|node1|None|tag\n7_1|PENDING||Priority|tag\n"
    assert set(queries.read_squeue(text, JOBS)) == set(JOBS)
    with pytest.raises(CommandError, match="cut off"):
        queries.read_squeue(text[:-8], JOBS)


@some
@given(st.text(max_size=30))
def test_the_fields_of_an_account_are_numbers_or_nothing(text: str) -> None:
    clean = text.replace("|", "").replace("\n", "")
    found = accounting.parse(f"7_0|{clean}|{clean}|{clean}|{clean}|{clean}|{clean}|tag|ada|1|/w\n", JOBS)
    assert found[JOBS[0]].seconds >= 0


# ------------------------------------------------------------------------------------------- what users write and type

SECTIONS = ("slurm", "slurm.extra", "slurm.profiles.big", "paths", "data", "defaults", "resume", "resume.actions")
SECTION = st.sampled_from(
    [
        *SECTIONS,
        "slurm.srun",
        "slurm.profiles.big.extra",
        "checkpoints",
        "notify",
        "nonsense",
        '"a b"',
        "slurm.profiles",
    ]
)
NAMES = ("partition", "time", "mem", "setup", "parallel", "runs", "root", "stage", "seed", "attempts", "memory_cap")
JOB_NAMES = ("gpus_per_node", "command_prefix", "python", "gres", "mem-per-cpu", "mem-per-gpu", "container-image")
NAME = st.sampled_from(
    [*NAMES, *JOB_NAMES, "memory_factor", "timeout", "finished", "command", "webhook", '"a.b"', '""']
)
TOML = ("1", "-1", "1.5", "nan", "inf", '""', '"x"', '"a\\nb"', "'../x'", "true", "[]", '["a", 1]', "{}", "{a = 1}")
LONG = ("1979-05-27", '"' + "x" * 300 + '"', '"é"', '"\\u0000"', "'-rf'", "'$(x)'", "9" * 30)
TOML_VALUE = st.sampled_from([*TOML, *LONG])


@some
@given(parts=st.lists(st.tuples(SECTION, st.lists(st.tuples(NAME, TOML_VALUE), max_size=3)), max_size=4))
def test_settings_of_any_form_are_settings_or_one_line(
    parts: list[tuple[str, list[tuple[str, str]]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = "".join(f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in rows) for name, rows in parts)
    _settings(text.encode(), tmp_path_factory.mktemp("settings"))


@some
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_settings_file_of_any_bytes_is_settings_or_one_line(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _settings(data, tmp_path_factory.mktemp("bytes"))


def _settings(data: bytes, folder: Path) -> None:
    file = folder / "attnctl.toml"
    file.write_bytes(data)
    said = str(file)
    with contextlib.suppress(ConfigError):
        try:
            config.read(file)
        except ConfigError as error:
            said = str(error)
            raise
    assert str(file) in said


@some
@given(st.text(max_size=20) | scalars)
def test_a_value_is_of_its_type_or_refused(value: Any) -> None:
    for name, declared in recipe_types().items():
        with contextlib.suppress(SpecError):
            convert(value, declared, name)
    for parse in (parse_memory, parse_time):
        with contextlib.suppress(SpecError):
            assert parse(str(value)) > 0
    assert "\n" not in normalised(str(value))


@some
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_text_is_executed_by_tex(text: str) -> None:
    escaped = escape(text)
    assert "\n" not in escaped
    for order in ("\\input", "\\write", "\\csname", "\\def", "\\catcode", "\\immediate"):
        assert order not in escaped
    plain = escaped.replace("\\\\", "")
    for place, char in enumerate(plain):
        assert char not in "%#&" or plain[place - 1] == "\\", escaped
