// The cache: what it answers, for whom, and what it never keeps.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  assertBroken,
  assertError,
  bytesOf,
  chat,
  events,
  eventually,
  KEY,
  OTHER_KEY,
  pause,
  post,
  spelled,
  startEdge,
  startStandIn,
  vault,
} from "./edge.mjs";

let standIn;
let edge;
let kv;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
  kv = await edge.miniflare.getKVNamespace("CACHE");
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});
beforeEach(() => standIn.reset());

/** A Worker of other settings for one test. */
const withEdge = async (options, run) => {
  const other = await startEdge({ ...options, vars: { CEREBRAS_BASE_URL: standIn.url, ...options.vars } });
  try {
    await run(other);
  } finally {
    await other.stop();
  }
};

const entries = async (namespace = kv) => (await namespace.list()).keys;
const calls = async () => (await standIn.stats()).completions;

let questions = 0;
/** A deterministic request that no other test makes. */
const fresh = (content = "What of it?", more = {}) => chat(`${content} (${++questions})`, { temperature: 0, ...more });

/** Asks, and tells what the cache did. */
async function ask(body, headers = {}, { at, from = edge } = {}) {
  const response = await post(from, body, headers, at);
  const text = await bytesOf(response);
  const status = response.headers.get("cache-status") ?? "";
  return { response, status: response.status, text, hit: /^maya-edge; hit(;|$)/.test(status), cache: status, headers: response.headers };
}

/** Asks, and waits until the answer is stored: it is written after the answer has gone out. */
async function fill(body, headers = {}, options = {}) {
  const namespace = options.kv ?? kv;
  const known = new Set((await entries(namespace)).map(({ name }) => name));
  const answer = await ask(body, headers, options);
  assert.equal(answer.status, 200, answer.text);
  assert.ok(!answer.hit, `answered from the cache: ${answer.cache}`);
  const [entry] = await eventually(
    async () => {
      const added = (await entries(namespace)).filter(({ name }) => !known.has(name));
      return added.length > 0 && added;
    },
    `stored: ${JSON.stringify(body).slice(0, 200)}`,
  );
  return { ...answer, entry };
}

const assertHit = async (body, headers, options) => {
  const before = await calls();
  const answer = await ask(body, headers, options);
  assert.equal(answer.status, 200, answer.text);
  assert.ok(answer.hit, `a hit, not ${answer.cache}`);
  assert.equal(await calls(), before, "the upstream is not called");
  return answer;
};

const assertMiss = async (body, headers, options) => {
  const before = await calls();
  const answer = await ask(body, headers, options);
  assert.ok(!answer.hit, `no hit, but ${answer.cache}`);
  assert.equal(await calls(), before + 1, "the upstream is called once");
  return answer;
};

/** Whether a request asked twice, with time for the first answer to be stored, is answered from the cache the second time. */
const keeps = async (body, headers) => {
  await ask(body, headers);
  await settled();
  const before = await calls();
  const { hit } = await ask(body, headers);
  assert.equal(await calls(), hit ? before : before + 1);
  return hit;
};

/** Everything that is to be stored has been: what is stored now was asked for later. */
const settled = async () => {
  await fill(fresh("Settled?"));
  await pause(30);
};

/** Makes an entry older: when it was stored stands behind its mark and its form. */
const age = async (entry, seconds) => {
  const { open, seal } = vault("acme");
  const bytes = open(entry.name, Buffer.from(await kv.get(entry.name, "arrayBuffer")));
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE(4) - BigInt(seconds * 1000), 4);
  await kv.put(entry.name, seal(entry.name, bytes));
};

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } }, required: ["city"] },
  },
};

