"""Trains the verifier; see README.md. Writes its weights and its logits on the held-back parts."""

import argparse
import copy
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import verifier_data as data
import verifier_net

BATCH = 32
RATE_BODY, RATE_HEAD = 1e-4, 1e-3
WARM_UP = 0.06
# The weights that are kept are a moving average over about so many steps.
AVERAGED_STEPS = 500
# The share of pieces that are hidden from the network in training, so that it doesn't learn the
# prompts by heart.
HIDDEN = 0.05
UNKNOWN = 0


def batch_of(encoder, pairs):
    """Returns the tensors of some pairs."""
    encoded = [encoder.encode(a, b) for a, b in pairs]
    length = max(len(ids) for ids, _, _ in encoded)
    ids = torch.zeros(len(encoded), length, dtype=torch.long)
    types = torch.zeros_like(ids)
    pool = torch.zeros(len(encoded), 2, length)
    mask = torch.zeros(len(encoded), 1, 1, length, dtype=torch.bool)
    for row, (one, kinds, first) in enumerate(encoded):
        ids[row, : len(one)] = torch.tensor(one)
        types[row, : len(one)] = torch.tensor(kinds)
        pool[row, 0, 1 : first - 1] = 1 / max(1, first - 2)
        pool[row, 1, first : len(one) - 1] = 1 / max(1, len(one) - 1 - first)
        mask[row, :, :, : len(one)] = True
    return ids, types, pool, mask


def fits(encoder, pair):
    """Tells whether a pair is short enough to be read."""
    return len(encoder.pieces(pair[0])) + len(encoder.pieces(pair[1])) + 3 <= data.LONGEST_PAIR


def batches(encoder, pairs, rng):
    """Returns the pairs in batches of similar length, in random order."""
    rng.shuffle(pairs)
    size = BATCH * 16
    chunks = [
        sorted(
            pairs[i : i + size], key=lambda p: len(encoder.pieces(p[0])) + len(encoder.pieces(p[1]))
        )
        for i in range(0, len(pairs), size)
    ]
    cut = [chunk[i : i + BATCH] for chunk in chunks for i in range(0, len(chunk), BATCH)]
    rng.shuffle(cut)
    return cut


@torch.no_grad()
def logits(net, encoder, pairs):
    """Returns the logit of each pair."""
    net.eval()
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    out = np.zeros(len(pairs), np.float32)
    for start in range(0, len(order), 64):
        some = order[start : start + 64]
        with torch.autocast("cpu", torch.bfloat16):
            out[some] = net(*batch_of(encoder, [pairs[i][:2] for i in some])).float().numpy()
    net.train()
    return out


