"""Fits the weights that say how difficult a prompt is, src/forward/difficulty/weights.json.

The features and the vectors come from the Rust code (README.md says how), so they are computed
in one place. Only the prompts of the fit half are read here, unless --report asks for the figures
of the half that was held out.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOM = HERE.parent.parent / "src/forward/difficulty"
SEED = "nearhit-difficulty-1"  # src/forward/difficulty/split.rs has the same
LABELS = ("easy", "middle", "hard")
PRICES = np.array([1.0, 4.0, 15.0])  # cheap, middle, frontier

RIDGE = 0.1
COSTS = np.array([1.0, 1.0, 3.0])  # of misjudging an easy, a middling, a hard prompt
PROTOTYPES = 8  # a label
FOLDS = 5
REPEATS = 6
# At most this share of the hard prompts may score below middle_from in cross-validation; it is
# then lowered by the margin, since the word lists were written with the fit half in view and so
# flatter it.
HARD_BELOW = 0.01
MARGIN = 1.5  # in units of the logit
# frontier_from is the lowest that costs at most this share of sending everything to frontier.
BUDGET = 0.48

NEAR = ("near-hard-examples", "near-middle-examples")
# A low value of these says something too, so they count from their mean.
CENTRED = ("long", "long-words", "sentences", *NEAR)
# The labelled prompts say nothing or hardly anything about these; the weights are a judgement.
BY_HAND = {
    "tools": 0.25,
    "earlier-turns": 0.2,
    "media": 0.5,
    "effort-asked": 1.5,
    "not-readable": 2.0,
    "list-items": 0.25,
    "long-system-prompt": 0.1,
}
# Whatever the sample says, these never count the other way.
NEVER_NEGATIVE = {
    "long",
    "begins-with-hard-task",
    "hard-tasks",
    "expert-words",
    "maths-signs",
    "code",
    NEAR[0],
}
NEVER_NEGATIVE |= {"stakes-words", "constraint-words", "lines", "paragraphs"}
NEVER_POSITIVE = {"begins-with-easy-task", "easy-tasks"}


def is_held_out(name):
    """Returns whether a prompt is kept back for reporting."""
    return hashlib.sha256((SEED + name).encode()).digest()[0] & 1 == 1


def read(features, held_out):
    """Returns the labels, the features' lines of one half."""
    labels = {}
    for line in (HERE / "prompts.jsonl").read_text(encoding="utf-8").splitlines():
        prompt = json.loads(line)
        if is_held_out(prompt["id"]) == held_out:
            labels[prompt["id"]] = LABELS.index(prompt["label"])
    with open(features, encoding="utf-8") as file:
        lines = [line for line in map(json.loads, file) if line["id"] in labels]
    return np.array([labels[line["id"]] for line in lines]), lines


def sign_limits(names):
    """Returns the least and the greatest weight of each feature."""
    sides = dict(re.findall(r"^([a-z-]+) (\w+): ", (ROOM / "words.txt").read_text(), re.MULTILINE))
    up = NEVER_NEGATIVE | {name for name, side in sides.items() if side in ("hard", "expert")}
    down = NEVER_POSITIVE | {name for name, side in sides.items() if side in ("easy", "text")}
    least = np.array([0.0 if name in up else -np.inf for name in names])
    return least, np.array([0.0 if name in down else np.inf for name in names])


def sigmoid(logit):
    """Returns the logistic function."""
    return 1 / (1 + np.exp(-np.clip(logit, -40, 40)))


def fit_ordinal(x, y, limits, steps=1500):
    """Returns weights and two cut points: P(label >= k) = sigmoid(x . w - cut_k).

    By accelerated projected gradient descent on the weighted log loss with a ridge.
    """
    cost = COSTS[y] / COSTS[y].sum()
    above = np.stack([y >= 1, y >= 2]).astype(float)
    rate = 1 / (0.5 * np.linalg.norm(x * np.sqrt(cost)[:, None], 2) ** 2 + RIDGE + 0.5)
    w, cut, t = np.zeros(x.shape[1]), np.array([-0.5, 0.5]), 1.0
    ahead_w, ahead_cut = w, cut
    for _ in range(steps):
        wrong = (sigmoid((x @ ahead_w)[None] - ahead_cut[:, None]) - above) * cost
        next_w = ahead_w - rate * (x.T @ wrong.sum(0) + RIDGE * ahead_w)
        next_w = np.clip(next_w, *limits)
        next_cut = ahead_cut + rate * wrong.sum(1)
        next_t = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead_w = next_w + (t - 1) / next_t * (next_w - w)
        ahead_cut = next_cut + (t - 1) / next_t * (next_cut - cut)
        w, cut, t = next_w, next_cut, next_t
    return w, cut


