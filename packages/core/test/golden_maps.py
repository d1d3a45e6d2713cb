"""Makes fixtures/golden_maps.json: maps as NumPy, tifffile and Pillow write them, of several types and sizes, with scikit-learn's AP and AUROC and
MVTec's PRO of what stands in them.

Run: python packages/core/test/golden_maps.py   (numpy, scipy, scikit-learn, tifffile, pillow)
"""
import base64
import io
import json
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from golden_metrics import per_region_overlap

HEIGHT, WIDTH = 12, 16
PICTURES = [("good", "000"), ("good", "001"), ("dent", "000"), ("dent", "001"), ("scratch", "000"), ("scratch", "001")]


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return "npy", file.getvalue()


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return "tiff", file.getvalue()


def png(array, mode=None):
    file = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(file, "png")
    return "png", file.getvalue()


def linear(length, to):
    """Rows of weights that bring an axis to another length: bilinear between pixel centres where it grows, by area where it shrinks."""
    weights = np.zeros((to, length))
    for i in range(to):
        if to >= length:
            centre = min(max((i + 0.5) * length / to - 0.5, 0), length - 1)
            low = min(int(centre), max(length - 2, 0))
            weights[i, low] += 1 - (centre - low)
            if centre > low:
                weights[i, low + 1] += centre - low
        else:
            start, end = i * length / to, (i + 1) * length / to
            for k in range(length):
                weights[i, k] = max(0, min(end, k + 1) - max(start, k)) / (length / to)
    return weights


def to_size(array, height, width):
    return linear(array.shape[0], height) @ array.astype(float) @ linear(array.shape[1], width).T


def levels(array, most):
    return np.round((array - LOW) / (HIGH - LOW) * most)


random = np.random.default_rng(18)
masks, maps = [], []
for kind, _ in PICTURES:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if kind != "good":
        for _ in range(random.integers(1, 4)):
            y, x = random.integers(0, HEIGHT - 4), random.integers(0, WIDTH - 6)
            mask[y : y + random.integers(2, 5), x : x + random.integers(2, 7)] = 1
    masks.append(mask)
    maps.append(random.normal(size=mask.shape) + 4 * ndimage.uniform_filter(mask.astype(float), 3))
maps[1][5, 7] += 6  # a false alarm, so that good and bad pictures overlap
LOW, HIGH = min(m.min() for m in maps), max(m.max() for m in maps)

# How a map is written, and the numbers that stand in the file.
WAYS = {
    "float32 TIFF": lambda m: (tiff(m.astype("<f4")), m.astype("f4")),
    "float32 TIFF, big-endian": lambda m: (tiff(m.astype("f4"), byteorder=">"), m.astype("f4")),
    "float32 TIFF, packed": lambda m: (tiff(m.astype("f4"), compression="zlib"), m.astype("f4")),
    "float16 TIFF": lambda m: (tiff(m.astype("f2")), m.astype("f2")),
    "float64 TIFF": lambda m: (tiff(m), m),
    "uint16 TIFF": lambda m: (tiff(levels(m, 65535).astype("u2")), levels(m, 65535)),
    "float32 array": lambda m: (npy(m.astype("<f4")), m.astype("f4")),
    "float32 array, batch and channel of one": lambda m: (npy(m.astype("<f4")[None, None]), m.astype("f4")),
    "float64 array": lambda m: (npy(m), m),
    "float64 array, big-endian": lambda m: (npy(m.astype(">f8")), m),
    "float32 array, columns first": lambda m: (npy(np.asfortranarray(m.astype("<f4"))), m.astype("f4")),
    "float16 array": lambda m: (npy(m.astype("<f2")), m.astype("f2")),
    "int32 array, below zero too": lambda m: (npy(np.round(m * 1000).astype("<i4")), np.round(m * 1000)),
    "int64 array": lambda m: (npy(np.round(m * 10).astype("<i8")), np.round(m * 10)),
    "boolean array": lambda m: (npy(m > 1), (m > 1).astype(float)),
    "8-bit PNG": lambda m: (png(levels(m, 255).astype("u1")), levels(m, 255)),
    "8-bit PNG, grey in three channels": lambda m: (png(levels(m, 255).astype("u1"), "RGB"), levels(m, 255)),
    "16-bit PNG": lambda m: (png(levels(m, 65535).astype("u2")), levels(m, 65535)),
    "half the size": lambda m: small(m, 6, 8),
    "another shape": lambda m: small(m, 8, 9),
    "larger than the masks": lambda m: small(m, 24, 30),
    "lower and wider": lambda m: small(m, 7, 25),
}


def small(array, height, width):
    other = to_size(array, height, width).astype("f4")
    return npy(other), other


if __name__ == "__main__":
    truth = np.concatenate([m.ravel() for m in masks])
    defective = [kind != "good" for kind, _ in PICTURES]
    cases = []
    for name, way in WAYS.items():
        files, values = {}, []
        for (kind, number), map_ in zip(PICTURES, maps):
            (ending, content), stored = way(map_)
            files[f"{kind}/{number}.{ending}"] = base64.b64encode(content).decode()
            values.append(np.asarray(stored, float))
        shown = [v if v.shape == (HEIGHT, WIDTH) else to_size(v, HEIGHT, WIDTH) for v in values]
        scores = np.concatenate([v.ravel() for v in shown])
        cases.append(
            {
                "name": name,
                "files": files,
                "ap": float(average_precision_score(truth, scores)),
                "pauroc": float(roc_auc_score(truth, scores)),
                "pro": per_region_overlap(shown, masks),
                "iauroc": float(roc_auc_score(defective, [v.max() for v in values])),
            }
        )
    pictures = [
        {"type": kind, "name": name, "mask": mask.ravel().tolist()} for (kind, name), mask in zip(PICTURES, masks)
    ]
    target = Path(__file__).parent / "fixtures" / "golden_maps.json"
    content = {"width": WIDTH, "height": HEIGHT, "pictures": pictures, "cases": cases}
    target.write_text(json.dumps(content, separators=(",", ":")) + "\n")
