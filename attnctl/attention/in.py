"""IN, instance normalisation."""

from attnctl.attention._norm import GroupNorm


class IN(GroupNorm):
    """Instance Normalization (Ulyanov et al., arXiv:1607.08022, equation 4): replaces a norm layer.

    Each channel of each image is standardised over its map, in training and in evaluation, then scaled and shifted.
    """

    version = 1
    replaces = True

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels)
