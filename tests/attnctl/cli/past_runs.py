"""Runs whose past is written down as jobs and commands write it: what `resume`, `why` and `gc` read."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from attnctl.files import write_atomic
from attnctl.grid import Axes, expand
from attnctl.settings.config import Config, find
from attnctl.spec import RunSpec
from attnctl.workspace.records import Exit, Observed, Request, Resources, Submission, Sweep

STEPS = 40


@dataclasses.dataclass
class Past:
    """A workspace, and the hand that writes its past."""

    root: Path

    @property
    def config(self) -> Config:
        return find(self.root, self.root, {})

    def specs(self, count: int) -> list[RunSpec]:
        overrides = {"batch": ("128",), "norm_batch": ("32",)}
        return expand(Axes(modules=("se",), seeds=tuple(map(str, range(count))), overrides=overrides)).specs

    def sweep(self, name: str, specs: list[RunSpec]) -> None:
        record = Sweep(name=name, created=1.0, command=["sweep", "se"], runs=[spec.id for spec in specs])
        write_atomic(self.config.workspace.sweep(name), record.encode())

    def attempt(
        self,
        spec: RunSpec,
        word: str,
        number: int = 1,
        ago: float = 7200.0,
        where: str = "slurm",
        saved: tuple[int, ...] = (),
        began: int = 0,
        exit: Exit | None = None,  # noqa: A002 - the record's name
        reason: str = "",
        exit_code: str = "",
        node: str = "node1",
        options: dict[str, Any] | None = None,
        **resources: Any,
    ) -> None:
        """An attempt that ended an hour before its `ago` would be: asked for, seen by the scheduler, trained."""
        workspace = self.config.workspace
        tag = f"attnctl-{spec.id}-{number}"
        created = time.time() - ago
        run = workspace.run(spec.id)
        write_atomic(run.spec, json.dumps(spec.to_json(), sort_keys=True).encode())
        attempt = run.attempt(number)
        asked = dataclasses.asdict(Resources(**resources))
        common: dict[str, Any] = {"tag": tag, "created": created, "host": "login", "pid": 1, "where": where}
        request = Request(**common, user="ada", nonce="n", resources=asked, options=options or {})
        write_atomic(attempt.request, request.encode())
        submission = Submission(**common, tasks=[[spec.id, number]], specs={}, job_id="7")
        write_atomic(workspace.submission(tag), submission.encode())
        seen = Observed(
            at=created + 60,
            job_id="7_0",
            word=word,
            reason=reason,
            exit_code=exit_code,
            nodes=node,
            source="squeue",
        )
        write_atomic(attempt.observed / "1.json", seen.encode())
        if saved or began:
            self.events(spec, number, created, began, saved)
        if exit is not None:
            write_atomic(attempt.incarnation(0).exit(exit.rank), exit.encode())

    def events(self, spec: RunSpec, number: int, created: float, began: int, saved: tuple[int, ...]) -> None:
        lines: list[dict[str, Any]] = [{"kind": "model", "t": created + 5, "steps": STEPS, "device": "cpu"}]
        if began:
            lines.append({"kind": "resumed", "t": created + 6, "step": began, "path": "checkpoints/x"})
        for place, step in enumerate(saved):
            moment = created + 10 + 10 * place
            lines.append({"kind": "checkpoint", "t": moment, "step": step, "seconds": 0.1, "bytes": 10})
        lines.append({"kind": "progress", "t": created + 50, "step": (saved or (began,))[-1] + 1, "loss": 1.0})
        lines[-1]["images_per_s"] = 128.0
        path = self.config.workspace.run(spec.id).attempt(number).incarnation(0).events
        write_atomic(path, b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def checkpoint(self, spec: RunSpec, name: str, data: bytes = b"x") -> Path:
        path = self.config.workspace.run(spec.id).checkpoints / name
        write_atomic(path, data)
        return path


def left(outcome: str, message: str = "", **more: Any) -> Exit:
    """An exit record of rank 0."""
    return Exit(**{"rank": 0, "at": time.time() - 3600, "outcome": outcome, "message": message, **more})
