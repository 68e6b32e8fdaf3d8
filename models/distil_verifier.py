"""Teaches the verifier's few layers to give what all six layers of MiniLM give, on single texts;
training starts from there.

The teacher reads the same pieces. The student reads them at a random offset and with random types,
as it will meet them
in either part of a pair.
"""

import argparse
import random
import time
from pathlib import Path

import torch
from torch.nn.functional import cosine_similarity, mse_loss

import verifier_data as data
import verifier_net

BATCH = 64
RATE = 3e-4
WARM_UP = 0.05


def hidden(net, ids, types, mask, offsets):
    """Returns the last layer's states of single texts, which begin at `offsets`."""
    places = offsets[:, None] + torch.arange(ids.shape[1])
    places[:, 0] = 0
    x = net.words(ids) + net.positions(places) + net.types(types)
    x = net.norm(x)
    for layer in net.layers:
        x = layer(x, mask, torch.nn.Identity())
    return x


def batches(encoder, texts, rng):
    """Returns the texts' pieces in batches of similar length, in random order."""
    pieces = [encoder.pieces(text)[: data.LONGEST_PAIR - 2] for text in texts]
    order = sorted(range(len(texts)), key=lambda i: len(pieces[i]) + rng.random())
    cut = [
        [pieces[i] for i in order[start : start + BATCH]] for start in range(0, len(order), BATCH)
    ]
    rng.shuffle(cut)
    return cut


def tensors(encoder, batch):
    """Returns ids and mask."""
    length = max(map(len, batch)) + 2
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    mask = torch.zeros(len(batch), 1, 1, length, dtype=torch.bool)
    for row, pieces in enumerate(batch):
        whole = [encoder.cls, *pieces, encoder.sep]
        ids[row, : len(whole)] = torch.tensor(whole)
        mask[row, ..., : len(whole)] = True
    return ids, mask


def loss_of(student, teacher, weights):
    """States alike, piece by piece, and means alike in direction."""
    wanted = weights[..., None]
    pieces = (
        mse_loss(student * wanted, teacher * wanted, reduction="sum")
        / wanted.sum()
        / student.shape[-1]
    )
    inner = wanted / wanted.sum(1, keepdim=True)
    return pieces, 1 - cosine_similarity((student * inner).sum(1), (teacher * inner).sum(1)).mean()


def main():
    """Distils."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", default="0,2,5", help="which of MiniLM's layers to begin with")
    parser.add_argument("--inner", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, default=data.DATA)
    parser.add_argument("--out", type=Path, default=data.HERE / "verifier_distilled.pt")
    arguments = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(arguments.threads)
    rng = random.Random(1)
    pieces = data.read_pieces()
    encoder = data.Encoder(pieces)
    # The parts that are held back stay unseen here too.
    groups = [group for group in data.read_groups(arguments.data) if data.part(group) == "train"]
    texts = sorted(
        {
            text
            for group in groups
            for text in (group["q"], *group["same"], *(text for text, _ in group["different"]))
        }
    )
    teacher = verifier_net.from_teacher(pieces, range(6), 1536, "none").eval()
    net = verifier_net.from_teacher(
        pieces, [int(x) for x in arguments.keep.split(",")], arguments.inner
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    step, total, started = 0, arguments.epochs * -(-len(texts) // BATCH), time.time()
    sums = [0.0, 0.0]
    for _ in range(arguments.epochs):
        for batch in batches(encoder, texts, rng):
            progress = step / total
            optimiser.param_groups[0]["lr"] = (
                RATE * min(1.0, progress / WARM_UP) * max(0.02, 1 - progress)
            )
            ids, mask = tensors(encoder, batch)
            offsets = torch.randint(0, 40, (len(batch),)) * torch.randint(0, 2, (len(batch),))
            types = torch.randint(0, 4, ids.shape[:1])[:, None].expand_as(ids).clone()
            types[:, 0] = 0
            with torch.autocast("cpu", torch.bfloat16):
                with torch.no_grad():
                    target = hidden(
                        teacher, ids, torch.zeros_like(ids), mask, torch.zeros_like(offsets)
                    ).float()
                states = hidden(net, ids, types, mask, offsets).float()
            parts = loss_of(states, target, mask[:, 0, 0].float())
            optimiser.zero_grad()
            (parts[0] + parts[1]).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            step += 1
            sums = [a + b.item() for a, b in zip(sums, parts)]
            if step % 100 == 0:
                print(
                    f"{step}/{total} pieces {sums[0] / 100:.4f} means {sums[1] / 100:.4f} {time.time() - started:.0f} s",
                    flush=True,
                )
                sums = [0.0, 0.0]
    torch.save(
        {"net": net.state_dict(), "arguments": {"keep": arguments.keep, "inner": arguments.inner}},
        arguments.out,
    )


if __name__ == "__main__":
    main()
