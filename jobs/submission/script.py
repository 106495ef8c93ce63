"""The sbatch script: a pure function of the request, composed by submitit. A dry run prints this very text."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

from attnctl.files import GROUP_UMASK
from attnctl.jobs.submission import code_snapshot, guard
from attnctl.settings.config import Config, SlurmOptions
from attnctl.values import SpecError
from attnctl.workspace.records import Resources

SIGNAL_SECONDS = 120
"""How long before its time limit a job is told to stop, at most; a quarter of the limit when that is shorter."""

_WORKER = "attnctl.jobs.worker"
_OPTIONS = ("partition", "account", "qos", "constraint", "exclude", "mem")


def compose(
    config: Config,
    options: SlurmOptions,
    resources: Resources,
    count: int,
    tag: str,
    *,
    module: str = _WORKER,
) -> str:
    """The script of one array of `count` runs; always an array, so that each job id is `<array>_<task>`.

    Raises SpecError for what cannot stand in a script: values with line breaks, or a path that SLURM would expand.
    """
    logs = _log_folder(config.workspace.submission_logs(tag))
    for name in (*_OPTIONS, "extra"):
        _check(name, getattr(options, name))
    executor = _executor(logs)
    executor.update_parameters(
        job_name=tag,
        nodes=resources.nodes,
        ntasks_per_node=resources.tasks_per_node,
        cpus_per_task=resources.cpus_per_task,
        gpus_per_node=resources.gpus_per_node or None,
        time=resources.minutes,
        signal_delay_s=_signal_delay(resources.minutes),
        array_parallelism=options.parallel or count,
        dependency=_dependency(options),
        setup=_setup(config, options, tag, module) or None,
        stderr_to_stdout=True,
        wckey=None,
        # A rank that dies ends the run's other ranks. Since SLURM 22.05 srun does not take over the number of CPUs.
        srun_args=["--kill-on-bad-exit=1", f"--cpus-per-task={resources.cpus_per_task}"],
        additional_parameters=_extra(options) | (_requeue(options) if module == _WORKER else {}),
        **{name: getattr(options, name) for name in _OPTIONS},
    )
    executor.parameters["map_count"] = count
    text: str = executor._make_submission_file_text(command(config, tag, module), "")
    return text


def _setup(config: Config, options: SlurmOptions, tag: str, module: str) -> list[str]:
    """The user's lines; around them, for the worker, the breaker, and after them the code that it is to run."""
    if module != _WORKER:
        return list(options.setup)
    group = [f"umask {GROUP_UMASK:03o}"] if config.workspace.group else []
    return [*group, *guard.around(config, tag, options.setup), *code_snapshot.lines(config.workspace)]


def _dependency(options: SlurmOptions) -> str:
    """One array at a time under one tag: should a submission be repeated, the second finds its work done."""
    return ",".join(["singleton", *(value for name, value in options.extra.items() if _bare(name) == "dependency")])


def _requeue(options: SlurmOptions) -> dict[str, Any]:
    """What makes SLURM start an interrupted job again where JobRequeue=0 would not; the settings can say otherwise."""
    return {} if asks_about_requeue(options) else {"requeue": True}


def asks_about_requeue(options: SlurmOptions) -> str | None:
    """The option about it that the settings have, with its value, as `no-requeue=true`; None when they have none."""
    asked = {_bare(name): value for name, value in options.extra.items()}
    return next((f"{name}={asked[name]}" for name in ("requeue", "no-requeue") if name in asked), None)


def _bare(name: str) -> str:
    """An option of sbatch without its dashes."""
    return name.removeprefix("--")


def command(config: Config, tag: str, module: str) -> str:
    """The command of a rank, quoted for the script's shell. -P: the user's folder must not shadow our packages."""
    root = str(config.workspace.root.absolute())
    return shlex.join([sys.executable, "-u", "-P", "-m", module, "--workspace", root, "--tag", tag])


def _executor(folder: str) -> Any:
    from submitit.slurm.slurm import SlurmExecutor  # 0.1 s, and nobody but a submission needs it

    class Composer(SlurmExecutor):
        """Composes where there is no srun, too: a dry run needs no cluster."""

        @classmethod
        def affinity(cls) -> int:
            return 1

    return Composer(folder=folder)


def _log_folder(path: Path) -> str:
    text = str(path.absolute())
    found = sorted(set(text) & set("%\\"))
    if found:
        raise SpecError(f"workspace {path.parent.parent} has {found[0]!r} in its path, which SLURM would expand")
    _check("the workspace's path", text)
    return text


def _signal_delay(minutes: int | None) -> int:
    return SIGNAL_SECONDS if minutes is None else min(SIGNAL_SECONDS, minutes * 60 // 4)


def _extra(options: SlurmOptions) -> dict[str, Any]:
    """Any other option of sbatch; `true` is an option without a value, `false` one that is not given."""
    chosen: dict[str, Any] = {}
    for name, value in options.extra.items():
        bare = _bare(name)
        if bare == "dependency":
            continue  # joined with ours
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", bare):
            raise SpecError(f'slurm.extra: {name!r} is no option of sbatch; write it as mail-type = "FAIL"')
        if bare in {"array", "job-name", "output", "error", "wrap"}:
            raise SpecError(f"slurm.extra: {name} is set by attnctl itself")
        _check(f"slurm.extra: {name}", value)
        if value != "false":
            chosen[bare.replace("-", "_")] = True if value == "true" else value
    return chosen


def _check(name: str, value: object) -> None:
    """A line break would end the #SBATCH line, and what follows it would be run by the shell."""
    if isinstance(value, str) and (not value.isprintable() or not value):
        raise SpecError(f"{name} is {value!r}; it must be one line of text")
