"""The workspace on disk: where each file lies. The types in `attnctl.workspace.records` are in them.

Jobs write these files and the database is an index of them, so the directories alone are the truth:

    submissions/<tag>.json                    Submission: the intent with its specs; then the scheduler's job id
    sweeps/<name>.json                        Sweep: what was asked for, and its run ids
    weights/<SHA-256>.pt                      files of weights that runs start from
    code/<digest>/                            attnctl as runs were submitted with it: `jobs/submission/code_snapshot.py`
    sources/<hash>/                           users' own files that runs are made of: see `attnctl.sources`
    runs/<id>/spec.json                       RunSpec
    runs/<id>/attempts/<n>/request.json       Request: the reservation, created exclusively before the intent
                          /owner              the one job id that may run it, created exclusively
                          /cancel.json        Cancel: what we asked
                          /worker.txt         on this machine, what a rank printed before it found its own log
                          /observed/*.json    Observed: what the scheduler said, transitions only
                          /<r>/               one incarnation; r is SLURM_RESTART_COUNT
                              env.json        the machine and the software
                              events.jsonl    one writer, rank 0, append-only: see `Event`
                              exit.<rank>.json, log.<rank>.txt, rendezvous
    runs/<id>/detections.json                 what a detector's last evaluation found, in COCO's result format
    runs/<id>/checkpoints/<step>-<n>.<r>.pt
    notices/<sweep>-<attempts>.json           Notice: that the sweep's end was told, created exclusively
    bench/<what and how>.json                 Speed: the newest measurement of one network under the same conditions
    imports/<hash>.json                       ImportedFile: numbers measured or published elsewhere, by their content
    doctor/<tag>/                             what the ranks of one job of `attnctl doctor --job` found, for a moment

Paths inside the records are relative to the workspace, so that it can be moved and merged. Times are Unix seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from attnctl.spec import ID_LENGTH, RunSpec
from attnctl.workspace import untrusted_json
from attnctl.workspace.records import Exit, Imported, ImportedFile, Observed, Record, RecordError, Speed

R = TypeVar("R", bound=Record)

_ID = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")

Guard = Callable[[], AbstractContextManager[object]]
"""What stands around the reading of a file, and takes RecordError and OSError: to pass over it, or to note them."""


def passing_over() -> AbstractContextManager[object]:
    """A guard: a file that is broken or cannot be read says nothing."""
    return contextlib.suppress(RecordError, OSError)


@dataclass(frozen=True)
class Incarnation:
    """One start of an attempt: SLURM may restart the same job. (n, r) is the fencing token."""

    path: Path
    token: tuple[int, int]

    @property
    def env(self) -> Path:
        """The machine and software record."""
        return self.path / "env.json"

    @property
    def events(self) -> Path:
        """The append-only event log of rank 0."""
        return self.path / "events.jsonl"

    @property
    def rendezvous(self) -> Path:
        """Where rank 0's store listens: its hosts, port and a nonce."""
        return self.path / "rendezvous"

    def exit(self, rank: int) -> Path:
        """The exit record of one rank."""
        return self.path / f"exit.{rank}.json"

    def log(self, rank: int) -> Path:
        """Standard output and error of one rank."""
        return self.path / f"log.{rank}.txt"

    def machine(self) -> dict[str, Any] | None:
        """The machine and software record, None when there is none; raises RecordError for a broken one."""
        return untrusted_json.read_object(self.env)

    def exit_files(self) -> list[Path]:
        """The files of the exit records there are, by name. Raises OSError."""
        return _json_files(self.path, "exit.")

    def exits(self, guard: Guard = passing_over) -> list[Exit]:
        """The whole exit records there are, by rank. guard: what becomes of a broken one's error."""
        return sorted(_whole(Exit, self.exit_files, guard), key=lambda record: record.rank)

    def logged_ranks(self) -> list[int]:
        """The ranks that have a log, ascending."""
        ranks = (path.name.removeprefix("log.").removesuffix(".txt") for path in self.path.glob("log.*.txt"))
        return sorted(int(rank) for rank in ranks if rank.isdecimal())


