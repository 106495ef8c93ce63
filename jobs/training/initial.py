"""Loads initial weights from another run or from a file, for runs that do not start from random weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnctl.files import open_regular
from attnctl.jobs.training import checkpoint
from attnctl.networks import surgery
from attnctl.spec import RunSpec
from attnctl.values import SpecError, comma_join
from attnctl.workspace import weight_files
from attnctl.workspace.layout import Workspace

_WRAPPERS = ("network", "model", "state_dict", "model_state_dict")
"""Keys under which a file may hold its weights."""

_ATTENTION = ".attention."
"""Part of the names of attention modules that follow another part: see `surgery.Attended`."""

_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""The auxiliary classifiers in torchvision's files of GoogLeNet and Inception v3; `backbones.build` leaves them out."""

_MAX_NAMES = 3
"""Messages list this many names; of further ones they give the number."""


@dataclass(frozen=True)
class Loaded:
    """What was loaded. missing: names that only the network has; unexpected: names that only the file has; reshaped:
    names whose shapes differ (a head for other classes). Missing and reshaped tensors keep their initialisation."""

    loaded: int
    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]


@dataclass(frozen=True, kw_only=True)
class Plain:
    """The network without its attention and with one more class, and its backbone as a classifier. The comparison with
    it shows which parts of a network are attention, and which depend on the number of classes.

    shapes: of the network's tensors, by name. classifier: names of the classifier's tensors; empty unless the network
    is a detector.
    """

    shapes: Mapping[str, torch.Size]
    classifier: Collection[str] = ()

    @classmethod
    def of(cls, network: nn.Module, classifier: nn.Module | None = None) -> Plain:
        """From the plain network and the classifier."""
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        return cls(shapes=shapes, classifier=set(classifier.state_dict()) if classifier is not None else ())

    @classmethod
    def of_run(cls, spec: RunSpec, sources: Path | None) -> Plain:
        """From a run's spec. sources: the workspace's folder of users' source files."""
        with torch.random.fork_rng(devices=[]):
            network = surgery.build_plain(spec, sources, more_classes=1)
            classifier = surgery.build_plain(replace(spec, model=""), sources) if spec.model else None
            return cls.of(network, classifier)


def load(network: nn.Module, init: str, workspace: Workspace, plain: Callable[[], Plain]) -> Loaded:
    """Load the weights that `RunSpec.init` names into a network. plain: of the network; called only if needed.

    A part has the same name with and without attention after it, so that the file of a plain backbone fits. The weights
    of a classifier fit into the body of a detector, whose names begin with its `body_prefix`.

    Raises SpecError if anything is left out besides what is meant to be initialised: attention if the file has none, a
    head for other classes, and the parts of a detector around a classifier.
    """
    kind, _, name = init.partition(":")
    weights = _of_run(workspace, name) if kind == "run" else _of_file(workspace.weights(name))
    own = network.state_dict()
    prefix = getattr(network, "body_prefix", "")
    if any(key.startswith(prefix) for key in weights):
        prefix = ""
    sources = _sources(own, weights, prefix)
    reshaped = [key for key, source in sources.items() if weights[source].shape != own[key].shape]
    fitting = {key: weights[source] for key, source in sources.items() if key not in reshaped}
    if not any(own[key].is_floating_point() for key in fitting):
        raise SpecError(f"no tensor of {init} fits this network; its first names are {list(weights)[:3]}")
    used = set(sources.values())
    result = Loaded(
        loaded=len(fitting),
        missing=[key for key in own if key not in sources],
        unexpected=[key for key in weights if key not in used and not _counts_batches(key, used)],
        reshaped=reshaped,
    )
    if result.missing or result.unexpected or result.reshaped:
        match = _Match(own, weights, sources, prefix, plain())
        _check_complete(result, match, init)
    network.load_state_dict(fitting, strict=False)
    return result


def _sources(own: Iterable[str], weights: Mapping[str, Tensor], prefix: str) -> dict[str, str]:
    """Map the names of the network to names of the weights. prefix: of the body that the weights belong to, if any."""
    plain = {_plain(name): name for name in weights if _ATTENTION not in name}
    sources = {}
    for key in own:
        if not key.startswith(prefix):
            continue  # a head with the same name is a different one
        name = key.removeprefix(prefix)
        source = name if name in weights else plain.get(_plain(name))
        if source is not None:
            sources[key] = source
    return sources


