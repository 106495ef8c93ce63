"""`attnctl show`: everything known about one run, from its folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attnctl.cli import context, learning_curve, output, run_selection, sweep_records
from attnctl.cli.commands.diff import fields
from attnctl.cli.refresh import row_json
from attnctl.files import read_regular
from attnctl.lifecycle import packing
from attnctl.lifecycle.run_history import Histories
from attnctl.lifecycle.state import rules_of
from attnctl.metrics import BY_KEY, DECIDING
from attnctl.spec import RunSpec
from attnctl.units import clock, duration, energy, memory, size
from attnctl.values import comma_join, first_of, format_value
from attnctl.workspace import evaluations, user_notes
from attnctl.workspace.layout import Attempt, Incarnation, RunDir, Workspace
from attnctl.workspace.records import Cancel, Event, Record, RecordError, Request, read_events

R = TypeVar("R", bound=Record)

_PLAIN = 80
"""Cells of a learning curve that no terminal shows."""

_SHOWN = 4
_MOST_CLASSES = 20
"""Names of tensors that are listed."""


def show(
    run: run_selection.RunArgument,
    as_json: context.AsJson = False,
) -> None:
    """Show everything known about one run.

    Examples:
        attnctl show 3fa2
    """
    opened = run_selection.open_run(run)
    now, row, folder, spec = opened.now, opened.row, opened.folder, opened.spec
    attempts = [_attempt(opened.config.workspace, spec, attempt) for attempt in folder.attempts()]
    files = _files(folder)
    annotation = _annotation(opened)
    if as_json:
        document = row_json(row) | {"spec": spec.to_json(), "attempts": attempts, "files": files}
        output.document(document | {"annotation": annotation, "evaluations": _evaluations(folder)})
        return
    if now.unavailable:
        output.note(now.unavailable)
    state = f"{row.verdict.state} for {duration(max(0.0, now.at - row.verdict.since))}"
    facts = {"run": row.id, "state": state + (f": {row.verdict.reason}" if row.verdict.reason else "")}
    facts |= {name: text for name, text in annotation.items() if text}
    facts |= {"broken": row.problem} if row.problem and row.problem != row.verdict.reason else {}
    facts |= {"progress": f"step {row.step or 0}/{row.steps}"} if row.steps else {}
    facts |= {"last metrics": _numbers(row.metrics)} if row.metrics else {}
    facts |= {"network": f"{row.params:,} parameters, {row.macs:,} MACs"} if row.params and row.macs else {}
    facts |= {"weights": words} if (words := _weights(folder)) else {}
    _section("", facts)
    _curve(opened)
    _print_evaluations(folder)
    _section("spec", {name: format_value(value) for name, value in fields(spec).items()})
    for record in attempts:
        _section(f"attempt {record['attempt']}", _attempt_lines(record))
    _section("files", {name: size(count) for name, count in files.items()})
    output.line(f"folder: {folder.path}")


def _curve(opened: run_selection.OpenRun) -> None:
    """Draw the task's main metric, or the loss, over the epochs; nothing before there are two of them."""
    with contextlib.suppress(RecordError):
        steps = Histories(opened.config.workspace).read(opened.row.id).steps
        for metric in (*DECIDING, BY_KEY["loss"], BY_KEY["train_loss"]):
            points = [(item.epoch, item.values[metric.key]) for item in steps if metric.key in item.values]
            if len(points) > 1:
                terminal = output.is_terminal()
                title = metric.label + (f" ({metric.unit})" if metric.unit else "")
                cells, mark = (output.console().width, "•") if terminal else (_PLAIN, "*")
                output.line()
                for text in learning_curve.lines(points, title, cells - 1, mark):
                    output.line(f" {text}")
                return


def _evaluations(folder: RunDir) -> list[dict[str, Any]]:
    """What `attnctl eval` found of the run, newest first."""
    return [
        {
            "dataset": item.dataset,
            "split": item.split,
            "images": item.images,
            "metrics": dict(item.metrics),
            "classes": [{"class": name, **values} for name, values in item.class_metrics.items()],
        }
        for item in evaluations.read(folder)
    ]


