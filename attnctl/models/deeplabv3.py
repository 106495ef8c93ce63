"""DeepLabV3 at output stride 16, of torchvision's parts; 39,638,869 parameters with ResNet-50 and 21 classes."""

from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.segmentation import DeepLabV3
from torchvision.models.segmentation.deeplabv3 import DeepLabHead

from attnctl.attention._norm import BatchNorm2d
from attnctl.models.body import apply_norms, ends_with_stride_16, kaiming


def build(body: nn.Module, classes: int, *, norms: str = "batch", size: int = 0) -> nn.Module:  # noqa: ARG001
    """DeepLabV3 (Chen et al., arXiv:1706.05587) around a ResNet, in the form that ELA's table 8 was made with.

    The last stage keeps its resolution; rates 6, 12 and 18; a tenth dropped before the last 3x3 convolution. body: its
    classifier is dropped. classes: with background. norms: as `body.apply_norms` takes them. size: nothing here depends
    on it: the network takes images whole, (B, 3, H, W) normalised, and gives {"out": logits (B, classes, H, W)}.
    Raises SpecError.
    """
    ends_with_stride_16(body)
    apply_norms(body, norms)
    backbone = IntermediateLayerGetter(body, {"layer4": "out"})
    head = DeepLabHead(body.inplanes, classes, (6, 12, 18))
    kaiming(head)
    for part in head.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.1
    pooled = head[0].convs[-1]
    pooled[2] = BatchNorm2d(pooled[2].num_features)  # one value a channel: a batch of one image has no variance
    network: nn.Module = DeepLabV3(backbone, head)
    network.body_prefix = "backbone."  # type: ignore[assignment]
    return network