describe("which requests it answers", () => {
  test("those with temperature 0, however it is spelled", async () => {
    for (const zero of ["0", "0.0", "-0", "0e5", "0.00"]) {
      const body = `{"model":"gpt-oss-120b","temperature":${zero},"messages":[{"role":"user","content":"zero ${zero}"}]}`;
      await fill(body);
      await assertHit(body);
    }
  });

  test("those with a seed, whatever the temperature", async () => {
    const body = fresh("Seeded", { temperature: 0.7, seed: 7 });
    await fill(body);
    await assertHit(body);
    assert.ok(await keeps(fresh("Seed of zero", { temperature: undefined, seed: 0 })));
  });

  test("those with tools", async () => {
    const body = fresh("weather in Oslo", { tools: [weather] });
    const first = await fill(body);
    assert.equal(JSON.parse(first.text).choices[0].finish_reason, "tool_calls");
    assert.equal((await assertHit(body)).text, first.text);
  });

  test("text completions too", async () => {
    const body = { model: "gpt-oss-120b", prompt: `Once (${++questions})`, temperature: 0 };
    const first = await fill(body, {}, { at: "/v1/completions" });
    assert.equal((await assertHit(body, {}, { at: "/v1/completions" })).text, first.text);
  });

  test("and no other", async () => {
    for (const more of [{}, { temperature: 0.1 }, { temperature: 1 }, { temperature: null }, { seed: null }, { top_p: 0 }]) {
      assert.ok(!(await keeps({ ...chat(`Any ${++questions}`), ...more })), JSON.stringify(more));
    }
  });

  test("others that ask for it: by max-age or a header of Cloudflare's AI Gateway", async () => {
    for (const headers of [{ "cache-control": "max-age=60" }, { "cf-aig-cache-ttl": "120" }, { "cf-aig-cache-key": "my-key" }]) {
      const body = chat(`Please (${++questions})`);
      await fill(body, headers);
      await assertHit(body, headers);
    }
    assert.ok(!(await keeps(chat(`No (${++questions})`), { "cache-control": "max-age=0" })));
  });

  test("a hit says so: Cache-Status, Age, and headers of the gateway's own", async () => {
    const body = fresh();
    const miss = await fill(body);
    assert.match(miss.cache, /^maya-edge; fwd=miss; stored$/);
    assert.equal(miss.headers.get("age"), null);
    const hit = await assertHit(body);
    const [, ttl] = /^maya-edge; hit; ttl=(\d+)$/.exec(hit.cache);
    assert.ok(Number(ttl) > 3500 && Number(ttl) <= 3600, ttl);
    assert.match(hit.headers.get("age"), /^\d+$/);
    assert.equal(hit.headers.get("content-type"), "application/json");
    assert.equal(hit.headers.get("cache-control"), "private, no-store");
    assert.ok(hit.headers.get("x-request-id"));
    // Limits of an earlier moment would mislead.
    assert.ok(![...hit.headers.keys()].some((name) => name.startsWith("x-ratelimit")));
  });
});

