"""Segment Anything with ViT-B in PyTorch, random weights: what a picture and a click take, not what is found.

"Segment Anything" (Kirillov et al., ICCV 2023) and its appendix A: an image encoder of 12 blocks of width 768 on patches of 16
pixels, windows of 14 x 14 in all but four blocks, decomposed relative positions ("Exploring Plain Vision Transformer Backbones
for Object Detection", Li et al., ECCV 2022), a neck to 256 channels; a prompt encoder of points and of the mask before; a
mask decoder of two two-way layers, two transposed convolutions and an MLP a mask.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, DEPTH, HEADS, PATCH, WINDOW, TRAINED_SIDE = 768, 12, 12, 16, 14, 64
GLOBAL_BLOCKS = (2, 5, 8, 11)
EMBEDDING, DECODER_HEADS, DECODER_MLP, MASKS = 256, 8, 2048, 4  # one mask for clear prompts and three for unclear ones


class Norm2d(nn.LayerNorm):
    """Over channels, of maps (B, C, h, w)."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Attention(nn.Module):
    def __init__(self, side):
        super().__init__()
        self.side = side
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.rows = nn.Parameter(torch.randn(2 * side - 1, WIDTH // HEADS) * 0.02)
        self.columns = nn.Parameter(torch.randn(2 * side - 1, WIDTH // HEADS) * 0.02)
        at = torch.arange(side)
        self.apart = nn.Buffer(at[:, None] - at[None, :] + side - 1)

    def forward(self, x):  # (B, side, side, C)
        batch, side, tokens = x.shape[0], self.side, self.side**2
        q, k, v = self.qkv(x).view(batch, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4).unbind(0)
        at = q.reshape(batch, HEADS, side, side, -1)
        rows = at @ self.rows[self.apart].mT
        columns = (at.transpose(2, 3) @ self.columns[self.apart].mT).transpose(2, 3).contiguous()
        places = (rows[..., :, None] + columns[..., None, :]).view(batch, HEADS, tokens, tokens)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=places)
        return self.out(y.transpose(1, 2).reshape(batch, side, side, WIDTH))


class Block(nn.Module):
    """@param side tokens an axis; @param window 0 for attention over all of them."""

    def __init__(self, side, window):
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention(window or side)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def attend(self, x):
        if not self.window:
            return self.attention(x)
        side, window = x.shape[1], self.window
        count = math.ceil(side / window)
        edge = count * window - side
        x = F.pad(x, (0, 0, 0, edge, 0, edge))
        x = x.view(1, count, window, count, window, WIDTH).transpose(2, 3).reshape(-1, window, window, WIDTH)
        x = self.attention(x).view(1, count, count, window, window, WIDTH).transpose(2, 3)
        return x.reshape(1, count * window, count * window, WIDTH)[:, :side, :side]

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ImageEncoder(nn.Module):
    """@param side pixels of the picture an axis, the longer one in the paper."""

    def __init__(self, side):
        super().__init__()
        self.side, tokens = side, side // PATCH
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.positions = nn.Parameter(torch.randn(1, tokens, tokens, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*[Block(tokens, 0 if n in GLOBAL_BLOCKS else WINDOW) for n in range(DEPTH)])
        self.neck = nn.Sequential(
            nn.Conv2d(WIDTH, EMBEDDING, 1, bias=False),
            Norm2d(EMBEDDING),
            nn.Conv2d(EMBEDDING, EMBEDDING, 3, 1, 1, bias=False),
            Norm2d(EMBEDDING),
        )
        self.mean = nn.Buffer(torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.deviation = nn.Buffer(torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, picture):  # (1, 3, H, W) in [0, 1] -> (1, 256, side/16, side/16)
        x = F.interpolate(picture, (self.side, self.side), mode="bilinear", antialias=True)
        x = self.patches((x - self.mean) / self.deviation).permute(0, 2, 3, 1)
        return self.neck(self.blocks(x + self.positions).permute(0, 3, 1, 2))


class PromptEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.frequencies = nn.Buffer(torch.randn(2, EMBEDDING // 2))
        self.kinds = nn.Embedding(4, EMBEDDING)  # negative and positive clicks, two corners of a box
        self.none = nn.Embedding(1, EMBEDDING)
        self.no_mask = nn.Embedding(1, EMBEDDING)
        self.mask = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2), Norm2d(4), nn.GELU(),
            nn.Conv2d(4, 16, 2, 2), Norm2d(16), nn.GELU(),
            nn.Conv2d(16, EMBEDDING, 1),
        )  # fmt: skip

    def places(self, at):  # (..., 2) in [0, 1] -> (..., 256)
        angles = 2 * torch.pi * ((2 * at - 1) @ self.frequencies)
        return torch.cat([angles.sin(), angles.cos()], -1)

    def grid(self, side):  # (1, 256, side, side)
        at = (torch.arange(side) + 0.5) / side
        y, x = torch.meshgrid(at, at, indexing="ij")
        return self.places(torch.stack([x, y], -1)).permute(2, 0, 1)[None]

    def forward(self, clicks, kinds, before, side):
        """Clicks (n, 2), kinds (n), and the logits (1, 1, 4 side, 4 side) of the mask before or None."""
        # Without a box an empty point closes the list.
        sparse = torch.cat([self.places(clicks) + self.kinds(kinds), self.none.weight])[None]
        dense = self.no_mask.weight.view(1, -1, 1, 1).expand(1, -1, side, side) if before is None else self.mask(before)
        return sparse, dense


class DecoderAttention(nn.Module):
    def __init__(self, narrowing):
        super().__init__()
        inner = EMBEDDING // narrowing
        self.q, self.k, self.v = (nn.Linear(EMBEDDING, inner) for _ in range(3))
        self.out = nn.Linear(inner, EMBEDDING)

    def forward(self, q, k, v):
        q, k, v = (f(x).unflatten(-1, (DECODER_HEADS, -1)).transpose(1, 2) for f, x in ((self.q, q), (self.k, k), (self.v, v)))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class TwoWayLayer(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first = first
        self.among = DecoderAttention(1)
        self.to_image, self.to_tokens = DecoderAttention(2), DecoderAttention(2)
        self.mlp = nn.Sequential(nn.Linear(EMBEDDING, DECODER_MLP), nn.ReLU(), nn.Linear(DECODER_MLP, EMBEDDING))
        self.norms = nn.ModuleList([nn.LayerNorm(EMBEDDING) for _ in range(4)])

    def forward(self, tokens, image, prompts, places):
        if self.first:
            tokens = self.among(tokens, tokens, tokens)
        else:
            q = tokens + prompts
            tokens = tokens + self.among(q, q, tokens)
        tokens = self.norms[0](tokens)
        tokens = self.norms[1](tokens + self.to_image(tokens + prompts, image + places, image))
        tokens = self.norms[2](tokens + self.mlp(tokens))
        image = self.norms[3](image + self.to_tokens(image + places, tokens + prompts, tokens))
        return tokens, image


def three_layers(outputs):
    layers = [nn.Linear(EMBEDDING, EMBEDDING), nn.ReLU(), nn.Linear(EMBEDDING, EMBEDDING), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(EMBEDDING, outputs))


class MaskDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.quality_token = nn.Embedding(1, EMBEDDING)
        self.mask_tokens = nn.Embedding(MASKS, EMBEDDING)
        self.layers = nn.ModuleList([TwoWayLayer(True), TwoWayLayer(False)])
        self.last, self.norm = DecoderAttention(2), nn.LayerNorm(EMBEDDING)
        quarter, eighth = EMBEDDING // 4, EMBEDDING // 8
        self.enlarge = nn.Sequential(
            nn.ConvTranspose2d(EMBEDDING, quarter, 2, 2), Norm2d(quarter), nn.GELU(),
            nn.ConvTranspose2d(quarter, eighth, 2, 2), nn.GELU(),
        )  # fmt: skip
        self.weights = nn.ModuleList([three_layers(eighth) for _ in range(MASKS)])
        self.quality = three_layers(MASKS)

    def forward(self, embedding, places, sparse, dense):
        """Logits of three masks (1, 3, 4 side, 4 side) and how good each is thought to be (1, 3)."""
        side = embedding.shape[-1]
        prompts = torch.cat([self.quality_token.weight, self.mask_tokens.weight])[None]
        prompts = tokens = torch.cat([prompts, sparse], 1)
        image, places = (x.flatten(2).transpose(1, 2) for x in (embedding + dense, places))
        for layer in self.layers:
            tokens, image = layer(tokens, image, prompts, places)
        tokens = self.norm(tokens + self.last(tokens + prompts, image + places, image))
        large = self.enlarge(image.transpose(1, 2).reshape(1, EMBEDDING, side, side))
        weights = torch.stack([mlp(tokens[:, 1 + n]) for n, mlp in enumerate(self.weights)], 1)
        masks = (weights @ large.flatten(2)).view(1, MASKS, 4 * side, 4 * side)
        return masks[:, 1:], self.quality(tokens[:, 0])[:, 1:]


class Sam(nn.Module):
    def __init__(self, side):
        super().__init__()
        self.encoder, self.prompts, self.decoder = ImageEncoder(side), PromptEncoder(), MaskDecoder()
        self.tokens = side // PATCH
        self.places = nn.Buffer(self.prompts.grid(self.tokens))

    def click(self, embedding, clicks, kinds, before, size):
        """Logits of the best mask, to go on from, and the probabilities of all three at the picture's size."""
        sparse, dense = self.prompts(clicks, kinds, before, self.tokens)
        masks, quality = self.decoder(embedding, self.places, sparse, dense)
        best = quality[0].argmax()
        return masks[:, best : best + 1], torch.sigmoid(F.interpolate(masks, size, mode="bilinear"))
