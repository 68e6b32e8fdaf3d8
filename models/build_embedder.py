"""Distils all-MiniLM-L6-v2 into the static embedder that the Worker carries.

Writes model.onnx, vocab.txt and reference.json into embedder/, then checks the model against
the reference. Run it as README.md says; it takes a few minutes on one core.
"""

import single_thread  # noqa: F401  must come before numpy

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import teacher
import vocabulary
from onnx_graph import build_graph, quantise_rows
from reference_texts import TEXTS
from tune_embedder import tune

PIECES = 16_000
DIMENSIONS = 256
SIF_A = 1e-3
LOWEST_COSINE = 0.999
DESCRIPTION = "Static embedder distilled from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), tuned on prompts."


def principal_components(vectors, count):
    """Returns the centred `vectors` in the coordinates of their `count` largest components."""
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    # eigh sorts ascending.
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :count]
    # A component's sign is arbitrary: its largest coordinate is made positive, so that every
    # library gives the same table.
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(count)]
    return centred @ (axes * np.sign(largest))


def distil():
    """Returns the kept pieces and their table (float64, SIF weights folded in)."""
    weights = teacher.load_weights()
    all_pieces = teacher.load_vocabulary()
    words, rates = vocabulary.word_rates(all_pieces)
    probabilities = vocabulary.piece_probabilities(all_pieces, words, rates)
    pieces = vocabulary.select_pieces(all_pieces, probabilities, PIECES)
    # Dropped pieces now split into kept ones, which makes those more probable than before.
    probabilities = vocabulary.piece_probabilities(pieces, words, rates)

    # The mean and the components come from every piece of the teacher, dropped ones too: the
    # rare pieces say more about the shape of its space than single characters do.
    ordinary = [piece for piece in all_pieces if not vocabulary.is_special(piece)]
    vectors = teacher.encode_pieces(weights, all_pieces, ordinary)
    row_of = dict(zip(ordinary, principal_components(vectors, DIMENSIONS)))
    # [UNK] gets a row of zeros: what the model cannot read adds nothing. Any other row would
    # make two texts of nothing but unknown pieces look the same, and a cache would serve one
    # the other's answer.
    row_of[vocabulary.UNKNOWN] = np.zeros(DIMENSIONS)
    table = np.stack([row_of[piece] for piece in pieces])
    return pieces, table * (SIF_A / (SIF_A + probabilities))[:, None]


def reference_vector(table, ids):
    """Embeds `ids` with the table as it was before quantisation; zeros stay zeros."""
    total = table[ids].sum(axis=0)
    norm = np.linalg.norm(total)
    return total / norm if norm > 0 else total


def build_references(pieces, table):
    """Returns text, ids and vector (six significant digits) of each reference text."""
    tokenizer = vocabulary.build_tokenizer(pieces)
    table = table.astype(np.float32)
    references = []
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        vector = [float(f"{value:.6g}") for value in reference_vector(table, ids)]
        references.append({"text": text, "ids": ids, "vector": vector})
    return references


def check(folder):
    """Runs model.onnx on the reference's ids; returns the lowest cosine and its text.

    A text without a known piece must give zeros.
    """
    references = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    lowest = (2.0, "")
    for reference in references:
        ids = np.array([reference["ids"]], np.int64)
        vector = session.run(["embedding"], {"input_ids": ids})[0][0]
        expected = np.array(reference["vector"])
        if not expected.any():
            assert not vector.any(), reference["text"]
            continue
        assert abs(np.linalg.norm(vector) - 1) < 1e-5, reference["text"]
        cosine = vector @ expected / np.linalg.norm(vector) / np.linalg.norm(expected)
        lowest = min(lowest, (float(cosine), reference["text"]))
    return lowest


def main():
    """Builds the three files and checks them."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parent / "embedder"
    parser.add_argument("--out", type=Path, default=default, help="folder to write into")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)

    pieces, table = distil()
    table = tune(pieces, table)
    onnx.save(build_graph(*quantise_rows(table), DESCRIPTION), folder / "model.onnx")
    (folder / "vocab.txt").write_bytes("".join(piece + "\n" for piece in pieces).encode())
    references = build_references(pieces, table)
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in references)
    (folder / "reference.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")

    cosine, text = check(folder)
    print(f"{len(pieces)} pieces, {len(references)} reference texts")
    print(f"lowest cosine to the reference: {cosine:.6f} ({text[:60]!r})")
    if cosine < LOWEST_COSINE:
        raise SystemExit(f"the lowest cosine is below {LOWEST_COSINE}")


if __name__ == "__main__":
    main()
