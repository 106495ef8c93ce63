"""What differs between SLURM's releases, each with its man page. tests/slurm runs on 22.05, 24.11 and 26.05.

The functions recognise the form of a value, so no version number is needed. Differences that need no function:

- Since 22.05, srun does not inherit --cpus-per-task (srun(1)): jobs.submission.script passes it to srun.
- Since 22.05, `scontrol show node` prints CPUEfctv, the CPUs without the reserved ones (scontrol(1)): jobs.slurm.nodes
  reads CPUTot where it is missing.
- On 22.05, `scancel --name=TAG 12_[0-1]` cancels all pending tasks of array 12, on 24.11 and 26.05 only those two
  (scancel(1)): jobs.slurm.cancel never passes a name.
- On 24.11 and 26.05, the reason of a batch script that was killed is `RaisedSignal:9(Killed)`, on 22.05 NonZeroExitCode
  (squeue(1), JOB REASON CODES): the exit code decides.
- On a node without the folder of the job's log, 22.05 ends the job with exit code 0:53. 24.11 and 26.05 create the
  folder there and run the script, which fails with 1:0 and leaves no log in the workspace (sbatch(1), --output):
  lifecycle.state takes both as a launch that failed.
- On 26.05, a job that was submitted with --requeue=expedite is EXPEDITING while it waits to be restarted (sbatch(1)):
  lifecycle.state takes it as queued.
- On 26.05, sbatch refuses --gpus-per-node together with --gres=gpu (sbatch(1)): settings.gpu_request makes exactly one
  request.
- On 26.05, sbatch accepts a job of more nodes than its partition has, with the reason PartitionNodeLimit (squeue(1)):
  lifecycle.advice says that it can never start. `sbatch --test-only` refuses it on every release.
"""

from __future__ import annotations

import re
from typing import Literal

PROLOG_ERROR = "Prolog error"
"""The reason of a node whose prolog failed (sinfo(1), %E). On 22.05, the log of a job that may not be requeued says
`Error running slurm prolog: 1`; on 24.11 and 26.05 it has no log, and this is the only trace (slurm.conf(5), Prolog).
"""


def exit_code(text: str) -> str:
    """The exit code of `squeue -O exit_code` in the form of sacct: `137:0`, or `0:9` for a signal; "" if it is neither.

    22.05 prints one number, the status of wait(2). 24.11 and 26.05 print `CODE:SIGNAL` (squeue(1), exit_code).
    """
    if re.fullmatch(r"[0-9]{1,5}:[0-9]{1,3}", text):
        return text
    if not re.fullmatch(r"[0-9]{1,9}", text):
        return ""
    code, signal = divmod(int(text), 256)
    return f"{code}:{signal & 127}"


def signal_of_step(code: str, derived: str) -> str:
    """The exit code of a job as a signal, `0:10`, if its step was ended by that signal; else unchanged.

    srun exits with the number of the signal that ended a task, so that SIGINT looks like exit code 2. DerivedExitCode
    is the highest of the job's steps, and keeps the signal (sacct(1), DerivedExitCode).
    """
    number = derived.removeprefix("0:")
    return derived if derived == f"0:{number}" and number != "0" and code == f"{number}:0" else code


def requested_memory(text: str) -> tuple[str, Literal["node", "core", "job"]]:
    """The amount in sacct's ReqMem, and of what it is the memory.

    Before 21.08 it ends in n (per node) or c (per core); since then it is that of the whole job (sacct(1), ReqMem).
    """
    if text.endswith("n"):
        return text[:-1], "node"
    return (text[:-1], "core") if text.endswith("c") else (text, "job")