@dataclass(frozen=True)
class Attempt:
    """One submission of a run."""

    path: Path
    number: int

    @property
    def request(self) -> Path:
        """The reservation."""
        return self.path / "request.json"

    @property
    def owner(self) -> Path:
        """The job id that may run this attempt."""
        return self.path / "owner"

    @property
    def cancel(self) -> Path:
        """The record that we asked for its end."""
        return self.path / "cancel.json"

    @property
    def observed(self) -> Path:
        """The folder of what the scheduler said."""
        return self.path / "observed"

    @property
    def worker_log(self) -> Path:
        """What the ranks of a run on this machine print before each finds its own log."""
        return self.path / "worker.txt"

    def observation_files(self) -> list[Path]:
        """The files of what the scheduler said, by name. Raises OSError."""
        return _json_files(self.observed)

    def incarnation(self, restart: int) -> Incarnation:
        """Incarnation number `restart`, whether it exists yet or not."""
        return Incarnation(self.path / str(restart), (self.number, restart))

    def incarnations(self) -> list[Incarnation]:
        """The incarnations there are, oldest first."""
        return [self.incarnation(number) for number in _numbered(self.path)]

    @property
    def completed(self) -> bool:
        """Whether its newest start trained the run to its end: the exit records of its ranks say so, rank 0's too."""
        starts = self.incarnations()
        exits = starts[-1].exits() if starts else []
        return any(record.rank == 0 for record in exits) and all(record.outcome == "completed" for record in exits)

    def observations(self, guard: Guard = passing_over) -> list[Observed]:
        """What the scheduler said, oldest first. guard: what becomes of a broken record's error."""
        return sorted(_whole(Observed, self.observation_files, guard), key=lambda record: record.at)


@dataclass(frozen=True)
class RunDir:
    """One run's folder, and its checkpoints' (which may lie on another file system)."""

    path: Path
    checkpoints: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def spec(self) -> Path:
        """The run's spec, written once."""
        return self.path / "spec.json"

    @property
    def detections(self) -> Path:
        """What a detector's last evaluation found, in COCO's result format."""
        return self.path / "detections.json"

    def read_spec(self) -> RunSpec:
        """The run's spec; raises RecordError when it is missing, broken or another run's."""
        try:
            spec = RunSpec.from_json(untrusted_json.loads_object(self.spec.read_bytes()))
            found = spec.id
        except (OSError, ValueError, TypeError) as error:  # TypeError: what cannot be hashed, or is no JSON value
            raise RecordError(f"{self.spec} is not a run's spec: {error}") from error
        if found != self.id:
            raise RecordError(f"{self.spec} is the spec of run {found}, not of {self.id}")
        return spec

    @property
    def attempts_folder(self) -> Path:
        """The folder of the attempts."""
        return self.path / "attempts"

    def attempt(self, number: int) -> Attempt:
        """Attempt `number`, from 1, whether it exists yet or not."""
        return Attempt(self.attempts_folder / str(number), number)

    def attempts(self) -> list[Attempt]:
        """The attempts there are, oldest first."""
        return [self.attempt(number) for number in _numbered(self.attempts_folder)]

    @property
    def completed(self) -> bool:
        """Whether it is trained to its end: its newest checkpoint is then that of its last step."""
        return any(attempt.completed for attempt in self.attempts())


