"""The wordpiece vocabulary: how probable each piece is, and which pieces are kept."""

import string

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from wordfreq import top_n_list, word_frequency

UNKNOWN = "[UNK]"
CONTINUATION = "##"
LONGEST_WORD = 100

# More than the whole list holds (about 320,000 words).
WORDS = 1_000_000

# wordfreq leaves punctuation out, so marks get rates here: estimates for questions and prose,
# set by hand. Without them a mark would count as the rarest of words and outweigh every word.
MARK_RATES = {
    ",": 0.045, ".": 0.045, "?": 0.03, "'": 0.012, "-": 0.008, "(": 0.004, ")": 0.004,
    ":": 0.004, '"': 0.004, "!": 0.003, "/": 0.002,
}  # fmt: skip
OTHER_MARK_RATE = 0.001


def build_tokenizer(pieces):
    """Returns the tokenizer of the Worker: BERT's WordPiece, no special tokens, no truncation."""
    model = WordPiece(
        {piece: index for index, piece in enumerate(pieces)},
        unk_token=UNKNOWN,
        continuing_subword_prefix=CONTINUATION,
        max_input_chars_per_word=LONGEST_WORD,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True
    )
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def _has_digit_run(word):
    return any(a.isdigit() and b.isdigit() for a, b in zip(word, word[1:]))


def word_rates(pieces):
    """Returns the words that the probabilities rest on and the rate of each.

    These are wordfreq's English list, the numbers among `pieces`, and the punctuation marks.
    The list stores numbers by shape only ("0000" for every year), so those entries give way to
    wordfreq's own estimate for each number.
    """
    words = [word for word in top_n_list("en", WORDS) if not _has_digit_run(word)]
    words += [piece for piece in pieces if piece.isascii() and piece.isdigit() and len(piece) > 1]
    rates = [word_frequency(word, "en") for word in words]
    for mark in string.punctuation:
        words.append(mark)
        rates.append(MARK_RATES.get(mark, OTHER_MARK_RATE))
    return words, rates


def piece_probabilities(pieces, words, rates):
    """Returns the unigram probability of each piece when `words` are split into `pieces`."""
    counts = np.zeros(len(pieces))
    encodings = build_tokenizer(pieces).encode_batch(words, add_special_tokens=False)
    for encoding, rate in zip(encodings, rates):
        np.add.at(counts, encoding.ids, rate)
    return counts / counts.sum()


def is_special(piece):
    """Tells whether `piece` is a marker such as [CLS] or [unused1], which no text contains."""
    return piece.startswith("[") and len(piece) > 1


def _is_single_character(piece):
    return len(piece.removeprefix(CONTINUATION)) == 1


def select_pieces(pieces, probabilities, size):
    """Returns the `size` pieces to keep, in the order they had: [UNK], every single character
    with its continuation form, and the most probable of the rest.

    With the single characters kept, a word made of dropped pieces can still be split further.
    """
    kept = {UNKNOWN} | {piece for piece in pieces if _is_single_character(piece)}
    # A stable sort: pieces of equal probability keep their order.
    for index in np.argsort(-probabilities, kind="stable"):
        if len(kept) >= size:
            break
        if not is_special(pieces[index]):
            kept.add(pieces[index])
    return [piece for piece in pieces if piece in kept]