@dataclass(frozen=True)
class _Match:
    """Which tensors were matched. sources: network name to file name; prefix: of the body, in a detector."""

    own: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    sources: Mapping[str, str]
    prefix: str
    plain: Plain

    def may_be_missing(self, key: str) -> bool:
        """Whether it is outside the body, attention if the weights have none, or a count that old files lack."""
        norm, _, last = key.rpartition(".")
        counts = last == "num_batches_tracked" and f"{norm}.running_mean" in self.sources
        return counts or not key.startswith(self.prefix) or (self._is_attention(key) and self._all_attention_is_new)

    def may_be_reshaped(self, key: str) -> bool:
        """Whether the shapes differ only in dimensions that depend on the number of classes."""
        own, weights = self.own[key].shape, self.weights[self.sources[key]].shape
        plain = self.plain.shapes.get(_plain(key), own)
        if not len(own) == len(weights) == len(plain):
            return False
        return all(a == b or a != c for a, b, c in zip(own, weights, plain, strict=True))

    def may_be_left_out(self, name: str) -> bool:
        """Whether attention replaces it, or it belongs to a part that only the classifier has."""
        if _plain(self.prefix + name) in self.plain.shapes:
            return _plain(self.prefix + name) not in self._own_paths
        around = bool(self.prefix) and any(
            path in self._classifier_paths and self.prefix + path not in self._own_paths
            for path in _paths([_plain(name)])
        )
        return around or name.startswith(_AUXILIARY)

    def _is_attention(self, key: str) -> bool:
        return _plain(key) not in self.plain.shapes

    @cached_property
    def _all_attention_is_new(self) -> bool:
        return not any(map(self._is_attention, self.sources))

    @cached_property
    def _own_paths(self) -> Collection[str]:
        return _paths(map(_plain, self.own))

    @cached_property
    def _classifier_paths(self) -> Collection[str]:
        return _paths(self.plain.classifier)


def _paths(names: Iterable[str]) -> set[str]:
    """The names and the parts that contain them: `layer1`, `layer1.0`, `layer1.0.conv1`, `layer1.0.conv1.weight`."""
    return {path for name in names for path in accumulate(name.split("."), "{}.{}".format)}


def _check_complete(result: Loaded, match: _Match, init: str) -> None:
    """Raise SpecError if anything was left out that must come from the weights."""
    missing = [key for key in result.missing if not match.may_be_missing(key)]
    reshaped = [key for key in result.reshaped if not match.may_be_reshaped(key)]
    unexpected = [name for name in result.unexpected if not match.may_be_left_out(name)]
    problems = {"missing": missing, "of a different shape": reshaped, "not in this network": unexpected}
    details = [f"{problem}: {_first(names)}" for problem, names in problems.items() if names]
    if details:
        count = f"{result.loaded} of {len(match.own)} tensors load"
        raise SpecError(f"{init} does not fit this network: {count}; {'; '.join(details)}")


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return comma_join(names[:_MAX_NAMES]) + more


def _counts_batches(name: str, used: Collection[str]) -> bool:
    """Whether it is a norm's count of batches, which a frozen norm does not have."""
    norm, _, last = name.rpartition(".")
    return last == "num_batches_tracked" and f"{norm}.running_mean" in used


def _plain(name: str) -> str:
    """The name that the part has in a network without attention."""
    return name.replace(".part.", ".")


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


def _of_file(path: Path) -> Mapping[str, Tensor]:
    """The weights in a file written by torch.save; no code in it is executed."""
    weight_files.check(path)
    try:
        with open_regular(path) as stream:
            content: Any = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # for an invalid pickle, torch.load raises many different types
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SpecError(f"torch cannot load weights from {path}: {reason[0]}") from error
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise SpecError(f"{path} does not contain a state_dict (a mapping of names to tensors)")
    return {str(key).removeprefix("module."): value for key, value in content.items()}
