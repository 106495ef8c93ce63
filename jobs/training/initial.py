"""The weights that a run starts from when it does not start from its seed's: another run's, or a file's."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnctl.jobs.training import checkpoint
from attnctl.values import SpecError
from attnctl.workspace.layout import Workspace

_WRAPPED = ("network", "model", "state_dict", "model_state_dict")
"""Under which a file may hold its weights."""


@dataclass(frozen=True)
class Loaded:
    """What became of the weights: names of the network that the file lacks, of the file that the network lacks, and of
    those whose shapes differ (a head for other classes); each kept its own initialisation, or was left out."""

    loaded: int
    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]


def load(network: nn.Module, init: str, workspace: Workspace) -> Loaded:
    """Put the weights that `RunSpec.init` names into a network. Raises SpecError.

    A name stands for the same part with and without attention after it, so that a plain backbone's file fits. Those of
    a classifier fit into the body of a detector, which is under its `body_prefix`.
    """
    kind, _, name = init.partition(":")
    weights = _of_run(workspace, name) if kind == "run" else _of_file(workspace.weights(name))
    own = network.state_dict()
    sources = _sources(own, weights, getattr(network, "body_prefix", ""))
    reshaped = [key for key, source in sources.items() if weights[source].shape != own[key].shape]
    fitting = {key: weights[source] for key, source in sources.items() if key not in reshaped}
    if not any(own[key].is_floating_point() for key in fitting):
        raise SpecError(f"no weight of {init} fits this network; its first names are {list(weights)[:3]}")
    network.load_state_dict(fitting, strict=False)
    used = set(sources.values())
    return Loaded(
        loaded=len(fitting),
        missing=[key for key in own if key not in sources],
        unexpected=[key for key in weights if key not in used and not _counts_batches(key, used)],
        reshaped=reshaped,
    )


def _sources(own: Iterable[str], weights: Mapping[str, Tensor], prefix: str) -> dict[str, str]:
    """Name in the network -> name in the weights, where there is one. prefix: of the body in the network."""
    plain = {_plain(name): name for name in weights if ".attention." not in name}
    of_body = bool(prefix) and not any(name.startswith(prefix) for name in weights)
    found = {}
    for key in own:
        if of_body and not key.startswith(prefix):
            continue  # a head of the same name is another one
        name = key.removeprefix(prefix) if of_body else key
        source = name if name in weights else plain.get(_plain(name))
        if source is not None:
            found[key] = source
    return found


def _counts_batches(name: str, used: Collection[str]) -> bool:
    """Whether it is the count of a norm's batches, which a frozen norm does not have."""
    norm, _, last = name.rpartition(".")
    return last == "num_batches_tracked" and f"{norm}.running_mean" in used


def _plain(name: str) -> str:
    """The name that a part has without attention after it."""
    return name.replace(".part.", ".")


def _of_run(workspace: Workspace, run_id: str) -> Mapping[str, Tensor]:
    run = workspace.run(run_id)
    if not run.completed:
        raise SpecError(
            f"run {run_id}, whose weights this run starts from, has not completed; "
            f"finish it (attnctl resume {run_id}), then start this run again: attnctl resume --force"
        )
    refused: list[str] = []
    found = checkpoint.newest(run, refused.append)
    if found is None:
        raise SpecError(f"run {run_id} has no checkpoint to start from" + "".join(f"; {words}" for words in refused))
    state = found[1]
    return state["averaged"] if state.get("averaged") else state["network"]  # type: ignore[no-any-return]


def _of_file(path: Path) -> Mapping[str, Tensor]:
    """The weights in a file that torch.save wrote; nothing in it is executed."""
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise SpecError(f"{path} holds no weights that torch can load: {str(error).splitlines()[0]}") from error
    for key in _WRAPPED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise SpecError(f"{path} holds no state_dict: names and tensors")
    return {str(key).removeprefix("module."): value for key, value in found.items()}
