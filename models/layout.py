"""embedding.bin: what src/edge/wordpiece.rs and src/edge/embedding.rs read. Little endian, no padding but what is said.

    8    "MAYAEMB1"
    4x6  u32: tokens T, dimensions D, slots S (a power of two), characters C, marks M, separators P
    2S   u16: the hash table; a token's number plus one, 0 where none is
    2(T+1) u16: where each token's text begins among the texts, and where the last one ends
    T    u8: a token's scale s: a value's step is 2^(s/8 - 24)
    TD/2 u8: a token's values; byte i holds dimension i in its low half and dimension i + D/2 in its high half; v stands for (v - 7.5) steps
    8C   u32, u32: a character and what it becomes (lower case, without accents), sorted
    8M   u32, u32: ranges that are dropped, sorted: marks (Mn) and other characters (Cc, Cf, Co) but white space
    8P   u32, u32: ranges that stand for themselves, sorted: punctuation (P*), symbols (S*), and the ideographs that BERT sets apart
    rest the texts of the tokens, UTF-8, in order; a continuation has its "##"

A token's slot is FNV-1a (32 bit) of its text, h ^ h >> 15, and from there the next free one.
"""

import pathlib
import struct
import unicodedata

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

FILE = pathlib.Path(__file__).parent / "embedding.bin"
SLOTS = 16_384
IDEOGRAPHS = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF))
IDEOGRAPHS += ((0xF900, 0xFAFF), (0x2F800, 0x2FA1F))


def tokenizer(tokens):
    """The reference tokenizer over the pruned vocabulary: BERT's, but symbols such as emoji stand for themselves as punctuation does."""
    vocabulary = {token: i for i, token in enumerate(tokens)} | {"[UNK]": len(tokens)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    symbols = pre_tokenizers.Split(Regex(r"\p{S}"), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), symbols])

    class Known:
        """Unknown words have no vector, so they are left out."""

        ids = property(lambda self: [i for i in self.all if i < len(tokens)])

        def __init__(self, encoded):
            self.all = encoded.ids

    class Student:
        def encode_batch(self, texts):
            return [Known(encoded) for encoded in made.encode_batch(texts)]

    return Student()


def ranges(test):
    """The ranges of characters that pass a test."""
    found = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or not test(code):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def unicode_tables():
    """Characters that change, ranges that are dropped, and ranges that stand for themselves."""
    category = lambda code: unicodedata.category(chr(code))
    dropped = ranges(lambda c: chr(c) not in "\t\n\r" and (c == 0xFFFD or category(c) in ("Mn", "Cc", "Cf", "Co")))
    ascii_apart = set(range(33, 48)) | set(range(58, 65)) | set(range(91, 97)) | set(range(123, 127))
    apart = ranges(lambda c: c in ascii_apart or category(c)[0] in "PS" and c != 0xFFFD or any(a <= c <= b for a, b in IDEOGRAPHS))
    changed = []
    for code in range(128, 0x20000):
        if 0xAC00 <= code <= 0xD7A3 or 0xD800 <= code < 0xE000:
            continue  # Hangul falls apart by a rule of its own; no token has it.
        kept = "".join(c for c in unicodedata.normalize("NFD", chr(code)) if unicodedata.category(c) != "Mn").lower()
        if len(kept) == 1 and kept != chr(code).lower():
            changed.append((code, ord(kept)))
    return changed, dropped, apart


def slot(text):
    """Where the search for a token begins."""
    h = 0x811C9DC5
    for byte in text:
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return (h ^ h >> 15) & (SLOTS - 1)


def quantise(table):
    """Steps and values: of the steps in reach, the one with the least error."""
    largest = np.abs(table).max(1) + 1e-12
    best = np.full(len(table), np.inf)
    scales, values = np.zeros(len(table), np.uint8), np.zeros(table.shape, np.uint8)
    first = np.ceil(8 * (np.log2(largest / 7.5) + 24))
    for less in range(0, 10):
        scale = np.clip(first - less, 0, 255)
        step = np.exp2(scale / 8 - 24)[:, None]
        value = np.clip(np.round(table / step + 7.5), 0, 15)
        error = (((value - 7.5) * step - table) ** 2).sum(1)
        better = error < best
        best[better], scales[better], values[better] = error[better], scale[better], value[better]
    return scales, values


def write(tokens, table):
    """Writes the file."""
    texts = [token.encode() for token in tokens]
    slots = [0] * SLOTS
    for number, text in enumerate(texts):
        at = slot(text)
        while slots[at]:
            at = (at + 1) % SLOTS
        slots[at] = number + 1
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    assert offsets[-1] < 1 << 16
    scales, values = quantise(table)
    half = table.shape[1] // 2
    changed, dropped, apart = unicode_tables()
    head = struct.pack("<8s6I", b"MAYAEMB1", len(tokens), table.shape[1], SLOTS, len(changed), len(dropped), len(apart))
    pairs = [np.asarray(part, "<u4").tobytes() for part in (changed, dropped, apart)]
    packed = (values[:, :half] | values[:, half:] << 4).astype(np.uint8)
    FILE.write_bytes(
        b"".join([head, np.asarray(slots, "<u2").tobytes(), offsets.astype("<u2").tobytes(), scales.tobytes(), packed.tobytes(), *pairs, *texts])
    )


def read():
    """The tokens and the table as the Worker sees them."""
    raw = FILE.read_bytes()
    _, count, width, slots, changed, dropped, apart = struct.unpack_from("<8s6I", raw)
    at = 32 + 2 * slots
    offsets = np.frombuffer(raw, "<u2", count + 1, at).astype(int)
    at += 2 * (count + 1)
    scales = np.frombuffer(raw, np.uint8, count, at)
    at += count
    packed = np.frombuffer(raw, np.uint8, count * width // 2, at).reshape(count, -1)
    at += count * width // 2 + 8 * (changed + dropped + apart)
    values = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 7.5
    tokens = [raw[at + a : at + b].decode() for a, b in zip(offsets, offsets[1:])]
    return tokens, (values * np.exp2(scales / 8.0 - 24)[:, None]).astype(np.float32)
