"""Modules as a user writes them: one that works, and one for each fault that a probe finds."""

GOOD = """
import torch
from torch import nn


class Good(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.conv(x).sigmoid()


"""
WRONG_SHAPE = """
class WrongShape(Good):
    def forward(self, x):
        return x[:, :, ::2]


"""
NOT_FINITE = """
class NotFinite(Good):
    def forward(self, x):
        return x / 0


"""
RAISES = """
class Raises(Good):
    def forward(self, x):
        return x.reshape(-1, 7)


"""
PENALTY = """
class Penalty(Good):
    def extra_loss(self):
        return self.conv.weight
"""
