"""The verifier's training data: groups of prompts, their split, the pairs made from them, and how a
pair is encoded.

A group is {"q", "same": [...], "different": [[text, kind], ...]}: one answer serves q and every
text in `same`, and each text
in `different` needs another one. Groups, not pairs, are split by a hash of q, so that no text is
trained on and reported on.
"""

import hashlib
import json
import random
import re
from itertools import combinations
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE / "data"

# Shares of the groups, in percent: the rest trains.
CALIBRATION_PERCENT = 20
REPORT_PERCENT = 8

# Pairs longer than this, in pieces with [CLS] and two [SEP], are not read: see MAX_PAIR_PIECES in
# semantic/verifier.rs.
LONGEST_PAIR = 128

NUMBER = re.compile(r"\b\d+(?:\.\d+)?\b")
CAPITALISED = re.compile(r"(?<=[a-z,] )[A-Z][A-Za-z]{2,}\b")
# Words that turn a request into another one when one takes the other's place.
SWAPS = """
enable disable, on off, add remove, open close, start stop, increase decrease, up down, max min,
maximum minimum, largest smallest, highest lowest, most least, more less, longest shortest,
fastest slowest, first last, before after, above below, over under, inside outside, lock unlock,
install uninstall, accept reject, allow block, buy sell, push pull, upload download, send receive,
read write, input output, encode decode, encrypt decrypt, parent child, client server,
public private, left right, ascending descending, causes effects, buyer seller, landlord tenant,
employer employee, teacher student, show hide, create delete, connect disconnect, upgrade downgrade,
monthly annual, with without, import export, weekly monthly, cheapest best, always never,
local remote, rows columns, row column
"""
PAIRS = [pair.split() for pair in SWAPS.split(",")]
OPPOSITE = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}


def read_groups(folder=DATA):
    """Returns the groups of all files in `folder`, each with the first part of its file's name as
    "domain"."""
    groups = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            group = json.loads(line)
            group["domain"] = re.sub(r"_\d+$", "", path.stem)
            groups.append(group)
    return groups


def part(group):
    """Returns which part a group belongs to: "train", "calibration" or "report"; the hash of
    its q decides."""
    number = int.from_bytes(hashlib.sha256(group["q"].encode()).digest()[:4], "big") % 100
    if number < CALIBRATION_PERCENT:
        return "calibration"
    return "report" if number < CALIBRATION_PERCENT + REPORT_PERCENT else "train"


def labelled_pairs(groups):
    """Returns every pair that the labels give: (a, b, same, kind, group number, whether one is
    the group's q)."""
    pairs = []
    for number, group in enumerate(groups):
        texts = [group["q"], *group["same"]]
        names = ["q"] + ["low_overlap"] * (len(texts) - 2) + ["everyday"]
        for (a, x), (b, y) in combinations(zip(texts, names), 2):
            pairs.append((a, b, 1, y if x == "q" else f"{x}_{y}", number, x == "q"))
        for text, kind in group["different"]:
            pairs += [(one, text, 0, kind, number, one == group["q"]) for one in texts]
    return pairs


def _swap_words(text, rng):
    """Returns `text` with one word turned into its opposite, or nothing if it has none."""
    found = [
        match for match in re.finditer(r"[A-Za-z]+", text) if match.group().lower() in OPPOSITE
    ]
    if not found:
        return None
    match = rng.choice(found)
    return text[: match.start()] + OPPOSITE[match.group().lower()] + text[match.end() :]


def _swap_number(text, rng):
    found = list(NUMBER.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    old = match.group()
    if len(old) > 1 and rng.random() < 0.3 and len(set(old)) > 1:
        digits = list(old)
        while "".join(digits) == old:
            rng.shuffle(digits)
        new = "".join(digits)
    elif "." in old:
        new = str(round(float(old) + rng.choice([-1, 1, 0.5, 2]), 2))
    else:
        new = str(max(0, int(old) + rng.choice([-10, -2, -1, 1, 2, 3, 10, 100, int(old) or 1])))
    return None if new == old else text[: match.start()] + new + text[match.end() :]


def _swap_direction(text, _):
    match = re.search(r"\b(?:from )?([\w.#+-]+) (to|into) ([\w.#+-]+)\b", text)
    if not match or match.group(1).lower() == match.group(3).lower():
        return None
    (a, b), (c, d) = match.span(1), match.span(3)
    return text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def _swap_name(text, rng, names):
    found = list(CAPITALISED.finditer(text))
    if not found:
        return None
    match, name = rng.choice(found), rng.choice(names)
    return None if name == match.group() else text[: match.start()] + name + text[match.end() :]


def _typo(text, rng):
    words = [match for match in re.finditer(r"[a-z]{5,}", text)]
    if not words:
        return text
    start = rng.choice(words).start() + 1
    return text[:start] + text[start + 1] + text[start] + text[start + 2 :]


def epoch_pairs(groups, rng, all_names):
    """Returns one epoch's pairs (a, b, same): all duplicates, a sample of the look-alikes, and
    some made by rule."""
    pairs = []
    for group in groups:
        texts = [group["q"], *group["same"]]
        for a, b in combinations(texts, 2):
            if rng.random() < 0.1:
                b = _typo(b, rng)
            pairs.append((a, b, 1))
            change = rng.choice(
                (_swap_words, _swap_number, _swap_number, _swap_direction, _swap_name)
            )
            changed = change(b, rng, all_names) if change is _swap_name else change(b, rng)
            if changed is not None and rng.random() < 0.4:
                pairs.append((a, changed, 0))
        for text, _ in group["different"]:
            pairs.append((group["q"], text, 0))
            pairs.append((rng.choice(group["same"]), text, 0))
        other = rng.choice(groups)
        if other is not group and rng.random() < 0.3:
            pairs.append((rng.choice(texts), rng.choice([other["q"], *other["same"]]), 0))
    return [pair if rng.random() < 0.5 else (pair[1], pair[0], pair[2]) for pair in pairs]


def names_in(groups):
    """Returns the capitalised words inside the groups' sentences."""
    found = {
        match.group()
        for group in groups
        for text in (group["q"], *group["same"])
        for match in CAPITALISED.finditer(text)
    }
    return sorted(found)


class Encoder:
    """Turns a pair of texts into what the network reads. The embedder's pieces, with [CLS] and
    [SEP] behind them."""

    def __init__(self, pieces):
        from vocabulary import build_tokenizer

        self.tokenizer = build_tokenizer(pieces)
        self.cls, self.sep = len(pieces), len(pieces) + 1
        self._known = {}

    def pieces(self, text):
        """Returns the ids of a text's pieces."""
        if text not in self._known:
            self._known[text] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return self._known[text]

    def encode(self, a, b):
        """Returns (ids, types, length of the first part): [CLS] a [SEP] b [SEP].

        A type is 0 or 1 in the first part and 2 or 3 in the second; 1 and 3 mark a piece
        that the other text has too.
        """
        a, b = self.pieces(a), self.pieces(b)
        in_a, in_b = set(a), set(b)
        ids = [self.cls, *a, self.sep, *b, self.sep]
        types = [0, *(int(x in in_b) for x in a), 0, *(2 + int(x in in_a) for x in b), 2]
        return ids, types, len(a) + 2


def read_pieces():
    """Returns the embedder's vocabulary."""
    return (HERE / "embedder/vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