describe("the key", () => {
  const base = () => fresh("Key", { top_p: 0.5, stop: ["a", "b"], tools: [weather] });

  test("ignores the stream's form and the end user", async () => {
    const body = base();
    await fill(body);
    for (const more of [
      { stream: false },
      { user: "u1" },
      { stream: null },
      { stream_options: null },
      { stream: true },
      { stream: true, stream_options: { include_usage: true } },
    ]) {
      await assertHit({ ...body, ...more });
    }
  });

  test("ignores the order of fields, spaces, escapes, and how a number is spelled", async () => {
    const content = `Größe "9" (${++questions})`;
    await fill({ model: "gpt-oss-120b", messages: [{ role: "user", content }], temperature: 0, top_p: 0.5 });
    const escaped = JSON.stringify(content).replaceAll("ö", "\\u00f6").replaceAll("G", "\\u0047");
    for (const text of [
      `{"top_p":0.50,"messages":[{"content":${escaped},"role":"user"}],"temperature":0e0,"model":"gpt-oss-120b"}`,
      `\n {\t"model" : "gpt-oss-120b" ,\r\n "messages" : [ {"role" : "user", "content" : ${escaped}} ], "temperature":0.0,"top_p": 5e-1}\n`,
    ]) {
      await assertHit(text);
    }
  });

  test("is another one for each tenant", async () => {
    const body = fresh();
    const mine = await fill(body);
    const other = { authorization: `Bearer ${OTHER_KEY}` };
    await assertMiss(body, other);
    await eventually(async () => (await ask(body, other)).hit, "the other tenant has an entry of its own");
    assert.equal((await assertHit(body)).text, mine.text);
  });

  test("is another one for each model and each endpoint", async () => {
    const body = fresh();
    await fill(body);
    await assertMiss({ ...body, model: "qwen-3.8-27b" });
    // Nothing but the endpoint differs: no chat has a prompt, so the other fields are the same.
    await assertMiss({ model: body.model, prompt: body.messages[0].content, temperature: 0 }, {}, { at: "/v1/completions" });
  });

  test("is the same for an alias and its model", async () => {
    const body = fresh();
    await fill(body);
    for (const model of ["fast", "llama3.1-8b", "llama3.1-70b"]) await assertHit({ ...body, model });
    await assertMiss({ ...body, model: "quality" });
  });

  test("is another one when any other field differs", async () => {
    const body = base();
    await fill(body);
    const { top_p: _, ...less } = body;
    const others = [
      less,
      { ...body, top_p: 0.51 },
      { ...body, stop: ["b", "a"] },
      { ...body, stop: ["ab"] },
      { ...body, max_completion_tokens: 100 },
      { ...body, max_completion_tokens: 16384 },
      { ...body, seed: 1 },
      { ...body, seed: 12345678901234567890n },
      { ...body, reasoning_effort: "low" },
      { ...body, reasoning_format: "hidden" },
      { ...body, n: 2 },
      { ...body, tools: [weather, { ...weather, function: { ...weather.function, name: "other" } }] },
      { ...body, tool_choice: "none" },
      { ...body, presence_penalty: 0.5 },
      { ...body, logit_bias: { 5: 1 } },
      { ...body, messages: [...body.messages, { role: "user", content: "And?" }] },
      { ...body, messages: [{ role: "system", content: "Be brief" }, ...body.messages] },
      { ...body, messages: [{ role: "user", content: `${body.messages[0].content} ` }] },
      { ...body, messages: [{ role: "user", content: [{ type: "text", text: body.messages[0].content }] }] },
    ];
    for (const other of others) {
      const text = JSON.stringify(other, (_, value) => (typeof value === "bigint" ? Number(value) : value));
      await assertMiss(text);
    }
  });

  test("tells schemas apart whose properties stand in another order, since answers follow it", async () => {
    const properties = { city: { type: "string" }, days: { type: "integer" } };
    const turned = { days: { type: "integer" }, city: { type: "string" } };
    const tool = (fields) => [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: fields } } }];
    const body = fresh("weather in Oslo", { tools: tool(properties) });
    await fill(body);
    await assertMiss({ ...body, tools: tool(turned) });
    // Outside of the schema order means nothing.
    const [
      {
        type,
        function: { name, parameters },
      },
    ] = tool(properties);
    await assertHit({ ...body, tools: [{ function: { parameters, name }, type }] });

    const format = (fields) => ({
      type: "json_schema",
      json_schema: {
        name: "place",
        schema: { type: "object", properties: fields, required: ["city", "days"], additionalProperties: false },
      },
    });
    const shaped = fresh("A place", { response_format: format(properties) });
    await fill(shaped);
    await assertMiss({ ...shaped, response_format: format(turned) });
  });

  test("is one that the caller chooses, for two bodies, within its tenant and model", async () => {
    const headers = { "cf-aig-cache-key": `chosen-${++questions}` };
    const first = await fill(chat("One"), headers);
    assert.equal((await assertHit(chat("Two"), headers)).text, first.text);
    await assertMiss(chat("Two"), { ...headers, authorization: `Bearer ${OTHER_KEY}` });
    await assertMiss(chat("Two", { model: "qwen-3.8-27b" }), headers);
    await assertMiss(chat("Two"), { "cf-aig-cache-key": "not chosen" });
    await assertError(await post(edge, chat("Two"), { "cf-aig-cache-key": "k".repeat(513) }), 400, "wrong_value");
  });

  test("names no prompt, key or tenant in KV", async () => {
    await fill(fresh("Confidential"));
    for (const { name, metadata } of await entries()) {
      assert.match(name, /^answer:[0-9a-f]{64}$/);
      assert.equal(metadata, undefined);
    }
  });
});

