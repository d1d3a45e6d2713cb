"""Yardsticks of labelling: OpenCV's GrabCut and scikit-image's random walker on the colours of the image, with the same
simulated annotator as `adclick evaluate clicks`, at the image's own size.

Prints one JSON object: for each method AP, PRO, P-AUROC (pooled over the images) and mIoU after 1, 3 and 5 clicks.
`--annotate FILE` answers only where the annotator clicks first for the maps in FILE (bench/parts/annotator.ts compares).
"""

import argparse
import json
import os
import sys
import time
from functools import partial
from multiprocessing import get_context
from pathlib import Path

# Pictures are labelled side by side, so each process keeps to one thread; read when NumPy is imported.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import scipy  # noqa: E402
import skimage  # noqa: E402
from scipy import ndimage  # noqa: E402
from skimage.segmentation import random_walker  # noqa: E402

from numpy_metrics import precision_and_roc, pro  # noqa: E402

THRESHOLD = np.float32(0.49)
REPORTED = (1, 3, 5)
IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}

# Sizes of the seeds as shares of the square root of the image's area: 5 and 30 px in an image of 384 x 384.
SEED = 5 / 384
PROBABLE = 30 / 384
# Above this many pixels the image is shrunk for the method and its answer enlarged: GrabCut takes seconds a click on
# larger ones, and the random walker solves a linear system a click. Clicks and metrics stay at the image's own size.
GRABCUT_PIXELS = 384 * 384
WALKER_PIXELS = 192 * 192
WALKER_BETA = 300


def next_click(probability, truth, clicks):
    """The deepest wrong pixel; the larger error decides the sign, ties go to negative and to the first pixel row by row."""
    predicted = probability > THRESHOLD
    depths = []
    for wrong in (truth & ~predicted, ~truth & predicted):
        depth = ndimage.distance_transform_edt(np.pad(wrong, 1)).astype(np.float32)[1:-1, 1:-1]
        for x, y, _ in clicks:
            depth[y, x] = 0
        depths.append(depth)
    missed, spurious = depths
    positive = missed.max() > spurious.max()
    depth = missed if positive else spurious
    if depth.max() == 0:
        return None
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return int(x), int(y), bool(positive)


def shrunk(image, clicks, pixels):
    """The image at no more than `pixels` pixels, the clicks on it, and the square root of its area."""
    height, width = image.shape[:2]
    scale = min(1.0, (pixels / (height * width)) ** 0.5)
    rows, columns = max(8, round(height * scale)), max(8, round(width * scale))
    small = image if scale == 1 else cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    moved = [
        (min(columns - 1, int((x + 0.5) * columns / width)), min(rows - 1, int((y + 0.5) * rows / height)), positive)
        for x, y, positive in clicks
    ]
    return small, moved, (rows * columns) ** 0.5


def grabcut(image, clicks):
    """Probable defect around positive clicks, probable background elsewhere, certain at the clicks; 3 iterations."""
    height, width = image.shape[:2]
    small, clicks, side = shrunk(image, clicks, GRABCUT_PIXELS)
    labels = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    for x, y, positive in clicks:
        if positive:
            cv2.circle(labels, (x, y), max(2, round(PROBABLE * side)), cv2.GC_PR_FGD, -1)
    for x, y, positive in clicks:
        cv2.circle(labels, (x, y), max(1, round(SEED * side)), cv2.GC_FGD if positive else cv2.GC_BGD, -1)
    try:
        cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # too few pixels of one kind for its colour models: the seeds stand
        pass
    answer = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.resize(answer, (width, height), interpolation=cv2.INTER_NEAREST)


