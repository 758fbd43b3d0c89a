"""The text from which the embedding is distilled: written by this script, nobody's data.

Templates in grammar/*.txt with the words of grammar/words.txt, the utterances in intents/*.txt, and noise as people make it (no capitals, a
letter lost). Seeded: the same files give the same sentences in the same order.

    python models/corpus.py      # writes expanded.tsv, generated examples of the intents
"""

import pathlib
import random
import re

HERE = pathlib.Path(__file__).parent
SENTENCES = 36_000
EXAMPLES = 200
SEED = 20261123


def read():
    """The slots, and the templates, each with its intent if it has one."""
    slots, templates = {}, []
    for path in sorted(HERE.glob("grammar/*.txt")):
        intent = None
        for line in path.read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            if slot := re.match(r"^([a-z]+) = (.*)$", line):
                slots[slot[1]] = slot[2].split(" | ")
            elif label := re.match(r"^\[([a-z_]+)\]$", line):
                intent = label[1]
            else:
                templates.append((intent, line))
    return slots, templates


def expand(template, slots, chance):
    """A sentence of a template: innermost choices first, then slots until none is left."""
    while found := re.search(r"\(([^()]*)\)|\{([a-z]+)\}", template):
        options = found[1].split("|") if found[1] is not None else slots[found[2]]
        template = template[: found.start()] + chance.choice(options) + template[found.end() :]
    return re.sub(r" +", " ", template).strip()


def mistype(text, chance):
    """A letter lost, doubled, or two changed about."""
    at = chance.randrange(max(1, len(text) - 1))
    kind = chance.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at : at + 1] + text[at:]
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def utterances():
    """The hand-written examples, by intent."""
    return {path.stem: path.read_text().split("\n")[:-1] for path in sorted(HERE.glob("intents/*.txt"))}


def sentences(count=SENTENCES):
    """Sentences without repetition, in a fixed order; a template's share is the same as any other's."""
    slots, templates = read()
    seen = dict.fromkeys(line for lines in utterances().values() for line in lines)
    tries = 0
    while len(seen) < count and tries < count * 8:
        _, template = templates[tries % len(templates)]
        # A chance of its own for each, so that another template changes no other sentence.
        chance = random.Random(f"{SEED} {tries // len(templates)} {template}")
        text = expand(template, slots, chance)
        if chance.random() < 0.03:
            text = mistype(text, chance)
        if chance.random() < 0.15:
            text = text[:1].upper() + text[1:] + chance.choice((".", "!", "?", "", "."))
        if text:
            seen.setdefault(text)
        tries += 1
    return list(seen)


def examples(count=EXAMPLES):
    """Labelled sentences for the classifier, beside the hand-written ones: so many an intent."""
    slots, templates = read()
    found = []
    for intent in utterances():
        own = [template for label, template in templates if label == intent]
        chance = random.Random(f"{SEED} {intent}")
        texts = {}
        for tries in range(count * 20):
            if len(texts) == count:
                break
            texts.setdefault(expand(own[tries % len(own)], slots, chance))
        found += [(intent, text) for text in texts]
    return found


if __name__ == "__main__":
    (HERE / "expanded.tsv").write_text("".join(f"{intent}\t{text}\n" for intent, text in examples()))
