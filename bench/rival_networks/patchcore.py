"""PatchCore with WideResNet-50 in PyTorch, random weights: what a picture takes, not what is found.

"Towards Total Recall in Industrial Anomaly Detection" (Roth et al., CVPR 2022): layers 2 and 3, means over 3 x 3 neighbours,
1024 channels a patch, a bank of a tenth of the good pictures' patches, the nearest entry by Euclidean distance, the score of
the worst patch weighed by the neighbours of its entry, the map smoothed with sigma 4.
"Wide Residual Networks" (Zagoruyko and Komodakis, BMVC 2016): ResNet-50 whose 3 x 3 convolutions are twice as wide.
"""

import torch
import torch.nn.functional as F
from torch import nn

PATCH_STRIDE = 8  # of layer 2
SMOOTHING = 4
NEAREST = 9  # entries that the score of the worst patch is weighed by
QUERIES = 1024  # patches a product, so that its distances stay in the cache
BLOCKS = ((3, 64), (4, 128), (6, 256), (3, 512))
EXPANSION, WIDENING = 4, 2


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        wide, outputs = WIDENING * planes, EXPANSION * planes
        self.reduce = nn.Conv2d(inputs, wide, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(wide)
        self.look = nn.Conv2d(wide, wide, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.expand = nn.Conv2d(wide, outputs, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.norm1(self.reduce(x)), inplace=True)
        y = F.relu(self.norm2(self.look(y)), inplace=True)
        return F.relu(self.norm3(self.expand(y)) + self.shortcut(x), inplace=True)


class WideResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True), nn.MaxPool2d(3, 2, 1))
        self.layers = nn.ModuleList()
        inputs = 64
        for layer, (count, planes) in enumerate(BLOCKS):
            blocks = []
            for block in range(count):
                blocks.append(Bottleneck(inputs, planes, 2 if layer > 0 and block == 0 else 1))
                inputs = EXPANSION * planes
            self.layers.append(nn.Sequential(*blocks))
        self.classes = nn.Linear(inputs, 1000)

    def forward(self, x):  # (1, 3, H, W) -> (1, 512, H/8, W/8), (1, 1024, H/16, W/16); layer 4 and the classes are not needed
        x = self.layers[0](self.stem(x))
        second = self.layers[1](x)
        return second, self.layers[2](second)


def gaussian(sigma):
    x = torch.arange(-4 * sigma, 4 * sigma + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    return kernel / kernel.sum()


class PatchCore(nn.Module):
    """@resized and side: the picture is made `resized` pixels wide, and the middle `side` of them enter the network."""

    def __init__(self, backbone, resized, side, normals):
        super().__init__()
        self.backbone, self.resized, self.side = backbone, resized, side
        self.patches = (side // PATCH_STRIDE) ** 2
        self.bank = nn.Buffer(torch.randn(normals * self.patches // 10, 1024).abs())
        self.lengths = nn.Buffer((self.bank**2).sum(1))
        self.blur = nn.Buffer(gaussian(SMOOTHING))
        self.mean = nn.Buffer(torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.deviation = nn.Buffer(torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def describe(self, picture):  # (1, 3, H, W) in [0, 1] -> (patches, 1024)
        x = F.interpolate(picture, (self.resized, self.resized), mode="bilinear", antialias=True)
        edge = (self.resized - self.side) // 2
        x = (x[:, :, edge : edge + self.side, edge : edge + self.side] - self.mean) / self.deviation
        second, third = self.backbone(x)
        fine = F.avg_pool2d(second, 3, 1, 1)
        coarse = F.avg_pool2d(third, 3, 1, 1)
        # Of 2 x 1024 channels the means of neighbouring ones are kept: those of layer 3 two by two, those of layer 2 as they are.
        coarse = coarse.reshape(1, 512, 2, *coarse.shape[-2:]).mean(2)
        coarse = F.interpolate(coarse, fine.shape[-2:], mode="bilinear")
        return torch.cat([fine, coarse], 1).flatten(2)[0].T.contiguous()

    def nearest(self, patches):
        """Squared distance to the nearest entry and its number, by one product with the bank a few patches at a time."""
        found = [torch.addmm(self.lengths, part, self.bank.T, alpha=-2).min(1) for part in patches.split(QUERIES)]
        squares = torch.cat([each.values for each in found]) + (patches**2).sum(1)
        return squares.clamp(min=0), torch.cat([each.indices for each in found])

    def forward(self, picture):
        patches = self.describe(picture)
        squares, entries = self.nearest(patches)
        distances = squares.sqrt()
        worst = distances.argmax()
        entry = self.bank[entries[worst]]
        around = (self.lengths - 2 * (self.bank @ entry)).topk(NEAREST, largest=False).indices
        others = torch.linalg.vector_norm(self.bank[around] - patches[worst], dim=1)
        score = (1 - torch.softmax(others, 0)[0]) * distances[worst]
        tokens = self.side // PATCH_STRIDE
        map = F.interpolate(distances.view(1, 1, tokens, tokens), picture.shape[-2:], mode="bilinear")
        edge = self.blur.numel() // 2
        map = F.conv2d(F.pad(map, (edge, edge, edge, edge), mode="reflect"), self.blur.view(1, 1, 1, -1))
        return F.conv2d(map, self.blur.view(1, 1, -1, 1)), score
