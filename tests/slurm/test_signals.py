"""Processes that are ended by a signal, on a real SLURM: from outside they are killed, by their own fault in error."""

import shlex
import sys
from collections.abc import Callable

import pytest

from attnctl.spec import RunSpec
from tests.slurm.real_cluster import Cluster

pytestmark = pytest.mark.slurm
Specs = Callable[..., list[RunSpec]]
OUTSIDE = ["HUP", "INT", "KILL", "USR1", "USR2", "TERM"]
FAULTS = ["SEGV", "ABRT", "BUS", "FPE"]


def test_a_signal_from_outside_is_a_kill_and_one_of_its_own_an_error(cluster: Cluster, make_specs: Specs) -> None:
    names = [*OUTSIDE, *FAULTS]
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
        "os.kill(os.getpid(), signal.Signals['SIG' + sys.argv[1]])"
    )
    setup = (
        f"signals=({' '.join(names)})",
        # Instead of training; the worker's folder is there, as after its start.
        'srun() { mkdir -p "$attnctl_attempt/0"; command srun --kill-on-bad-exit=1 '
        f'{shlex.quote(sys.executable)} -c "{code}" "${{signals[$SLURM_ARRAY_TASK_ID]}}"; }}',
    )
    done = cluster.submit(make_specs(len(names)), setup=setup)
    states = cluster.until(done, lambda states: not {"queued", "running"} & set(states))
    assert states == ["killed"] * len(OUTSIDE) + ["code error"] * len(FAULTS), cluster.verdicts(done)