def walker(image, clicks):
    """Seeds at the clicks, background seeds along the border; the probability of reaching a positive seed first."""
    height, width = image.shape[:2]
    small, clicks, side = shrunk(image, clicks, WALKER_PIXELS)
    seeds = np.zeros(small.shape[:2], np.int32)
    seeds[[0, -1], :] = 2
    seeds[:, [0, -1]] = 2
    for x, y, positive in clicks:
        cv2.circle(seeds, (x, y), max(1, round(SEED * side)), 1 if positive else 2, -1)
    if not (seeds == 1).any() or not (seeds == 0).any():
        return np.zeros((height, width), np.float32)
    reach = random_walker(
        small.astype(float) / 255,
        seeds,
        beta=WALKER_BETA,
        mode="cg_j",
        tol=1e-3,
        channel_axis=-1,
        return_full_prob=True,
        prob_tol=1,  # the answer is clipped below
    )
    reach = cv2.resize(reach[0].astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(reach, 0, 1)


METHODS = {"grabcut": grabcut, "randomWalker": walker}


def defects(data, category, limit):
    """Defective images with their masks in the order of their paths; with a limit, evenly spread over that order."""
    root = Path(data) / category
    found = []
    for image in sorted((root / "test").glob("*/*")):
        mask = root / "ground_truth" / image.parent.name / f"{image.stem}_mask.png"
        if image.parent.name != "good" and image.suffix.lower() in IMAGES and mask.exists():
            found.append((image, mask))
    if limit and limit < len(found):
        found = [found[i * len(found) // limit] for i in range(limit)]
    return found


def label(picture, method, clicks):
    """Clicks one picture. Returns its mask, its maps after the reported clicks, the IoU after each and the times in ms."""
    cv2.setNumThreads(1)
    cv2.setRNGSeed(0)
    image_path, mask_path = picture
    image = cv2.imread(str(image_path), cv2.IMREAD_COLOR)
    truth = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE) > 127
    if truth.shape != image.shape[:2]:
        raise SystemExit(f"{mask_path}: mask {truth.shape}, image {image.shape[:2]}")
    if not truth.any():
        return None
    probability = np.zeros(truth.shape, np.float32)
    given, maps, overlaps, times = [], {}, [], []
    for k in range(1, clicks + 1):
        click = next_click(probability, truth, given)
        if click:
            given.append(click)
            start = time.perf_counter()
            probability = METHODS[method](image, given)
            times.append((time.perf_counter() - start) * 1e3)
        predicted = probability > THRESHOLD
        overlaps.append(np.count_nonzero(predicted & truth) / np.count_nonzero(predicted | truth))
        if k in REPORTED or k == clicks:
            maps[k] = probability.copy()
    return truth, maps, overlaps, times


def evaluate(method, pictures, clicks, processes):
    with get_context("spawn").Pool(processes) as pool:
        results = pool.map(partial(label, method=method, clicks=clicks), pictures, chunksize=1)
    masks, maps, overlaps, times = zip(*[result for result in results if result])
    answer = {}
    for k in maps[0]:
        some = [each[k] for each in maps]
        ap, pauroc = precision_and_roc(some, masks)
        miou = float(np.mean([each[k - 1] for each in overlaps]))
        answer[str(k)] = {"ap": ap, "pro": pro(some, masks), "pauroc": pauroc, "miou": miou}
    return {"images": len(masks), "clicks": answer, "msPerClick": float(np.median([t for each in times for t in each]))}


def annotate(path):
    """FILE: int32 height, width, count, then count float32 maps and count byte masks; clicks without history."""
    with open(path, "rb") as file:
        height, width, count = np.fromfile(file, "<i4", 3)
        maps = np.fromfile(file, "<f4", count * height * width).reshape(count, height, width)
        masks = np.fromfile(file, np.uint8, count * height * width).reshape(count, height, width)
    return [next_click(m, t.astype(bool), []) for m, t in zip(maps, masks)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of categories in the MVTec AD layout")
    parser.add_argument("--category")
    parser.add_argument("--limit", type=int, default=0, help="at most this many defective images, evenly spread")
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--processes", type=int, default=2, help="pictures labelled at the same time")
    parser.add_argument("--annotate", metavar="FILE")
    options = parser.parse_args()
    if options.annotate:
        print(json.dumps(annotate(options.annotate)))
        return
    pictures = defects(options.data, options.category, options.limit)
    if not pictures:
        sys.exit(f"no defective image with a mask in {Path(options.data) / options.category}")
    methods = {name: evaluate(name, pictures, options.clicks, options.processes) for name in options.methods.split(",")}
    print(
        json.dumps(
            {
                "category": options.category,
                "available": len(defects(options.data, options.category, 0)),
                "methods": methods,
                "opencv": cv2.__version__,
                "skimage": skimage.__version__,
                "scipy": scipy.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
