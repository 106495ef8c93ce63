"""MobileNeXt as in its authors' released code, which matches the published counts (the paper's text differs)."""

from math import ceil

from torch import Tensor, nn

# expansion, outputs, blocks, stride of the first block (Zhou et al., ECCV 2020, arXiv:2007.02269, table 2)
STAGES = (
    (2, 96, 1, 2),
    (6, 144, 1, 1),
    (6, 192, 3, 2),
    (6, 288, 3, 2),
    (6, 384, 4, 1),
    (6, 576, 4, 2),
    (6, 960, 3, 1),
    (6, 1280, 1, 1),
)


class FullBlock(nn.Module):
    """A sandglass block with both depthwise convolutions, and a shortcut if `residual`."""

    def __init__(self, inputs: int, outputs: int, reduction: int, stride: int, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.depthwise1 = _convolution(inputs, inputs, 3, groups=inputs, act=True)
        self.reduce, self.expand = _bottleneck(inputs, outputs, reduction)
        self.depthwise2 = _convolution(outputs, outputs, 3, stride, groups=outputs)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        out = self.depthwise2(self.expand(self.reduce(self.depthwise1(x))))
        return out + x if self.residual else out


class NarrowBlock(nn.Sequential):
    """The first block of a stage, which changes the channels: no shortcut; a depthwise one only if it halves."""

    def __init__(self, inputs: int, outputs: int, reduction: int, stride: int) -> None:
        super().__init__()
        self.reduce, self.expand = _bottleneck(inputs, outputs, reduction)
        if stride == 2:
            self.depthwise2 = _convolution(outputs, outputs, 3, stride, groups=outputs)


class MobileNeXt(nn.Module):
    """MobileNeXt 1.0; 3,535,416 parameters with 1000 classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = [_convolution(3, 32, 3, 2, act=True)]
        inputs = 32
        for reduction, outputs, count, stride in STAGES:
            if reduction == 2 or (count == 1 and stride == 1):
                blocks.append(FullBlock(inputs, outputs, reduction, stride, residual=False))
            else:
                blocks.append(NarrowBlock(inputs, outputs, reduction, stride))
            blocks += [FullBlock(outputs, outputs, reduction, 1, residual=True) for _ in range(count - 1)]
            inputs = outputs
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(inputs, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                deviation = (2 / (module.kernel_size[0] * module.kernel_size[1] * module.out_channels)) ** 0.5
                nn.init.normal_(module.weight, std=deviation)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) -> logits (B, classes)."""
        return self.classifier(self.features(x).mean((2, 3)))


def mobilenext(classes: int) -> nn.Module:
    """MobileNeXt 1.0."""
    return MobileNeXt(classes)


def _bottleneck(inputs: int, outputs: int, reduction: int) -> tuple[nn.Module, nn.Module]:
    """The two 1x1 convolutions; the hidden width is at least a sixth of the outputs, rounded to 16 as released."""
    hidden = inputs // reduction
    if hidden < outputs / 6:
        hidden = _to_sixteens(ceil(outputs / 6))
    return _convolution(inputs, hidden, 1), _convolution(hidden, outputs, 1, act=True)


def _to_sixteens(width: int) -> int:
    """The nearest multiple of 16 that is not more than 10% smaller, as MobileNets round their widths."""
    rounded = max(16, (width + 8) // 16 * 16)
    return rounded + 16 if rounded < 0.9 * width else rounded


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, act: bool = False
) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), *([nn.ReLU6(inplace=True)] if act else []))
