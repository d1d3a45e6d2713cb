"""Writes packages/core/src/rivals/fixtures/*.onnx: tiny encoders and decoders with the interface of Segment Anything's exports.

    pip install onnx numpy && python bench/reference/sam_pairs.py

Names, shapes and types are those of segment-anything's scripts/export_onnx_model.py and of samexporter and MobileSAM's encoders (onnx 1.23.2). What
they compute tells a test what it fed them: the embedding is means of the picture and its first and last pixel; each column of a mask shows one number.
"""
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

TARGET = Path(__file__).resolve().parents[2] / "packages/core/src/rivals/fixtures"
F, I = TensorProto.FLOAT, TensorProto.INT64
SLOTS, LOW = 16, 256


class Model:
    """Nodes and constants as they are named."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, values, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def __call__(self, op, *inputs, out=None, **attributes):
        self.count += 1
        out = out or f"v{self.count}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out

    def number(self, value):
        """Any scalar as (1)."""
        return self("Reshape", value, self.constant([1], np.int64))

    def total(self, value):
        return self.number(self("ReduceSum", value, keepdims=0))

    def mean(self, value):
        return self.number(self("ReduceMean", value, keepdims=0))

    def save(self, name, inputs, outputs):
        ports = [[helper.make_tensor_value_info(*port) for port in side] for side in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, name, *ports, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model)
        save(model, TARGET / f"{name}.onnx")


def encoder(name, port, planar):
    """Five numbers: the three means, and the first channel of the first and of the last pixel."""
    m = Model()
    picture = port[0]
    if port[1] != F:
        picture = m("Cast", picture, to=F)
    axes = ([2, 3] if planar else [0, 1])
    means = m("Reshape", m("ReduceMean", picture, axes=axes, keepdims=0), m.constant([3], np.int64))
    ends = []
    for at in (0, -1):
        index = m.constant(at, np.int64)
        rows = m("Gather", picture, index, axis=axes[0])
        pixel = m("Gather", rows, index, axis=axes[0])
        ends.append(m("Slice", m("Reshape", pixel, m.constant([3], np.int64)), m.constant([0], np.int64), m.constant([1], np.int64)))
    numbers = m("Concat", means, *ends, axis=0)
    m("Reshape", numbers, m.constant([1, 5, 1, 1], np.int64), out="image_embeddings")
    m.save(name, [port], [("image_embeddings", F, [1, 5, 1, 1])])


def decoder(name, masks, labels=F, more=()):
    """Each mask shows in column x the number x % 16, and mask m adds m to all."""
    m = Model()
    kinds = "point_labels" if labels == F else m("Cast", "point_labels", to=F)
    across, down = (m("Gather", "point_coords", m.constant(axis, np.int64), axis=2) for axis in (0, 1))
    numbers = []
    for kind in (1, 0, -1):
        of = m("Cast", m("Equal", kinds, m.constant([kind])), to=F)
        numbers += [m.total(m("Mul", across, of)), m.total(m("Mul", down, of)), m.total(of)]
    before = m.mean("mask_input")
    numbers += [before, m.number("has_mask_input"), m("Reshape", "image_embeddings", m.constant([5], np.int64))]
    shown = m("Div", m("Concat", *numbers, axis=0), m.constant([256]))
    size = m("Cast", "orig_im_size", to=I)
    height, width = (m("Gather", size, m.constant(axis, np.int64), axis=0) for axis in (0, 1))
    columns = m("Mod", m("Range", m.constant(0, np.int64), width, m.constant(1, np.int64)), m.constant(SLOTS, np.int64))
    row = m("Gather", shown, columns, axis=0)
    offsets = m.constant(np.arange(masks).reshape(1, masks, 1, 1))
    one = m.constant([1], np.int64)
    shape = m("Concat", one, m.constant([masks], np.int64), m.number(height), m.number(width), axis=0)
    m("Add", m("Expand", row, shape), offsets, out="masks")
    m("Identity", m.constant([[0.2, 0.1, 0.9, 0.3][:masks]]), out="iou_predictions")
    # One more than the mean of the mask before, and 100 m.
    low = m("Add", m("Add", before, m.constant([1])), m.constant(100 * np.arange(masks).reshape(1, masks, 1, 1)))
    m("Expand", low, m.constant([1, masks, LOW, LOW], np.int64), out="low_res_masks")
    inputs = [
        ("image_embeddings", F, [1, 5, 1, 1]),
        ("point_coords", F, [1, "points", 2]),
        ("point_labels", labels, [1, "points"]),
        ("mask_input", F, [1, 1, LOW, LOW]),
        ("has_mask_input", F, [1]),
        ("orig_im_size", F, [2]),
        *more,
    ]
    outputs = [("masks", F, [1, masks, "height", "width"]), ("iou_predictions", F, [1, masks]), ("low_res_masks", F, [1, masks, LOW, LOW])]
    m.save(name, inputs, outputs)


def small_decoder(name):
    """Without sizes and masks before: a mask of 256 x 256 that is 0.01 x + 0.1 y - 5 at its pixels."""
    m = Model()
    columns, rows = m.constant(0.01 * np.arange(LOW).reshape(1, 1, 1, LOW)), m.constant(0.1 * np.arange(LOW).reshape(1, 1, LOW, 1) - 5)
    used = m("Mul", m("Add", m.mean("point_coords"), m("Add", m.mean("point_labels"), m.mean("image_embeddings"))), m.constant([0]))
    m("Add", m("Add", columns, rows), used, out="masks")
    inputs = [("image_embeddings", F, [1, 5, 1, 1]), ("point_coords", F, [1, "points", 2]), ("point_labels", F, [1, "points"])]
    m.save(name, inputs, [("masks", F, [1, 1, LOW, LOW])])


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    encoder("encoder", ("image", F, [1, 3, 1024, 1024]), planar=True)
    encoder("encoder-rows", ("input_image", F, ["height", "width", 3]), planar=False)
    encoder("encoder-frame", ("input_image", TensorProto.UINT8, [684, 1024, 3]), planar=False)
    decoder("decoder", 1)
    decoder("decoder-four", 4, labels=I)
    decoder("decoder-more", 1, more=[("high_res_feats_0", F, [1, 32, 256, 256])])
    small_decoder("decoder-small")
