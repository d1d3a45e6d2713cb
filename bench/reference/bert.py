"""Writes packages/core/test/parity/fixtures/bert.safetensors: the last hidden state of a narrow BERT.

    pip install torch transformers safetensors && python bench/reference/bert.py

torch 2.15, transformers 5.24: its BertModel without the pooler. Weights and word pieces are drawn by name (drawn_weights.py, seeded.py); the
file holds `hidden` (B, T, D), padded positions included.
"""
from pathlib import Path

import numpy as np
import torch
from drawn_weights import drawn
from safetensors.torch import save_file
from seeded import seeded
from transformers import BertConfig, BertModel

TARGET = Path(__file__).resolve().parents[2] / "packages/core/test/parity/fixtures/bert.safetensors"

NARROW = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 50, "max_position_embeddings": 24}
TOKENS = 20
# Tokens of each sentence.
LENGTHS = [20, 7, 2]


def narrow():
    return drawn(BertModel(BertConfig(**NARROW), add_pooling_layer=False)).eval()


if __name__ == "__main__":
    shares = seeded("ids", (len(LENGTHS), TOKENS), 0.5, 0.5).astype(np.float64)
    ids = torch.from_numpy(np.floor(shares * NARROW["vocab_size"]).astype(np.int64))
    mask = (torch.arange(TOKENS)[None] < torch.tensor(LENGTHS)[:, None]).long()
    with torch.no_grad():
        hidden = narrow()(ids, attention_mask=mask).last_hidden_state
    TARGET.parent.mkdir(exist_ok=True)
    save_file({"hidden": hidden.contiguous()}, TARGET)
