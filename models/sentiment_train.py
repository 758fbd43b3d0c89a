"""Trains models/sentiment.bin: hashed word n-grams and VADER's scores, three classes, 8 bit.

    python3 -m pip install vaderSentiment==3.3.2 numpy scikit-learn
    python3 -m pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python3 models/sentiment_train.py vaderSentiment-3.3.2.tar.gz

Learns from two things, and from nothing else:

* sentences rated by twenty people each, which the package's source archive carries (Hutto and Gilbert 2014, MIT): of product reviews,
  film reviews and editorials. The archive's tweets are NOT read: they are what the model is measured on.
* short posts made here from patterns (`posts`), because reviews have no hashtags and few sentences that say nothing.

The strength of regularisation is chosen by leaving one kind of text out and predicting it from the others, since what is wanted is a
model that holds on texts of another kind. The temperature of the confidence is fitted on the same predictions.

Layout of the file, little-endian: "MES1", f32 scale of each class's n-gram weights [3], f32 temperature, f32 dense weights [3][13] (the
last is the bias), i8 n-gram weights [32768][3].
"""

import io
import pathlib
import random
import string
import struct
import sys
import tarfile

import numpy as np
import scipy.sparse as sparse
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

BUCKETS = 1 << 15
KINDS = ["amazonReviewSnippets", "movieReviewSnippets", "nytEditorialSnippets"]
# A mean rating (-4 to 4) beyond this is positive or negative.
BORDER = 0.5
NEGATIONS = {"not", "no", "never", "cannot", "without", "nothing", "none", "neither", "nor"}
ANALYZER = SentimentIntensityAnalyzer()


def fnv(data):
    digest = 0x811C9DC5
    for byte in data:
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest


def tokens(text):
    out = []
    for token in text.split():
        lower = token.lower()
        if lower.startswith("@") and len(lower) > 1:
            out.append("@")
        elif lower.startswith("http") or lower.startswith("www."):
            out.append("#url")
        else:
            out.append(lower.strip(string.punctuation) or lower)
    return out


def grams(text):
    found, negated, last = set(), 0, None
    for token in tokens(text):
        found.add(fnv((("n" if negated > 0 else "u") + token).encode()) % BUCKETS)
        if last is not None:
            found.add(fnv(("b" + last + " " + token).encode()) % BUCKETS)
        negated -= 1
        if token in NEGATIONS or token.endswith("n't"):
            negated = 3
        last = token
    return found


def dense(text):
    said = ANALYZER.polarity_scores(text)
    compound = said["compound"]
    return [
        compound, abs(compound), said["pos"], said["neg"], float(said["pos"] + said["neg"] == 0),
        min(text.count("!"), 4) / 4, min(text.count("?"), 3) / 3, min(len(text.split()), 40) / 40,
        float(compound > 0.05), float(compound < -0.05), float("http" in text), float("@" in text),
    ]


THINGS = "coffee|phone|train|game|show|team|song|album|dress|cake|garden|project|class|meeting|flight|laptop|kitchen|podcast|book|recipe".split("|")
PLACES = "the office|town|the gym|the beach|Berlin|the library|school|the airport|the park|work|home|the studio|Lisbon|the market".split("|")
PEOPLE = "mum|my brother|the team|a friend|@sam|my boss|the kids|grandma|@studio|our neighbours".split("|")
TIMES = "today|tonight|this morning|tomorrow|on Friday|at nine|this weekend|next week|right now|again".split("|")
POSTS = {
    2: """can't wait for {place} {time}|finally {time}! bring on the {thing}|this {thing} made my day|{person} just surprised me with {thing}
we did it! the {thing} is done|so proud of {person} {time}|thank you {person} for the {thing}|best {thing} ever|this {thing} is everything
feeling good after {place}|what a day at {place}!|new {thing} arrived and wow|{person} is the sweetest|obsessed with this {thing}
congrats to {person} on the {thing}|laughing so hard at {person}|yay {thing} {time}|made it to {place}, sunshine and {thing}
the {thing} sold out {time}, grateful to all of you|{thing} at {place} never gets old|woohoo, {person} said yes|10/10 {thing}, would go again
you have to try this {thing}|could listen to this {thing} all day|big smile on my face thanks to {person}|happy birthday {person}
got the job!!|we won!|looking forward to {thing} with {person}|love how the {thing} turned out""",
    -2: """my {thing} broke {time}|of course the {thing} is late again|so done with {thing}|stuck at {place} {time}, ugh|{thing} cancelled {time}
i miss {person}|{person} won't even answer me|can't sleep {time}|my head hurts and {place} is loud|waited two hours for {thing}
why does {person} always do this to me|lost my {thing} at {place}|need a new {thing} because this one died|{thing} ruined {time}
don't want to go to {place} {time}|we lost {time}|not the {thing} i paid for|never buying {thing} from {person} again|{person} let us down
back to {place} {time}, kill me|nothing works {time}|the {thing} is out of stock again|failed my test|missed the bus to {place}
everyone at {place} but me|my {thing} got stolen|it is raining on {thing}|worst {thing} ever|still no refund for the {thing}|cold {thing}, again
so tired of {person} and the {thing}|what a waste of {thing}|too much {thing} and too little sleep|i feel sick {time}""",
    0: """on my way to {place}|watching the {thing} with {person}|new post: {thing} and {place} http://t.example/a1|{thing} {time} at {place}
does anyone know when {place} opens?|listening to a {thing}|heading to {place} {time}|what {thing} do you use?|{person} is at {place} {time}
the {thing} starts {time}|RT {person}: {thing} {time} http://t.example/b2|our {thing} moves to {place} {time}|just got home from {place}
{thing} or {thing}?|making {thing} for {person}|{person} are you going to {place} {time}?|about to leave {place}|at {place} with {person}
here is the {thing} from {time} http://t.example/c3|updated my {thing}|going to bed|reading about {thing}|back at {place} {time}
who else is at {place}?|i think i will go to {place} {time}|waiting for {person} at {place}|{thing} part two is up http://t.example/d4
doing {thing} {time}|{person} where are you?|i'm at {place} http://t.example/e5|we open {time}|looking for a {thing} in {place}
{person} did you see the {thing}?|so the {thing} is {time}|now playing: {thing}|eating lunch at {place}|wondering what {person} is doing""",
}
ENDINGS = {2: ["", "!", "!!", " :)", " \u2764\ufe0f", " #happy", " \U0001f60d", " :D", "."], -2: ["", ".", "...", " :(", " \U0001f62d", " #fail", "!", " \U0001f621"],
           0: ["", ".", "", " #{tag}", " http://t.example/f6", "...", " @lee"]}