describe("one entry for both kinds of callers", () => {
  const kinds = {
    "a plain answer": [fresh("Plain [[words=30]]")],
    "tool calls": [
      fresh("weather in Oslo [[parallel]]", {
        tools: [weather, { type: "function", function: { name: "get_time", parameters: { type: "object", properties: {} } } }],
      }),
    ],
    "log probabilities": [fresh("Likely [[words=12]]", { logprobs: true, top_logprobs: 2 })],
    "two choices": [fresh("Both [[words=12]]", { n: 2 })],
    "two choices with log probabilities": [fresh("Both [[words=6]]", { n: 2, logprobs: true })],
    "usage in a chunk of its own": [fresh("Counted [[usage-chunk]] [[words=10]]")],
    "emoji and CJK": [fresh("Größe 東京 👩‍👩‍👧 [[unicode]] [[words=20]]")],
    "structured output": [
      fresh("A place", {
        response_format: {
          type: "json_schema",
          json_schema: {
            name: "p",
            strict: true,
            schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
          },
        },
      }),
    ],
    text: [{ model: "gpt-oss-120b", prompt: "Once [[words=20]]", temperature: 0 }, "/v1/completions"],
    "two prompts with log probabilities": [
      { model: "gpt-oss-120b", prompt: ["Once [[words=5]]", "Twice"], temperature: 0, logprobs: 2 },
      "/v1/completions",
    ],
  };
  const parts = ({ id, created, model, system_fingerprint, usage, time_info, choices }) => ({
    id,
    created,
    model,
    system_fingerprint,
    usage,
    time_info,
    choices,
  });

  for (const [kind, [body, at]] of Object.entries(kinds)) {
    test(`${kind}: stored as a stream, it is replayed byte for byte, and given whole`, async () => {
      const streaming = { ...body, stream: true, stream_options: { include_usage: true } };
      const first = await fill(streaming, {}, { at });
      const replayed = await assertHit(streaming, {}, { at });
      assert.equal(replayed.text, first.text);
      assert.equal(replayed.headers.get("content-type"), "text/event-stream; charset=utf-8");
      const whole = await assertHit(body, {}, { at });
      assert.equal(whole.headers.get("content-type"), "application/json");
      const answer = JSON.parse(Buffer.from(whole.text, "latin1"));
      assert.deepEqual(parts(answer), parts(spelled(Buffer.from(first.text, "latin1").toString())));
      assert.equal(answer.object, at ? "text_completion" : "chat.completion");
      assert.ok(answer.usage.total_tokens > 0);
    });

    test(`${kind}: stored whole, it is given byte for byte, and as a stream`, async () => {
      // Another tenant, for which nothing is stored yet.
      const other = { authorization: `Bearer ${OTHER_KEY}` };
      const first = await fill(body, other, { at });
      const again = await assertHit(body, other, { at });
      assert.equal(again.text, first.text);
      for (const more of [{}, { stream_options: { include_usage: true } }, { stream_options: { include_usage: false } }]) {
        const streamed = await assertHit({ ...body, stream: true, ...more }, other, { at });
        assert.equal(streamed.headers.get("content-type"), "text/event-stream; charset=utf-8");
        const text = Buffer.from(streamed.text, "latin1").toString();
        assert.deepEqual(parts(spelled(text)), parts(JSON.parse(Buffer.from(first.text, "latin1"))));
        // As Cerebras does it: the usage is in the last chunk, whether it was asked for or not.
        const last = JSON.parse(events(text).at(-2));
        assert.ok(last.usage.total_tokens > 0);
        assert.ok(
          events(text)
            .slice(0, -2)
            .every((data) => !("usage" in JSON.parse(data))),
        );
      }
    });
  }

  test("a chunk of usage alone goes to those who asked for it, and to no others", async () => {
    const body = fresh("Counted [[usage-chunk]]", { stream: true });
    const alone = (text) =>
      events(text)
        .slice(0, -1)
        .filter((data) => JSON.parse(data).choices.length === 0).length;
    const first = await fill({ ...body, stream_options: { include_usage: true } });
    assert.equal(alone(first.text), 1);
    for (const options of [undefined, null, {}, { include_usage: false }, { include_usage: null }]) {
      const { text } = await assertHit({ ...body, stream_options: options });
      assert.equal(alone(text), 0);
      assert.equal(events(text).at(-1), "[DONE]");
      assert.equal(events(text).length, events(first.text).length - 1);
    }
    assert.equal((await assertHit({ ...body, stream_options: { include_usage: true } })).text, first.text);
  });

  test("a stream made of a whole answer is one that clients read", async () => {
    const body = fresh("weather in Oslo", { tools: [weather] });
    await fill(body);
    const { text } = await assertHit({ ...body, stream: true });
    const chunks = events(text)
      .slice(0, -1)
      .map((data) => JSON.parse(data));
    assert.ok(chunks.every((chunk) => chunk.object === "chat.completion.chunk" && chunk.id && chunk.model && chunk.choices.length === 1));
    const calls = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
    assert.deepEqual(
      calls.map(({ index, type }) => [index, type]),
      [[0, "function"]],
    );
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
  });
});

