"""Measures the embedder on the prompts that it did not learn from; it reports and chooses nothing.

Of the groups in data/ only the report part counts (verifier_data.py says how it is split off). A
group's q is compared with its
duplicates in other words, its everyday variation, its look-alikes, the other question on its
subject ("topic"), and with the
other groups' q ("unrelated"). pairs_dev.jsonl is the project's set of development pairs.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime

import verifier_data as data
from vocabulary import build_tokenizer

THRESHOLDS = (0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.50, 0.60, 0.80, 0.85, 0.90, 0.95)
DEVELOPMENT_PAIRS = data.HERE.parent / "tests/eval/pairs_dev.jsonl"
NEIGHBOURS = 3


class Embedder:
    """The model and its tokenizer."""

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

    def cosines(self, pairs):
        """Returns the cosine of each pair of texts."""
        return np.array([float(self.embed(a) @ self.embed(b)) for a, b in pairs])


def group_pairs(groups):
    """Returns the text pairs of `groups` by class."""
    pairs = {"other words": [], "everyday": [], "look-alikes": [], "topic": [], "unrelated": []}
    for group, other in zip(groups, groups[1:] + groups[:1]):
        pairs["other words"] += [(group["q"], text) for text in group["same"][:-1]]
        pairs["everyday"].append((group["q"], group["same"][-1]))
        for text, kind in group["different"]:
            pairs["topic" if kind == "topic" else "look-alikes"].append((group["q"], text))
        pairs["unrelated"].append((group["q"], other["q"]))
    return pairs


def print_shares(title, cosines):
    """Prints, for each class of pairs, the share that reaches each threshold."""
    print(f"\n{title}: share of pairs with cosine >=\n")
    print("| pairs | count |" + "".join(f" {threshold:.2f} |" for threshold in THRESHOLDS))
    print("|---|---|" + "---|" * len(THRESHOLDS))
    for name, values in cosines.items():
        shares = "".join(f" {np.mean(values >= threshold):.3f} |" for threshold in THRESHOLDS)
        print(f"| {name} | {len(values)} |{shares}")


def print_ranks(embedder, groups):
    """Prints how often a duplicate in other words finds its group's q among the q of all groups."""
    questions = np.stack([embedder.embed(group["q"]) for group in groups])
    ranks = []
    for number, group in enumerate(groups):
        for text in group["same"][:-1]:
            cosines = questions @ embedder.embed(text)
            ranks.append(int((cosines > cosines[number]).sum()))
    ranks = np.array(ranks)
    print(
        f"\nOf {len(ranks)} duplicates in other words {np.mean(ranks == 0):.3f} find their question first "
        f"among {len(groups)}, {np.mean(ranks < NEIGHBOURS):.3f} among the first {NEIGHBOURS}."
    )


def main():
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parent / "embedder"
    parser.add_argument("--model", type=Path, default=default, help="folder of the model")
    embedder = Embedder(parser.parse_args().model)
    groups = [group for group in data.read_groups() if data.part(group) == "report"]
    pairs = group_pairs(groups)
    print_shares("held-back groups", {name: embedder.cosines(of) for name, of in pairs.items()})
    print_ranks(embedder, groups)
    development = {"duplicates": [], "look-alikes": []}
    for line in DEVELOPMENT_PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        name = "duplicates" if pair["same"] else "look-alikes"
        development[name].append((pair["a"], pair["b"]))
    cosines = {name: embedder.cosines(of) for name, of in development.items()}
    print_shares("development pairs", cosines)


if __name__ == "__main__":
    main()
