"""A loss of one's own: attnctl sweep none,se --loss examples/focal.py:Focal -p loss.gamma=1,2."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Focal(nn.Module):
    """Cross-entropy that counts well-classified samples less (Lin et al., Focal loss for dense object detection, 2017).

    gamma: how much less; 0 is the cross-entropy
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean over the batch."""
        loss = functional.cross_entropy(logits, targets, reduction="none")
        mean: Tensor = ((1 - (-loss).exp()) ** self.gamma * loss).mean()
        return mean
