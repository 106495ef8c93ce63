"""The supervisor of a SLURM job that several runs share: it starts each of them as a step of its own.

It is to such a job what `attnctl.jobs.local` is to this machine. All evidence of a run keeps its place: its log, its
exit records, its checkpoints. The supervisor adds only what SLURM says of a job that has one run: that the run has
started or ended (an `Observed` record whose source is `step`).
"""
