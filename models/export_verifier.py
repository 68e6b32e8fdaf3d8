"""Writes the trained verifier as verifier/model.onnx, with reference.json and calibration.tsv; see
README.md."""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

import verifier_data as data
import verifier_net
from train_verifier import fits, logits
from verifier_graph import build

DESCRIPTION = "Cross-encoder that tells whether two prompts need the same answer; from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)."
LARGEST_DIFFERENCE = 0.25


class Reader:
    """The ONNX model in onnxruntime."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)

    def logit(self, ids, types, first):
        """Returns the logit of one encoded pair."""
        pool = np.zeros((3, len(ids)), np.float32)
        pool[0, 0] = 1
        pool[1, 1 : first - 1] = 1 / max(1, first - 2)
        pool[2, first : len(ids) - 1] = 1 / max(1, len(ids) - 1 - first)
        feed = {
            "ids": np.array(ids),
            "types": np.array(types),
            "positions": np.arange(len(ids)),
            "pool": pool,
        }
        return float(self.session.run(["logit"], feed)[0].item())


def main():
    """Exports and checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=data.HERE / "verifier.pt")
    parser.add_argument("--out", type=Path, default=data.HERE / "verifier")
    parser.add_argument("--data", type=Path, default=data.DATA)
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    trained = torch.load(arguments.weights)
    keep = trained["arguments"]["keep"].split(",")
    pieces = data.read_pieces()
    net = verifier_net.Verifier(len(pieces) + 2, len(keep), trained["arguments"]["inner"])
    net.load_state_dict(trained["net"])
    weights = {name: tensor.float().numpy() for name, tensor in net.state_dict().items()}
    model = build(weights, len(keep), verifier_net.HEADS, DESCRIPTION)
    onnx.save(model, arguments.out / "model.onnx")

    encoder = data.Encoder(pieces)
    reader = Reader(arguments.out / "model.onnx")
    groups = [group for group in data.read_groups(arguments.data) if data.part(group) != "train"]
    pairs = [pair for pair in data.labelled_pairs(groups) if fits(encoder, pair)]
    sample = pairs[:: max(1, len(pairs) // 40)][:40]
    expected = logits(net, encoder, sample)
    references, worst = [], 0.0
    for (a, b, same, *_), logit in zip(sample, expected):
        ids, types, first = encoder.encode(a, b)
        got = reader.logit(ids, types, first)
        worst = max(worst, abs(got - float(logit)))
        references.append(
            {"a": a, "b": b, "same": same, "ids": ids, "types": types, "logit": round(got, 4)}
        )
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in references)
    (arguments.out / "reference.json").write_text(
        f"[\n{lines}\n]\n", encoding="utf-8", newline="\n"
    )
    print(f"largest difference between torch and the int8 model: {worst:.3f}")
    if worst > LARGEST_DIFFERENCE:
        raise SystemExit("the exported model differs too much")


if __name__ == "__main__":
    main()
