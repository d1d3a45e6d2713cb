"""Yardstick of the metrics: scikit-learn's average precision and ROC area, and a plain NumPy PRO, on maps from a file.

The file holds `count` maps of height x width float32, then as many masks of height x width bytes (0, 1); bench/parts/metrics.ts
writes it. Reading is not timed. Prints one JSON object.
"""

import argparse
import json
import resource
import sys
import time

import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, roc_auc_score

from numpy_metrics import pro


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--side", type=int, default=512)
    options = parser.parse_args()
    shape = (options.count, options.side, options.side)
    pixels = int(np.prod(shape))
    with open(options.file, "rb") as file:
        maps = np.fromfile(file, "<f4", pixels).reshape(shape)
        masks = np.fromfile(file, np.uint8, pixels).reshape(shape)

    start = time.perf_counter()
    truth, scores = masks.ravel(), maps.ravel()
    ap = float(average_precision_score(truth, scores))
    pauroc = float(roc_auc_score(truth, scores))
    area = pro(maps, masks)
    elapsed = (time.perf_counter() - start) * 1e3

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "ms": elapsed,
                "ap": ap,
                "pro": area,
                "pauroc": pauroc,
                "peakBytes": peak if sys.platform == "darwin" else peak * 1024,
                "sklearn": sklearn.__version__,
                "numpy": np.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
