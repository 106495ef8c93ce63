"""Loads initial weights from another run or from a file, for runs that do not start from random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from attnctl.jobs.training import checkpoint
from attnctl.networks.weights.match import Loaded, Plain, fit
from attnctl.networks.weights.read import read
from attnctl.spec import Start
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace


def load(network: nn.Module, init: str, workspace: Workspace, plain: Callable[[], Plain]) -> Loaded:
    """Load the weights that `RunSpec.init` names into a network. plain: of the network; called only if needed.

    Raises SpecError if anything is left out besides what is meant to be initialised (see `match.fit`), unless `init`
    accepts that, and always if a tensor would be frozen at random.
    """
    start = Start.of(init)
    weights = _of_run(workspace, start.run) if start.run else read(workspace.weights(start.file))
    found = fit(network, weights, plain, init)
    if refusal := found.refusal(init, partial=start.partial):
        raise SpecError(refusal)
    network.load_state_dict({key: weights[name] for key, name in found.sources.items()}, strict=False)
    return found.loaded


def _of_run(workspace: Workspace, run_id: str) -> Mapping[str, Tensor]:
    run = workspace.run(run_id)
    if not run.completed:
        raise SpecError(f"run {run_id}, which provides the initial weights, is not completed")
    skipped: list[str] = []
    newest = checkpoint.newest(run, skipped.append)
    if newest is None:
        raise SpecError("; ".join([f"run {run_id} has no valid checkpoint to start from", *skipped]))
    path, state = newest
    if run.last_step not in {0, state["step"]}:
        problem = f"run {run_id} was completed at step {run.last_step}, but its newest valid checkpoint is {path}"
        raise SpecError("; ".join([problem, *skipped]))
    return state["averaged"] if state.get("averaged") else state["network"]  # type: ignore[no-any-return]