@dataclass(frozen=True)
class Workspace:
    """The folder that holds everything. `runs` and `checkpoints` may be put elsewhere by attnctl.toml.

    group: what is written belongs to the folder's group as well; else what holds code is its writer's alone.
    """

    root: Path
    runs_root: Path | None = None
    checkpoints_root: Path | None = None
    group: bool = False

    @property
    def private(self) -> int:
        """The permissions of a file that holds code; a folder's are these and the right to enter it."""
        return 0o660 if self.group else 0o600

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.runs_root or self.root / "runs"

    @property
    def submissions(self) -> Path:
        """The folder of the submissions."""
        return self.root / "submissions"

    @property
    def sweeps(self) -> Path:
        """The folder of the sweeps."""
        return self.root / "sweeps"

    @property
    def sources(self) -> Path:
        """The folder of users' own files."""
        return self.root / "sources"

    @property
    def code(self) -> Path:
        """The folder of attnctl as runs were submitted with it."""
        return self.root / "code"

    @property
    def weights_folder(self) -> Path:
        """The folder of weight files that runs start from."""
        return self.root / "weights"

    @property
    def bench(self) -> Path:
        """The folder of measured speeds."""
        return self.root / "bench"

    @property
    def imports_folder(self) -> Path:
        """The folder of numbers measured or published elsewhere."""
        return self.root / "imports"

    @property
    def notices(self) -> Path:
        """The folder of what was told of sweeps' ends."""
        return self.root / "notices"

    def weights(self, digest: str) -> Path:
        """The copy of a weight file that runs start from, by the SHA-256 of its content."""
        return self.weights_folder / f"{digest}.pt"

    def doctor(self, tag: str) -> Path:
        """The folder in which the ranks of one job of the doctor leave what they found."""
        return self.root / "doctor" / tag

    def run(self, run_id: str) -> RunDir:
        """The folder of one run, whether it exists yet or not."""
        path = self.runs / run_id
        return RunDir(path, self.checkpoints_root / run_id if self.checkpoints_root else path / "checkpoints")

    def run_ids(self) -> list[str]:
        """The ids of the runs there are, ascending."""
        try:
            with os.scandir(self.runs) as entries:
                return sorted(entry.name for entry in entries if _ID.fullmatch(entry.name))
        except FileNotFoundError:
            return []

    def sweep_names(self) -> list[str]:
        """The names of the sweeps there are, ascending."""
        return _json_names(self.sweeps)

    def submission_tags(self) -> list[str]:
        """The tags of the submissions there are, ascending."""
        return _json_names(self.submissions)

    def submission(self, tag: str) -> Path:
        """The file of one submission."""
        return self.submissions / f"{tag}.json"

    def submission_logs(self, tag: str) -> Path:
        """The folder of what SLURM wrote before a task found its own log."""
        return self.submissions / f"{tag}.logs"

    def speed(self, speed: Speed) -> Path:
        """The file of a measurement: the same for the same network under the same conditions."""
        what = json.dumps([speed.network, speed.conditions]).encode()
        return self.bench / f"{hashlib.sha256(what).hexdigest()[:16]}.json"

    def speeds(self) -> list[Speed]:
        """The measurements there are, newest first; a broken file is none."""
        return sorted(_whole(Speed, lambda: _json_files(self.bench)), key=lambda speed: -speed.at)

    def import_file(self, import_id: str) -> Path:
        """The file of one import."""
        return self.imports_folder / f"{import_id}.json"

    def import_ids(self) -> list[str]:
        """The ids of the imports there are, ascending."""
        return _json_names(self.imports_folder)

    def import_files(self) -> list[ImportedFile]:
        """What was imported, oldest first; raises RecordError for a broken file, so that no number is lost silently."""
        found = [ImportedFile.read(path) for path in _json_files(self.imports_folder)]
        return sorted((record for record in found if record), key=lambda record: (record.at, record.id))

    def imports(self) -> list[Imported]:
        """The numbers measured or published elsewhere, oldest first; raises RecordError."""
        return [record for file in self.import_files() for record in file.imported()]

    def notice(self, sweep: str, attempts: int) -> Path:
        """The file that says that a sweep's end, after so many attempts of its runs, was told."""
        return self.notices / f"{sweep}-{attempts}.json"

    def sweep(self, name: str) -> Path:
        """The file of one sweep."""
        return self.sweeps / f"{name}.json"


def has_one_writer(path: Path) -> bool:
    """Whether a file of an attempt is written by one process only: of two copies one is the other's beginning."""
    return path.name in {"request.json", "owner", "events.jsonl"} or path.name.startswith("exit.")


RELATIVE = Workspace(Path())
"""Paths relative to a workspace: as in its archives, wherever it keeps its runs, and as typed in its folder."""


def _whole(kind: type[R], files: Callable[[], list[Path]], guard: Guard = passing_over) -> list[R]:
    """The records in these files, but for the broken ones."""
    found: list[R] = []
    with guard():
        for path in files():
            with guard():
                record = kind.read(path)
                found += [record] if record is not None else []
    return found


def _json_files(folder: Path, prefix: str = "") -> list[Path]:
    """The files `<prefix>*.json` in a folder, by name, without those that are being written; raises OSError."""
    return [folder / f"{name}.json" for name in _json_names(folder) if name.startswith(prefix)]


def _json_names(folder: Path) -> list[str]:
    """The names of the JSON files in a folder, ascending, without `.json`; one being written begins with a dot."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json") and name[0] != ".")


def _numbered(folder: Path) -> list[int]:
    try:
        with os.scandir(folder) as entries:
            return sorted(int(entry.name) for entry in entries if entry.name.isdecimal())
    except (FileNotFoundError, NotADirectoryError):
        return []