def _print_evaluations(folder: RunDir) -> None:
    for item in evaluations.read(folder):
        _section(f"evaluated on {item.dataset} ({item.split})", {"all": _numbers(item.metrics)})
        shown = dict(list(item.class_metrics.items())[:_MOST_CLASSES])
        output.pairs({f"  {name}": _numbers(values) for name, values in shown.items()})
        if len(item.class_metrics) > len(shown):
            output.line(f"  {len(item.class_metrics) - len(shown)} more classes: attnctl eval RUN --by-class")


def _annotation(opened: run_selection.OpenRun) -> dict[str, str]:
    """Its name, its tags with those of its sweeps, and its note; empty texts where there is none."""
    workspace, run = opened.config.workspace, opened.row.id
    written = user_notes.runs(workspace).get(run, user_notes.NOTHING)
    members = sweep_records.members(workspace) if user_notes.sweeps(workspace) else {}
    tags = user_notes.tags(workspace, members).get(run, [])
    return {"name": written.name, "tags": comma_join(tags), "note": written.note}


def _weights(folder: RunDir) -> str:
    """What the newest start that began from weights loaded, and which tensors were left out; empty if there is none."""
    for attempt in reversed(folder.attempts()):
        for incarnation in reversed(attempt.incarnations()):
            with contextlib.suppress(OSError):
                events = read_events(read_regular(incarnation.events))
                found = next((event for event in events if event["kind"] == Event.INITIALISED), None)
                if found is not None:
                    return _loaded(found)
    return ""


def _loaded(event: Mapping[str, Any]) -> str:
    names = {kind: event.get(kind) for kind in ("missing", "reshaped", "unexpected")}
    lists = {kind: value for kind, value in names.items() if isinstance(value, list)}
    loaded = event.get("loaded")
    if not isinstance(loaded, int) or len(lists) < len(names):
        return ""
    total = loaded + len(lists["missing"]) + len(lists["reshaped"])
    titles = {"missing": "new", "reshaped": "new, of another shape", "unexpected": "not used"}
    parts = [f"{titles[kind]}: {_some(value)}" for kind, value in lists.items() if value]
    return "; ".join([f"{loaded} of {total} tensors loaded", *parts])


def _some(names: Sequence[Any]) -> str:
    return first_of(names, _SHOWN)


def _section(title: str, values: dict[str, str]) -> None:
    if title:
        output.line(f"\n{title}")
    output.pairs({f"  {name}" if title else name: value for name, value in values.items()})


def _attempt(workspace: Workspace, spec: RunSpec, attempt: Attempt) -> dict[str, Any]:
    """The content of an attempt's folder, as JSON values."""
    request, cancel = _record(Request, attempt.request), _record(Cancel, attempt.cancel)
    measured = packing.of_attempt(workspace, spec, request) if request is not None else None
    return {
        "attempt": attempt.number,
        "request": vars(request) if request is not None else None,
        "packing": measured.words() if measured is not None else None,
        "owner": _owner(attempt),
        "cancel": vars(cancel) if cancel is not None else None,
        "observed": [vars(item) for item in attempt.observations()],
        "incarnations": [_incarnation(item) for item in attempt.incarnations()],
    }


def _record(kind: type[R], path: Path) -> R | None:
    """The record; None if it is missing or damaged, as the run's state reports the damage."""
    with contextlib.suppress(RecordError, OSError):
        return kind.read(path)
    return None


def _owner(attempt: Attempt) -> str | None:
    with contextlib.suppress(OSError):
        return read_regular(attempt.owner).decode(errors="replace").strip()
    return None


def _incarnation(incarnation: Incarnation) -> dict[str, Any]:
    environment: dict[str, Any] = {}
    with contextlib.suppress(RecordError):
        environment = incarnation.machine() or {}
    return {
        "restart": incarnation.token[1],
        "environment": environment,
        "exits": [vars(item) for item in incarnation.exits()],
    }


