"""Makes fixtures/golden_metrics.json: AP and AUROC by scikit-learn, PRO by a plain NumPy version of MVTec's algorithm.

Run: python packages/core/test/golden_metrics.py   (numpy, scipy, scikit-learn)
"""
import json
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

LIMIT = 0.3
IGNORE = 255


def per_region_overlap(maps, masks, limit=LIMIT):
    """Area under mean region overlap against false positive rate up to the limit, over the limit."""
    scores, good, overlap, regions = [], [], [], 0
    for score, mask in zip(maps, masks):
        labels, count = ndimage.label(mask == 1, np.ones((3, 3)))
        areas = np.bincount(labels.ravel(), minlength=count + 1).astype(float)
        share = np.where(labels > 0, 1 / np.maximum(areas[labels], 1), 0)
        counted = mask != IGNORE
        scores.append(score[counted])
        good.append(mask[counted] == 0)
        overlap.append(share[counted])
        regions += count
    scores, good, overlap = map(np.concatenate, (scores, good, overlap))
    order = np.argsort(-scores, kind="stable")
    rate = np.cumsum(good[order]) / good.sum()
    mean_overlap = np.cumsum(overlap[order]) / regions
    last = np.append(np.diff(scores[order]) != 0, True)
    x = np.concatenate([[0], np.minimum(rate[last], 1), [1]])
    y = np.concatenate([[0], np.minimum(mean_overlap[last], 1), [1]])
    inside = x <= limit
    first_out = int(np.argmin(inside)) if not inside.all() else len(x)
    xs, ys = x[:first_out], y[:first_out]
    if first_out < len(x):
        xs, ys = np.append(xs, limit), np.append(ys, np.interp(limit, x[first_out - 1 : first_out + 1], y[first_out - 1 : first_out + 1]))
    return float(np.sum(np.diff(xs) * (ys[1:] + ys[:-1]) / 2) / limit)


def case(random, sizes, decimals, signal, ignore):
    images = []
    for height, width in sizes:
        mask = np.zeros((height, width), np.uint8)
        for _ in range(random.integers(0, 4)):
            y, x = random.integers(0, height), random.integers(0, width)
            mask[y : y + random.integers(1, 6), x : x + random.integers(1, 6)] = 1
        score = random.normal(size=mask.shape) + signal * ndimage.uniform_filter(mask.astype(float), 3)
        mask[random.random(mask.shape) < ignore] = IGNORE
        images.append((np.round(score, decimals).astype(np.float32), mask))
    maps, masks = zip(*images)
    counted = np.concatenate([m.ravel() for m in masks]) != IGNORE
    labels = np.concatenate([m.ravel() for m in masks])[counted]
    scores = np.concatenate([s.ravel() for s in maps])[counted]
    return {
        "images": [
            {"width": m.shape[1], "scores": [float(v) for v in s.ravel()], "labels": m.ravel().tolist()}
            for s, m in images
        ],
        "ap": float(average_precision_score(labels, scores)),
        "pauroc": float(roc_auc_score(labels, scores)),
        "pro": per_region_overlap(maps, masks),
    }


if __name__ == "__main__":
    random = np.random.default_rng(6)
    sizes = [(13, 17), (16, 9), (8, 21)]
    cases = [
        case(random, sizes, 4, 2.0, 0.0),
        case(random, sizes, 1, 1.0, 0.0),
        case(random, sizes, 0, 3.0, 0.1),
        case(random, sizes, 3, -1.0, 0.2),
    ]
    target = Path(__file__).parent / "fixtures" / "golden_metrics.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")
