"""The layout of the workspace on disk. The record types are in `attnctl.workspace.records`.

Jobs write these files and the database only indexes them, so the folders alone are authoritative:

    format.json                               Format: the version of these files: `attnctl.workspace.version`
    submissions/<tag>.json                    Submission: the intent with its specs, later also the scheduler's job id
    submissions/<tag>.toml                    attnctl.toml as it was at the submission, which its jobs read
    sweeps/<name>.json                        Sweep: the command and its run ids
    weights/<SHA-256>.pt                      weight files that runs start from
    code/<digest>/                            attnctl's code as submitted with runs: `jobs/submission/code_snapshot.py`
    sources/<hash>/                           users' own module and backbone files: see `attnctl.sources`
    datasets/<name>.json                      users' own data sets, and where they lie: see `attnctl.datasets.own`
    waiting/<run id>.json, <tag>.toml         WaitingRun: a run that is still to be submitted, and its attnctl.toml
    waiting/<key>.search.json, <tag>.toml     WaitingSearch: a search in rounds: `attnctl.workspace.waiting_searches`
    runs/<id>/spec.json                       RunSpec
    runs/<id>/attempts/<n>/request.json       Request: the reservation, created exclusively before the intent
                          /owner              the one job id that may run it, created exclusively
                          /cancel.json        Cancel: our cancellation request
                          /worker.txt         local runs: what a rank printed before its own log was open
                          /observed/*.json    Observed: the scheduler's reports, one per change of state
                          /<r>/               one incarnation; r is SLURM_RESTART_COUNT
                              env.json        the machine and the software
                              events.jsonl    one writer, rank 0, append-only: see `Event`
                              exit.<rank>.json, log.<rank>.txt
                              .rendezvous     where the ranks meet; readable by the run's user only
    runs/<id>/detections.json                 the detections of the last evaluation, in COCO's result format
    runs/<id>/evaluations/                    results of `attnctl eval`: see `attnctl.workspace.evaluations`
    runs/<id>/checkpoints/<step>-<n>.<r>.pt
    notices/<sweep>-<attempts>.json           Notice: the end of the sweep was announced, created exclusively
    bench/<what and how>.json                 Speed: the newest measurement of one network under the same conditions
    trials/<run and machine>.json             Trial: the newest speed that `attnctl try` measured of a run on a machine
    trials/<tag>/                             requests and answers of `attnctl try --run-on slurm`, temporary
    packing/<what and how>.json               Packing: how many runs share a job: `attnctl.lifecycle.packing`
    imports/<hash>.json                       ImportedFile: numbers measured or published elsewhere, by their content
    annotations/{runs,sweeps}/<name>.json     names, tags and notes: see `attnctl.workspace.user_notes`
    doctor/<tag>/                             answers of the ranks of `attnctl doctor --job`, temporary

Paths inside the records are relative to the workspace, so that it can be moved and merged. Times are Unix seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from attnctl.files import read_regular
from attnctl.spec import ID_LENGTH, RunSpec
from attnctl.workspace import record_files, untrusted_json
from attnctl.workspace.record_files import Guard as Guard
from attnctl.workspace.records import Exit, Imported, ImportedFile, Observed, RecordError, Speed, Trial

_ID = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")


def skip_unreadable() -> contextlib.suppress:
    """A guard that skips a file that is damaged or cannot be read."""
    return contextlib.suppress(RecordError, OSError)


@dataclass(frozen=True)
class Incarnation:
    """One start of an attempt: SLURM may restart the same job. token: (attempt, restart count), the fencing token."""

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
        """The file in which the ranks meet; hidden, because only the run's user can read it."""
        return self.path / ".rendezvous"

    def exit(self, rank: int) -> Path:
        """The exit record of one rank."""
        return self.path / f"exit.{rank}.json"

    def log(self, rank: int) -> Path:
        """Standard output and error of one rank."""
        return self.path / f"log.{rank}.txt"

    def machine(self) -> dict[str, Any] | None:
        """The machine and software record; None when there is none. Raises RecordError for a damaged one."""
        return untrusted_json.read_object(self.env)

    def exit_files(self) -> list[Path]:
        """The files of the exit records, by name. Raises OSError."""
        return record_files.json_files(self.path, "exit.")

    def exits(self, guard: Guard = skip_unreadable, names: Sequence[str] | None = None) -> list[Exit]:
        """The readable exit records, by rank. guard: handles the error of a damaged one; names: in the folder."""
        return sorted(record_files.readable(Exit, self.path, guard, "exit.", names), key=lambda record: record.rank)

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
        """The record of our cancellation request."""
        return self.path / "cancel.json"

    @property
    def observed(self) -> Path:
        """The folder of the scheduler's reports."""
        return self.path / "observed"

    @property
    def waiting_for_space(self) -> Path:
        """An empty file that is there while a rank waits for disk space; to make it needs none."""
        return self.path / "waiting-for-space"

    @property
    def worker_log(self) -> Path:
        """The output of a local run's ranks before each has its own log."""
        return self.path / "worker.txt"

    def observation_files(self) -> list[Path]:
        """The files of the scheduler's reports, by name. Raises OSError."""
        return record_files.json_files(self.observed)

    def incarnation(self, restart: int) -> Incarnation:
        """Incarnation number `restart`, which need not exist yet."""
        return Incarnation(self.path / str(restart), (self.number, restart))

    def incarnations(self) -> list[Incarnation]:
        """The existing incarnations, oldest first."""
        return [self.incarnation(number) for number in record_files.numbered(record_files.names_in(self.path))]

    @property
    def completed(self) -> bool:
        """Whether its newest incarnation finished the training: rank 0 and all other ranks exited as completed."""
        starts = self.incarnations()
        exits = starts[-1].exits() if starts else []
        return any(record.rank == 0 for record in exits) and all(record.outcome == "completed" for record in exits)

    def observations(self, guard: Guard = skip_unreadable) -> list[Observed]:
        """The scheduler's reports, oldest first. guard: handles the error of a damaged record."""
        return sorted(record_files.readable(Observed, self.observed, guard), key=lambda record: record.at)


