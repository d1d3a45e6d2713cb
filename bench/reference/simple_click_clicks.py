"""Writes packages/core/test/parity/fixtures/simple-click-clicks.json: what SimpleClick's own evaluation makes of clicks on a picture.

    git clone https://github.com/uncbiag/SimpleClick && pip install torch torchvision opencv-python-headless tensorboard numpy
    PYTHONPATH=SimpleClick python bench/reference/simple_click_clicks.py

Runs isegm/inference/predictors/base.py and transforms/zoom_in.py, flip.py (commit f33112e, torch 2.15.0) as scripts/evaluate_model.py sets them
for 448 pixels, around a stand-in for the network that is the same few operations on both sides: `Stand` here, `standIn` in the test.
Clicks are fixed; for each `crop`, where it then looks (first and last row and column), and `values`, the map at every 29th pixel.
"""
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from isegm.model.ops import DistMaps
from seeded import seeded
from torch import nn

TARGET = Path(__file__).resolve().parents[2] / "packages/core/test/parity/fixtures"
SIDE, BLOCK, STEP = 448, 64, 29
SIZES = ((300, 700), (900, 640))
CLICKS = ((0.4, 0.3, True), (0.35, 0.34, True), (0.8, 0.9, True), (0.45, 0.6, False), (0.05, 0.04, False), (0.75, 0.72, True))


class Stand(nn.Module):
    """Logits of 448 x 448 from means over blocks of 64 x 64 pixels."""

    with_prev_mask = True

    def __init__(self):
        super().__init__()
        self.discs = DistMaps(norm_radius=5, use_disks=True)

    def forward(self, image, points):
        maps = torch.cat([image[:, 3:], self.discs(image, points)], 1)
        before, positive, negative = F.avg_pool2d(maps, BLOCK).chunk(3, 1)
        grey = F.avg_pool2d(image[:, :3], BLOCK).mean(1, keepdim=True)
        slope = torch.arange(SIDE // BLOCK) / 4  # so that left and right are not alike
        logits = 300 * positive - 300 * negative + 3 * before + 4 * grey + slope - 5
        return {"instances": F.interpolate(logits, (SIDE, SIDE), mode="bilinear", align_corners=False)}


def predictor_class():
    """isegm.inference.predictors.base without the package around it, which loads networks of others."""
    package = types.ModuleType("isegm.inference.predictors")
    import isegm.inference as inference

    package.__path__ = [str(Path(inference.__path__[0]) / "predictors")]
    sys.modules[package.__name__] = package
    spec = importlib.util.find_spec("isegm.inference.predictors.base")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BasePredictor


if __name__ == "__main__":
    from isegm.inference.clicker import Click, Clicker
    from isegm.inference.transforms import ZoomIn

    BasePredictor = predictor_class()
    pictures = []
    for height, width in SIZES:
        colours = seeded(f"picture {height}x{width}", (height, width, 3), 127.5, 127.5).astype(np.uint8)
        ways = []
        for flip in (True, False):
            zoom = ZoomIn(skip_clicks=-1, target_size=(SIDE, SIDE))
            predictor = BasePredictor(Stand(), torch.device("cpu"), with_flip=flip, zoom_in=zoom)
            predictor.set_input_image(colours)
            clicker = Clicker()
            steps = []
            for down, across, positive in CLICKS:
                y, x = int(down * height), int(across * width)
                clicker.add_click(Click(is_positive=positive, coords=(y, x)))
                with torch.no_grad():
                    probability = predictor.get_prediction(clicker)
                kept = probability[::STEP, ::STEP].astype(float).round(6)
                crop = [int(edge) for edge in zoom._object_roi]
                steps.append({"x": x, "y": y, "positive": positive, "crop": crop, "values": kept.flatten().tolist()})
            ways.append({"flip": flip, "steps": steps})
        pictures.append({"width": width, "height": height, "ways": ways})
    TARGET.mkdir(exist_ok=True)
    told = {"step": STEP, "torch": torch.__version__, "pictures": pictures}
    (TARGET / "simple-click-clicks.json").write_text(json.dumps(told) + "\n")
