"""Writes models/vader.bin: VADER's lexicon and the names of emoji, in the layout that src/edge/sentiment/lexicon.rs reads.

    python3 -m pip install vaderSentiment==3.3.2
    python3 models/sentiment_lexicon.py

Layout, all numbers little-endian:

    "MEV1"
    u32      offset of the emoji's part
    u32      count of blocks of words, then u32[count + 1] where each block begins, from the file's start
    blocks   of eight words each, in the order of their bytes: u8 length, the word (UTF-8), i8 valence in tenths
    u32      count of emoji, then u32[count] code points in ascending order, u32[count + 1] where each name begins, from the file's
             start, and the names (UTF-8)

Emoji of more than one code point are left out: the reference looks up single code points, so it never finds them.
The result depends on the package alone, byte for byte.
"""

import pathlib
import struct

import vaderSentiment.vaderSentiment as reference

BLOCK = 8


def main():
    analyzer = reference.SentimentIntensityAnalyzer()
    words = []
    for word, valence in sorted((word.encode(), valence) for word, valence in analyzer.lexicon.items()):
        # The reference looks up the lower-case form, so an entry with capitals is never found.
        if word.decode() != word.decode().lower():
            continue
        tenths = round(valence * 10)
        assert abs(tenths / 10 - valence) < 1e-9 and -128 <= tenths <= 127, (word, valence)
        words.append(struct.pack("<B", len(word)) + word + struct.pack("<b", tenths))
    blocks = [b"".join(words[at : at + BLOCK]) for at in range(0, len(words), BLOCK)]
    at = 12 + 4 * (len(blocks) + 1)
    starts = [at]
    for block in blocks:
        starts.append(starts[-1] + len(block))
    entries = b"".join(blocks)

    names = sorted((ord(emoji), name.encode()) for emoji, name in analyzer.emojis.items() if len(emoji) == 1)
    emoji_at = at + len(entries)
    text_at = emoji_at + 4 + 4 * len(names) + 4 * (len(names) + 1)
    offsets, text = [], b""
    for _, name in names:
        offsets.append(text_at + len(text))
        text += name
    offsets.append(text_at + len(text))
    out = b"MEV1" + struct.pack("<II", emoji_at, len(blocks)) + struct.pack(f"<{len(starts)}I", *starts) + entries
    out += struct.pack("<I", len(names)) + struct.pack(f"<{len(names)}I", *(point for point, _ in names))
    out += struct.pack(f"<{len(offsets)}I", *offsets) + text
    pathlib.Path(__file__).with_name("vader.bin").write_bytes(out)


main()
