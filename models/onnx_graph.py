"""The ONNX graph of a static embedder with an int8 table."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# From 13 on ReduceSum takes its axes as an input; as an attribute they need no operator of their own in the runtime.
OPSET = 12
IR_VERSION = 8
# Added to the squared norm, so that a text without a known piece has the zero vector, not NaN.
# Even a text of one very frequent piece has a squared norm far above it.
NORM_EPSILON = 1e-12


def quantise_rows(table):
    """Rounds each row to int8 with a scale of its own; returns (int8 [V, D], scales [V, 1])."""
    largest = np.abs(table).max(axis=1, keepdims=True)
    # A row of zeros has scale 0; dividing by 1 keeps its values 0.
    scales = largest / 127
    rows = np.rint(table / np.where(scales == 0, 1, scales)).astype(np.int8)
    return rows, scales.astype(np.float32)


def build_graph(rows, scales, description):
    """Builds the model: the sum of the scaled rows of `input_ids`, divided by its length.

    There is one text a run and thus no padding and no attention mask. Normalising makes the sum
    and the mean of the rows the same, so the sum is enough. The table stays int8 in memory: rows
    are gathered first and only those converted.
    """
    size, width = rows.shape
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows_int8"], axis=0),
        helper.make_node("Cast", ["rows_int8"], ["rows"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["scales", "input_ids"], ["row_scales"], axis=0),
        helper.make_node("Mul", ["rows", "row_scales"], ["scaled"]),
        helper.make_node("ReduceSum", ["scaled"], ["sum"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["sum", "sum"], ["squares"]),
        helper.make_node("ReduceSum", ["squares"], ["squared_norm"], axes=[1], keepdims=1),
        helper.make_node("Add", ["squared_norm", "epsilon"], ["guarded_norm"]),
        helper.make_node("Sqrt", ["guarded_norm"], ["norm"]),
        helper.make_node("Div", ["sum", "norm"], ["embedding"]),
    ]
    initializers = [
        numpy_helper.from_array(rows, "table"),
        numpy_helper.from_array(scales, "scales"),
        numpy_helper.from_array(np.array([[NORM_EPSILON]], np.float32), "epsilon"),
    ]
    for node in nodes:
        node.name = node.output[0]
    graph = helper.make_graph(
        nodes,
        "static_embedder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "seq"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, width])],
        initializers,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="nearhit",
        doc_string=f"{description} {size} pieces, {width} dimensions.",
    )
    onnx.checker.check_model(model, full_check=True)
    return model
