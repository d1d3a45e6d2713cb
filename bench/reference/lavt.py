"""Writes packages/core/test/parity/fixtures/lavt.safetensors: what a narrow LAVT encoder makes of a picture and its words, and gradients.

    pip install torch timm safetensors && python bench/reference/lavt.py

torch 2.15, timm 1.0.31. Follows LAVT (lib/backbone.py, MultiModalSwinTransformer with one head of language attention a stage) in structure and
names, on timm's window attention, perceptron and patch merging; timm's own block rolls before it pads, LAVT pads first. Weights, picture and words are
drawn by name (drawn_weights.py), so the file holds answers alone: `map.0` … `map.3` (B, C, h, w), and `gradient.NAME` of the sum of all maps, each
times its own seeded numbers, for every parameter of the PWAMs.
"""
from pathlib import Path

import torch
from drawn_weights import drawn
from safetensors.torch import save_file
from seeded import seeded
from timm.layers import Mlp
from timm.models.swin_transformer import PatchMerging, WindowAttention, window_partition, window_reverse
from torch import nn
from torch.nn import functional as F

TARGET = Path(__file__).resolve().parents[2] / "packages/core/test/parity/fixtures/lavt.safetensors"

# Sides that are no multiples of patches, windows or pairs, and a position of the words that three prompts of a long list lack.
NARROW = {"embed": 8, "depths": (2, 2, 3, 2), "heads": (1, 2, 4, 4), "window": 4, "words": 24}
PICTURE = (2, 3, 58, 90)
MASK = [[1.0, 1.0, 0.9998, 0.4, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0]]


class Attention(nn.Module):
    """Pixels ask words."""

    def __init__(self, channels, words):
        super().__init__()
        self.f_key = nn.Sequential(nn.Conv1d(words, channels, 1))
        self.f_query = nn.Sequential(nn.Conv1d(channels, channels, 1), nn.InstanceNorm1d(channels))
        self.f_value = nn.Sequential(nn.Conv1d(words, channels, 1))
        self.W = nn.Sequential(nn.Conv1d(channels, channels, 1), nn.InstanceNorm1d(channels))

    def forward(self, places, words, mask):
        query = self.f_query(places)  # (B, C, N)
        key, value = (part(words) * mask for part in (self.f_key, self.f_value))  # (B, C, T)
        scores = query.transpose(1, 2) @ key / query.shape[1] ** 0.5 + (1e4 * mask - 1e4)  # (B, N, T)
        return self.W(value @ scores.softmax(-1).transpose(1, 2))  # (B, C, N)


class Pwam(nn.Module):
    def __init__(self, channels, words):
        super().__init__()
        self.vis_project = nn.Sequential(nn.Conv1d(channels, channels, 1), nn.GELU())
        self.image_lang_att = Attention(channels, words)
        self.project_mm = nn.Sequential(nn.Conv1d(channels, channels, 1), nn.GELU())

    def forward(self, x, words, mask):
        places = x.flatten(1, 2).transpose(1, 2)  # (B, C, N)
        mixed = self.project_mm(self.vis_project(places) * self.image_lang_att(places, words, mask))
        return mixed.transpose(1, 2).reshape(x.shape)  # (B, h, w, C)


class Block(nn.Module):
    def __init__(self, channels, heads, window, shift):
        super().__init__()
        self.window, self.shift = window, shift
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attn = WindowAttention(channels, heads, window_size=window)
        self.mlp = Mlp(channels, 4 * channels)

    def mask(self, height, width):
        """-100 between places that the roll has brought together, (W, n, n)."""
        window, shift = self.window, self.shift
        band = lambda side: torch.tensor([0] * (side - window) + [1] * (window - shift) + [2] * shift)
        region = (3 * band(height)[:, None] + band(width)[None]).view(1, height, width, 1).float()
        region = window_partition(region, (window, window)).flatten(1)
        return (region[:, None] != region[:, :, None]) * -100.0

    def forward(self, x):
        _, height, width, channels = x.shape
        window, shift = (self.window, self.window), self.shift
        y = F.pad(self.norm1(x), (0, 0, 0, -width % self.window, 0, -height % self.window))
        sides = y.shape[1:3]
        y = torch.roll(y, (-shift, -shift), (1, 2))
        y = window_partition(y, window).view(-1, self.window**2, channels)
        y = self.attn(y, self.mask(*sides) if shift else None)
        y = window_reverse(y.view(-1, *window, channels), window, *sides)
        y = torch.roll(y, (shift, shift), (1, 2))[:, :height, :width]
        x = x + y
        return x + self.mlp(self.norm2(x))


class Stage(nn.Module):
    def __init__(self, channels, depth, heads, window, words, last):
        super().__init__()
        self.blocks = nn.ModuleList(Block(channels, heads, window, window // 2 if i % 2 else 0) for i in range(depth))
        self.fusion = Pwam(channels, words)
        self.res_gate = nn.Sequential(nn.Linear(channels, channels, bias=False), nn.ReLU(), nn.Linear(channels, channels, bias=False), nn.Tanh())
        if not last:
            self.downsample = PatchMerging(channels)

    def forward(self, x, words, mask):
        for block in self.blocks:
            x = block(x)
        heard = self.fusion(x, words, mask)
        x = x + self.res_gate(heard) * heard
        return heard, self.downsample(x) if hasattr(self, "downsample") else x


class Lavt(nn.Module):
    def __init__(self, embed=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=12, words=768):
        super().__init__()
        self.patch_embed = nn.Module()
        self.patch_embed.proj, self.patch_embed.norm = nn.Conv2d(3, embed, 4, 4), nn.LayerNorm(embed)
        sizes = [embed * 2**i for i in range(len(depths))]
        self.layers = nn.ModuleList(Stage(size, depths[i], heads[i], window, words, i == len(depths) - 1) for i, size in enumerate(sizes))
        for i, size in enumerate(sizes):
            setattr(self, f"norm{i}", nn.LayerNorm(size))

    def forward(self, picture, words, mask):
        """picture (B, 3, H, W), words (B, D, T), mask (B, 1, T) -> maps (B, C, h, w)."""
        _, _, height, width = picture.shape
        x = self.patch_embed.proj(F.pad(picture, (0, -width % 4, 0, -height % 4)))
        x = self.patch_embed.norm(x.permute(0, 2, 3, 1))
        maps = []
        for i, stage in enumerate(self.layers):
            heard, x = stage(x, words, mask)
            maps.append(getattr(self, f"norm{i}")(heard).permute(0, 3, 1, 2))
        return maps


def inputs():
    return (
        torch.from_numpy(seeded("picture", PICTURE, 2)),
        torch.from_numpy(seeded("words", (2, NARROW["words"], len(MASK[0])), 2)),
        torch.tensor(MASK)[:, None],
    )


if __name__ == "__main__":
    model = drawn(Lavt(**NARROW)).eval()
    maps = model(*inputs())
    loss = sum((one * torch.from_numpy(seeded(f"loss.{i}", tuple(one.shape), 1))).sum() for i, one in enumerate(maps))
    loss.backward()
    answers = {f"map.{i}": one.detach().contiguous() for i, one in enumerate(maps)}
    answers |= {f"gradient.{name}": p.grad.clone() for name, p in model.named_parameters() if ".fusion." in name}
    TARGET.parent.mkdir(exist_ok=True)
    save_file(answers, TARGET)
    print(TARGET.stat().st_size, {name: float(t.abs().max()) for name, t in answers.items()})