describe("how callers steer it", () => {
  test("no-store neither reads nor keeps", async () => {
    const body = fresh();
    assert.ok(!(await keeps(body, { "cache-control": "no-store" })));
    await fill(body);
    await assertMiss(body, { "cache-control": "no-store" });
  });

  test("no-cache asks anew and refreshes the entry", async () => {
    const body = fresh();
    const first = await fill(body);
    await pause(20);
    const second = await assertMiss(body, { "cache-control": "no-cache" });
    assert.notEqual(second.text, first.text, "answers tell their time");
    await eventually(async () => (await ask(body)).text === second.text, "the entry is the newer answer");
  });

  test("max-age takes no older entry", async () => {
    const body = fresh();
    const first = await fill(body);
    await age(first.entry, 100);
    const hit = await assertHit(body, { "cache-control": "max-age=200" });
    assert.equal(hit.text, first.text);
    const told = Number(hit.headers.get("age"));
    assert.ok(told >= 100 && told < 130, String(told));
    assert.ok(Number(/ttl=(\d+)/.exec(hit.cache)[1]) <= 3500);
    const newer = await assertMiss(body, { "cache-control": "max-age=50" });
    await eventually(async () => (await ask(body)).text === newer.text, "the newer answer is kept");
  });

  test("max-age=0 takes no entry", async () => {
    const body = fresh();
    await fill(body);
    await assertMiss(body, { "cache-control": "max-age=0" });
  });

  test("only-if-cached is a hit, or 504", async () => {
    const body = fresh();
    await assertError(await post(edge, body, { "cache-control": "only-if-cached" }), 504, "not_cached");
    assert.equal(await calls(), 0);
    const first = await fill(body);
    assert.equal((await assertHit(body, { "cache-control": "only-if-cached" })).text, first.text);
    const plain = chat(`Plain (${++questions})`);
    await fill(plain, { "cache-control": "max-age=60" });
    await assertHit(plain, { "cache-control": "only-if-cached" });
    await assertError(await post(edge, plain, { "cache-control": "only-if-cached, no-store" }), 504, "not_cached");
  });

  test("directives are read as RFC 9111 has them: any case, several, quoted, unknown ones ignored", async () => {
    const body = fresh();
    await fill(body);
    await assertMiss(body, { "cache-control": "foo=bar, NO-STORE" });
    await assertHit(body, { "cache-control": 'max-age="60", foo' });
    await assertHit(body, { "cache-control": "max-age=99999999999999999999" });
    await assertError(await post(edge, body, { "cache-control": "max-age=soon" }), 400, "wrong_value");
    await assertError(await post(edge, body, { "cf-aig-cache-ttl": "-1" }), 400, "wrong_value");
  });

  test("cf-aig-skip-cache asks anew", async () => {
    const body = fresh();
    const first = await fill(body);
    await assertMiss(body, { "cf-aig-skip-cache": "true" });
    assert.equal((await assertHit(body, { "cf-aig-skip-cache": "false" })).text, first.text);
  });

  test("cf-aig-cache-ttl sets the time to live, from 60 seconds to 30 days", async () => {
    for (const [asked, ttl] of [
      ["5", 60],
      ["600", 600],
      ["99999999", 2592000],
    ]) {
      const { entry } = await fill(chat(`Kept (${++questions})`), { "cf-aig-cache-ttl": asked });
      const left = entry.expiration - Date.now() / 1000;
      assert.ok(left > ttl - 30 && left <= ttl + 1, `${asked}: ${left}`);
    }
  });

  test("a request that is cached by max-age alone is kept that long, 60 seconds at the least", async () => {
    for (const [asked, ttl] of [
      ["1", 60],
      ["900", 900],
    ]) {
      const { entry } = await fill(chat(`Kept (${++questions})`), { "cache-control": `max-age=${asked}` });
      const left = entry.expiration - Date.now() / 1000;
      assert.ok(left > ttl - 30 && left <= ttl + 1, `${asked}: ${left}`);
    }
    const { entry } = await fill(fresh());
    const left = entry.expiration - Date.now() / 1000;
    assert.ok(left > 3570 && left <= 3601, `the configured time otherwise: ${left}`);
  });
});

