"""DeepLabV3 at output stride 16, built from torchvision's parts; 39,638,869 parameters with ResNet-50, 21 classes."""

from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.segmentation import DeepLabV3
from torchvision.models.segmentation.deeplabv3 import DeepLabHead

from attnctl.attention._norm import BatchNorm2d
from attnctl.models.body import apply_norms, dilate_last_stage, kaiming


def build(body: nn.Module, classes: int, *, norms: str = "batch", size: int = 0) -> nn.Module:  # noqa: ARG001
    """DeepLabV3 (Chen et al., arXiv:1706.05587) around a ResNet, as used for ELA's table 8.

    The last stage keeps its resolution; the dilation rates are 6, 12 and 18, the dropout after the pyramid is 0.1.
    The network maps normalised images (B, 3, H, W) to {"out": logits (B, classes, H, W)}.

    body: its classifier is dropped. classes: with background. norms: as for `body.apply_norms`. size: ignored, because
    the network accepts images of any size. Raises SpecError.
    """
    dilate_last_stage(body)
    apply_norms(body, norms)
    backbone = IntermediateLayerGetter(body, {"layer4": "out"})
    head = DeepLabHead(body.inplanes, classes, (6, 12, 18))
    kaiming(head)
    for module in head.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.1
    pooled = head[0].convs[-1]
    pooled[2] = BatchNorm2d(pooled[2].num_features)  # one value per channel: a batch of one image has no variance
    network: nn.Module = DeepLabV3(backbone, head)
    network.body_prefix = "backbone."  # type: ignore[assignment]
    return network
