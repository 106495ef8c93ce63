"""A user's own attention module, as the text of its file."""

MODULE = '''
from torch import nn


class Gate(nn.Module):
    """A gate."""

    version = 1

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.scale(x).sigmoid()
'''