describe("what it never keeps", () => {
  const bad = {
    "an error of the caller's": { body: () => fresh("Wrong", { top_p: 7 }), status: 400 },
    "a model that does not exist": { body: () => fresh("Nobody", { model: "nobody" }), status: 404 },
    "a spent quota": { body: () => fresh("[[rate-tokens]]"), status: 429 },
    "an upstream failure": { body: () => fresh("[[status=503]]"), status: 503 },
    "an answer cut by its length": { body: () => fresh("[[finish=length]]") },
    "an answer cut by the caller's own limit": { body: () => fresh("At length [[words=200]]", { max_completion_tokens: 20 }) },
    "a filtered answer": { body: () => fresh("[[finish=content_filter]]") },
    "a finish reason that nobody knows": { body: () => fresh("[[finish=strange]]") },
    "a refusal": { body: () => fresh("[[refusal]]") },
    "an empty answer": { body: () => fresh("[[empty]]") },
    "an answer without a finish reason": { body: () => fresh("[[no-finish]]") },
    garbage: { body: () => fresh("[[garbage]]") },
    "a choice of two that was filtered": { body: () => fresh("[[finish=content_filter]]", { n: 2 }) },
  };

  test("errors, and answers that are cut, filtered, refused, empty or unfinished, in either form", async () => {
    const known = (await entries()).length;
    for (const [what, { body, status }] of Object.entries(bad)) {
      for (const stream of [false, true]) {
        // What broke behind its [DONE] ends with its connection.
        const answer = await ask({ ...body(), stream }).catch((error) => ({ cache: String(error) }));
        if (status) assert.equal(answer.status, status, what);
        assert.ok(!/stored/.test(answer.cache), `${what}: ${answer.cache}`);
      }
    }
    await settled();
    assert.equal((await entries()).length, known + 1);
  });

  test("broken streams, whatever broke them", async () => {
    const known = (await entries()).length;
    for (const fault of [
      "close=1",
      "close=5",
      "close=9",
      "cut=1",
      "cut=6",
      "half=3",
      "half-bytes=700",
      "error=2",
      "flat-error=2",
      "error=0",
    ]) {
      assertBroken((await ask(fresh(`Broken [[words=8]] [[${fault}]]`, { stream: true }))).text);
    }
    await ask(fresh("Broken [[cut]]"));
    await settled();
    assert.equal((await entries()).length, known + 1);
  });

  test("streams that a deadline ended, or a caller left", async () => {
    await withEdge({ vars: { TOTAL_MS: 400, FIRST_BYTE_MS: 300 } }, async (hasty) => {
      assertBroken((await ask(fresh("Late [[hang=3]]", { stream: true }), {}, { from: hasty })).text);
      const response = await post(hasty, fresh("Left [[chunk=30]] [[chunks=2000]]", { stream: true }));
      await response.body.cancel();
      await eventually(async () => (await standIn.stats()).active === 0, "the call is over");
      await pause(100);
      assert.deepEqual(await entries(await hasty.miniflare.getKVNamespace("CACHE")), []);
    });
  });

  test("answers of a model that stood in for another", async () => {
    const body = fresh("[[status-model=gpt-oss-120b:503]]");
    const known = (await entries()).length;
    for (const stream of [false, true]) {
      const answer = await ask({ ...body, stream });
      assert.equal(answer.headers.get("x-maya-model"), "qwen-3.8-27b");
      assert.ok(!/stored/.test(answer.cache), answer.cache);
    }
    await settled();
    assert.equal((await entries()).length, known + 1);
    await ask(body);
    assert.equal(await calls(), 3 * 3 + 1);
  });

  test("but an answer that came at the second attempt is kept", async () => {
    const body = fresh("[[once=503]]");
    const first = await fill(body);
    assert.equal(first.headers.get("x-maya-attempts"), "2");
    await assertHit(body);
  });
});

