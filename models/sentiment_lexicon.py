"""Writes models/vader.bin: VADER's lexicon and the names of emoji, in the layout that src/edge/sentiment/lexicon.rs reads.

    python3 -m pip install vaderSentiment==3.3.2
    python3 models/sentiment_lexicon.py

Layout, all numbers little-endian:

    "MEV1"
    u32      offset of the emoji's part
    u32[2049] words: where each bucket's entries begin, from the file's start; a word's bucket is FNV-1a (32 bits) modulo 2048
    entries  u8 length, the word (UTF-8), i8 valence in tenths
    u32      count of emoji, then u32[count] code points in ascending order, u32[count + 1] where each name begins, from the file's
             start, and the names (UTF-8)

Emoji of more than one code point are left out: the reference looks up single code points, so it never finds them.
The result depends on the package alone, byte for byte.
"""

import pathlib
import struct

import vaderSentiment.vaderSentiment as reference

BUCKETS = 2048


def fnv(data):
    digest = 0x811C9DC5
    for byte in data:
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest


def main():
    analyzer = reference.SentimentIntensityAnalyzer()
    buckets = [[] for _ in range(BUCKETS)]
    for word, valence in sorted(analyzer.lexicon.items()):
        # The reference looks up the lower-case form, so an entry with capitals is never found.
        if word != word.lower():
            continue
        tenths = round(valence * 10)
        assert abs(tenths / 10 - valence) < 1e-9 and -128 <= tenths <= 127, (word, valence)
        data = word.encode()
        buckets[fnv(data) % BUCKETS].append(struct.pack("<B", len(data)) + data + struct.pack("<b", tenths))
    at = 8 + 4 * (BUCKETS + 1)
    starts, entries = [], b""
    for bucket in buckets:
        starts.append(at + len(entries))
        entries += b"".join(bucket)
    starts.append(at + len(entries))

    names = sorted((ord(emoji), name.encode()) for emoji, name in analyzer.emojis.items() if len(emoji) == 1)
    emoji_at = at + len(entries)
    text_at = emoji_at + 4 + 4 * len(names) + 4 * (len(names) + 1)
    offsets, text = [], b""
    for _, name in names:
        offsets.append(text_at + len(text))
        text += name
    offsets.append(text_at + len(text))
    out = b"MEV1" + struct.pack("<I", emoji_at) + struct.pack(f"<{len(starts)}I", *starts) + entries
    out += struct.pack("<I", len(names)) + struct.pack(f"<{len(names)}I", *(point for point, _ in names))
    out += struct.pack(f"<{len(offsets)}I", *offsets) + text
    pathlib.Path(__file__).with_name("vader.bin").write_bytes(out)


main()