def auc(scores, labels):
    """Returns the area under the ROC curve."""
    ranks = scores.argsort().argsort() + 1
    positive = labels.sum()
    return (ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (
        positive * (len(labels) - positive)
    )


def pair_with_q(pair):
    """Tells whether one of the pair is its group's q."""
    return pair[5]


def report(name, scores, pairs):
    """Prints how a part fares: low-overlap duplicates against look-alikes of all kinds but
    `topic`, and those with q alone."""
    hard = [i for i, pair in enumerate(pairs) if "topic" != pair[3] and pair[3] != "everyday"]
    with_q = [i for i in hard if pair_with_q(pairs[i])]
    print(
        name,
        f"with q {len(with_q)} auc {auc(scores[with_q], np.array([pairs[i][2] for i in with_q])):.4f}",
    )
    labels = np.array([pairs[i][2] for i in hard])
    some = scores[hard]
    negative, positive = some[labels == 0], some[labels == 1]
    shares = [
        f"H@F={f:.1%} {np.mean(positive > np.quantile(negative, 1 - f)):.3f}"
        for f in (0.005, 0.01, 0.02, 0.05)
    ]
    print(name, len(pairs), f"auc {auc(some, labels):.4f}", *shares, flush=True)


def train(net, encoder, groups, arguments, held_back):
    """Runs the optimisation, for the epochs asked for or until the time is over."""
    rng = random.Random(arguments.seed)
    names = data.names_in(groups)
    # The words keep the vectors that they came with: those that the prompts hold would drift
    # away from all others.
    net.words.weight.requires_grad_(False)
    slow, fast = [], []
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            (fast if name.startswith("head") else slow).append(parameter)
    average = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(
        [{"params": slow, "lr": RATE_BODY}, {"params": fast, "lr": RATE_HEAD}], weight_decay=0.01
    )
    bases = [RATE_BODY, RATE_HEAD]
    step, started, running = 0, time.time(), 0.0
    total = arguments.steps
    while step < total:
        pairs = [pair for pair in data.epoch_pairs(groups, rng, names) if fits(encoder, pair)]
        for batch in batches(encoder, pairs, rng):
            if step >= total:
                break
            progress = step / total
            factor = min(1.0, progress / WARM_UP) * max(0.02, 1 - progress)
            for group, base in zip(optimiser.param_groups, bases):
                group["lr"] = base * factor
            ids, types, pool, mask = batch_of(encoder, [pair[:2] for pair in batch])
            hidden = (torch.rand(ids.shape) < HIDDEN) & (ids < encoder.cls)
            with torch.autocast("cpu", torch.bfloat16):
                out = net(ids.masked_fill(hidden, UNKNOWN), types, pool, mask)
            target = torch.tensor([float(pair[2]) for pair in batch]) * 0.98 + 0.01
            loss = binary_cross_entropy_with_logits(out.float(), target)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            step += 1
            keep = min(1 - 1 / AVERAGED_STEPS, step / (step + 10))
            with torch.no_grad():
                for slow_weight, weight in zip(average.parameters(), net.parameters()):
                    slow_weight.lerp_(weight, 1 - keep)
            running += loss.item()
            if step % 100 == 0:
                print(
                    f"{step}/{total} loss {running / 100:.3f} {time.time() - started:.0f} s",
                    flush=True,
                )
                running = 0.0
            if step % arguments.report_every == 0:
                report(f"  step {step} report", logits(average, encoder, held_back), held_back)
                torch.save(
                    {
                        "net": average.state_dict(),
                        "arguments": {"keep": arguments.keep, "inner": arguments.inner},
                    },
                    arguments.out.with_suffix(".partial.pt"),
                )

    return average


def main():
    """Trains and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", default="0,2,5", help="which of MiniLM's layers to begin with")
    parser.add_argument("--inner", type=int, default=1024, help="width of the inner layers")
    parser.add_argument("--steps", type=int, default=6500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report-every", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, default=data.DATA)
    parser.add_argument(
        "--begin-with",
        type=Path,
        default=data.HERE / "verifier_distilled.pt",
        help="the weights to begin with",
    )
    parser.add_argument("--out", type=Path, default=data.HERE / "verifier.pt")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    pieces = data.read_pieces()
    encoder = data.Encoder(pieces)
    groups = data.read_groups(arguments.data)
    parts = {
        name: [g for g in groups if data.part(g) == name]
        for name in ("train", "calibration", "report")
    }
    print({name: len(part) for name, part in parts.items()}, flush=True)
    held_back = [pair for pair in data.labelled_pairs(parts["report"]) if fits(encoder, pair)]
    net = verifier_net.from_teacher(
        pieces, [int(x) for x in arguments.keep.split(",")], arguments.inner
    )
    if arguments.begin_with:
        net.load_state_dict(torch.load(arguments.begin_with)["net"])
    net = train(net, encoder, parts["train"], arguments, held_back)
    torch.save(
        {"net": net.state_dict(), "arguments": {"keep": arguments.keep, "inner": arguments.inner}},
        arguments.out,
    )
    report("final report", logits(net, encoder, held_back), held_back)


if __name__ == "__main__":
    main()
