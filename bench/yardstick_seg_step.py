"""Yardstick of ADClick-Seg's training step: the network of packages/core/src/networks/adclick-seg.ts with the pyramid head in PyTorch.

FILE is what bench/parts/seg-step.ts --make wrote: settings, initial weights under our names, and a batch. A step is forward, the
normalised focal loss, backward, clipping, AdamW and the moving average of the weights, one setting of PyTorch a process.
Prints one JSON object; peakBytes is this process's own peak resident memory.
"""

import argparse
import json
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

TOKEN = 8
FAR = -1e4  # added to the scores of tokens that are neighbours in the roll only
LEAST_NORM = 1e-3
TINY = 1e-12
WARM_UP = 2


def norm(x):
    return F.layer_norm(x, x.shape[-1:])


def space_to_depth(x, block):  # (B, bh, bw, C) -> (B, h, w, bbC)
    b, rows, columns, c = x.shape
    x = x.view(b, rows // block, block, columns // block, block, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(b, rows // block, columns // block, block * block * c)


def depth_to_space(x, block):
    b, h, w, deep = x.shape
    x = x.view(b, h, w, block, block, deep // block // block)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(b, h * block, w * block, -1)


def resize(x, size):  # (B, C, h, w)
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


def double(x):  # (B, h, w, C)
    return resize(x.permute(0, 3, 1, 2), (2 * x.shape[1], 2 * x.shape[2])).permute(0, 2, 3, 1)


def shift_mask(side, window, shift):
    """(windows, 1, n, n): tokens of a shifted window that came around the edge do not see the others."""
    edge = torch.zeros(side, dtype=torch.long)
    edge[-shift:] = 1  # after the roll, the last `shift` rows and columns have come around
    region = edge[:, None] * 2 + edge[None, :]
    region = region.view(side // window, window, side // window, window).permute(0, 2, 1, 3).reshape(-1, window * window)
    return ((region[:, None, :] != region[:, :, None]).float() * FAR)[:, None]


def relative_positions(window):
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    y, x = y.flatten(), x.flatten()
    return (y[:, None] - y[None, :] + window - 1) * (2 * window - 1) + x[:, None] - x[None, :] + window - 1


class Network(nn.Module):
    """Weights keep our names, with / for the dot; those of linear layers are [outputs, inputs] as PyTorch likes them."""

    def __init__(self, settings, weights, side):
        super().__init__()
        self.settings = settings
        self.p = nn.ParameterDict()
        for name, value in weights.items():
            is_linear = name.endswith(".weight") and value.dim() == 2
            self.p[name.replace(".", "/")] = nn.Parameter(value.T.contiguous() if is_linear else value)
        window = settings["window"]
        self.register_buffer("far", shift_mask(side, window, window // 2))
        self.register_buffer("places", relative_positions(window))

    def get(self, name):
        return self.p[name.replace(".", "/")]

    def dense(self, name, x):
        return F.linear(x, self.get(f"{name}.weight"), self.get(f"{name}.bias"))

    def block(self, index, h, side):  # (B, side*side, dim)
        at = f"blocks.{index}"
        window, heads, dim = (self.settings[key] for key in ("window", "heads", "dim"))
        batch, cells, windows, size = h.shape[0], window * window, side // window, dim // heads
        shift = window // 2 if index % 2 and side > window else 0
        y = norm(h).view(batch, side, side, dim)
        if shift:
            y = torch.roll(y, (-shift, -shift), (1, 2))
        y = y.view(batch, windows, window, windows, window, dim).permute(0, 1, 3, 2, 4, 5).reshape(-1, cells, dim)
        q, k, v = self.dense(f"{at}.qkv", y).view(-1, cells, 3, heads, size).permute(2, 0, 3, 1, 4)
        bias = self.get(f"{at}.positions")[self.places].permute(2, 0, 1)
        offsets = (bias + self.far).repeat(batch, 1, 1, 1) if shift else bias
        attention = ((q * size**-0.5) @ k.transpose(-2, -1) + offsets).softmax(-1)
        y = self.dense(f"{at}.out", (attention @ v).transpose(1, 2).reshape(-1, cells, dim))
        y = y.view(batch, windows, windows, window, window, dim).permute(0, 1, 3, 2, 4, 5)
        y = y.reshape(batch, side, side, dim)
        if shift:
            y = torch.roll(y, (shift, shift), (1, 2))
        h = h + y.reshape(batch, side * side, dim)
        return h + self.dense(f"{at}.mlp.out", F.gelu(self.dense(f"{at}.mlp.in", norm(h))))

    def level(self, name, x, upscale=1):
        wide = self.dense(f"{name}.in", x)
        placed = depth_to_space(wide, upscale) if upscale > 1 else wide
        return self.dense(f"{name}.out", F.gelu(norm(placed)))

    def conv(self, name, x, **options):
        return F.conv2d(x, self.get(f"{name}.weight"), self.get(f"{name}.bias"), **options)

    def edges(self, feed, context):  # context (B, 2h, 2w, head) -> (B, 1, 8h, 8w)
        seen = torch.cat([feed["clickMap"].permute(0, 3, 1, 2), feed["colours"], feed["likeness"]], 1)
        x = F.relu(self.conv("edge.seen", seen, stride=2, padding=1))
        around = resize(self.dense("edge.context", context).permute(0, 3, 1, 2), x.shape[-2:])
        x = F.relu(self.conv("edge.mixed", x, padding=1) + around)
        x = F.relu(self.conv("edge.drawn", x, padding=1))
        return F.pixel_shuffle(self.conv("edge.logit", x, padding=1), 2)

    def forward(self, feed):
        batch, side = feed["norm"].shape[0], feed["norm"].shape[1]
        dim, pixels = self.settings["dim"], (TOKEN * side, TOKEN * side)
        x = norm(self.dense("residual", torch.cat([feed["residual"], feed["clickPlanes"]], -1)))
        h = (x + self.dense("clicks", space_to_depth(feed["clickMap"], TOKEN))).view(batch, side * side, dim)
        for index in range(self.settings["depth"]):
            h = self.block(index, h, side)
        x8 = norm(h).view(batch, side, side, dim)
        x16 = F.gelu(norm(self.dense("halve16", space_to_depth(x8, 2))))
        x32 = F.gelu(norm(self.dense("halve32", space_to_depth(x16, 2))))
        y = self.level("level32", x32)
        y = self.level("level16", x16) + double(y)
        y = self.level("level8", x8) + double(y)
        y = F.relu(self.level("level4", x8, 2) + double(y))
        logits = depth_to_space(self.dense("logit", y), 2).permute(0, 3, 1, 2)
        correction = resize(logits, pixels) + self.edges(feed, y)
        path = self.settings["path"]
        residual = torch.log(resize(feed["norm"][:, None], pixels) + LEAST_NORM) * path["gain"] + path["offset"]
        return (residual + correction)[:, 0]


def normalised_focal_loss(logits, target, weight):
    u = -(2 * target - 1) * logits
    focal = torch.sigmoid(u) ** 2 * weight
    counted = weight.sum((1, 2))
    multiplier = (counted / (focal.sum((1, 2)) + TINY)).detach()
    losses = (focal * F.softplus(u)).sum((1, 2))
    return 0.5 * (multiplier * losses / (counted + TINY)).mean()


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--setting", choices=["eager", "eager-fused", "compile"], default="eager")
    parser.add_argument("--steps", type=int, default=12, help="timed steps, after the warm-up")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    with safe_open(options.file, "pt") as held:
        settings = json.loads(held.metadata()["settings"])
        tensors = {name: held.get_tensor(name) for name in held.keys()}
    if settings["seg"] != "pyramid" or settings["dice"] != 0:
        raise SystemExit(f"this yardstick has the pyramid head and no Dice loss, not {settings['seg']} and {settings['dice']}")
    feed = {name[5:]: value for name, value in tensors.items() if name.startswith("feed/")}
    weights = {name: value for name, value in tensors.items() if not name.startswith("feed/")}
    network = Network(settings, weights, feed["norm"].shape[1])
    parameters = list(network.parameters())

    # Vectors and the tables of relative positions do not decay.
    decays = {name: p.dim() >= 2 and not name.endswith("positions") for name, p in network.named_parameters()}
    groups = [
        {"params": [p for name, p in network.named_parameters() if decays[name] is decay], "weight_decay": rate}
        for decay, rate in ((True, settings["weightDecay"]), (False, 0.0))
    ]
    # "eager" updates tensor lists at once; the other two use the one-kernel AdamW.
    update = {"foreach": True} if options.setting == "eager" else {"fused": True}
    optimizer = torch.optim.AdamW(groups, lr=settings["learningRate"], **update)
    forward = torch.compile(network) if options.setting == "compile" else network
    average = [p.detach().clone() for p in parameters]

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = normalised_focal_loss(forward(feed), feed["target"], feed["weight"])
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, settings["clip"], foreach=True)
        optimizer.step()
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - settings["emaDecay"])
        return loss.item()

    losses = [step() for _ in range(WARM_UP)]
    times = []
    for _ in range(options.steps):
        start = time.perf_counter()
        losses.append(step())
        times.append((time.perf_counter() - start) * 1e3)
    print(
        json.dumps(
            {
                "setting": options.setting,
                "medianMs": statistics.median(times),
                "steps": options.steps,
                "parameters": sum(p.numel() for p in parameters),
                "losses": losses,
                "peakBytes": peak_bytes(),
                "torch": torch.__version__,
                "cpuCapability": torch.backends.cpu.get_cpu_capability(),
            }
        )
    )


if __name__ == "__main__":
    main()
