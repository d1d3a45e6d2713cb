"""SimpleClick with ViT-B in PyTorch, random weights: what a click takes, not what is found.

"SimpleClick: Interactive Image Segmentation with Simple Vision Transformers" (Liu et al., ICCV 2023): the picture and the maps of
the clicks and of the mask before are patches of 16 pixels each and added; 12 blocks of width 768, every third one over all
tokens and the others in windows of 14 x 14 of the 28 x 28; a simple feature pyramid of 128, 256, 512 and 1024 channels at
strides 4 to 32; one linear layer a level to 256 channels and two on all levels at stride 4. One pass: no zoom and no mirrored picture.
"""

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, DEPTH, HEADS, PATCH = 768, 12, 12, 16
GLOBAL_EVERY = 3
WINDOWS = 2  # an axis
LEVELS = (128, 256, 512, 1024)
DECODER = 256
RADIUS = 5  # pixels of a click's disc


class Block(nn.Module):
    def __init__(self, windows):
        super().__init__()
        self.windows = windows
        self.norm1 = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def attend(self, x):  # (1, side, side, C)
        side, n = x.shape[1], self.windows
        x = x.reshape(n, side // n, n, side // n, WIDTH).transpose(1, 2).reshape(n * n, -1, WIDTH)
        q, k, v = self.qkv(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        x = self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x.view(n, n, side // n, side // n, WIDTH).transpose(1, 2).reshape(1, side, side, WIDTH)

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def normed(channels):
    return nn.GroupNorm(1, channels)


class Pyramid(nn.Module):
    def __init__(self):
        super().__init__()
        half, quarter, double = WIDTH // 2, WIDTH // 4, 2 * WIDTH
        upscale = lambda inputs, outputs: nn.ConvTranspose2d(inputs, outputs, 2, 2)  # noqa: E731
        inputs = (quarter, half, WIDTH, double)
        ends = [(nn.Conv2d(n, level, 1), normed(level), nn.GELU()) for n, level in zip(inputs, LEVELS)]
        self.stride4 = nn.Sequential(upscale(WIDTH, half), normed(half), nn.GELU(), upscale(half, quarter), normed(quarter), *ends[0])
        self.stride8 = nn.Sequential(upscale(WIDTH, half), normed(half), *ends[1])
        self.stride16 = nn.Sequential(*ends[2])
        self.stride32 = nn.Sequential(nn.Conv2d(WIDTH, double, 2, 2), normed(double), *ends[3])

    def forward(self, x):
        return self.stride4(x), self.stride8(x), self.stride16(x), self.stride32(x)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.levels = nn.ModuleList([nn.Conv2d(channels, DECODER, 1) for channels in LEVELS])
        self.mixed = nn.Conv2d(len(LEVELS) * DECODER, DECODER, 1, bias=False)
        self.norm = nn.BatchNorm2d(DECODER)
        self.logit = nn.Conv2d(DECODER, 1, 1)

    def forward(self, maps):
        size = maps[0].shape[-2:]
        maps = [F.interpolate(f(x), size, mode="bilinear") for f, x in zip(self.levels, maps)]
        return self.logit(F.relu(self.norm(self.mixed(torch.cat(maps[::-1], 1)))))


class SimpleClick(nn.Module):
    def __init__(self, side):
        super().__init__()
        self.side, tokens = side, side // PATCH
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.clicks = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.positions = nn.Parameter(torch.randn(1, tokens, tokens, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*[Block(1 if n % GLOBAL_EVERY == GLOBAL_EVERY - 1 else WINDOWS) for n in range(DEPTH)])
        self.norm = nn.LayerNorm(WIDTH)
        self.pyramid, self.decoder = Pyramid(), Decoder()
        self.mean = nn.Buffer(torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.deviation = nn.Buffer(torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def discs(self, clicks, kinds):  # (n, 2) in [0, 1] and 1 or 0 -> (1, 2, side, side), positive and negative
        at = torch.arange(self.side) + 0.5
        x, y = (self.side * clicks.T)[:, :, None]
        near = (((at - x) ** 2)[:, None, :] + ((at - y) ** 2)[:, :, None]) <= RADIUS**2
        planes = [near[kinds == kind].any(0) for kind in (1, 0)]
        return torch.stack(planes)[None].float()

    def forward(self, picture, clicks, kinds, before):
        """Picture (1, 3, H, W) and probabilities before (1, 1, H, W), both in [0, 1]; the new probabilities."""
        small = F.interpolate(torch.cat([picture, before], 1), (self.side, self.side), mode="bilinear", antialias=True)
        maps = torch.cat([small[:, 3:], self.discs(clicks, kinds)], 1)
        x = self.patches((small[:, :3] - self.mean) / self.deviation) + self.clicks(maps)
        x = self.norm(self.blocks(x.permute(0, 2, 3, 1) + self.positions))
        logits = self.decoder(self.pyramid(x.permute(0, 3, 1, 2).contiguous()))
        return torch.sigmoid(F.interpolate(logits, picture.shape[-2:], mode="bilinear"))