def centres(vectors, seed):
    """Returns the prototypes of one label's vectors: spherical k-means, rounded to 8 bits."""
    rng = np.random.default_rng(seed)
    means = vectors[rng.choice(len(vectors), PROTOTYPES, replace=False)]
    for _ in range(30):
        nearest = (vectors @ means.T).argmax(1)
        sums = [
            vectors[nearest == k].sum(0) if (nearest == k).any() else means[k]
            for k in range(PROTOTYPES)
        ]
        means = np.array([total / np.linalg.norm(total) for total in sums])
    return np.round(means / np.abs(means).max(1, keepdims=True) * 127).astype(int)


def prototypes(vectors, y, seed):
    """Returns the prototypes of each label."""
    return [
        centres(np.array([v for v, label in zip(vectors, y) if v is not None and label == k]), seed)
        for k in range(len(LABELS))
    ]


def nearness(vectors, rows):
    """Returns the NEAR features as src/forward/difficulty/model.rs computes them; NaN without a vector."""
    found = np.full((len(vectors), len(NEAR)), np.nan)
    units = [k / np.linalg.norm(k, axis=1, keepdims=True) for k in rows]
    for i, vector in enumerate(vectors):
        if vector is not None:
            easy, middle, hard = (float((unit @ vector).max()) for unit in units)
            found[i] = hard - easy, middle - max(easy, hard)
    return found


