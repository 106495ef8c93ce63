"""Runs sbatch so that the script, and not a variable of the user's shell, decides about the job.

sbatch reads about sixty variables SBATCH_*, and they override the options of the script (sbatch(1), INPUT ENVIRONMENT
VARIABLES, in all releases). Those about the account and the place of a job pass unless the script has that option; all
others are removed, also those that a later release will add.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from attnctl.jobs.slurm import commands
from attnctl.settings.config import OF_VARIABLES, SlurmOptions

_PREFIX = "SBATCH_"
_OPEN = {
    "SBATCH_ACCOUNT": "account",
    "SBATCH_CLUSTERS": "clusters",
    "SBATCH_CONSTRAINT": "constraint",
    "SBATCH_PARTITION": "partition",
    "SBATCH_QOS": "qos",
    "SBATCH_RESERVATION": "reservation",
    "SBATCH_WCKEY": "wckey",
    "SLURM_CLUSTERS": "clusters",
}
"""The variables that may decide what the script leaves open, and the option of each."""

_OF_THE_OUTER_JOB = (
    "CUDA_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
    "TMPDIR",
)
"""What SLURM (gres.conf(5)) or a site's prolog sets for one job; a job that submits another must not hand it on."""

CHOSEN_INTERFACES = "ATTNCTL_INTERFACES"
"""The names of the variables in which a worker has chosen network interfaces; another node's can have other names."""


_ANSWER = re.compile(r"([0-9]{1,10})(?:;([A-Za-z0-9_.-]+))?")
"""What `sbatch --parsable` prints of a job (sbatch(1))."""


@dataclass(frozen=True)
class Accepted:
    """A job that SLURM took. cluster: the one that took it, where sbatch names it."""

    job_id: str
    cluster: str | None


def submit_script(script: str, timeout: float) -> Accepted | None:
    """Submit a script; None if sbatch succeeded without printing a job id. Raises CommandError.

    timeout: seconds until sbatch is stopped.
    """
    return read_answer(sbatch(script, "--parsable", timeout=timeout))


def read_answer(text: str) -> Accepted | None:
    """The job in the output of `sbatch --parsable`: the last line of the form `77` or `77;cluster`.

    A site's wrapper may print a banner around it.
    """
    answers = [match for line in text.splitlines() if (match := _ANSWER.fullmatch(line.strip()))]
    return Accepted(answers[-1][1], answers[-1][2]) if answers else None


def sbatch(script: str, *options: str, timeout: float = commands.TIMEOUT) -> str:
    """Run sbatch with the script as its standard input; returns its output. Raises CommandError."""
    return commands.run(["sbatch", *options], stdin=script, timeout=timeout, env=environment(script, os.environ))


def rejects_partition(names: str, cluster: str | None) -> bool:
    """Whether sbatch rejects a job for these partitions (`a,b`); a site's submit plugin may know other names."""
    options = ["--test-only", "--partition", names, *commands.on_cluster(cluster)]
    try:
        sbatch("#!/bin/sh\n", *options)
    except commands.CommandError as error:
        return "invalid partition" in error.message.lower()
    return False


def environment(script: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for sbatch, and through it for the job."""
    dropped = {*ignored(environ), *(name for name, option in _OPEN.items() if _has(script, option))}
    if "SLURM_JOB_ID" in environ:
        dropped.update(_OF_THE_OUTER_JOB)
    dropped.update(environ.get(CHOSEN_INTERFACES, "").split())
    return {name: value for name, value in commands.environment(environ).items() if name not in dropped}


def ignored(environ: Mapping[str, str]) -> list[str]:
    """The names of the variables that sbatch would obey, but never gets."""
    return sorted(name for name in environ if name.startswith(_PREFIX) and name not in _OPEN)


def exported(environ: Mapping[str, str]) -> dict[str, str]:
    """The options that the variables set where a script leaves them open, and that later attempts keep."""
    values = {option: environ[name] for name, option in _OPEN.items() if option in OF_VARIABLES and name in environ}
    return {option: value for option, value in values.items() if value and value.isprintable()}


def open_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that may decide what a script leaves open, for who submits more under the same conditions."""
    return {name: environ[name] for name in _OPEN if name in environ and environ[name].isprintable()}


def default_partition(environ: Mapping[str, str]) -> str | None:
    """The partition of a job whose script names none; None for the cluster's default."""
    return environ.get("SBATCH_PARTITION") or None


def target_cluster(clusters: str | None, environ: Mapping[str, str]) -> str | None:
    """The cluster that jobs go to, the first if there are several; None for the local one.

    clusters: those in the settings, joined by commas.
    """
    text = clusters or environ.get("SBATCH_CLUSTERS")
    return text.partition(",")[0] if text else None


def target(options: SlurmOptions, environ: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The partition and the cluster that jobs with these settings go to; None for the default and for the local one."""
    partition = options.partition or default_partition(environ)
    return partition, target_cluster(options.target_clusters, environ)


def _has(script: str, option: str) -> bool:
    return re.search(rf"^#SBATCH --{option}(?:[= ]|$)", script, re.MULTILINE) is not None
