"""Tunes the embedder's table on the training prompts, so that two ways to ask one thing come near
each other.

The distilled table knows which words mean alike. What it does not know is which words matter in a
request. Contrastive
learning teaches it: of a group's texts two have to be nearer to each other than to the texts of all
other groups in the batch
and to the group's own other questions on its subject (van den Oord et al., "Representation Learning
with Contrastive Predictive
Coding", 2018). Look-alikes are not pushed apart: a sum of words can't tell them, and the guard and
the verifier can.
"""

import random

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

import verifier_data as data

EPOCHS = 40
BATCH = 256
RATE = 1e-3
TEMPERATURE = 0.1
SEED = 1


def _bag(encoder, texts):
    ids = [encoder.pieces(text) or [0] for text in texts]
    offsets = np.cumsum([0] + [len(one) for one in ids[:-1]])
    return torch.tensor([piece for one in ids for piece in one]), torch.tensor(offsets)


def _other_question(group, rng, batch):
    """Returns another question on the group's subject, or of another group if it has none."""
    topics = [text for text, kind in group["different"] if kind == "topic"]
    return rng.choice(topics or [rng.choice(batch)["q"]])


def tune(pieces, table):
    """Returns the tuned table (float64); the row of [UNK], zeros, stays as it is."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rng = random.Random(SEED)
    encoder = data.Encoder(pieces)
    groups = [group for group in data.read_groups() if data.part(group) == "train"]
    weights = torch.tensor(table, dtype=torch.float32)
    bags = torch.nn.EmbeddingBag(*weights.shape, mode="sum", _weight=weights.clone())
    optimiser = torch.optim.Adam(bags.parameters(), lr=RATE)

    def vectors(texts):
        return normalize(bags(*_bag(encoder, texts)), dim=1, eps=1e-6)

    for _ in range(EPOCHS):
        rng.shuffle(groups)
        for start in range(0, len(groups), BATCH):
            batch = groups[start : start + BATCH]
            if len(batch) < BATCH // 4:
                continue
            asked = [rng.sample([group["q"], *group["same"]], 2) for group in batch]
            others = vectors([_other_question(group, rng, batch) for group in batch])
            first, second = (vectors(list(side)) for side in zip(*asked))
            scores = first @ torch.cat([second, others]).T / TEMPERATURE
            loss = cross_entropy(scores, torch.arange(len(batch)))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                bags.weight[0] = 0
    return bags.weight.detach().double().numpy()
