"""Measures the embedder on labelled prompts; it reports and chooses nothing.

The data folder holds groups_*.jsonl, one {"q", "same": [low overlap, everyday variation],
"different": [[text, kind], ...]} a line, and pairs_dev.jsonl, one {"a", "b", "same", "kind"} a
line. A group gives every pair of q and its two duplicates (3), and each of these three with each
of the texts that need another answer. Of the latter, kind "topic" shares a subject only; all
other kinds are look-alikes, which differ by a word, a number or a negation.
"""

import argparse
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import onnxruntime
from scipy.stats import rankdata

from vocabulary import build_tokenizer

SERVING_THRESHOLDS = (0.80, 0.85, 0.90, 0.95)
FINDING_THRESHOLDS = (0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70)
EXAMPLES = [
    ("What is the capital of France?", "What's the capital city of France?"),
    ("How do I reset my password?", "How can I reset my password?"),
    ("How do I reset my password?", "I forgot my password, how do I reset it?"),
    ("turn on dark mode", "turn off dark mode"),
    ("How do I cancel my subscription?", "What is the way to cancel my subscription?"),
]


class Embedder:
    """The model and its tokenizer; gives the cosine of two texts."""

    def __init__(self, folder):
        pieces = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        self._tokenizer = build_tokenizer(pieces)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        self._vectors = {}

    def embed(self, text):
        """Returns the unit vector of `text`."""
        if text not in self._vectors:
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
            inputs = {"input_ids": np.array([ids], np.int64)}
            self._vectors[text] = self._session.run(["embedding"], inputs)[0][0]
        return self._vectors[text]

    def cosine(self, a, b):
        """Returns the cosine of two texts."""
        return float(self.embed(a) @ self.embed(b))


def read_lines(path):
    """Returns the records of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def group_pairs(groups):
    """Returns the text pairs of `groups` by class."""
    pairs = {"duplicates": [], "low overlap": [], "everyday": [], "look-alikes": [], "topic": []}
    for group in groups:
        low_overlap, everyday = group["same"]
        texts = [group["q"], low_overlap, everyday]
        pairs["duplicates"] += combinations(texts, 2)
        pairs["low overlap"].append((group["q"], low_overlap))
        pairs["everyday"].append((group["q"], everyday))
        for different, kind in group["different"]:
            name = "topic" if kind == "topic" else "look-alikes"
            pairs[name] += [(text, different) for text in texts]
    return pairs


def roc_auc(positive, negative):
    """Returns the share of (positive, negative) pairs in the right order, ties counted half."""
    ranks = rankdata(np.concatenate([positive, negative]))
    wins = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return wins / (len(positive) * len(negative))


def print_shares(title, cosines, thresholds):
    """Prints, for each class of pairs, the share that reaches each threshold."""
    print(f"\n{title}: share of pairs with cosine >=")
    print("| pairs | count |" + "".join(f" {threshold:.2f} |" for threshold in thresholds))
    print("|---|---|" + "---|" * len(thresholds))
    for name, values in cosines.items():
        shares = "".join(f" {np.mean(values >= threshold):.3f} |" for threshold in thresholds)
        print(f"| {name} | {len(values)} |{shares}")


def report(title, cosines):
    """Prints the shares and the ROC-AUC of one data set."""
    print_shares(title, cosines, SERVING_THRESHOLDS)
    print_shares(title, cosines, FINDING_THRESHOLDS)
    print()
    for name in ("look-alikes", "topic"):
        if name in cosines:
            area = roc_auc(cosines["duplicates"], cosines[name])
            print(f"{title}: ROC-AUC, duplicates against {name}: {area:.3f}")


def main():
    """Prints the figures of the groups, of the development pairs and of a few examples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with groups_*.jsonl and pairs_dev.jsonl")
    default = Path(__file__).parent / "embedder"
    parser.add_argument("--model", type=Path, default=default, help="folder of the model")
    arguments = parser.parse_args()
    embedder = Embedder(arguments.model)

    def cosines(pairs):
        return {
            name: np.array([embedder.cosine(a, b) for a, b in members])
            for name, members in pairs.items()
        }

    files = sorted(arguments.data.glob("groups_*.jsonl"))
    report("groups", cosines(group_pairs([group for path in files for group in read_lines(path)])))
    pairs = {"duplicates": [], "look-alikes": []}
    for pair in read_lines(arguments.data / "pairs_dev.jsonl"):
        pairs["duplicates" if pair["same"] else "look-alikes"].append((pair["a"], pair["b"]))
    report("pairs_dev", cosines(pairs))
    print()
    for a, b in EXAMPLES:
        print(f"{embedder.cosine(a, b):.3f}  {a} / {b}")


if __name__ == "__main__":
    main()
