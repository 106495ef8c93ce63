"""The operations and parameters of a network, summed by group; counting conventions are sums over groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from attnctl.workspace import untrusted_json


@dataclass(frozen=True, order=True)
class Kind:
    """The key of a group of operations.

    name: conv, linear, batch_norm, instance_norm, layer_norm, pool (a mean over the map), strip (a mean over one axis
        of it), avg_pool (over windows), max_pool, upsample, upsample_nearest, relu
    attention: inside an attention module
    layer: done by a layer of torch.nn made for it; false when a function does it, which tools that look at layers miss
    last: the last call of its module: a tool that overwrites its counts sees only this one
    """

    name: str
    attention: bool = False
    layer: bool = True
    last: bool = True


@dataclass(frozen=True)
class Work:
    """Sums over one group of operations, for one image.

    macs: multiply-accumulates of convolutions and linear layers, without biases
    inputs, outputs: values read and written
    biased: outputs of operations with a bias; biased_inputs: these, each times the channels that it is made from
    affine: inputs of norms with scale and offset
    windows: outputs of pools, each times the size of its window as thop takes it; of an upsampling, its arithmetic
    """

    macs: int = 0
    inputs: int = 0
    outputs: int = 0
    biased: int = 0
    biased_inputs: int = 0
    affine: int = 0
    windows: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Work)})


@dataclass(frozen=True, order=True)
class Role:
    """The role of a parameter.

    layer: conv, linear, batch_norm, group_norm, layer_norm, instance_norm, or free: a parameter that is no layer's
    part: its name in its module, such as weight or bias
    calls: how often its module runs in one forward
    """

    layer: str
    part: str
    calls: int = 1


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The complexity of a network for one image.

    parameters: exact; macs: exact, torch's own count of convolutions and matrix products, halved
    activation_bytes: what autograd saves in the forward of one float32 image, except the network's own tensors; None
        if not requested
    """

    parameters: int
    macs: int
    activation_bytes: int | None
    works: dict[Kind, Work]
    roles: dict[Role, int]

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "parameters": self.parameters,
            "macs": self.macs,
            "activation_bytes": self.activation_bytes,
            "works": [[asdict(kind), asdict(work)] for kind, work in sorted(self.works.items())],
            "roles": [[asdict(role), number] for role, number in sorted(self.roles.items())],
        }

    @classmethod
    def read(cls, document: Mapping[str, object]) -> Counts:
        """From `document`; raises ValueError for anything else."""
        return untrusted_json.decode(cls, document)
