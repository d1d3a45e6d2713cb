"""Yardsticks of detection and of clicks: published networks in PyTorch with random weights, since only their time counts.

PART is `detection` (PatchCore, EfficientAD-S) or `clicks` (SAM and SimpleClick, both with ViT-B); rival_networks/ has the networks, each
with its paper. Each is timed at the size of its paper and at the picture's. A wrong network fails: its parameters, and its operations where
they are published, must be the published ones within three hundredths. Prints one JSON object, times in milliseconds.
"""

import argparse
import json
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from rival_networks.efficientad import EfficientAD
from rival_networks.patchcore import PatchCore, WideResNet50
from rival_networks.sam import EMBEDDING, Sam
from rival_networks.simpleclick import SimpleClick

TOLERANCE = 0.03
# Timed calls of a network: one where it takes seconds, since there are several rounds.
LEAST, MOST = 1, 20
CLICKS = 5


def check(name, parts, parameters, operations=None, once=None):
    """Fails where millions of parameters, or 10^9 operations (two for a product and its sum) of `once`, are not the published ones."""
    found = [("million parameters", sum(p.numel() for part in parts for p in part.parameters()) / 1e6, parameters)]
    if once:
        with FlopCounterMode(display=False) as counter:
            once()
        found.append(("10^9 operations", counter.get_total_flops() / 1e9, operations))
    for what, value, published in found:
        if abs(value / published - 1) > TOLERANCE:
            raise SystemExit(f"Error: {name} has {value:.2f} {what}, published are {published:.2f}")


def timed(work, seconds):
    """Milliseconds of each of some calls after the first one, for about so many seconds."""
    work()
    times, end = [], time.perf_counter() + seconds
    while len(times) < LEAST or (len(times) < MOST and time.perf_counter() < end):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def unit(picture):  # (H, W, 3) -> (1, 3, H, W) in [0, 1]
    return picture.permute(2, 0, 1)[None].float() / 255


def laid_out(network):
    """Convolutions run faster with the channels last."""
    return network.eval().to(memory_format=torch.channels_last)


def detection(picture, normals, seconds):
    side, answer = picture.shape[0], []

    def add(key, name, method, does):
        times = timed(lambda: method(unit(picture)), seconds)
        answer.append({"work": "detect", "key": key, "name": name, "does": does, "ms": times})

    backbone = laid_out(WideResNet50())
    check("WideResNet-50", [backbone], 68.9)
    # The paper's sizes with the 209 good pictures of a product of MVTec AD; then the picture's, with as many good ones as ours has.
    for key, resized, middle, good in (("patchcore", 256, 224, 209), ("patchcoreSame", side, side, normals)):
        method = PatchCore(backbone, resized, middle, good).eval()
        patches = f"{method.patches} patches of {method.bank.shape[1]} channels"
        does = f"{middle} × {middle} px, {patches}, {len(method.bank)} in the bank (10 % of {good} pictures)"
        add(key, "PatchCore, WideResNet-50", method, does)
    for key, size in (("efficientAd", 256), ("efficientAdSame", side)):
        method = laid_out(EfficientAD(size))
        if size == 256:
            # Its appendix on efficiency: 8 million parameters, 76 x 10^9 operations.
            check("EfficientAD-S", [method], 8, 76, lambda: method.networks(torch.rand(1, 3, size, size)))
        places = f"{method.autoencoder.last} × {method.autoencoder.last} places"
        does = f"{size} × {size} px, {places}, teacher of 384 channels, student of 768, autoencoder"
        add(key, "EfficientAD-S", method, does)
    return answer


class Clicks:
    """Five clicks on a picture one after another, each with the answer before it, and so on with the next picture."""

    def __init__(self, empty):
        self.at, self.kinds = torch.rand(CLICKS, 2), torch.tensor([1, 0, 1, 1, 0])
        self.count, self.empty, self.before = 0, empty, empty

    def next(self):
        """Places in [0, 1], 1 for a positive and 0 for a negative click, and the answer before."""
        self.count = self.count % CLICKS + 1
        before = self.empty if self.count == 1 else self.before
        return self.at[: self.count], self.kinds[: self.count], before

    def keep(self, answer):
        self.before = answer


def clicks(picture, _, seconds):
    side, answer = picture.shape[0], []

    def add(work, key, name, once, does):
        answer.append({"work": work, "key": key, "name": name, "does": does, "ms": timed(once, seconds)})

    for key, size in (("sam", 1024), ("samSame", side)):
        method = Sam(size).eval()
        if size == 1024:
            # The published weights are 375 MB of 32-bit numbers; prompt encoder and mask decoder together 4 million parameters.
            check("SAM ViT-B", [method], 375 / 4)
            check("SAM's decoder", [method.prompts, method.decoder], 4)
        tokens = f"{method.tokens} × {method.tokens} × {EMBEDDING}"
        does = f"{size} × {size} px, 12 blocks of width 768, embedding {tokens}"
        add("ready", key, "SAM ViT-B, image encoder", lambda: method.encoder(unit(picture)), does)
        embedding = torch.randn(1, EMBEDDING, method.tokens, method.tokens)
        made = Clicks(None)

        def click():
            logits, _ = method.click(embedding, *made.next(), (side, side))
            made.keep(logits)

        does = f"embedding {tokens}, two-way transformer of 2 layers, 3 masks"
        add("click", key, "SAM ViT-B, prompt encoder and mask decoder", click, does)
    for key, size in (("simpleClick", 448), ("simpleClickSame", side)):
        method = SimpleClick(size).eval()
        made = Clicks(torch.zeros(1, 1, side, side))

        def click():
            made.keep(method(unit(picture), *made.next()))

        if size == 448:
            check("SimpleClick ViT-B", [method], 96.46)  # its table of computation
        does = f"{size} × {size} px, {size // 16} × {size // 16} patches, 12 blocks of width 768, one pass"
        add("click", key, "SimpleClick ViT-B", click, does)
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", metavar="PART", choices=["detection", "clicks"])
    parser.add_argument("--side", type=int, default=512, help="of our picture")
    parser.add_argument("--normals", type=int, default=60, help="our good pictures")
    parser.add_argument("--seconds", type=float, default=2, help="for each network, about")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    picture = torch.randint(0, 256, (options.side, options.side, 3), dtype=torch.uint8)
    part = {"detection": detection, "clicks": clicks}[options.part]
    with torch.inference_mode():
        found = part(picture, options.normals, options.seconds)
    print(json.dumps({"rivals": found, "torch": torch.__version__, "cpuCapability": torch.backends.cpu.get_cpu_capability()}))


if __name__ == "__main__":
    main()
