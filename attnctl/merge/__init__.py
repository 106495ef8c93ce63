"""Another workspace's runs taken into this one: `attnctl merge`. The other one is only read.

    files.py      two copies of one attempt's folder: which files of which are the later ones
    attempts.py   the attempts of one run in both workspaces, in one order
    plan.py       what is to be done, and what is left out and why; nothing is written
    runs.py       doing it for one run, so that a kill at any point leaves it whole
    records.py    sweeps, submissions, sources, weights, imports and measurements
    apply.py      doing all of it

An attempt is the same in both when its reservation is: `Request.nonce`. The attempts of a run are put in the order of
their reservations, one that completed last; so what they come to does not depend on which workspace took in which.
"""

from attnctl.merge.apply import alone, apply, recover, unfinished
from attnctl.merge.plan import Plan, check, plan

__all__ = ["Plan", "alone", "apply", "check", "plan", "recover", "unfinished"]
