"""`attnctl merge`: copying the runs of another workspace into this one. The other workspace is only read.

    files.py      choosing the later copy of each file of an attempt
    attempts.py   ordering the attempts of one run from both workspaces
    plan.py       planning the merge without writing anything
    runs.py       merging one run; a kill at any point leaves it intact
    records.py    sweeps, submissions, sources, weights, imports and measurements
    apply.py      carrying out the plan

Two attempts are the same if their reservations (`Request.nonce`) are. The attempts of a run are ordered by reservation
time, with a completed one last, so the result does not depend on which workspace is merged into which.
"""

from attnctl.merge.apply import alone, apply, recover, unfinished
from attnctl.merge.plan import Plan, check, plan

__all__ = ["Plan", "alone", "apply", "check", "plan", "recover", "unfinished"]
