"""Writes packages/core/test/parity/fixtures/simple-click.safetensors: what a narrow SimpleClick answers in PyTorch.

    pip install torch timm safetensors && python bench/reference/simple_click.py

Follows SimpleClick (github.com/uncbiag/SimpleClick), isegm/model/is_plainvit_model.py, modeling/models_vit.py and the head of
modeling/swin_transformer.py, with timm's transformer blocks (torch 2.15.0, timm 1.0.31). Sizes but the widths are those that are published: 448
pixels, patches of 16, 12 blocks, windows of 14 x 14 tokens but in blocks 6 and 12. Weights and inputs are drawn by name on both sides.
`logits`: every seventh row and column, of both pictures.
"""
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from seeded import seeded
from timm.models.vision_transformer import Block
from torch import nn

TARGET = Path(__file__).resolve().parents[2] / "packages/core/test/parity/fixtures"
SIDE, PATCH, WINDOW, DEPTH, GLOBAL_EVERY = 448, 16, 14, 12, 6
STEP = 7  # rows and columns between those that are kept


def normed(channels):
    return nn.GroupNorm(1, channels)


class Convolution(nn.Module):
    """1 x 1 and ReLU; the name of its only part is that of mmcv's ConvModule."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        return F.relu(self.conv(x))


class Patches(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, PATCH)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Backbone(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.tokens = SIDE // PATCH
        self.patch_embed = Patches(dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, self.tokens**2 + 1, dim))
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.blocks = nn.ModuleList(Block(dim, heads, qkv_bias=True, norm_layer=norm) for _ in range(DEPTH))

    def forward(self, picture, clicks):
        x = self.patch_embed(picture) + clicks + self.pos_embed[:, 1:]
        batch, count, dim = x.shape
        n = self.tokens // WINDOW
        for i, block in enumerate(self.blocks, 1):
            if i % GLOBAL_EVERY == 0:
                x = block(x)
                continue
            w = x.view(batch, n, WINDOW, n, WINDOW, dim).transpose(2, 3).reshape(batch * n * n, -1, dim)
            x = block(w).view(batch, n, n, WINDOW, WINDOW, dim).transpose(2, 3).reshape(batch, count, dim)
        return x.transpose(1, 2).view(batch, dim, self.tokens, self.tokens)


class Neck(nn.Module):
    def __init__(self, dim, levels):
        super().__init__()
        four, eight, last = max(2 * levels[0], dim // 2), max(levels[1], dim // 2), max(levels[3], 2 * dim)
        end = lambda inputs, outputs: (nn.Conv2d(inputs, outputs, 1), normed(outputs), nn.GELU())  # noqa: E731
        enlarging = lambda inputs, outputs: (nn.ConvTranspose2d(inputs, outputs, 2, 2), normed(outputs))  # noqa: E731
        self.down_4 = nn.Sequential(*enlarging(dim, four), nn.GELU(), *enlarging(four, four // 2), *end(four // 2, levels[0]))
        self.down_8 = nn.Sequential(*enlarging(dim, eight), *end(eight, levels[1]))
        self.down_16 = nn.Sequential(*end(dim, levels[2]))
        self.down_32 = nn.Sequential(nn.Conv2d(dim, last, 2, 2), normed(last), *end(last, levels[3]))

    def forward(self, x):
        return self.down_4(x), self.down_8(x), self.down_16(x), self.down_32(x)


class Head(nn.Module):
    def __init__(self, levels, channels):
        super().__init__()
        self.convs = nn.ModuleList(Convolution(width, channels) for width in levels)
        self.fusion_conv = Convolution(len(levels) * channels, channels)
        self.conv_seg = nn.Conv2d(channels, 1, 1)

    def forward(self, maps):
        size = maps[0].shape[2:]
        maps = [F.interpolate(conv(x), size, mode="bilinear", align_corners=False) for conv, x in zip(self.convs, maps)]
        return self.conv_seg(self.fusion_conv(torch.cat(maps, 1)))


class SimpleClick(nn.Module):
    def __init__(self, dim, heads, levels, head):
        super().__init__()
        self.patch_embed_coords = Patches(dim)
        self.backbone = Backbone(dim, heads)
        self.neck = Neck(dim, levels)
        self.head = Head(levels, head)

    def forward(self, picture, click_map):
        mean, deviation = (torch.tensor(x).view(3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        x = self.backbone((picture - mean) / deviation, self.patch_embed_coords(click_map))
        return F.interpolate(self.head(self.neck(x)), (SIDE, SIDE), mode="bilinear", align_corners=True)[:, 0]


def drawn(name, shape):
    """Numbers of a weight: gains around 1, small shifts, and matrices that keep the size of what goes through."""
    if name.endswith(".bias"):
        return seeded(name, shape, 0.2)
    if len(shape) == 1:
        return seeded(name, shape, 0.5, 1)
    return seeded(name, shape, 0.5 if "pos_embed" in name else (3 / torch.Size(shape[1:]).numel()) ** 0.5)


if __name__ == "__main__":
    model = SimpleClick(dim=24, heads=2, levels=(8, 12, 16, 20), head=16).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(drawn(name, tuple(parameter.shape))))
        picture = torch.from_numpy(seeded("picture", (2, 3, SIDE, SIDE), 0.5, 0.5))
        click_map = torch.from_numpy(seeded("clickMap", (2, 3, SIDE, SIDE), 0.5, 0.5))
        logits = model(picture, click_map)
    TARGET.mkdir(exist_ok=True)
    save_file({"logits": logits[:, ::STEP, ::STEP].contiguous()}, TARGET / "simple-click.safetensors", {"torch": torch.__version__})