@dataclass(frozen=True)
class RunDir:
    """One run's folder, and the folder of its checkpoints (possibly on another file system).

    root: the workspace's folder. also: other folders in which its checkpoints may lie.
    """

    path: Path
    checkpoints: Path
    root: Path | None = None
    also: tuple[Path, ...] = ()

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
        """The detections of a detector's last evaluation, in COCO's result format."""
        return self.path / "detections.json"

    def read_spec(self) -> RunSpec:
        """The run's spec, with those of its bases that can be read.

        Raises RecordError when it is missing, damaged or belongs to another run.
        """
        try:
            spec = RunSpec.from_json(untrusted_json.loads_object(read_regular(self.spec)))
            spec_id = spec.id
        except (OSError, ValueError, TypeError) as error:  # TypeError: an unhashable value
            raise RecordError(
                f"{self.spec} is not a run's spec: {getattr(error, 'strerror', None) or error}"
            ) from error
        if spec_id != self.id:
            raise RecordError(f"{self.spec} is the spec of run {spec_id}, not of {self.id}")
        return replace(spec, origin=self._origin(spec)) if spec.base is not None else spec

    def _origin(self, spec: RunSpec) -> RunSpec | None:
        """The spec of the base; None if it cannot be read."""
        with contextlib.suppress(RecordError):
            return replace(self, path=self.path.parent / str(spec.base)).read_spec()
        return None

    @property
    def attempts_folder(self) -> Path:
        """The folder of the attempts."""
        return self.path / "attempts"

    def attempt(self, number: int) -> Attempt:
        """Attempt `number`, from 1, which need not exist yet."""
        return Attempt(self.attempts_folder / str(number), number)

    def attempts(self) -> list[Attempt]:
        """The existing attempts, oldest first."""
        return [self.attempt(number) for number in record_files.numbered(record_files.names_in(self.attempts_folder))]

    @property
    def last_step(self) -> int:
        """The step at which a completed run ended, by the record of rank 0; 0 if it is not known."""
        starts = [attempt.incarnations()[-1] for attempt in self.attempts() if attempt.completed]
        return max((record.step for start in starts for record in start.exits() if record.rank == 0), default=0)

    @property
    def completed(self) -> bool:
        """Whether its training is finished; its newest checkpoint is then that of the last step."""
        return any(attempt.completed for attempt in self.attempts())


