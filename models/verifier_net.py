"""The verifier's network in torch: a few of MiniLM's layers that read both texts, and a linear
head."""

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

import teacher

WIDTH = 384
HEADS = 12
POSITIONS = 160


class Layer(nn.Module):
    """One transformer layer (post-norm, as BERT's)."""

    def __init__(self, inner, approximate):
        super().__init__()
        self.approximate = approximate
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.attended = nn.Linear(WIDTH, WIDTH)
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-12)
        self.up = nn.Linear(WIDTH, inner)
        self.down = nn.Linear(inner, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x, mask, drop):
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        context = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        context = context.transpose(1, 2).reshape(batch, length, WIDTH)
        x = self.norm1(x + drop(self.attended(context)))
        return self.norm2(x + drop(self.down(gelu(self.up(x), approximate=self.approximate))))


class Verifier(nn.Module):
    """Reads [CLS] a [SEP] b [SEP]; returns the logit of P(same answer)."""

    def __init__(self, vocabulary_size, layers, inner, approximate="tanh"):
        super().__init__()
        self.words = nn.Embedding(vocabulary_size, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.types = nn.Embedding(4, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer(inner, approximate) for _ in range(layers))
        self.head = nn.Linear(3 * WIDTH, 1)
        self.drop = nn.Dropout(0.1)

    def forward(self, ids, types, pool, mask):
        """ids, types: [batch, length]; pool: [batch, 2, length], the means' weights; mask:
        [batch, 1, 1, length], True = read."""
        x = self.words(ids) + self.positions.weight[: ids.shape[1]] + self.types(types)
        x = self.drop(self.norm(x))
        for layer in self.layers:
            x = layer(x, mask, self.drop)
        a, b = (pool.to(x.dtype) @ x).unbind(1)
        return self.head(torch.cat([x[:, 0], (a - b).abs(), a * b], 1)).squeeze(-1)


def from_teacher(pieces, keep, inner, approximate="tanh"):
    """Returns a network that begins with MiniLM's layers `keep`, for `pieces` followed by [CLS]
    and [SEP].

    `approximate`: how GELU is computed; MiniLM itself has "none", the verifier "tanh", which
    its runtime has a kernel for.
    """
    weights = {name: torch.from_numpy(array) for name, array in teacher.load_weights().items()}
    id_of = {piece: index for index, piece in enumerate(teacher.load_vocabulary())}
    net = Verifier(len(pieces) + 2, len(keep), inner, approximate)
    with torch.no_grad():
        rows = [id_of[piece] for piece in [*pieces, "[CLS]", "[SEP]"]]
        net.words.weight.copy_(weights["embeddings.word_embeddings.weight"][rows])
        net.positions.weight.copy_(weights["embeddings.position_embeddings.weight"][:POSITIONS])
        net.types.weight.copy_(weights["embeddings.token_type_embeddings.weight"][[0, 0, 1, 1]])
        _copy(net.norm, weights, "embeddings.LayerNorm")
        for layer, number in zip(net.layers, keep):
            prefix = f"encoder.layer.{number}"
            parts = [f"{prefix}.attention.self.{name}" for name in ("query", "key", "value")]
            layer.qkv.weight.copy_(torch.cat([weights[part + ".weight"] for part in parts]))
            layer.qkv.bias.copy_(torch.cat([weights[part + ".bias"] for part in parts]))
            _copy(layer.attended, weights, prefix + ".attention.output.dense")
            _copy(layer.norm1, weights, prefix + ".attention.output.LayerNorm")
            _copy(layer.norm2, weights, prefix + ".output.LayerNorm")
            up, down = (
                weights[prefix + ".intermediate.dense.weight"],
                weights[prefix + ".output.dense.weight"],
            )
            # Neurons that write the most stay (their rows' lengths, in and out).
            kept = (up.norm(dim=1) * down.norm(dim=0)).topk(inner).indices.sort().values
            layer.up.weight.copy_(up[kept])
            layer.up.bias.copy_(weights[prefix + ".intermediate.dense.bias"][kept])
            layer.down.weight.copy_(down[:, kept])
            layer.down.bias.copy_(weights[prefix + ".output.dense.bias"])
        net.head.weight.normal_(0, 0.02)
        net.head.bias.zero_()
    return net


def _copy(module, weights, prefix):
    module.weight.copy_(weights[prefix + ".weight"])
    module.bias.copy_(weights[prefix + ".bias"])
