// Safe normalisation in the cache: who asked for it shares answers between spellings of a question, and nobody else does.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import Cerebras from "@cerebras/cerebras_cloud_sdk";
import OpenAI from "openai";
import { ADMIN_SECRET, assertError, bytesOf, chat, eventually, KEY, OTHER_KEY, post, startEdge, startStandIn } from "./edge.mjs";

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
beforeEach(() => standIn.reset());

const NORMALISED = { "cache-control": "match=normalised" };

let towns = 0;
/** Two spellings of a question that no other test asks. */
const spellings = () => {
  const town = `Town${++towns}x${process.pid}`;
  return [`What is the population of ${town}?`, `  what is population of ${town}`];
};

const ask = async (content, headers = {}, { at = edge, more = {} } = {}) => {
  const response = await post(at, chat(content, { temperature: 0, ...more }), headers);
  const text = await bytesOf(response);
  assert.equal(response.status, 200, text.toString());
  return { text: text.toString(), cache: response.headers.get("cache-status") };
};

/** Asks until the answer comes from the cache: it is stored after it has gone out. */
const stored = (content, headers, options) =>
  eventually(async () => /; hit/.test((await ask(content, headers, options)).cache), `stored: ${content}`);

const calls = async () => (await standIn.stats()).completions;

describe("normalised matching", () => {
  test("an answer to one spelling serves the other, and both are told so", async () => {
    const [one, other] = spellings();
    const first = await ask(one, NORMALISED);
    assert.equal(first.cache, "maya-edge; fwd=miss; stored; detail=normalised");
    await stored(one, NORMALISED);
    const before = await calls();
    const second = await ask(other, NORMALISED);
    assert.match(second.cache, /^maya-edge; hit; ttl=\d+; detail=normalised$/);
    assert.equal(second.text, first.text);
    assert.equal(await calls(), before);
  });

  test("it is for those who ask for it: others neither get such an answer nor leave one", async () => {
    const [one, other] = spellings();
    await ask(one, NORMALISED);
    await stored(one, NORMALISED);
    const exact = await ask(one);
    assert.equal(exact.cache, "maya-edge; fwd=miss; stored");
    await stored(one);
    assert.match((await ask(other)).cache, /fwd=miss/);
    assert.match((await ask(one, { "cache-control": "match=exact" })).cache, /^maya-edge; hit; ttl=\d+$/);
  });

  test("a question that means something else is asked anew", async () => {
    const town = `Town${++towns}y${process.pid}`;
    for (const [one, other] of [
      [`Is it safe to drive 20 km to ${town}?`, `Is it safe to drive 30 km to ${town}?`],
      [`Why do people like ${town}?`, `Why don't people like ${town}?`],
      [`Write a post about ${town} in German`, `Write a post about ${town} in French`],
      [`Is ${town} larger than Paris?`, `Is Paris larger than ${town}?`],
      [`How do I cook turkey in ${town}?`, `How do I cook Turkey in ${town}?`],
    ]) {
      await ask(one, NORMALISED);
      await stored(one, NORMALISED);
      assert.match((await ask(other, NORMALISED)).cache, /fwd=miss/, other);
    }
  });

  test("what has no normal form is matched exactly", async () => {
    const quoted = `What does "${++towns} ${process.pid}" stand for?`;
    assert.equal((await ask(quoted, NORMALISED)).cache, "maya-edge; fwd=miss; stored");
    await stored(quoted, NORMALISED);
    assert.match((await ask(quoted, NORMALISED)).cache, /^maya-edge; hit; ttl=\d+$/);
    assert.match((await ask(quoted.toLowerCase(), NORMALISED)).cache, /fwd=miss/);
  });

  test("a tenant's answers stay its own", async () => {
    const [one, other] = spellings();
    await ask(one, NORMALISED);
    await stored(one, NORMALISED);
    const foreign = await ask(other, { ...NORMALISED, authorization: `Bearer ${OTHER_KEY}` });
    assert.match(foreign.cache, /fwd=miss/);
  });

  test("one entry serves streams and whole answers", async () => {
    const [one, other] = spellings();
    await ask(one, NORMALISED);
    await stored(one, NORMALISED);
    const stream = await ask(other, NORMALISED, { more: { stream: true } });
    assert.match(stream.cache, /hit; ttl=\d+; detail=normalised/);
    assert.match(stream.text, /data: \[DONE\]\s*$/);
  });

  test("a chosen key and another way to match are refused or obeyed by name", async () => {
    const [one] = spellings();
    const chosen = { "cf-aig-cache-key": `chosen-${process.pid}`, ...NORMALISED };
    await ask(one, chosen);
    await stored(one, chosen);
    assert.match((await ask("Something else", chosen)).cache, /^maya-edge; hit; ttl=\d+$/);
    for (const wrong of ["match", "match=", "match=fuzzy"]) {
      const response = await post(edge, chat(one), { "cache-control": wrong });
      assert.equal((await assertError(response, 400, "wrong_value")).param, "cache-control");
    }
  });

  test("the operator sets it for all, a key's record for that key, and a caller for a request", async () => {
    const other = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, CACHE_MATCH: "normalised" } });
    try {
      const [one, two] = spellings();
      await ask(one, {}, { at: other });
      await stored(one, {}, { at: other });
      assert.match((await ask(two, {}, { at: other })).cache, /hit; ttl=\d+; detail=normalised/);
      assert.match((await ask(two, { "cache-control": "match=exact" }, { at: other })).cache, /fwd=miss/);

      const make = async (cache) => {
        const made = await fetch(`${other.url}/admin/keys`, {
          method: "POST",
          headers: { authorization: `Bearer ${ADMIN_SECRET}`, "content-type": "application/json" },
          body: JSON.stringify({ tenant: "acme", cache }),
        });
        return { made, body: await made.json() };
      };
      const { made, body } = await make({ match: "exact" });
      assert.equal(made.status, 201, JSON.stringify(body));
      assert.deepEqual(body.cache, { match: "exact" });
      const [three, four] = spellings();
      const headers = { authorization: `Bearer ${body.key}` };
      await ask(three, headers, { at: other });
      await stored(three, headers, { at: other });
      assert.match((await ask(four, headers, { at: other })).cache, /fwd=miss/);
      const wrong = await make({ match: "fuzzy" });
      assert.equal(wrong.made.status, 400);
      assert.match(wrong.body.param, /cache/);
    } finally {
      await other.stop();
    }
  });

  test("clients of both makes get it through their default headers", async () => {
    const [one, other] = spellings();
    const openai = new OpenAI({ apiKey: KEY, baseURL: `${edge.url}/v1`, defaultHeaders: NORMALISED });
    const cerebras = new Cerebras({ apiKey: KEY, baseURL: edge.url, defaultHeaders: NORMALISED, warmTCPConnection: false });
    const first = await openai.chat.completions.create(chat(one, { temperature: 0 }));
    await stored(one, NORMALISED);
    const second = await cerebras.chat.completions.create(chat(other, { temperature: 0 }));
    assert.equal(second.choices[0].message.content, first.choices[0].message.content);
    assert.equal(second.id, first.id);
  });
});