def parts(y, seed):
    """Returns the fold of each prompt, the labels spread evenly."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(y), int)
    for label in range(len(LABELS)):
        members = rng.permutation(np.where(y == label)[0])
        fold[members] = np.arange(len(members)) % FOLDS
    return fold


def crossed_nearness(vectors, y, seed):
    """Returns the NEAR features of each prompt by prototypes that were made without it."""
    fold, found = parts(y, seed + 1000), np.zeros((len(y), len(NEAR)))
    for k in range(FOLDS):
        without = np.where(fold != k)[0]
        rows = prototypes([vectors[i] for i in without], y[without], seed)
        found[fold == k] = nearness([vectors[i] for i in np.where(fold == k)[0]], rows)
    return found


def fit(x, vectors, y, names, seed):
    """Returns a model: mean and weight of each feature, the bias, the prototypes."""
    x = np.column_stack([x, crossed_nearness(vectors, y, seed)])
    mean = np.nanmean(x, 0)
    spread = np.maximum(np.nanstd(x, 0), 0.1)
    z = np.nan_to_num((x - mean) / spread)
    free = np.array([name not in BY_HAND for name in names])
    w, cut = fit_ordinal(z * free, y, sign_limits(names))
    weight = w / spread
    centre = np.where([name in CENTRED for name in names], mean, 0.0)
    bias = -cut.mean() + (weight * (centre - mean))[free].sum()
    weight = np.where(free, weight, [BY_HAND.get(name, 0.0) for name in names])
    return {"weight": weight, "mean": centre, "bias": bias, "rows": prototypes(vectors, y, seed)}


def logits(model, x, vectors):
    """Returns the logit of each prompt, as src/forward/difficulty/model.rs computes it."""
    x = np.column_stack([x, nearness(vectors, model["rows"])])
    return model["bias"] + np.nan_to_num((x - model["mean"]) * model["weight"]).sum(1)


def cross_validated(x, vectors, y, names):
    """Returns the logits of REPEATS cross-validations, each prompt judged by a model made without it."""
    runs = np.zeros((REPEATS, len(y)))
    for seed in range(REPEATS):
        fold = parts(y, seed)
        for k in range(FOLDS):
            train, test = np.where(fold != k)[0], np.where(fold == k)[0]
            model = fit(x[train], [vectors[i] for i in train], y[train], names, seed)
            runs[seed, test] = logits(model, x[test], [vectors[i] for i in test])
    return runs


def thresholds(runs, y):
    """Returns middle_from and frontier_from, in units of the logit."""
    hard = np.sort(runs[:, y == 2].ravel())
    middle_from = hard[int(HARD_BELOW * len(hard))] - MARGIN
    for frontier_from in np.sort(runs[runs > middle_from]):
        if cost(tiers(runs, middle_from, frontier_from)) <= BUDGET:
            return middle_from, frontier_from
    raise SystemExit("no threshold keeps the budget")


def tiers(scores, middle_from, frontier_from):
    """Returns 0, 1 or 2: cheap, middle, frontier."""
    return (scores >= middle_from).astype(int) + (scores >= frontier_from).astype(int)


def cost(tier):
    """Returns the cost as a share of sending everything to frontier."""
    return PRICES[tier].mean() / PRICES[2]


def report(title, tier, y):
    """Prints what a routing does; counts are of prompts, a mean over runs where there are several."""
    runs = tier.size / len(y)
    truth = np.broadcast_to(y, tier.shape)
    print(
        f"\n{title}: {len(y)} prompts\n\n| label | cheap | middle | frontier |\n|---|---|---|---|"
    )
    for k, label in enumerate(LABELS):
        print(
            f"| {label} | "
            + " | ".join(f"{((tier == t) & (truth == k)).sum() / runs:.4g}" for t in range(3))
            + " |"
        )
    hard = tier[truth == 2]
    print(f"\ncost {cost(tier):.3f} of all to frontier; perfect routing {cost(y):.3f}")
    print(f"hard on cheap {(hard == 0).mean():.4f}, hard on frontier {(hard == 2).mean():.3f}")


def write(model, names, cuts):
    """Writes weights.json."""
    middle_from, frontier_from = sigmoid(np.array(cuts))
    head = {
        "bias": round(float(model["bias"]), 4),
        "middle_from": round(float(middle_from), 4),
        "frontier_from": round(float(frontier_from), 4),
    }
    lines = [f'  "{key}": {value},' for key, value in head.items()]
    pairs = [
        f'    "{n}": {{"weight": {w:.4f}, "mean": {m:.4f}}}'
        for n, w, m in zip(names, model["weight"], model["mean"])
    ]
    lines += ['  "features": {', ",\n".join(pairs), "  },", '  "prototypes": {']
    rows = [
        f'    "{label}": [\n'
        + ",\n".join(f"      {json.dumps(row.tolist(), separators=(',', ':'))}" for row in k)
        + "\n    ]"
        for label, k in zip(LABELS, model["rows"])
    ]
    text = "\n".join(["{", *lines, ",\n".join(rows), "  }", "}", ""])
    (ROOM / "weights.json").write_text(text, encoding="utf-8")


def main():
    """Fits, or reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features", help="what examples/difficulty_features.rs printed")
    parser.add_argument(
        "--report", action="store_true", help="judge the held-out half with the shipped weights"
    )
    arguments = parser.parse_args()
    if arguments.report:
        y, lines = read(arguments.features, held_out=True)
        shipped = json.loads((ROOM / "weights.json").read_text(encoding="utf-8"))
        scores = np.array([line["score"] for line in lines])
        report("held out", tiers(scores, shipped["middle_from"], shipped["frontier_from"]), y)
        return
    y, lines = read(arguments.features, held_out=False)
    names = [*lines[0]["features"], *NEAR]
    x = np.array([[line["features"][name] for name in names[: -len(NEAR)]] for line in lines])
    vectors = [None if line["vector"] is None else np.array(line["vector"]) for line in lines]
    runs = cross_validated(x, vectors, y, names)
    cuts = thresholds(runs, y)
    report(f"fit, cross-validated {REPEATS} times", tiers(runs, *cuts), y)
    write(fit(x, vectors, y, names, 0), names, cuts)


if __name__ == "__main__":
    main()
