"""What the reference says, to compare the port with.

    python3 models/vader_reference.py --fixture     writes tests/fixtures/sentiment.tsv: 500 generated texts with their scores
    python3 models/vader_reference.py DIR           writes DIR/vader_reference.tsv for DIR/tweets_sentiment_half.tsv: id, score

Needs vaderSentiment==3.3.2. The texts of the fixture are made here, from a seed; none is anybody's. DIR lies outside the project.
"""

import pathlib
import random
import sys

import vaderSentiment.vaderSentiment as reference

SUBJECTS = "the launch|our new logo|this update|the coffee|customer support|my flight|the weather|that film|your team|the queue".split("|")
NEUTRAL = "is on the table|starts at nine|was built in March|has two doors|comes from Oslo|is called Maya|moves to Monday".split("|")
RULES = (
    "not|isn't|never|never so|never this|without|without a doubt|without doubt|hardly|barely|kind of|sort of|sorta|kindof|just enough|"
    "very|VERY|really|so|SO|extremely|least|at least|the very least|no|no such|no or|nor|neither|despite|uber|most|less|ain't|wasn't"
).split("|")
PHRASES = "the shit|the bomb|bad ass|badass|bus stop|yeah right|kiss of death|to die for|beating heart|cut the mustard|upper hand".split("|")
MARKS = ["", "", "", "!", "!!", "!!!", "!!!!!!", "?", "??", "???", "?????", "...", "?!", ",", ";", " \u2014 "]
FACES = [":)", ":(", ":D", ":-P", ";)", "<3", "</3", "XD", "xd", ":'(", "\U0001f600", "\U0001f62d", "\u2764\ufe0f", "\U0001f618\U0001f618",
         "\U0001f44d\U0001f3fd", "\U0001f4a9", "\u263a", "\U0001f469\u200d\U0001f52c", "\u00a9", "\U0001f1f5\U0001f1f1"]
ODD = ["", " ", "\u00a0", "\u200b", "\x1c", "\x85", "na\u00efve", "STRASSE", "stra\u00dfe", "\u01c5", "\u0130stanbul", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3", "\u65e5\u672c\u8a9e",
       "\uff27\uff2f\uff2f\uff24", "http://example.org/a?b=c!", "@maya", "#love", "#LOVE", "\"great\"", "(terrible)", "'good'", "100%", "o_O", "-"]


def text(random, lexicon):
    parts = []
    for _ in range(random.randint(1, 12)):
        roll = random.random()
        if roll < 0.33:
            word = random.choice(lexicon)
            word = random.choice([word, word, word, word.upper(), word.capitalize()])
            parts.append(word + random.choice(MARKS))
        elif roll < 0.55:
            parts.append(random.choice(RULES))
        elif roll < 0.67:
            parts.append(random.choice(SUBJECTS) + " " + random.choice(["is", "was", "feels", "IS"]))
        elif roll < 0.74:
            parts.append(random.choice(NEUTRAL) + random.choice(MARKS))
        elif roll < 0.80:
            parts.append(random.choice(["but", "But", "BUT", "but,", "and", "or"]))
        elif roll < 0.86:
            parts.append(random.choice(PHRASES))
        elif roll < 0.94:
            parts.append(random.choice(FACES))
        else:
            parts.append(random.choice(ODD))
    return random.choice([" ", " ", " ", "  "]).join(parts)


def main():
    analyzer = reference.SentimentIntensityAnalyzer()
    score = lambda line: analyzer.polarity_scores(line)
    if sys.argv[1:] == ["--fixture"]:
        chance = random.Random(20140601)
        lexicon = sorted(analyzer.lexicon)
        lines = []
        while len(lines) < 500:
            line = text(chance, lexicon)
            if "\n" in line or "\t" in line or "\r" in line:
                continue
            said = score(line)
            lines.append(f"{said['compound']}\t{said['neg']}\t{said['neu']}\t{said['pos']}\t{line}\n")
        out = pathlib.Path(__file__).parents[1] / "tests" / "fixtures" / "sentiment.tsv"
        out.write_text("".join(lines), encoding="utf-8", newline="\n")
        return
    folder = pathlib.Path(sys.argv[1])
    with open(folder / "tweets_sentiment_half.tsv", encoding="utf-8", newline="\n") as tweets:
        rows = [line.rstrip("\n").split("\t", 2) for line in tweets]
    with open(folder / "vader_reference.tsv", "w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{row[0]}\t{score(row[2])['compound']}\n" for row in rows)


main()
