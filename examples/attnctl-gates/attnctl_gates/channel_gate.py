"""A gate of each channel by its own mean."""

from torch import Tensor, nn


class ChannelGate(nn.Module):
    """Each channel is scaled by the sigmoid of a line through its mean.

    bias: whether the line has an offset
    penalty: of the slopes' squares, in the loss
    """

    def __init__(self, channels: int, *, bias: bool = True, penalty: float = 0.0) -> None:
        super().__init__()
        self.penalty = penalty
        self.line = nn.Conv2d(channels, channels, 1, groups=channels, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) -> the same shape."""
        return x * self.line(x.mean((2, 3), keepdim=True)).sigmoid()

    def extra_loss(self) -> Tensor:
        """What is added to the loss, once a step."""
        return self.penalty * self.line.weight.square().sum()
