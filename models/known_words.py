"""Writes the guard's further words of English (src/semantic/guard/words/known.txt) from the prompts
in data/.

A word counts that several groups' carefully written texts hold and the embedder's vocabulary lacks;
the everyday variations,
which have typing errors on purpose, do not count.
"""

import re
from collections import defaultdict

import verifier_data as data

FEWEST_GROUPS = 2
WORD = re.compile(r"[a-z]{4,}")
TARGET = data.HERE.parent / "src/semantic/guard/words/known.txt"
HEADER = """# Further words of English, so that one letter of difference to another word is no typing error: `causal` and `casual`.
# From the prompts in models/data, by models/known_words.py: what several of them use and the
# embedder's vocabulary lacks.
"""


def main():
    """Collects and writes."""
    pieces = set(data.read_pieces())
    users = defaultdict(set)
    for number, group in enumerate(data.read_groups()):
        texts = [group["q"], *group["same"][:-1], *(text for text, _ in group["different"])]
        for word in WORD.findall(" ".join(texts).lower()):
            users[word].add(number)
    words = sorted(
        word
        for word, groups in users.items()
        if len(groups) >= FEWEST_GROUPS and word not in pieces
    )
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 118:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    TARGET.write_text(HEADER + "\n".join([*lines, line]) + "\n", encoding="utf-8")
    print(f"{len(words)} words")


if __name__ == "__main__":
    main()
