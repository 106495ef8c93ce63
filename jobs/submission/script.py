"""The sbatch script: a pure function of the request, composed by submitit. A dry run prints the same text."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from attnctl.files import GROUP_UMASK
from attnctl.jobs.slurm import steps
from attnctl.jobs.submission import code_snapshot, guard
from attnctl.jobs.submission.shared_job import shares_devices
from attnctl.settings import gpu_request, memory_request, sbatch_options, srun_options
from attnctl.settings.config import AUTO, Config, SlurmOptions
from attnctl.settings.sbatch_options import bare, given, removed
from attnctl.values import SpecError
from attnctl.workspace.records import Resources

SIGNAL_SECONDS = 120
"""Seconds before its time limit at which a job is told to stop; at most a quarter of the limit."""

_WORKER = "attnctl.jobs.worker"
_SUPERVISOR = "attnctl.jobs.packed.supervisor"
_OPTIONS = ("partition", "account", "qos", "constraint", "exclude")


def compose(
    config: Config,
    options: SlurmOptions,
    resources: Resources,
    count: int,
    tag: str,
    *,
    module: str = _WORKER,
    after: str = "",
    runs_per_job: int = 0,
) -> str:
    """The script of one array of `count` elements. A single one is an array too, so each job id is `<array>_<task>`.

    after: the job that must have ended, in whatever way, before the array starts; empty for none. runs_per_job: how
    many runs share an element; 0 if each has its own. Raises SpecError for values that a script cannot contain: line
    breaks, or a path that SLURM would expand.
    """
    logs = _log_folder(config.workspace.submission_logs(tag))
    for name in (*_OPTIONS, "clusters", "mem"):
        _check(name, getattr(options, name))
    cpus = None if removed(options.extra, "cpus-per-task") else resources.cpus_per_task
    executor = _executor(logs)
    executor.update_parameters(
        job_name=tag,
        nodes=resources.nodes,
        ntasks_per_node=resources.tasks_per_node,
        cpus_per_task=cpus * max(1, runs_per_job) if cpus is not None else None,
        time=resources.minutes,
        signal_delay_s=_signal_delay(resources.minutes),
        array_parallelism=max(1, options.parallel // max(1, runs_per_job)) if options.parallel else count,
        dependency=_dependency(options, after),
        setup=_setup(config, options, tag, module, shared=runs_per_job > 0) or None,
        stderr_to_stdout=True,
        wckey=None,
        srun_args=_srun(options, cpus),
        use_srun=not runs_per_job,
        additional_parameters=_extra(options, resources, runs_per_job)
        | ({"clusters": options.target_clusters} if options.target_clusters else {})
        | (_requeue(options) if module == _WORKER else {}),
        **{name: getattr(options, name) for name in _OPTIONS},
    )
    executor.parameters["map_count"] = count
    started = command(config, options, tag, module)
    if runs_per_job:
        started = f"{command(config, options, tag, _SUPERVISOR)} {shlex.join(_step(options, resources, cpus))}"
    text: str = executor._make_submission_file_text(started, "")
    return text


def _step(options: SlurmOptions, resources: Resources, cpus: int | None) -> list[str]:
    """The supervisor's options, and the command that starts a run as a step; it adds the memory and the worker."""
    step = steps.options(resources.world, shares=shares_devices(options, resources))
    unmanaged = resources.gpus_per_node if gpu_request.read(options).option is None else 0
    measured = ["--auto"] if options.runs_per_gpu == AUTO else []
    return [*([f"--gpus={unmanaged}"] if unmanaged else []), *measured, "--", "srun", *step, *_srun(options, cpus)]


def _setup(config: Config, options: SlurmOptions, tag: str, module: str, *, shared: bool) -> list[str]:
    """The user's setup; for the worker also the guard around it, and the code snapshot after it."""
    if module != _WORKER:
        return list(options.setup)
    group = [f"umask {GROUP_UMASK:03o}"] if config.workspace.group else []
    return [
        *group,
        *guard.wrap_setup(
            config,
            tag,
            [*options.setup, *code_snapshot.check_lines(config.workspace)],
            _python_on_node(options),
            shared=shared,
        ),
        *code_snapshot.script_lines(config.workspace),
    ]


