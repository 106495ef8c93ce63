"""Which tensors of a network a set of weights fills, and what is left out by intent or by mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from attnctl.networks import surgery
from attnctl.spec import RunSpec
from attnctl.values import SpecError, first_of

_ATTENTION = ".attention."
"""Part of the names of attention modules that follow another part: see `surgery.Attended`."""

_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""The auxiliary classifiers in torchvision's files of GoogLeNet and Inception v3; `backbones.build` leaves them out."""

_OTHER_NAMES = {"linear": "fc", "shortcut": "downsample"}
"""Parts of ResNets in widely used repositories for CIFAR, and their names in torchvision."""

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


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How weights fit a network.

    sources: name in the network -> name in the weights, of each tensor that loads. total: tensors of the network.
    missed: problem -> names, of what is left out although the weights should have it. frozen: tensors that would keep
    their random initialisation and not be trained.
    """

    sources: Mapping[str, str]
    total: int
    loaded: Loaded
    missed: Mapping[str, list[str]] = field(default_factory=dict)
    frozen: list[str] = field(default_factory=list)

    def refusal(self, source: str, *, partial: bool) -> str:
        """Why the weights cannot be used; empty if they can. source: what they are, for the message.

        partial: weights that fit only partly are accepted.
        """
        if self.frozen:
            return (
                f"{source} leaves tensors random that this network freezes: {first_names(self.frozen)}; start from "
                "weights that have them, or train them with --norms batch"
            )
        if partial or not self.missed:
            return ""
        return f"{source} does not fit this network: {self.words()}; --init-partial accepts that"

    def words(self) -> str:
        """Such as `31 of 727 tensors load; missing: features.norm0.weight`."""
        details = [f"{problem}: {first_names(names)}" for problem, names in self.missed.items()]
        return "; ".join([f"{self.loaded.loaded} of {self.total} tensors load", *details])


def fit(network: nn.Module, weights: Mapping[str, Tensor], plain: Callable[[], Plain], source: str) -> Fit:
    """Compare weights with a network; only names and shapes matter. plain: of the network; called only if needed.

    A part has the same name with and without attention after it, so that the file of a plain backbone fits. The weights
    of a classifier fit into the body of a detector, whose names begin with its `body_prefix`.

    Meant to be left out: attention if the weights have none, a head for other classes, and the parts of a detector
    around a classifier. Raises SpecError if nothing fits. source: what the weights are, for the message.
    """
    own = network.state_dict()
    prefix: str = getattr(network, "body_prefix", "")
    if any(key.startswith(prefix) for key in weights):
        prefix = ""
    matched = _sources(own, weights, prefix)
    reshaped = [key for key, name in matched.items() if weights[name].shape != own[key].shape]
    fitting = {key: name for key, name in matched.items() if key not in reshaped}
    if not any(own[key].is_floating_point() for key in fitting):
        raise SpecError(f"no tensor of {source} fits this network; its first names are {list(weights)[:3]}")
    used = set(matched.values())
    loaded = Loaded(
        loaded=len(fitting),
        missing=[key for key in own if key not in matched],
        unexpected=[name for name in weights if name not in used and not _counts_batches(name, used)],
        reshaped=reshaped,
    )
    if not (loaded.missing or loaded.unexpected or loaded.reshaped):
        return Fit(sources=fitting, total=len(own), loaded=loaded)
    match = _Match(own, weights, matched, prefix, plain())
    untrained = frozen_names(network)
    return Fit(
        sources=fitting,
        total=len(own),
        loaded=loaded,
        missed=match.missed(loaded),
        frozen=[key for key in (*loaded.missing, *reshaped) if key in untrained and key.startswith(prefix)],
    )


def frozen_names(network: nn.Module) -> set[str]:
    """The names of a network's tensors that training never changes and that an initialisation sets."""
    names = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    for path, module in network.named_modules():
        if isinstance(module, FrozenBatchNorm2d):
            names |= {f"{path}.{name}" for name in ("weight", "bias")}
    return names


def renamed(weights: Mapping[str, Any], own: Collection[str]) -> dict[str, str]:
    """Name for the network -> name in the weights: parts that only the weights name so have the network's names."""
    parts = {part for name in own for part in name.split(".")}
    known = {old: new for old, new in _OTHER_NAMES.items() if old not in parts and new in parts}
    return {".".join(known.get(part, part) for part in name.split(".")): name for name in weights}


def _sources(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], prefix: str) -> dict[str, str]:
    """Map the names of the network to names of the weights. prefix: of the body that the weights belong to, if any."""
    named = renamed(weights, own)
    plain = {_plain(new): name for new, name in named.items() if _ATTENTION not in new}
    sources = {}
    for key in own:
        if not key.startswith(prefix):
            continue  # a head with the same name is a different one
        name = key.removeprefix(prefix)
        source = named.get(name) or plain.get(_plain(name))
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

    def missed(self, loaded: Loaded) -> dict[str, list[str]]:
        """Problem -> names, of what was left out but must come from the weights."""
        problems = {
            "missing": [key for key in loaded.missing if not self.may_be_missing(key)],
            "of a different shape": [key for key in loaded.reshaped if not self.may_be_reshaped(key)],
            "not in this network": [name for name in loaded.unexpected if not self.may_be_left_out(name)],
        }
        return {problem: names for problem, names in problems.items() if names}

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


def first_names(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return first_of(names, _MAX_NAMES)


def _counts_batches(name: str, used: Collection[str]) -> bool:
    """Whether it is a norm's count of batches, which a frozen norm does not have."""
    norm, _, last = name.rpartition(".")
    return last == "num_batches_tracked" and f"{norm}.running_mean" in used


def _plain(name: str) -> str:
    """The name that the part has in a network without attention."""
    return name.replace(".part.", ".")
