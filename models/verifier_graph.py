"""The verifier as an ONNX graph with int8 weights, one scale a row of the vocabulary and one a
column of each matrix."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnx_graph import IR_VERSION, quantise_rows

# Gelu is an operator of its own from 20 on.
OPSET = 20
NORM_EPSILON = 1e-12


class Graph:
    """Collects nodes and initializers; every method returns the name of what it made."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, name, array):
        """Adds an initializer."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, inputs, name, **attributes):
        """Adds a node with one output."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def matrix(self, name, weights):
        """Adds a matrix [in, out] as int8 with one scale a column; it becomes float32 when
        the model is loaded."""
        rows, scales = quantise_rows(weights.T)
        whole = self.node(
            "Cast", [self.constant(name + ".int8", rows.T)], name + ".float", to=TensorProto.FLOAT
        )
        return self.node("Mul", [whole, self.constant(name + ".scale", scales.T)], name)

    def linear(self, x, name, weights, bias):
        """x @ weights + bias, with `weights` as torch has them: [out, in]."""
        product = self.node(
            "MatMul", [x, self.matrix(name + ".weight", weights.T)], name + ".product"
        )
        return self.node("Add", [product, self.constant(name + ".bias", bias[None])], name)

    def norm(self, x, name, weight, bias):
        """Layer normalisation over the last axis."""
        # A mean as a product with a column of 1/width: from opset 13 on a reduction takes
        # its axes as an input, and that
        # operator would be one more in the runtime.
        mean = self.node("MatMul", [x, "mean_column"], name + ".mean")
        centred = self.node("Sub", [x, mean], name + ".centred")
        squares = self.node("Mul", [centred, centred], name + ".squares")
        variance = self.node("MatMul", [squares, "mean_column"], name + ".variance")
        guarded = self.node("Add", [variance, "norm_epsilon"], name + ".guarded")
        normal = self.node(
            "Div", [centred, self.node("Sqrt", [guarded], name + ".deviation")], name + ".normal"
        )
        scaled = self.node(
            "Mul", [normal, self.constant(name + ".weight", weight[None])], name + ".scaled"
        )
        return self.node("Add", [scaled, self.constant(name + ".bias", bias[None])], name)


def attention(graph, x, name, weights, prefix, heads):
    """One layer's self-attention."""
    qkv, bias = weights[prefix + ".qkv.weight"], weights[prefix + ".qkv.bias"]
    width = qkv.shape[1]
    parts = []
    for index, part in enumerate("qkv"):
        rows = slice(index * width, (index + 1) * width)
        # The scores' scale is part of the query.
        scale = np.float32((width // heads) ** -0.5) if part == "q" else np.float32(1)
        y = graph.linear(x, f"{name}.{part}", qkv[rows] * scale, bias[rows] * scale)
        y = graph.node("Reshape", [y, "split_heads"], f"{name}.{part}.split")
        order = [1, 2, 0] if part == "k" else [1, 0, 2]
        parts.append(graph.node("Transpose", [y], f"{name}.{part}.heads", perm=order))
    scores = graph.node("MatMul", parts[:2], name + ".scores")
    shares = graph.node("Softmax", [scores], name + ".shares", axis=-1)
    context = graph.node("MatMul", [shares, parts[2]], name + ".context")
    context = graph.node("Transpose", [context], name + ".context.rows", perm=[1, 0, 2])
    context = graph.node("Reshape", [context, "join_heads"], name + ".context.joined")
    return graph.linear(
        context,
        name + ".attended",
        weights[prefix + ".attended.weight"],
        weights[prefix + ".attended.bias"],
    )


def build(weights, layers, heads, description):
    """Builds the model from the network's weights (numpy, by torch's names)."""
    graph = Graph()
    width = weights["norm.weight"].size
    graph.constant("mean_column", np.full((width, 1), 1 / width, np.float32))
    graph.constant("norm_epsilon", np.full((1, 1), NORM_EPSILON, np.float32))
    graph.constant("split_heads", np.array([0, heads, width // heads], np.int64))
    graph.constant("join_heads", np.array([0, width], np.int64))
    rows, scales = quantise_rows(weights["words.weight"])
    words = graph.node("Gather", [graph.constant("words.int8", rows), "ids"], "words.rows", axis=0)
    words = graph.node("Cast", [words], "words.float", to=TensorProto.FLOAT)
    scale = graph.node(
        "Gather", [graph.constant("words.scale", scales), "ids"], "words.row_scale", axis=0
    )
    x = graph.node("Mul", [words, scale], "words")
    positions = graph.node(
        "Gather",
        [graph.constant("positions.table", weights["positions.weight"]), "positions"],
        "positions.rows",
        axis=0,
    )
    types = graph.node(
        "Gather",
        [graph.constant("types.table", weights["types.weight"]), "types"],
        "types.rows",
        axis=0,
    )
    x = graph.node("Add", [graph.node("Add", [x, positions], "words.placed"), types], "embedded")
    x = graph.norm(x, "norm", weights["norm.weight"], weights["norm.bias"])
    for number in range(layers):
        prefix = f"layers.{number}"
        attended = attention(graph, x, prefix, weights, prefix, heads)
        x = graph.node("Add", [x, attended], prefix + ".sum1")
        x = graph.norm(
            x, prefix + ".norm1", weights[prefix + ".norm1.weight"], weights[prefix + ".norm1.bias"]
        )
        y = graph.linear(
            x, prefix + ".up", weights[prefix + ".up.weight"], weights[prefix + ".up.bias"]
        )
        y = graph.node("Gelu", [y], prefix + ".gelu", approximate="tanh")
        y = graph.linear(
            y, prefix + ".down", weights[prefix + ".down.weight"], weights[prefix + ".down.bias"]
        )
        y = graph.node("Add", [x, y], prefix + ".sum2")
        x = graph.norm(
            y, prefix + ".norm2", weights[prefix + ".norm2.weight"], weights[prefix + ".norm2.bias"]
        )
    logit = head(graph, x, weights, width)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["pieces"])
        for name in ("ids", "types", "positions")
    ]
    inputs.append(helper.make_tensor_value_info("pool", TensorProto.FLOAT, [3, "pieces"]))
    outputs = [helper.make_tensor_value_info(logit, TensorProto.FLOAT, [1, 1])]
    body = helper.make_graph(graph.nodes, "verifier", inputs, outputs, graph.initializers)
    model = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="nearhit",
        doc_string=description,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def head(graph, x, weights, width):
    """The first row, and the difference and product of the two means, each times its part of
    the head."""
    pooled = graph.node("MatMul", ["pool", x], "pooled")
    rows = [
        graph.node(
            "Gather",
            [pooled, graph.constant(f"row{k}", np.array([k], np.int64))],
            f"pooled.{k}",
            axis=0,
        )
        for k in range(3)
    ]
    difference = graph.node(
        "Abs", [graph.node("Sub", rows[1:], "pooled.difference")], "pooled.distance"
    )
    product = graph.node("Mul", rows[1:], "pooled.product")
    total = graph.constant("head.bias", weights["head.bias"][None])
    for k, part in enumerate((rows[0], difference, product)):
        matrix = graph.constant(
            f"head.{k}", weights["head.weight"][:, k * width : (k + 1) * width].T
        )
        total = graph.node(
            "Add",
            [graph.node("MatMul", [part, matrix], f"head.part{k}"), total],
            "logit" if k == 2 else f"head.sum{k}",
        )
    return total
