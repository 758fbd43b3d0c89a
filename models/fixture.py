"""Writes tests/fixtures/wordpiece.json: texts, and the tokens that the reference tokenizer finds with the kept vocabulary.

    python models/fixture.py [count] [file]
"""

import json
import pathlib
import random
import sys

import corpus
import layout

PIECES = (
    "café", "Zoë", "naïve", "ÅNGSTRÖM", "crème brûlée", "e\u0301te\u0301", "İstanbul", "straße", "ΑΒΓ", "Привет", "ёлка", "日本語", "東京 tokyo", "한국어",
    "مرحبا", "שָׁלוֹם", "नमस्ते", "great🔥", "🔥🔥", "❤️", "👩‍👩‍👧", "👍🏽", "€50", "50€", "£9.99", "a+b=c", "x²", "½", "№5", "™", "#monday", "@anna_b", "don't", "“quoted”",
    "dash—dash", "ellipsis…", "a\u200bb", "tab\there", "line\nbreak", "\u00a0nbsp\u00a0", "\u0000null", "\ufffd", "supercalifragilistic", "x" * 101, "é" * 60, "www.maya.example/a?b=1",
    "UPPER", "MiXeD", "3.14", "1,000", "10:30", "C++", "C#", "&amp;", "[UNK]", "[CLS]", "##ing", "", " ", "!!!", "?!", "¿qué?", "«non»", "ǆ", "ﬁn", "Ⅷ", "ß", "ſ", "ø", "đ",
)  # fmt: skip


def texts(count):
    """Sentences of the corpus, pieces alone, and both together."""
    chance = random.Random(corpus.SEED + 2)
    sentences = chance.sample(corpus.sentences(), min(count, 5000))
    found = list(dict.fromkeys(PIECES))
    while len(found) < count:
        text = chance.choice(sentences)
        for _ in range(chance.randrange(3)):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(("", " ")) + chance.choice(PIECES) + chance.choice(("", " ")) + text[at:]
        found.append(text)
    return found


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    file = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else corpus.HERE.parent / "tests/fixtures/wordpiece.json"
    tokens = layout.read()[0]
    cases = texts(count)
    encoded = layout.tokenizer(tokens).encode_batch(cases)
    lines = [json.dumps([text, [tokens[i] for i in one.ids]], ensure_ascii=True) for text, one in zip(cases, encoded)]
    file.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
