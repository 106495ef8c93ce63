"""The operations and parameters of a network, summed by group; counting conventions are sums over groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from attnctl.workspace import untrusted_json


@dataclass(frozen=True, order=True)
class Kind:
    """The key of a group of operations.

    name: conv, linear, batch_norm, instance_norm, layer_norm, pool (mean over the map), strip (mean over one axis of
        the map), avg_pool (over windows), max_pool, upsample, upsample_nearest or relu
    attention: inside an attention module
    layer: executed by its own layer of torch.nn; false for a function, which layer-based tools do not see
    last: in the last call of its module, the only one that a tool sees whose counts overwrite each other
    """

    name: str
    attention: bool = False
    layer: bool = True
    last: bool = True


@dataclass(frozen=True)
class Work:
    """Sums over one group of operations, for one image.

    macs: multiply-accumulates of convolutions and linear layers, without biases
    inputs, outputs: number of input and output values
    biased: number of output values of operations with a bias
    biased_inputs: the same, each multiplied by the input channels of its operation
    affine: number of input values of norms with scale and offset
    windows: number of output values of pools, each multiplied by the window size as thop counts it; for upsampling,
        multiplied by thop's operations per value
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

    layer: conv, linear, batch_norm, group_norm, layer_norm, instance_norm, or free (not in a layer)
    part: its name in its module, such as weight or bias
    calls: number of times that its module runs in one forward
    """

    layer: str
    part: str
    calls: int = 1


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The complexity of a network for one image.

    parameters: exact number
    macs: exact number, half of torch's FLOP count of convolutions and matrix products
    activation_bytes: size of the tensors that autograd saves in the forward of one float32 image, without the
        network's own; None if not measured
    works: kind -> its work
    roles: role -> number of its parameters
    """

    parameters: int
    macs: int
    activation_bytes: int | None
    works: dict[Kind, Work]
    roles: dict[Role, int]

    def document(self) -> dict[str, object]:
        """A JSON object for `read`."""
        return {
            "parameters": self.parameters,
            "macs": self.macs,
            "activation_bytes": self.activation_bytes,
            "works": [[asdict(kind), asdict(work)] for kind, work in sorted(self.works.items())],
            "roles": [[asdict(role), number] for role, number in sorted(self.roles.items())],
        }

    @classmethod
    def read(cls, document: Mapping[str, object]) -> Counts:
        """The counts of a `document`; raises ValueError if it is not one."""
        return untrusted_json.decode(cls, document)
