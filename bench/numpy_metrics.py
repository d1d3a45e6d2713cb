"""Plain NumPy pixel metrics for the yardsticks: PRO by MVTec's algorithm, and AP and ROC area from the same ordering.

`python bench/numpy_metrics.py` checks them against known values (MVTec's reference in double precision).
"""

import numpy as np
from scipy import ndimage

EIGHT_CONNECTED = np.ones((3, 3), int)


def pro(maps, masks, limit=0.3):
    """Per-region overlap up to a false positive rate of `limit`, divided by it.

    maps, masks: sequences of (H, W) arrays that may differ in size; a mask is 1 at defects, 0 elsewhere.
    """
    regions = 0
    gains = []  # what each pixel adds to the mean overlap, times the number of regions
    for mask in masks:
        labels, count = ndimage.label(mask, EIGHT_CONNECTED)
        areas = np.bincount(labels.ravel(), minlength=count + 1)
        share = np.zeros(count + 1)
        share[1:] = 1 / areas[1:]
        gains.append(share[labels].ravel())
        regions += count
    if regions == 0:
        raise ValueError("no defect region: PRO is undefined")
    scores = np.concatenate([m.ravel() for m in maps])
    truth = np.concatenate([m.ravel() for m in masks]).astype(bool)
    order = np.argsort(scores, kind="stable")[::-1]
    scores = scores[order]
    good = ~truth[order]
    rate = np.cumsum(good) / np.count_nonzero(good)
    overlap = np.cumsum(np.concatenate(gains)[order]) / regions
    last = np.append(scores[1:] != scores[:-1], True)  # equal scores are one threshold
    x = np.concatenate([[0], np.minimum(rate[last], 1), [1]])
    y = np.concatenate([[0], np.minimum(overlap[last], 1), [1]])
    inside = int(np.searchsorted(x, limit, side="right"))
    if inside < len(x):
        before, after = inside - 1, inside
        at = y[before] + (y[after] - y[before]) * (limit - x[before]) / (x[after] - x[before])
        x, y = np.append(x[:inside], limit), np.append(y[:inside], at)
    return float(np.trapezoid(y, x) / limit)


def precision_and_roc(maps, masks):
    """Average precision (ties merged, no interpolation) and ROC area of the pooled pixels."""
    scores = np.concatenate([m.ravel() for m in maps])
    truth = np.concatenate([m.ravel() for m in masks]).astype(bool)
    order = np.argsort(scores, kind="stable")[::-1]
    scores, hits = scores[order], truth[order]
    last = np.append(scores[1:] != scores[:-1], True)
    true = np.cumsum(hits)[last].astype(float)
    false = np.cumsum(~hits)[last].astype(float)
    recall = np.append(0, true / true[-1])
    rate = np.append(0, false / false[-1])
    ap = float(np.sum(np.diff(recall) * true / (true + false)))
    return ap, float(np.trapezoid(recall, rate))


def _check():
    y, x = np.mgrid[0:16, 0:16]
    noise = [((37 * y + 17 * x + 29 * t + (y * x) % 7) % 101) / 101 for t in range(3)]
    masks = [np.zeros((16, 16), int) for _ in range(3)]
    masks[0][2:6, 2:6] = masks[0][6, 6] = masks[0][10:12, 9:14] = masks[2][0:3, 13:16] = 1
    maps = [
        0.5 * noise[0] + 0.5 * ((y - 4) ** 2 + (x - 4) ** 2 < 9),
        noise[1],
        0.6 * noise[2] + 0.4 * ((y - 1) ** 2 + (x - 14) ** 2 < 3),
    ]
    for scale, want in ((None, (0.41765976, 0.13700751, 0.75726700)), (1, (0.41801364, 0.11803242, 0.75728597))):
        some = maps if scale is None else [m.round(scale) for m in maps]
        got = (pro(some, masks), *precision_and_roc(some, masks))
        assert np.allclose(got, want, atol=1e-8), (got, want)
    print("PRO, AP and ROC area agree with the reference values")


if __name__ == "__main__":
    _check()
