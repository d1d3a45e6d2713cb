"""EfficientAD-S in PyTorch, random weights: what a picture takes, not what is found.

"EfficientAD: Accurate Visual Anomaly Detection at Millisecond-Level Latencies" (Batzner et al., WACV 2024): the patch
description network of four convolutions without padding, as teacher of 384 channels and as student of 768, and the
autoencoder with a bottleneck of 64 channels, at 256 x 256 pixels. Both maps are scaled by quantiles of good pictures and added.
"""

import torch
import torch.nn.functional as F
from torch import nn

CHANNELS = 384
WIDTHS = (32, 32, 64, 64, 64)  # of the encoder's convolutions of stride 2
BOTTLENECK = 64


def description_network(outputs):
    return nn.Sequential(
        nn.Conv2d(3, 128, 4),
        nn.ReLU(True),
        nn.AvgPool2d(2),
        nn.Conv2d(128, 256, 4),
        nn.ReLU(True),
        nn.AvgPool2d(2),
        nn.Conv2d(256, 256, 3),
        nn.ReLU(True),
        nn.Conv2d(256, outputs, 4),
    )


class Autoencoder(nn.Module):
    """@param side of the picture; the decoder's sizes are those of the paper at 256 and grow with it."""

    def __init__(self, side):
        super().__init__()
        inputs, encoder = 3, []
        for width in WIDTHS:
            encoder += [nn.Conv2d(inputs, width, 4, 2, 1), nn.ReLU(True)]
            inputs = width
        self.encoder = nn.Sequential(*encoder, nn.Conv2d(inputs, BOTTLENECK, 8))
        self.sizes = [side // 64 - 1, side // 32, side // 16 - 1, side // 8, side // 4 - 1, side // 2 - 1]
        self.last = side // 4 - 8  # what the description network leaves
        self.decoder = nn.ModuleList([nn.Conv2d(BOTTLENECK, BOTTLENECK, 4, 1, 2) for _ in self.sizes])
        self.mixed = nn.Conv2d(BOTTLENECK, BOTTLENECK, 3, 1, 1)
        self.output = nn.Conv2d(BOTTLENECK, CHANNELS, 3, 1, 1)

    def forward(self, x):
        x = self.encoder(x)
        for size, convolution in zip(self.sizes, self.decoder):
            x = F.relu(convolution(F.interpolate(x, (size, size), mode="bilinear")), inplace=True)
        x = F.relu(self.mixed(F.interpolate(x, (self.last, self.last), mode="bilinear")), inplace=True)
        return self.output(x)


class EfficientAD(nn.Module):
    def __init__(self, side):
        super().__init__()
        self.side = side
        self.teacher = description_network(CHANNELS)
        self.student = description_network(2 * CHANNELS)
        self.autoencoder = Autoencoder(side)
        self.teacher_mean = nn.Buffer(torch.zeros(1, CHANNELS, 1, 1))
        self.teacher_deviation = nn.Buffer(torch.ones(1, CHANNELS, 1, 1))
        self.quantiles = nn.Buffer(torch.tensor([[0.1, 0.9], [0.1, 0.9]]))
        self.mean = nn.Buffer(torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.deviation = nn.Buffer(torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def networks(self, x):  # (1, 3, side, side) -> two maps (1, 1, side/4 - 8, side/4 - 8)
        teacher = (self.teacher(x) - self.teacher_mean) / self.teacher_deviation
        local, whole = self.student(x).split(CHANNELS, 1)
        structural = ((teacher - local) ** 2).mean(1, keepdim=True)
        logical = ((self.autoencoder(x) - whole) ** 2).mean(1, keepdim=True)
        return structural, logical

    def forward(self, picture):  # (1, 3, H, W) in [0, 1]
        x = F.interpolate(picture, (self.side, self.side), mode="bilinear", antialias=True)
        maps = self.networks((x - self.mean) / self.deviation)
        map = 0
        for each, (low, high) in zip(maps, self.quantiles):
            large = F.interpolate(each, picture.shape[-2:], mode="bilinear")
            map = map + 0.05 * (large - low) / (high - low)
        return map, map.max()
