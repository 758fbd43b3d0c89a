"""Distils the teacher into embedding.bin: 8000 tokens x 128 dimensions x 4 bit.

    HF_HUB_OFFLINE=1 python models/distil.py            # writes models/embedding.bin
    python models/distil.py --keep /some/folder          # keeps the teacher's answers there, for another run

1. The vocabulary: the teacher's tokens that the corpus has, then its most frequent others (its ids are in order of frequency).
2. Each token's vector: the teacher's hidden state of that token alone, by PCA in 128 dimensions, times a / (a + p), a = 1e-2 (SIF, Arora 2017).
3. A ridge refit: sums of token vectors are to predict the teacher's sentence vectors; what the text does not tell stays as it was.
   Forty steps of conjugate gradients.
4. Four bits a value and a byte for each token's scale.
"""

import json
import pathlib
import random
import sys

import teacher  # First: it fixes the number of threads.
import numpy as np

import corpus
import layout

TOKENS, DIMENSIONS = 8000, 128
SIF, RIDGE, STEPS = 1e-2, 1.0, 40
FRAMES = ("what is {}", "{} and {}", "tell me about {}", "the {} of {}", "{} {} {}", "a post about {}", "is it {}", "how do i {}", "my {} is {}")


def vocabulary(reference, texts):
    """The kept tokens in order of the teacher's ids, with their counts in the corpus."""
    names = {i: token for token, i in reference.get_vocab().items()}
    counts = np.zeros(len(names), np.int64)
    for encoded in reference.encode_batch(texts, add_special_tokens=False):
        np.add.at(counts, encoded.ids, 1)

    def plain(token):
        return token.isascii() and not token.startswith("[") or len(token) == 1 and "[" == token

    letters = [i for i, token in names.items() if plain(token) and len(token.removeprefix("##")) == 1]
    seen = [i for i in np.argsort(-counts, kind="stable") if counts[i] > 0 and (plain(names[i]) or len(names[i]) == 1)]
    rest = [i for i in sorted(names) if plain(names[i])]
    kept = sorted(int(i) for i in list(dict.fromkeys([*letters, *seen, *rest]))[:TOKENS])
    return kept, [names[i] for i in kept], counts[kept]


def frames(tokens, count):
    """Sentences that have every whole word of the vocabulary in them."""
    chance = random.Random(corpus.SEED + 1)
    words = [token for token in tokens if token.isalpha() and len(token) > 2]
    texts = []
    for round_ in range(1 + count // len(words)):
        for word in chance.sample(words, len(words)):
            frame = chance.choice(FRAMES)
            places = [word] + [chance.choice(words) for _ in range(frame.count("{}") - 1)]
            chance.shuffle(places)
            texts.append(frame.format(*places))
    return list(dict.fromkeys(texts))[:count]


class Sums:
    """The matrix of sentences by tokens, each sentence's row divided by the root of its length."""

    def __init__(self, rows, tokens):
        self.tokens = tokens
        self.ids = np.concatenate([np.asarray(row, np.int64) for row in rows])
        length = np.array([len(row) for row in rows])
        self.starts = np.concatenate([[0], np.cumsum(length)[:-1]])
        self.sentence = np.repeat(np.arange(len(rows)), length)
        self.weight = (1 / np.sqrt(length))[:, None].astype(np.float32)
        order = np.argsort(self.ids, kind="stable")
        self.by_token = self.sentence[order]
        self.present, self.token_starts = np.unique(self.ids[order], return_index=True)

    def apply(self, table):
        return np.add.reduceat(table[self.ids], self.starts) * self.weight

    def transpose(self, residual):
        out = np.zeros((self.tokens, residual.shape[1]), np.float32)
        out[self.present] = np.add.reduceat((residual * self.weight)[self.by_token], self.token_starts)
        return out


def refit(sums, table, target):
    """(XᵀX + λ) D = Xᵀ (Y - X E) by conjugate gradients, each dimension for itself; gives E + D."""
    change = np.zeros_like(table)
    residual = sums.transpose(target - sums.apply(table))
    direction, size = residual.copy(), (residual * residual).sum(0)
    for _ in range(STEPS):
        image = sums.transpose(sums.apply(direction)) + np.float32(RIDGE) * direction
        step = size / np.maximum((direction * image).sum(0), 1e-12)
        change += step * direction
        residual -= step * image
        before, size = size, (residual * residual).sum(0)
        direction = residual + size / np.maximum(before, 1e-12) * direction
    return table + change


def agreement(sums, table, teacher_vectors):
    """Correlation of the student's and the teacher's cosines over pairs of sentences."""
    student = sums.apply(table)
    student /= np.linalg.norm(student, axis=1, keepdims=True) + 1e-9
    chance = np.random.default_rng(1)
    a, b = chance.integers(0, len(student), (2, 200_000))
    return float(np.corrcoef((student[a] * student[b]).sum(1), (teacher_vectors[a] * teacher_vectors[b]).sum(1))[0, 1])


def answers(model, texts, keep):
    """The teacher's vectors; what has been asked before comes from what was kept."""
    known = {}
    if keep and (keep / "texts.json").exists():
        known = dict(zip(json.loads((keep / "texts.json").read_text()), np.load(keep / "sentences.npy")))
    missing = [text for text in texts if text not in known]
    found = model.sentences(missing, lambda done: print(f"\r{done}/{len(missing)}", end="", flush=True))
    known.update(zip(missing, found))
    if keep and missing:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / "texts.json").write_text(json.dumps(list(known)))
        np.save(keep / "sentences.npy", np.stack(list(known.values())))
    return np.stack([known[text] for text in texts])


def main():
    keep = pathlib.Path(sys.argv[2]) if sys.argv[1:2] == ["--keep"] else None
    reference = teacher.tokenizer()
    texts = corpus.sentences()
    ids, tokens, counts = vocabulary(reference, texts)
    texts += frames(tokens, 9_000)
    model = teacher.Teacher()
    vectors = answers(model, texts, keep)
    own = model.tokens(ids)

    student = layout.tokenizer(tokens)
    rows = [encoded.ids for encoded in student.encode_batch(texts)]
    told = [i for i, row in enumerate(rows) if row]
    rows, vectors = [rows[i] for i in told], vectors[told]

    mean = vectors.mean(0)
    _, axes = np.linalg.eigh(np.cov((vectors - mean).T.astype(np.float64)))
    axes = axes[:, ::-1][:, :DIMENSIONS]
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(DIMENSIONS)])  # The sign is free: fix it.
    axes = axes.astype(np.float32)
    share = (counts + 1) / (counts + 1).sum()
    table = ((own - own.mean(0)) @ axes * (SIF / (SIF + share))[:, None]).astype(np.float32)
    target = (vectors - mean) @ axes

    # One in twenty sentences is kept aside to see what the refit is worth.
    aside = np.arange(len(rows)) % 20 == 0
    train = Sums([row for row, out in zip(rows, aside) if not out], TOKENS)
    held = Sums([row for row, out in zip(rows, aside) if out], TOKENS)
    image = train.apply(table)
    table *= (image * target[~aside]).sum() / (image * image).sum()
    print("\nagreement, held out: distilled", round(agreement(held, table, target[aside]), 4))
    table = refit(train, table, target[~aside])
    print("refitted", round(agreement(held, table, target[aside]), 4))
    layout.write(tokens, table)
    print("four bits", round(agreement(held, layout.read()[1], target[aside]), 4))


if __name__ == "__main__":
    main()
