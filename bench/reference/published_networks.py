"""Writes packages/core/test/parity/fixtures/published-*.safetensors: what PyTorch says of the published networks, ADClick and ADClick-Seg.

    pip install torch==2.15.0 timm==1.0.31 safetensors numpy && python bench/reference/published_networks.py
    python bench/reference/published_networks.py full [seg]      # full width: parameters, seconds and memory of a forward pass and a step

The blocks are timm's (timm/models/swin_transformer.py, SwinTransformerBlock), everything else is put together here from torch.nn. What it
follows: the paper (Fig. 2 and 3) and what its published code says of sizes (REST/model/models_swin.py: one Swin stage behind 1x1 and 8x8
embeddings; REST/model/fusion.py: 1x1 convolutions of the language maps), SimpleClick's pyramid and head
(isegm/model/is_plainvit_model.py, isegm/model/modeling/swin_transformer.py) and its loss (isegm/model/losses.py). Weights and inputs are
drawn by our names and in our layout (seeded.py), so the file holds answers alone: logits with language, and without of the first picture, and of one training
step the loss, every gradient, and small parameters after it.
"""
import resource
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from seeded import seeded
from timm.models.swin_transformer import SwinTransformerBlock
from torch import nn

TARGET = Path(__file__).resolve().parents[2] / "packages/core/test/parity/fixtures"
SMALL = dict(residual=20, dim=24, depth=4, heads=2, window=4, mlp=2, pyramid=(8, 12, 16, 20), head=12, lavt=(6, 10, 14, 18), batch=2, height=8, width=16)
FULL = dict(residual=1024, dim=1024, depth=4, heads=32, window=8, mlp=4, pyramid=(240, 480, 960, 1920), head=256, lavt=(128, 256, 512, 1024), batch=1, height=64, width=64)


class Trunk(nn.Module):
    """Squared residual and clicks as tokens, and the Swin stage."""

    def __init__(self, s):
        super().__init__()
        self.residual, self.residual_norm = nn.Conv2d(s["residual"], s["dim"], 1), nn.LayerNorm(s["dim"])
        self.clicks = nn.Conv2d(3, s["dim"], 8, 8)
        size = (s["height"], s["width"])
        shift = s["window"] // 2
        self.blocks = nn.ModuleList(
            SwinTransformerBlock(s["dim"], size, s["heads"], window_size=s["window"], shift_size=shift * (i % 2), mlp_ratio=s["mlp"]) for i in range(s["depth"])
        )
        self.norm = nn.LayerNorm(s["dim"])

    def forward(self, delta, clicks, language=None, paths=None):
        x = self.residual_norm(self.residual(delta**2).permute(0, 2, 3, 1)) + self.clicks(clicks).permute(0, 2, 3, 1)
        if language is not None:
            x = x + language.permute(0, 2, 3, 1)
        for i, block in enumerate(self.blocks):
            first, second = (1, 1) if paths is None else (paths[:, 2 * i].view(-1, 1, 1, 1), paths[:, 2 * i + 1].view(-1, 1, 1, 1))
            x = x + first * block._attn(block.norm1(x))
            x = x + second * block.mlp(block.norm2(x))
        return self.norm(x).permute(0, 3, 1, 2)


def ending(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.GroupNorm(1, outputs), nn.GELU())


