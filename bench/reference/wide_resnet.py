"""Writes packages/core/test/parity/fixtures/wide-resnet.safetensors: what PyTorch gives for a WideResNet of small width, and its descriptors.

The network is torchvision's (torchvision/models/resnet.py: ResNet of Bottlenecks, width_per_group 128 as in wide_resnet50_2), in eval mode,
with one block in layers 1 and 3, two in layer 2 and, in place of 64, so many channels behind the stem as CHANNELS says. Weights and running
statistics are drawn by seeded.py; D is 1024 in the same proportion. The descriptors follow PatchCore (Roth et al.; amazon-science/patchcore-inspection,
src/patchcore/common.py and patchcore.py: patches of 3, stride 1; preprocessing and aggregation to 1024), on the grid of stride 8 that the
paper takes; written here anew with unfold and adaptive_avg_pool1d.

    python bench/reference/wide_resnet.py           the fixture
    python bench/reference/wide_resnet.py --full    WideResNet-50-2 as it is: parameters, time and memory of a picture of 512 px on two threads

torch 2.15, torchvision 0.29, numpy, safetensors.
"""
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from seeded import seeded
from torchvision.models import wide_resnet50_2
from torchvision.models.resnet import Bottleneck, ResNet

CHANNELS = 4
BLOCKS = [1, 2, 1, 1]
# As many of them for each channel as of the published network.
DIMS = 1024 * CHANNELS // 64
# Height and width of each picture.
SIZES = [(64, 128), (192, 64)]
OUT = Path(__file__).parents[2] / "packages/core/test/parity/fixtures/wide-resnet.safetensors"
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Scaled(ResNet):
    """ResNet of other planes than 64: its layers ask for 64, 128, 256 and 512 of them."""

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        if planes == 64:
            self.inplanes = CHANNELS
        return super()._make_layer(block, planes * CHANNELS // 64, blocks, stride, dilate)


def scaled():
    network = Scaled(Bottleneck, BLOCKS, width_per_group=128)
    network.conv1 = torch.nn.Conv2d(3, CHANNELS, 7, stride=2, padding=3, bias=False)
    network.bn1 = torch.nn.BatchNorm2d(CHANNELS)
    return network


def draw(network):
    """Seeded weights, statistics included; every layer keeps about the size of what it gets."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked") or name.startswith(("layer4", "fc")):
                continue
            if tensor.dim() == 4:
                drawn = seeded(name, tensor.shape, (3 / tensor[0].numel()) ** 0.5)
            elif name.endswith(("running_var", ".weight")):
                drawn = seeded(name, tensor.shape, 0.4, 1.0)
            else:
                drawn = seeded(name, tensor.shape, 0.3)
            tensor.copy_(torch.from_numpy(drawn))
    return network.eval()


def taps(network, image):
    """uint8 (H, W, 3) -> the maps of layers 1 to 3."""
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    x = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
    maps = []
    for layer in (network.layer1, network.layer2, network.layer3):
        x = layer(x)
        maps.append(x)
    return maps


def descriptors(maps, height, width, dims):
    """(1, C, H, W) each -> (height * width, dims)."""
    features = []
    for x in maps:
        channels, rows, columns = x.shape[1:]
        patches = F.unfold(x, 3, padding=1)[0].reshape(channels * 9, rows, columns)
        patches = F.interpolate(patches[None], size=(height, width), mode="bilinear", align_corners=False)[0]
        cells = patches.reshape(channels * 9, -1).T
        features.append(F.adaptive_avg_pool1d(cells[:, None], dims)[:, 0])
    stacked = torch.stack(features, 1).reshape(height * width, -1)
    return F.adaptive_avg_pool1d(stacked[:, None], dims)[:, 0]


def picture(height, width):
    return np.floor(seeded(f"picture {height}x{width}", (height, width, 3), 128, 128)).astype(np.uint8)


def fixture():
    network = draw(scaled())
    answers = {}
    for height, width in SIZES:
        with torch.no_grad():
            maps = taps(network, picture(height, width))
            tokens = descriptors(maps, height // 8, width // 8, DIMS)
        for tap, x in enumerate(maps):
            answers[f"{height}x{width}.layer{tap + 1}"] = x[0].numpy()
        answers[f"{height}x{width}.tokens"] = tokens.numpy()
    OUT.parent.mkdir(exist_ok=True)
    save_file(answers, OUT)
    print(OUT, OUT.stat().st_size, {name: (x.shape, float(np.abs(x).max())) for name, x in answers.items()})


def full():
    torch.set_num_threads(2)
    network = wide_resnet50_2().eval()
    parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    print(parameters, sum(parameters.values()))
    image = picture(512, 512)
    with torch.no_grad():
        for what, runs in (("taps", 6), ("descriptors", 3)):
            times, busy = [], []
            for _ in range(runs):
                start, worked = time.perf_counter(), time.process_time()
                maps = taps(network, image)
                if what == "descriptors":
                    descriptors(maps, 64, 64, 1024)
                times.append(time.perf_counter() - start)
                busy.append(time.process_time() - worked)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{what}: {min(times):.2f} s at best, {min(busy):.2f} s of processor, peak {peak:.0f} MB")


if __name__ == "__main__":
    full() if "--full" in sys.argv else fixture()