describe("entries that cannot be used", () => {
  test("are a miss, and are replaced", async () => {
    for (const stream of [false, true]) {
      const body = fresh("Tampered", { stream });
      const { entry, text } = await fill(body);
      const good = Buffer.from(await kv.get(entry.name, "arrayBuffer"));
      assert.ok(good.length > text.length, "what the cache must know stands before the answer");
      const head = good.subarray(0, good.length - text.length);
      const wrong = {
        empty: Buffer.alloc(0),
        "a text": Buffer.from("hello"),
        "another layout": Buffer.concat([Buffer.from("XX9"), good.subarray(3)]),
        "its head alone": head,
        "a part": good.subarray(0, good.length - 40),
        "a head before garbage": Buffer.concat([head, Buffer.from("\x00\xff not an answer")]),
        "a head before an error": Buffer.concat([
          head,
          Buffer.from(stream ? 'data: {"error":{"message":"x"}}\n\n' : '{"error":{"message":"x"}}'),
        ]),
      };
      const used = [];
      for (const [what, bytes] of Object.entries(wrong)) {
        for (const form of [stream, !stream]) {
          await kv.put(entry.name, bytes);
          const answer = await ask({ ...body, stream: form });
          if (answer.hit) used.push(`${what}, stored as ${stream ? "a stream" : "a whole"}, asked as ${form ? "a stream" : "a whole"}`);
          else assert.equal(answer.status, 200);
          await settled();
        }
      }
      assert.deepEqual(used, []);
      await kv.delete(entry.name);
      await fill(body);
      await assertHit(body);
    }
  });

  test("are not used beyond their time, even if KV still holds them", async () => {
    const body = fresh("Old");
    const { entry } = await fill(body);
    // Two hours are longer than it may live.
    await age(entry, 2 * 3600);
    await assertMiss(body);
  });
});

describe("what an operator can set", () => {
  test("CACHE_MODE off: nothing is read or kept", async () => {
    await withEdge({ vars: { CACHE_MODE: "off" } }, async (off) => {
      for (const headers of [{}, { "cache-control": "max-age=60" }, { "cf-aig-cache-key": "k" }]) {
        const body = fresh("Off");
        await assertMiss(body, headers, { from: off });
        await pause(50);
        await assertMiss(body, headers, { from: off });
      }
      await assertError(await post(off, fresh("Off"), { "cache-control": "only-if-cached" }), 504, "not_cached");
      assert.deepEqual(await entries(await off.miniflare.getKVNamespace("CACHE")), []);
    });
  });

  test("CACHE_MODE always: every request, unless its caller says no", async () => {
    await withEdge({ vars: { CACHE_MODE: "always", CACHE_TTL_SECONDS: 120 } }, async (always) => {
      const namespace = await always.miniflare.getKVNamespace("CACHE");
      const body = chat("Anything", { temperature: 1.3 });
      const { entry } = await fill(body, {}, { from: always, kv: namespace });
      const left = entry.expiration - Date.now() / 1000;
      assert.ok(left > 90 && left <= 121, String(left));
      await assertHit(body, {}, { from: always });
      await assertMiss(body, { "cache-control": "no-store" }, { from: always });
    });
  });

  test("POLICY_VERSION: another one, other entries", async () => {
    const body = fresh("Policy");
    const { entry } = await fill(body);
    await withEdge({ vars: { POLICY_VERSION: "2" } }, async (next) => {
      const namespace = await next.miniflare.getKVNamespace("CACHE");
      const { entry: other } = await fill(body, {}, { from: next, kv: namespace });
      assert.notEqual(other.name, entry.name);
    });
  });

  test("no KV namespace: everything works but the cache, and Cache-Status says why", async () => {
    await withEdge({ cache: false }, async (bare) => {
      const body = fresh("Bare");
      for (let turn = 0; turn < 2; turn++) {
        const answer = await assertMiss(body, {}, { from: bare });
        assert.equal(answer.status, 200);
        assert.equal(answer.cache, "maya-edge; fwd=bypass; detail=no-binding");
      }
      assert.equal(events((await ask({ ...body, stream: true }, {}, { from: bare })).text).at(-1), "[DONE]");
      await assertError(await post(bare, body, { "cache-control": "only-if-cached" }), 504, "not_cached");
    });
  });

  test("a KV namespace that fails costs a call, not an answer", async () => {
    await withEdge({ cache: "broken" }, async (broken) => {
      for (const stream of [false, true]) {
        const answer = await assertMiss(fresh("Broken cache", { stream }), {}, { from: broken });
        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.cache, /detail=unreachable/);
      }
      await eventually(() => broken.logs.some((line) => line.includes("cache")), "it is logged");
    });
  });
});

test("a revoked key gets no hit", async () => {
  const body = fresh();
  await fill(body);
  await assertError(await post(edge, body, { authorization: `Bearer ${KEY}-revoked` }), 401, "wrong_api_key");
  await assertHit(body);
});