class Adclick(nn.Module):
    def __init__(self, s):
        super().__init__()
        dim, (p4, p8, p16, p32), head = s["dim"], s["pyramid"], s["head"]
        self.trunk = Trunk(s)
        self.enlarged4 = nn.Sequential(nn.ConvTranspose2d(dim, dim // 2, 2, 2), nn.GroupNorm(1, dim // 2))
        self.reduced16 = nn.Sequential(nn.Conv2d(dim, 2 * dim, 2, 2), nn.GroupNorm(1, 2 * dim))
        self.reduced32 = nn.Sequential(nn.Conv2d(dim, dim, 2, 2), nn.GroupNorm(1, dim), nn.GELU())
        self.again32 = nn.Sequential(nn.Conv2d(dim, 2 * dim, 2, 2), nn.GroupNorm(1, 2 * dim))
        self.endings = nn.ModuleList([ending(dim // 2, p4), ending(dim, p8), ending(2 * dim, p16), ending(2 * dim, p32)])
        self.language = nn.ModuleList(ending(a, b) for a, b in zip(s["lavt"], s["pyramid"]))
        self.levels = nn.ModuleList(nn.Conv2d(p, head, 1) for p in s["pyramid"])
        self.mixed, self.logit = nn.Conv2d(4 * head, head, 1), nn.Conv2d(head, 1, 1)

    def forward(self, delta, clicks, maps=None, paths=None, channels=None):
        x = self.trunk(delta, clicks, None, paths)
        pyramid = [self.enlarged4(x), x, self.reduced16(x), self.again32(self.reduced32(x))]
        pyramid = [end(level) for end, level in zip(self.endings, pyramid)]
        if maps is not None:
            pyramid = [level + end(m) for level, end, m in zip(pyramid, self.language, maps)]
        size = pyramid[0].shape[2:]
        own = [F.interpolate(F.relu(conv(level)), size, mode="bilinear", align_corners=False) for conv, level in zip(self.levels, pyramid)]
        y = F.relu(self.mixed(torch.cat(own, 1)))
        if channels is not None:
            y = y * channels[:, :, None, None]
        return F.interpolate(self.logit(y), clicks.shape[2:], mode="bilinear", align_corners=True)[:, 0]


class Seg(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.trunk = Trunk(s)
        self.language = nn.Conv2d(s["lavt"][0] + s["lavt"][1], s["dim"], 1)
        self.seg = nn.Linear(s["dim"], 1)

    def forward(self, delta, clicks, maps=None, paths=None, channels=None):
        language = None
        if maps is not None:
            sized = F.interpolate(maps[0], maps[1].shape[2:], mode="bilinear", align_corners=False)
            language = self.language(torch.cat([sized, maps[1]], 1))
        tokens = self.seg(self.trunk(delta, clicks, language, paths).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return F.interpolate(tokens, clicks.shape[2:], mode="bilinear", align_corners=True)[:, 0]


def focal(logits, target, weight):
    """AdaptIS's normalised focal loss, gamma 2, alpha 0.5 on both sides; weight 0 where a pixel does not count."""
    p = torch.sigmoid(logits)
    pt = torch.where(weight > 0, 1 - (target - p).abs(), torch.ones_like(p))
    beta = (1 - pt) ** 2
    count = weight.sum((1, 2))
    factor = (count / (beta.sum((1, 2)) + 1e-12)).detach()[:, None, None]
    losses = -0.5 * factor * beta * torch.log((pt + 1e-12).clamp(max=1)) * weight
    return (losses.sum((1, 2)) / (count + 1e-12)).mean()


def linear(module):
    """Ours is (inputs, outputs)."""
    w = module.weight
    return w, (lambda t: t.reshape(w.shape[0], -1).t()), (lambda t: t.t().reshape(w.shape))


def strided(module):
    """Squares of pixels side by side, channels fastest: (k·k·inputs, outputs)."""
    w = module.weight
    out, inputs, k, _ = w.shape
    return w, (lambda t: t.permute(2, 3, 1, 0).reshape(-1, out)), (lambda t: t.reshape(k, k, inputs, out).permute(3, 2, 0, 1))


def transposed(module):
    """(inputs, k·k·outputs), outputs fastest."""
    w = module.weight
    inputs, out, k, _ = w.shape
    return w, (lambda t: t.permute(0, 2, 3, 1).reshape(inputs, -1)), (lambda t: t.reshape(inputs, k, k, out).permute(0, 3, 1, 2))


def same(tensor):
    return tensor, (lambda t: t), (lambda t: t)


def table(model):
    """Our name -> parameter, to our layout, from our layout."""
    out = {}

    def layer(name, module, kind=linear):
        out[f"{name}.weight"], out[f"{name}.bias"] = kind(module), same(module.bias)

    def norm(name, module):
        layer(name, module, lambda m: same(m.weight))

    trunk = model.trunk
    layer("residual", trunk.residual)
    norm("residual.norm", trunk.residual_norm)
    layer("clicks", trunk.clicks, strided)
    for i, block in enumerate(trunk.blocks):
        at = f"blocks.{i}"
        out[f"{at}.positions"] = same(block.attn.relative_position_bias_table)
        norm(f"{at}.norm1", block.norm1)
        norm(f"{at}.norm2", block.norm2)
        layer(f"{at}.qkv", block.attn.qkv)
        layer(f"{at}.out", block.attn.proj)
        layer(f"{at}.mlp.in", block.mlp.fc1)
        layer(f"{at}.mlp.out", block.mlp.fc2)
    norm("blocks.norm", trunk.norm)
    if isinstance(model, Seg):
        layer("seg", model.seg)
        layer("language.tokens", model.language)
        return out
    for name, module, kind in (("4.enlarged", model.enlarged4, transposed), ("16.reduced", model.reduced16, strided), ("32.reduced", model.reduced32, strided), ("32.again", model.again32, strided)):
        layer(f"pyramid.{name}", module[0], kind)
        norm(f"pyramid.{name}.norm", module[1])
    for i, size in enumerate((4, 8, 16, 32)):
        for part, modules in (("pyramid", model.endings), ("language", model.language)):
            layer(f"{part}.{size}", modules[i][0])
            norm(f"{part}.{size}.norm", modules[i][1])
        layer(f"head.{size}", model.levels[i])
    layer("head.mixed", model.mixed)
    layer("head.logit", model.logit)
    return out


def drawn(name, *shape, reach=1.0, mean=0.0):
    return torch.from_numpy(seeded(name, shape, reach, mean))


def inputs(s, dtype):
    """Channels last as ours has them, moved to the front here."""
    b, h, w = s["batch"], s["height"], s["width"]
    planar = lambda name, *shape, **o: drawn(name, *shape, **o).permute(0, 3, 1, 2).to(dtype)
    sizes = [(2 * h, 2 * w), (h, w), (h // 2, w // 2), (h // 4, w // 4)]
    maps = [planar(f"lavt.{i}", b, *size, c) for i, (size, c) in enumerate(zip(sizes, s["lavt"]))]
    # A tenth is left out, what stays counts for more.
    kept = lambda name, *shape: (drawn(name, *shape, reach=0.5, mean=0.5) >= 0.1).to(dtype) / 0.9
    target = (drawn("target", b, 8 * h, 8 * w) > 0.5).to(dtype)
    weight = (drawn("weight", b, 8 * h, 8 * w) > -0.8).to(dtype)
    return planar("delta", b, h, w, s["residual"]), planar("clickMap", b, 8 * h, 8 * w, 3, reach=0.5, mean=0.5), maps, kept("paths", b, 2 * s["depth"]), kept("channels", b, s["head"]), target, weight


def optimiser(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.05)


def small(kind, name):
    s = SMALL
    model = kind(s).double()
    known = table(model)
    assert len(known) == len(list(model.parameters())), "every parameter has a name"
    for key, (parameter, ours, theirs) in known.items():
        shape = list(ours(parameter.detach()).shape)
        gain = key.endswith("weight") and ("norm" in key)
        value = drawn(key, *shape, reach=0.5, mean=1) if gain else drawn(key, *shape, reach=(2 / shape[0]) ** 0.5 if len(shape) > 1 else 0.2)
        parameter.data = theirs(value.double()).contiguous()
    delta, clicks, maps, paths, channels, target, weight = inputs(s, torch.float64)
    answers = {}
    with torch.no_grad():
        answers["logits"] = model(delta, clicks, maps)
        answers["logits without language"] = model(delta, clicks)[:1]
    loss = focal(model(delta, clicks, maps, paths, channels), target, weight)
    loss.backward()
    answers["loss"] = loss.detach()
    for key, (parameter, ours, _) in known.items():
        answers[f"gradient {key}"] = ours(parameter.grad)
    optimiser(model).step()
    for key, (parameter, ours, _) in known.items():
        if parameter.numel() <= 64:
            answers[f"stepped {key}"] = ours(parameter.detach())
    save_file({key: value.float().contiguous() for key, value in answers.items()}, TARGET / f"{name}.safetensors", {"torch": torch.__version__})


def full(kind):
    torch.set_num_threads(2)
    model = kind(FULL)
    delta, clicks, maps, paths, channels, target, weight = inputs(FULL, torch.float32)
    step = optimiser(model)
    print("parameters", sum(p.numel() for p in model.parameters()))
    peak = lambda: f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    for n in range(3):
        start = time.time()
        with torch.no_grad():
            model.eval()(delta, clicks, maps)
        print(f"forward {time.time() - start:.2f} s, peak {peak()}")
    for n in range(3):
        start = time.time()
        step.zero_grad()
        focal(model.train()(delta, clicks, maps, paths, channels), target, weight).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        step.step()
        print(f"step {time.time() - start:.2f} s, peak {peak()}")


if __name__ == "__main__":
    if "full" in sys.argv:
        full(Seg if "seg" in sys.argv else Adclick)
    else:
        TARGET.mkdir(exist_ok=True)
        small(Adclick, "published-adclick")
        small(Seg, "published-seg")
