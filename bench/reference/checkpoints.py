"""Writes packages/core/src/checkpoints/fixtures: checkpoints as PyTorch writes them, and what they hold.

    pip install torch timm transformers safetensors && python bench/reference/checkpoints.py

`kinds.pth`, `kinds-legacy.pth`: every type of element, views, shared storages, a parameter and plain containers in both of PyTorch's formats;
`kinds.json`: their tensors by name. `wide-resnet.pth`: a wide ResNet of torchvision's layout (torchvision/models/resnet.py: bottlenecks of
twice the width, the stride on the 3x3 convolution), one channel where WideResNet-50-2 has 64 and 2, 1, 1 blocks, random, in the older format;
`wide-resnet.safetensors`: its convolutions with the batch norms folded in by PyTorch. `lavt.pth`: what LAVT's training saves (train.py), of two
narrow stages: encoder and decoder, BERT, optimiser, schedule and the settings of the run; weights drawn by name.
"""
import argparse
import json
from pathlib import Path

import torch
from bert import narrow as narrow_bert
from drawn_weights import drawn
from lavt import Lavt
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TARGET = Path(__file__).resolve().parents[2] / "packages/core/src/checkpoints/fixtures"


def kinds():
    """A training checkpoint with one tensor of each kind that a reader can meet."""
    base = torch.arange(12, dtype=torch.float32) / 4
    halves = torch.tensor([0.5, -1.25, 3.0, 65504.0])
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    tensors = {
        "float64": torch.tensor([[1 / 3, -2.0], [1e-40, 4e5]], dtype=torch.float64),
        "float16": halves.half(),
        "bfloat16": halves.bfloat16(),
        "int64": torch.tensor([-1, 2**40]),
        "int32": torch.tensor([-7, 2**31 - 1], dtype=torch.int32),
        "int16": torch.tensor([-300, 300], dtype=torch.int16),
        "int8": torch.tensor([-128, 127], dtype=torch.int8),
        "uint8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "whole": base,
        "part": base[2:5],
        "transposed": base.view(3, 4).t(),
        "every third": base[1::3],
        "block": base.view(2, 2, 3).permute(2, 0, 1)[1:],
        "parameter": nn.Parameter(base[:2]),
    }
    return {"state_dict": module.state_dict(), "kinds": tensors, "list": [base[:1], (base[3:4],)], "epoch": 3, "lr": 1e-3, "note": "é", "none": None, "big": 2**70}


def listed(value, name=""):
    """(name, tensor) of everything inside."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from listed(item, f"{name}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from listed(item, f"{name}.{place}".lstrip("."))


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        width, outputs = 2 * planes, 4 * planes
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class WideResNet(nn.Module):
    def __init__(self, channels, blocks):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, channels, 7, 2, 3, bias=False), nn.BatchNorm2d(channels)
        inputs = channels
        for number, repeats in enumerate(blocks):
            planes = channels * 2**number
            layer = nn.Sequential()
            for i in range(repeats):
                layer.append(Bottleneck(inputs, planes, 2 if number and not i else 1))
                inputs = 4 * planes
            setattr(self, f"layer{number + 1}", layer)
        self.fc = nn.Linear(inputs, 2)


def folded(model):
    """Weights and biases by our names."""
    pairs = {"stem": (model.conv1, model.bn1)}
    for layer in (1, 2, 3):
        for i, block in enumerate(getattr(model, f"layer{layer}")):
            for j in (1, 2, 3):
                pairs[f"layer{layer}.{i}.conv{j}"] = (getattr(block, f"conv{j}"), getattr(block, f"bn{j}"))
            if hasattr(block, "downsample"):
                pairs[f"layer{layer}.{i}.downsample"] = tuple(block.downsample)
    fused = {name: fuse_conv_bn_eval(conv, norm) for name, (conv, norm) in pairs.items()}
    return {f"{name}.{part}": getattr(conv, part).detach().clone() for name, conv in fused.items() for part in ("weight", "bias")}


# A language of 32 channels: that of the narrow BERT.
LAVT = {"embed": 4, "depths": (1, 2), "heads": (1, 2), "window": 4, "words": 32}


def lavt():
    """A checkpoint of LAVT's training; beside what our module has, LAVT's has tables of places, a gate behind the last stage and a decoder."""
    backbone = drawn(Lavt(**LAVT))
    for stage in backbone.layers:
        for block in stage.blocks:
            block.attn.register_buffer("relative_position_index", block.attn.relative_position_index, persistent=True)
    model = nn.Module()
    model.backbone, model.classifier = backbone, nn.Module()
    model.classifier.conv1_4, model.classifier.bn1_4 = nn.Conv2d(2, 2, 3, bias=False), nn.BatchNorm2d(2)
    optimizer = torch.optim.AdamW([{"params": backbone.norm0.parameters(), "weight_decay": 0.0}], lr=5e-5)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 - step / 10) ** 0.9)
    for parameter in backbone.norm0.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    scheduler.step()
    drawn(backbone)
    args = argparse.Namespace(amsgrad=False, device="cuda:0", epochs=40, lr=5e-5, mha="", ck_bert="bert-base-uncased", fusion_drop=0.0, window12=True, workers=None, splits=["train", "val"])
    return {"model": model.state_dict(), "bert_model": narrow_bert().state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "args": args, "lr_scheduler": scheduler.state_dict()}


if __name__ == "__main__":
    torch.manual_seed(7)
    TARGET.mkdir(exist_ok=True)
    checkpoint = kinds()
    torch.save(checkpoint, TARGET / "kinds.pth")
    torch.save(checkpoint, TARGET / "kinds-legacy.pth", _use_new_zipfile_serialization=False)
    # float64 is rounded when it is read.
    told = {name: {"type": str(t.dtype)[6:], "shape": list(t.shape), "values": (t.float() if t.is_floating_point() else t).flatten().tolist()} for name, t in listed(checkpoint)}
    (TARGET / "kinds.json").write_text(json.dumps(told, indent=1) + "\n")

    model = WideResNet(1, (2, 1, 1, 1)).eval()
    with torch.no_grad():
        for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
            for tensor in (norm.weight, norm.running_var):
                tensor.uniform_(0.5, 2)
            for tensor in (norm.bias, norm.running_mean):
                tensor.normal_()
    torch.save(model.state_dict(), TARGET / "wide-resnet.pth", _use_new_zipfile_serialization=False)
    save_file(folded(model), TARGET / "wide-resnet.safetensors", {"torch": torch.__version__})
    torch.save(lavt(), TARGET / "lavt.pth")
