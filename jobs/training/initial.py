"""The weights that a run starts from when it does not start from its seed's: another run's, or a file's."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnctl.jobs.training import checkpoint
from attnctl.networks import surgery
from attnctl.spec import RunSpec
from attnctl.values import SpecError, comma_join
from attnctl.workspace.layout import Workspace

_WRAPPED = ("network", "model", "state_dict", "model_state_dict")
"""Under which a file may hold its weights."""

_ATTENTION = ".attention."
"""In the names of attention after a part: see `surgery.Attended`."""

_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""The auxiliary classifiers in torchvision's files of GoogLeNet and Inception v3; `backbones.build` leaves them out."""

_NAMED = 3
"""More names than this are counted."""


@dataclass(frozen=True)
class Loaded:
    """What became of the weights: names of the network that the file lacks, of the file that the network lacks, and of
    those whose shapes differ (a head for other classes); each kept its own initialisation, or was left out."""

    loaded: int
    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]


@dataclass(frozen=True, kw_only=True)
class Plain:
    """The network without its attention and with one class more, and its backbone as a classifier: what shows which
    parts of a network are its attention, and which are made for a number of classes.

    shapes: of the network's tensors by name. classifier: names of the classifier's tensors; empty unless the network is
    a detector.
    """

    shapes: Mapping[str, torch.Size]
    classifier: Collection[str] = ()

    @classmethod
    def of(cls, network: nn.Module, classifier: nn.Module | None = None) -> Plain:
        """Of the plain network, and of the classifier."""
        shapes = {name: tensor.shape for name, tensor in network.state_dict().items()}
        return cls(shapes=shapes, classifier=set(classifier.state_dict()) if classifier is not None else ())

    @classmethod
    def of_run(cls, spec: RunSpec, sources: Path | None) -> Plain:
        """Of a run. sources: the workspace's folder of users' files."""
        with torch.random.fork_rng(devices=[]):
            network = surgery.build_plain(spec, sources, more_classes=1)
            classifier = surgery.build_plain(replace(spec, model=""), sources) if spec.model else None
            return cls.of(network, classifier)


def load(network: nn.Module, init: str, workspace: Workspace, plain: Callable[[], Plain]) -> Loaded:
    """Put the weights that `RunSpec.init` names into a network. plain: of the network, asked for only if need be.

    A name stands for the same part with and without attention after it, so that a plain backbone's file fits. Those of
    a classifier fit into the body of a detector, which is under its `body_prefix`.

    Raises SpecError when more is left out than what begins anew by intent: attention that the file has nowhere, a head
    for other classes, and the parts of a detector around a classifier.
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
        raise SpecError(f"no weight of {init} fits this network; its first names are {list(weights)[:3]}")
    used = set(sources.values())
    found = Loaded(
        loaded=len(fitting),
        missing=[key for key in own if key not in sources],
        unexpected=[key for key in weights if key not in used and not _counts_batches(key, used)],
        reshaped=reshaped,
    )
    if found.missing or found.unexpected or found.reshaped:
        match = _Match(own, weights, sources, prefix, plain())
        _check_whole(found, match, init)
    network.load_state_dict(fitting, strict=False)
    return found


def _sources(own: Iterable[str], weights: Mapping[str, Tensor], prefix: str) -> dict[str, str]:
    """Name in the network -> name in the weights, where there is one. prefix: of the body that they are of, if any."""
    plain = {_plain(name): name for name in weights if _ATTENTION not in name}
    found = {}
    for key in own:
        if not key.startswith(prefix):
            continue  # a head of the same name is another one
        name = key.removeprefix(prefix)
        source = name if name in weights else plain.get(_plain(name))
        if source is not None:
            found[key] = source
    return found


@dataclass(frozen=True)
class _Match:
    """Which tensors of the weights go where. prefix: of the body in a detector that starts from a classifier."""

    own: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    sources: Mapping[str, str]
    prefix: str
    plain: Plain

    def may_be_missing(self, key: str) -> bool:
        """Whether it is around the body, of attention that the weights have nowhere, or a count that old files lack."""
        norm, _, last = key.rpartition(".")
        counts = last == "num_batches_tracked" and f"{norm}.running_mean" in self.sources
        return counts or not key.startswith(self.prefix) or (self._is_attention(key) and self._all_attention_is_new)

    def may_be_reshaped(self, key: str) -> bool:
        """Whether the shapes differ only where the number of classes decides."""
        own, weights = self.own[key].shape, self.weights[self.sources[key]].shape
        plain = self.plain.shapes.get(_plain(key), own)
        if not len(own) == len(weights) == len(plain):
            return False
        return all(a == b or a != c for a, b, c in zip(own, weights, plain, strict=True))

    def may_be_left_out(self, name: str) -> bool:
        """Whether attention has taken its place, or it is of a part that a classifier has and the network has not."""
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
    """The names, and the parts that they are in: `layer1`, `layer1.0`, `layer1.0.conv1`, `layer1.0.conv1.weight`."""
    return {path for name in names for path in accumulate(name.split("."), "{}.{}".format)}


def _check_whole(found: Loaded, match: _Match, init: str) -> None:
    """Raise SpecError when something is left out that has to come from the weights."""
    missing = [key for key in found.missing if not match.may_be_missing(key)]
    reshaped = [key for key in found.reshaped if not match.may_be_reshaped(key)]
    unexpected = [name for name in found.unexpected if not match.may_be_left_out(name)]
    faults = {"missing": missing, "of another shape": reshaped, "not in this network": unexpected}
    words = [f"{fault}: {_first(names)}" for fault, names in faults.items() if names]
    if words:
        count = f"{found.loaded} of {len(match.own)} tensors load"
        raise SpecError(f"{init} does not fit this network: {count}; {'; '.join(words)}")


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return comma_join(names[:_NAMED]) + more


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
