"""Yardstick of the training step: the network of bench/engine-step.ts in PyTorch, one setting a process.

2 x 4096 tokens of 16 channels, width 128, 4 Swin blocks (window 8, 4 heads, MLP ratio 4, alternating shift), a learned
position a token, one sigmoid value a token, mean squared error, AdamW: 1.39 M parameters.
Prints one JSON object; peakBytes is this process's own peak resident memory.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

BATCH, SIDE, CHANNELS, DIM, DEPTH, HEADS, WINDOW, MLP = 2, 64, 16, 128, 4, 4, 8, 4
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.01


class Block(nn.Module):
    """Window attention with a relative bias a pair of positions, then the MLP, both residual."""

    def __init__(self, index):
        super().__init__()
        self.shift = WINDOW // 2 if index % 2 else 0
        self.norm1 = nn.LayerNorm(DIM)
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.bias = nn.Parameter(torch.zeros(HEADS, WINDOW * WINDOW, WINDOW * WINDOW))
        self.project = nn.Linear(DIM, DIM)
        self.norm2 = nn.LayerNorm(DIM)
        self.up = nn.Linear(DIM, MLP * DIM)
        self.down = nn.Linear(MLP * DIM, DIM)

    def forward(self, x):  # (B, SIDE*SIDE, DIM)
        batch, windows = x.shape[0], SIDE // WINDOW
        y = self.norm1(x).view(batch, SIDE, SIDE, DIM)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(batch, windows, WINDOW, windows, WINDOW, DIM).permute(0, 1, 3, 2, 4, 5)
        y = y.reshape(batch * windows * windows, WINDOW * WINDOW, DIM)
        q, k, v = self.qkv(y).view(-1, WINDOW * WINDOW, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
        attention = ((q * (DIM // HEADS) ** -0.5) @ k.transpose(-2, -1) + self.bias).softmax(-1)
        y = self.project((attention @ v).transpose(1, 2).reshape(-1, WINDOW * WINDOW, DIM))
        y = y.view(batch, windows, windows, WINDOW, WINDOW, DIM).permute(0, 1, 3, 2, 4, 5)
        y = y.reshape(batch, SIDE, SIDE, DIM)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y.reshape(batch, SIDE * SIDE, DIM)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(CHANNELS, DIM)
        self.position = nn.Parameter(torch.randn(1, SIDE * SIDE, DIM) * 0.02)
        self.blocks = nn.ModuleList([Block(index) for index in range(DEPTH)])
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, 1)

    def forward(self, x):
        x = self.embed(x) + self.position
        for block in self.blocks:
            x = block(x)
        return torch.sigmoid(self.head(self.norm(x)))


def save(path, network, x, y):
    """Initial weights and data under the names and layout of bench/engine-step.ts: linear weights are [inputs, outputs]."""
    tensors = {"x": x, "y": y}
    for name, value in network.named_parameters():
        value = value.detach()
        tensors[name] = (value.T if value.dim() == 2 else value).contiguous()
    save_file(tensors, path)


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting", choices=["eager", "eager-fused", "compile"], default="eager")
    parser.add_argument("--steps", type=int, default=12, help="timed steps, after the warm-up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", metavar="FILE", help="write the initial weights and the data, for the other half")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    network = Network()
    parameters = sum(p.numel() for p in network.parameters())
    # "eager" updates tensor lists at once; the other two use the one-kernel AdamW.
    update = {"foreach": True} if options.setting == "eager" else {"fused": True}
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, **update)
    forward = torch.compile(network) if options.setting == "compile" else network
    x = torch.randn(BATCH, SIDE * SIDE, CHANNELS)
    y = torch.rand(BATCH, SIDE * SIDE, 1)
    if options.save:
        save(options.save, network, x, y)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = ((forward(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = [step(), step()]
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
                "minMs": min(times),
                "maxMs": max(times),
                "steps": options.steps,
                "parameters": parameters,
                "threads": torch.get_num_threads(),
                "losses": losses,
                "peakBytes": peak_bytes(),
                "torch": torch.__version__,
                "cpuCapability": torch.backends.cpu.get_cpu_capability(),
                "cores": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    main()
