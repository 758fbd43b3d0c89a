// What a history of posts teaches, and a text for listening, over HTTP.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { KEY, assertError, post, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const past = (id, text, engagements, more = {}) => ({ id, text, platform: "x", impressions: 1000, engagements, ...more });
/** Posts that ask are engaged with three times as often. */
const history = [61, 17, 55, 20, 58, 17, 52, 22, 60, 18].map((engagements, at) => past(`p${at}`, at % 2 ? "We bake on Fridays." : "What do you brew?", engagements));
const optimize = (more) => post(edge, { instruction: "Announce the spring blend", platforms: ["x", "linkedin"], history, ...more }, {}, "/v1/posts/optimize");
const answered = async (response) => {
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
};

describe("optimizing", () => {
  test("finds the pattern, with figures that code has reckoned, and cites the posts that show it", async () => {
    const answer = await answered(await optimize());
    assert.deepEqual(answer.history, { posts: 10, impressions: 10_000, engagements: 380, mean_rate: 0.038 });
    const question = answer.patterns.find(({ feature }) => feature === "question");
    assert.deepEqual([question.posts_with, question.posts_without, question.certain], [5, 5, true]);
    assert.equal(question.rate_with, 0.0572);
    assert.equal(question.rate_without, 0.0188);
    assert.equal(question.difference, 0.0384);
    const [first] = answer.recommendations;
    assert.deepEqual(first, { feature: "question", advice: "Ask the reader something", difference: 0.0384, certain: true, cites: ["p0", "p8", "p4"] });
  });

  test("writes posts by it, and tells the model the advice in the gateway's own words", async () => {
    const answer = await answered(await optimize());
    assert.deepEqual(answer.posts.map(({ platform }) => platform), ["x", "linkedin"]);
    for (const { text, length, limit, follows } of answer.posts) {
      assert.ok(text.length > 0 && length <= limit);
      assert.equal(follows.includes("question"), text.includes("?"));
    }
    const { body } = await standIn.last();
    assert.ok(JSON.stringify(body).includes("Ask the reader something"), "the advice");
    assert.ok(!JSON.stringify(body).includes("We bake on Fridays"), "the history stays here");
  });

  test("shows nothing where there is too little, and writes all the same", async () => {
    const answer = await answered(await optimize({ history: history.slice(0, 2) }));
    assert.deepEqual([answer.patterns, answer.recommendations], [[], []]);
    assert.equal(answer.posts.length, 2);
  });

  test("takes the parts of engagement for their sum", async () => {
    const parts = history.map(({ engagements, ...rest }) => ({ ...rest, likes: engagements - 5, shares: 3, comments: 2 }));
    const answer = await answered(await optimize({ history: parts }));
    assert.equal(answer.history.engagements, 380);
  });

  test("streams its progress", async () => {
    const text = await (await optimize({ stream: true })).text();
    assert.match(text, /event: result\ndata: .*"object":"optimization"/);
    assert.ok(text.endsWith("data: [DONE]\n\n"));
  });

  test("says which field of which post is wrong", async () => {
    const cases = [
      [undefined, "history"],
      [[], "history"],
      [[past("a", " ", 1)], "history[0].text"],
      [[past("a", "b", 1), past("a", "c", 1)], "history[1].id"],
      [[past("a", "b", 1, { platform: "myspace" })], "history[0].platform"],
      [[past("a", "b", 1, { published_at: "yesterday" })], "history[0].published_at"],
      [[past("a", "b", 0, { impressions: 0 })], "history[0].impressions"],
      [[past("a", "b", 1001)], "history[0].engagements"],
      [[past("a", "b", undefined)], "history[0].engagements"],
      [[past("a", "b", 1, { likes: 1 })], "history[0].engagements"],
      [[past("a", "b", -1)], "history[0].engagements"],
      [[past("a", "b", 1, { views: 1 })], "history[0].views"],
    ];
    for (const [given, param] of cases) {
      const response = await optimize({ history: given });
      assert.equal(response.status, 400, param);
      assert.equal((await response.json()).param, param);
    }
  });
});

describe("a text for listening", () => {
  const audio = (body) => post(edge, body, {}, "/v1/posts/audio");

  test("has figures and abbreviations as they are said, pauses, and its length", async () => {
    const before = (await standIn.stats()).requests;
    const answer = await answered(await audio({ text: "Dr. Lee opens at 9:30. Entry is $5.\n\nBring a friend!" }));
    assert.match(answer.text, /Doctor Lee opens at nine thirty/);
    assert.match(answer.text, /five dollars/);
    assert.match(answer.ssml, /<break time="\d+ms"\/>/);
    assert.equal(answer.words, answer.text.split(/\s+/).filter(Boolean).length);
    const pauses = [...answer.ssml.matchAll(/<break time="(\d+)ms"/g)].reduce((sum, [, ms]) => sum + Number(ms) / 1000, 0);
    assert.ok(Math.abs(answer.seconds - (answer.words / 150) * 60 - pauses) <= 0.05 * answer.seconds, `${answer.seconds} s`);
    assert.equal(answer.degraded, false);
    assert.equal((await standIn.stats()).requests, before, "no model is asked");
  });

  test("is slower at a lower rate", async () => {
    const text = "A sentence of several words that somebody reads to somebody else. ".repeat(5);
    const [slow, fast] = await Promise.all([80, 240].map(async (words_per_minute) => answered(await audio({ text, words_per_minute }))));
    assert.ok(slow.seconds > fast.seconds * 2);
  });

  test("says that it speaks English only", async () => {
    const answer = await answered(await audio({ text: "Wir öffnen am Sonntag um neun Uhr und freuen uns auf alle, die kommen." }));
    assert.deepEqual([answer.language, answer.degraded, answer.reason], ["de", true, "not_english"]);
  });

  test("refuses a rate that nobody speaks at", async () => {
    await assertError(await audio({ text: "a", words_per_minute: 1000 }), 400, "wrong_value");
    await assertError(await audio({ text: "a", words_per_minute: "fast" }), 400, "wrong_value");
  });
});

test("both need the scope of content", async () => {
  const response = await fetch(`${edge.url}/v1/posts/optimize`, { method: "POST", headers: { authorization: `Bearer ${KEY}x` }, body: "{}" });
  assert.equal(response.status, 401);
});
