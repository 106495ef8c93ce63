"""What runs cost: time per step from earlier runs and trials, else scaled from similar ones, else from counts.

    shapes.py         what determines the time of a step, and the number of steps of a run
    devices.py        assumed speeds of devices, for shapes of which nothing similar was measured
    observations.py   measured speeds, read from the index and from trials
    scaling.py        the time of one shape from that of another
    model.py          the estimate: seconds with a range, and its source
    time_limit.py     a time limit for jobs from the estimate
    predictions.py    the estimates of completed runs beside their measured times

Nothing here imports torch.
"""

from attnctl.cost.model import CostModel, Estimate
from attnctl.cost.observations import Observation, observations
from attnctl.cost.shapes import Machine

__all__ = ["CostModel", "Estimate", "Machine", "Observation", "observations"]