def _srun(options: SlurmOptions, cpus: int | None) -> list[str]:
    """The arguments of srun.

    If a rank dies, the run's other ranks are ended. Ranks get the script's whole environment even if SLURM_EXPORT_ENV
    says NONE. Since SLURM 22.05 srun does not inherit --cpus-per-task (srun(1)).
    """
    for name, value in options.srun.items():
        if problem := srun_options.problem(name, value):
            raise SpecError(f"{name!r} in [slurm.srun] {problem}")
    own = ["--kill-on-bad-exit=1", "--export=ALL", *([f"--cpus-per-task={cpus}"] if cpus else [])]
    return [*own, *srun_options.arguments(options.srun)]


def _python_on_node(options: SlurmOptions) -> str:
    """The interpreter, if it is a file of the node and not of a container; else ""."""
    contained = options.command_prefix or srun_options.in_container(options.srun)
    return "" if contained else options.python or sys.executable


def _dependency(options: SlurmOptions, after: str) -> str:
    """singleton runs one array per tag at a time: if a submission is sent twice, the second finds its work done."""
    own = given(options.extra).get("dependency")
    return ",".join(filter(None, ("singleton", own, after and f"afterany:{after}")))


def _requeue(options: SlurmOptions) -> dict[str, Any]:
    """Ask SLURM to requeue interrupted jobs even if JobRequeue=0 is the default, unless the settings decide it."""
    return {} if requeue_option(options) else {"requeue": True}


def requeue_option(options: SlurmOptions) -> str | None:
    """The option about requeueing in the settings, with its value, such as `no-requeue=true`; None if there is none."""
    values = {bare(name): value for name, value in options.extra.items()}
    return next((f"{name}={values[name]}" for name in ("requeue", "no-requeue") if name in values), None)


def command(config: Config, options: SlurmOptions, tag: str, module: str) -> str:
    """The command of a rank, quoted for the shell. -P keeps the current folder from shadowing our packages."""
    root = str(config.workspace.root.absolute())
    python = [*options.command_prefix, options.python or sys.executable]
    for word in python:
        _check("command_prefix or python in [slurm]", word)
    settings = settings_option(config) if module in {_WORKER, _SUPERVISOR} else []
    return shlex.join([*python, "-u", "-P", "-m", module, "--workspace", root, "--tag", tag, *settings])


def settings_option(config: Config) -> list[str]:
    """The worker's option that says which settings were submitted, so that it notices when the file was changed."""
    return ["--settings", config.digest] if config.digest else []


def _executor(folder: str) -> Any:
    from submitit.slurm.slurm import SlurmExecutor  # takes 0.1 s; only submissions and dry runs need it

    class Composer(SlurmExecutor):
        """Composes scripts even without srun: a dry run needs no cluster."""

        @classmethod
        def affinity(cls) -> int:
            return 1

    return Composer(folder=folder)


def _log_folder(path: Path) -> str:
    text = str(path.absolute())
    special = sorted(set(text) & set("%\\"))
    if special:
        raise SpecError(f"workspace {path.parent.parent} has {special[0]!r} in its path, which SLURM would expand")
    _check("the workspace's path", text)
    return text


def _signal_delay(minutes: int | None) -> int:
    return SIGNAL_SECONDS if minutes is None else min(SIGNAL_SECONDS, minutes * 60 // 4)


def _extra(options: SlurmOptions, resources: Resources, runs_per_job: int) -> dict[str, Any]:
    """The other sbatch options. The value `true` gives an option without a value; `false` leaves the option out."""
    for name, value in options.extra.items():
        if problem := sbatch_options.problem(name, value):
            raise SpecError(f"{name!r} in [slurm.extra] {problem}")
    combined = {"dependency", "gres", "gpus", "gpus-per-task", *sbatch_options.MEMORY}  # with attnctl's own
    others = {name: value for name, value in given(options.extra).items() if name not in combined}
    parameters = others | gpu_request.read(options).options(resources)
    parameters |= memory_request.options(options, resources, runs_per_job)
    return {name.replace("-", "_"): True if value == "true" else value for name, value in parameters.items()}


def _check(name: str, value: object) -> None:
    """Raise SpecError for line breaks: they would end the #SBATCH line, and the shell would run the rest."""
    if isinstance(value, str) and (not value.isprintable() or not value):
        raise SpecError(f"{name} is {value!r}; it must be one line of text")