def posts(count):
    chance = random.Random(7)
    texts, ratings = [], []
    for _ in range(count):
        rating = chance.choice([2, -2, 0])
        pattern = chance.choice([part.strip() for line in POSTS[rating].split("\n") for part in line.split("|")]) + chance.choice(ENDINGS[rating])
        text = pattern
        for slot, words in (("{thing}", THINGS), ("{place}", PLACES), ("{person}", PEOPLE), ("{time}", TIMES), ("{tag}", THINGS)):
            while slot in text:
                text = text.replace(slot, chance.choice(words), 1)
        if chance.random() < 0.15:
            text = "@" + chance.choice(["ana", "tom", "lee"]) + " " + text
        if chance.random() < 0.4:
            text = text[0].upper() + text[1:]
        texts.append(text)
        ratings.append(float(rating))
    return texts, ratings


def rated(archive):
    with tarfile.open(archive) as outer:
        inner = next(member for member in outer.getmembers() if member.name.endswith("hutto_ICWSM_2014.tar.gz"))
        data = io.BytesIO(outer.extractfile(inner).read())
    with tarfile.open(fileobj=data) as inner:
        for kind in KINDS:
            member = next(member for member in inner.getmembers() if member.name.endswith(f"{kind}_GroundTruth.txt"))
            rows = [line.split("\t", 2) for line in inner.extractfile(member).read().decode("utf-8", "replace").splitlines() if line.count("\t") > 1]
            yield [row[2] for row in rows], [float(row[1]) for row in rows]


def sparse_rows(texts):
    indices, values, pointers = [], [], [0]
    for text in texts:
        found = sorted(grams(text))
        indices += found
        values += [1 / max(len(found), 1) ** 0.5] * len(found)
        pointers.append(len(indices))
    return sparse.csr_matrix((values, indices, pointers), shape=(len(texts), BUCKETS))


def recall(truth, said):
    return float(np.mean([np.mean(said[truth == kind] == kind) for kind in range(3)]))


def fit(rows, classes, strength):
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=1500, tol=1e-4).fit(rows, classes)


def main():
    texts, ratings, groups = [], [], []
    for group, (some, scores) in enumerate([*rated(sys.argv[1]), posts(4000)]):
        texts += some
        ratings += scores
        groups += [group] * len(some)
    ratings, groups = np.array(ratings), np.array(groups)
    classes = np.where(ratings > BORDER, 2, np.where(ratings < -BORDER, 0, 1))
    rows = sparse.hstack([sparse_rows(texts), np.array([dense(text) for text in texts])]).tocsr()

    best = None
    for strength in (0.03, 0.1, 0.3, 1.0):
        margins, truths, recalls = [], [], []
        for group in range(4):
            model = fit(rows[groups != group], classes[groups != group], strength)
            margins.append(model.decision_function(rows[groups == group]))
            truths.append(classes[groups == group])
            recalls.append(recall(truths[-1], margins[-1].argmax(1)))
        mean = float(np.mean(recalls))
        print(f"C {strength}: macro-recall on what was left out {[round(one, 3) for one in recalls]}, mean {mean:.4f}", flush=True)
        if best is None or mean > best[0]:
            best = (mean, strength, np.vstack(margins), np.concatenate(truths))
    _, strength, margins, truths = best

    def surprise(temperature):
        scaled = margins / temperature
        scaled -= scaled.max(1, keepdims=True)
        logs = scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
        return -np.mean(logs[np.arange(len(truths)), truths])

    temperature = float(minimize_scalar(surprise, bounds=(0.3, 5), method="bounded").x)
    model = fit(rows, classes, strength)
    weights, rest = model.coef_[:, :BUCKETS], model.coef_[:, BUCKETS:]
    scales = np.abs(weights).max(1) / 127
    small = np.rint(weights / scales[:, None]).astype(np.int8)
    dense_weights = np.hstack([rest, model.intercept_[:, None]])
    out = b"MES1" + struct.pack("<4f", *scales, temperature) + dense_weights.astype("<f4").tobytes() + small.T.copy().tobytes()
    pathlib.Path(__file__).with_name("sentiment.bin").write_bytes(out)
    print(f"C {strength}, temperature {temperature:.3f}, {np.count_nonzero(small.any(0))} of {BUCKETS} buckets in use")


main()