def _attempt_lines(record: dict[str, Any]) -> dict[str, str]:
    lines: dict[str, str] = {}
    if record["request"]:
        request = record["request"]
        resources = " ".join(f"{name}={format_value(value)}" for name, value in request["resources"].items())
        lines["requested"] = (
            f"{clock(request['created'])} by {request['user']} on {request['host']}, as {request['tag']}"
        )
        lines["resources"] = f"{request['where']} {resources}"
        if record["packing"]:
            lines["runs per GPU"] = record["packing"]
        if rules := rules_of(request["options"]):
            lines["rules"] = "\n".join(rules)
    if record["owner"]:
        lines["job"] = record["owner"]
    if record["cancel"]:
        lines["cancelled"] = f"{clock(record['cancel']['at'])} by {record['cancel']['user']}"
    observations = [
        " ".join(filter(None, (clock(item["at"]), item["source"], item["word"], item["reason"], item["nodes"])))
        for item in record["observed"]
    ]
    if observations:
        lines["observed"] = "\n".join(observations)
    for item in record["incarnations"]:
        start = f"start {item['restart']}"
        facts = {name: _readable(name, value) for name, value in item["environment"].items()}
        lines[start] = "\n".join(f"{name}: {fact}" for name, fact in facts.items() if fact) or "-"
        for ended in item["exits"]:
            heading = f"{clock(ended['at'])} {ended['outcome']} at step {ended['step']}"
            tail = "\n".join([ended["message"], *ended["traceback"].strip().splitlines()[-6:]]).strip()
            lines[f"{start}, rank {ended['rank']}"] = "\n".join(filter(None, (heading, tail, _used(ended))))
    return lines


_COUNTERS = {"gpu_busy": "GPU utilisation", "gpu_joules": "energy of the GPU", "cpu_joules": "energy of the CPUs"}


def _used(ended: Mapping[str, Any]) -> str:
    """What a rank used, by its exit record, and what could not be read; empty if it has none of both."""
    used = ended["used"]
    texts: dict[str, Callable[[float], str]] = {
        "waited": lambda part: f"{100 * part:.0f} % of the time waiting for data",
        "cores": lambda cores: f"{cores:.1f} cores",
        "gpu_busy": lambda part: f"GPU {100 * part:.0f} % busy",
        "gpu_joules": lambda joules: f"{energy(joules)} of the GPU",
        "cpu_joules": lambda joules: f"{energy(joules)} of the node's CPUs",
    }
    peaks = {"memory": ended["max_rss"], "GPU memory": ended["max_gpu"]}
    known = [f"{memory(peak)} {name}" for name, peak in peaks.items() if peak]
    known += [text(used[name]) for name, text in texts.items() if name in used]
    unread = [f"{_COUNTERS.get(name, name)} not known: {reason}" for name, reason in ended["unread"].items()]
    return "; ".join(filter(None, (f"used: {comma_join(known)}" if known else "", *unread)))


_MOMENTS = ("started",)
"""The fields of a start's record that are Unix seconds."""


def _readable(name: str, value: object) -> str:
    """A value of a start's record, whole; empty for one that says nothing."""
    if name in _MOMENTS and isinstance(value, int | float):
        return clock(value)
    if isinstance(value, Mapping):
        return comma_join(f"{key} {_readable('', part)}".strip() for key, part in value.items())
    if isinstance(value, list):
        return comma_join(_readable("", part) for part in value)
    return "" if value is None else str(value)


def _numbers(values: Any) -> str:
    return " ".join(f"{name}={value:.6g}" for name, value in values.items())


def _files(folder: RunDir) -> dict[str, int]:
    """Path -> size in bytes of the run's files; paths are relative to its folder, of checkpoints elsewhere absolute."""
    roots = [folder.path, *([] if folder.checkpoints.is_relative_to(folder.path) else [folder.checkpoints])]
    return {
        str(path.relative_to(folder.path) if root == folder.path else path): path.stat().st_size
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