@dataclass(frozen=True)
class Workspace:
    """The folder of everything attnctl writes; attnctl.toml may put `runs` and `checkpoints` elsewhere.

    group: files are also writable by the folder's group; otherwise files with code are readable by their owner only.
    """

    root: Path
    runs_root: Path | None = None
    checkpoints_root: Path | None = None
    group: bool = False

    @property
    def private(self) -> int:
        """The permissions of a file that holds code; a folder also gets the execute bit."""
        return 0o660 if self.group else 0o600

    @property
    def recorded_checkpoints(self) -> str:
        """The folder that the settings name for checkpoints, as `Request.checkpoints` records it."""
        folder = self.checkpoints_root
        if folder is None:
            return ""
        return str(folder.relative_to(self.root) if folder.is_relative_to(self.root) else folder)

    @cached_property
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

    @cached_property
    def waiting_folder(self) -> Path:
        """The folder of the runs that are still to be submitted."""
        return self.root / "waiting"

    @property
    def sources(self) -> Path:
        """The folder of users' own source files."""
        return self.root / "sources"

    @property
    def datasets(self) -> Path:
        """The folder of records of users' own data sets."""
        return self.root / "datasets"

    @property
    def code(self) -> Path:
        """The folder of snapshots of the attnctl code that runs were submitted with."""
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
    def trials_folder(self) -> Path:
        """The folder of the speeds that trials measured."""
        return self.root / "trials"

    @property
    def packing_folder(self) -> Path:
        """The folder of what was measured about runs that share a device."""
        return self.root / "packing"

    def packing(self, name: str) -> Path:
        """One of these records."""
        return self.packing_folder / f"{name}.json"

    @property
    def imports_folder(self) -> Path:
        """The folder of numbers measured or published elsewhere."""
        return self.root / "imports"

    @property
    def annotations(self) -> Path:
        """The folder of names, tags and notes."""
        return self.root / "annotations"

    @property
    def run_annotations(self) -> Path:
        """The folder of those of runs."""
        return self.annotations / "runs"

    @property
    def sweep_annotations(self) -> Path:
        """The folder of those of sweeps."""
        return self.annotations / "sweeps"

    @property
    def notices(self) -> Path:
        """The folder of the notices of ended sweeps."""
        return self.root / "notices"

    def weights(self, digest: str) -> Path:
        """The copy of a weight file that runs start from, by the SHA-256 of its content."""
        return self.weights_folder / f"{digest}.pt"

    @property
    def doctor_folder(self) -> Path:
        """The folder of the answers of doctor jobs."""
        return self.root / "doctor"

    def doctor(self, tag: str) -> Path:
        """The folder in which the ranks of one doctor job write their answers."""
        return self.doctor_folder / tag

    def run(self, run_id: str) -> RunDir:
        """The folder of one run, which need not exist yet."""
        path = self.runs / run_id
        folder = self.checkpoints_root / run_id if self.checkpoints_root else path / "checkpoints"
        return RunDir(path, folder, self.root)

    def run_ids(self) -> list[str]:
        """The ids of all runs, ascending."""
        try:
            return sorted(filter(_ID.fullmatch, os.listdir(self.runs)))  # noqa: PTH208 - there may be 100,000
        except FileNotFoundError:
            return []

    def sweep_names(self) -> list[str]:
        """The names of all sweeps, ascending."""
        return record_files.json_names(self.sweeps)

    def submission_tags(self) -> list[str]:
        """The tags of all submissions, ascending."""
        return record_files.json_names(self.submissions)

    def waiting(self, run_id: str) -> Path:
        """The file of a run that is still to be submitted."""
        return self.waiting_folder / f"{run_id}.json"

    def waiting_settings(self, tag: str) -> Path:
        """The settings that runs are to be submitted with; no such file if they did not come from attnctl.toml."""
        return self.waiting_folder / f"{tag}.toml"

    def submission(self, tag: str) -> Path:
        """The file of one submission."""
        return self.submissions / f"{tag}.json"

    def submission_settings(self, tag: str) -> Path:
        """The settings that a submission was made with; no such file if they did not come from attnctl.toml."""
        return self.submissions / f"{tag}.toml"

    def submission_logs(self, tag: str) -> Path:
        """The folder of SLURM's logs of a submission: the output of tasks before they have their own log."""
        return self.submissions / f"{tag}.logs"

    def speed(self, speed: Speed) -> Path:
        """The file of a measurement; the same network under the same conditions has the same file."""
        key = json.dumps([speed.network, speed.conditions]).encode()
        return self.bench / f"{hashlib.sha256(key).hexdigest()[:16]}.json"

    def unfinished_bench(self, digest: str) -> Path:
        """The file of an interrupted `attnctl bench`, by the digest of what it measures."""
        return self.bench / f"{digest}.unfinished"

    def speeds(self) -> list[Speed]:
        """The measurements, newest first; damaged files are skipped."""
        return sorted(record_files.readable(Speed, self.bench, skip_unreadable), key=lambda speed: -speed.at)

    def trial(self, run_id: str, trial: Trial) -> Path:
        """The file of a trial; a later one of the same run on the same device has the same file."""
        key = json.dumps([run_id, trial.device, trial.threads, trial.world]).encode()
        return self.trials_folder / f"{hashlib.sha256(key).hexdigest()[:16]}.json"

    def trials(self) -> list[Trial]:
        """The trials, oldest first; damaged files are skipped."""
        return sorted(record_files.readable(Trial, self.trials_folder, skip_unreadable), key=lambda trial: trial.at)

    def import_file(self, import_id: str) -> Path:
        """The file of one import."""
        return self.imports_folder / f"{import_id}.json"

    def import_ids(self) -> list[str]:
        """The ids of all imports, ascending."""
        return record_files.json_names(self.imports_folder)

    def import_files(self) -> list[ImportedFile]:
        """The imported files, oldest first; raises RecordError for a damaged one, so that no number is lost."""
        records = [ImportedFile.read(path) for path in record_files.json_files(self.imports_folder)]
        return sorted((record for record in records if record), key=lambda record: (record.at, record.id))

    def imports(self) -> list[Imported]:
        """The imported numbers, oldest first; raises RecordError."""
        return [record for file in self.import_files() for record in file.imported()]

    def notice(self, sweep: str, attempts: int) -> Path:
        """The notice that a sweep has ended after so many attempts of its runs."""
        return self.notices / f"{sweep}-{attempts}.json"

    def sweep(self, name: str) -> Path:
        """The file of one sweep."""
        return self.sweeps / f"{name}.json"


def has_one_writer(path: Path) -> bool:
    """Whether a file of an attempt has a single writer, so that of two copies one is a prefix of the other."""
    return path.name in {"request.json", "owner", "events.jsonl"} or path.name.startswith("exit.")


RELATIVE = Workspace(Path())
"""The default layout with paths relative to the workspace: as in archives, and as typed in its folder."""
