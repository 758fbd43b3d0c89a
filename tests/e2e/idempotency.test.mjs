// `Idempotency-Key`: the same call is made once, and answered with the same bytes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { randomUUID } from "node:crypto";
import {
  KEY, OTHER_KEY, administer, aroundLedger, assertBroken, assertError, bytesOf, chat, eventually, leavable, makeKey, post, startEdge,
  startStandIn, usageOf,
} from "./edge.mjs";

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

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const completions = async () => (await standIn.stats()).completions;
const CHAT = "/v1/chat/completions";
const TEXT = "/v1/completions";
const prompt = (text, more = {}) => ({ model: "gpt-oss-120b", prompt: text, ...more });

/** A call with an `Idempotency-Key`. */
const call = (id, body, headers = {}, at = CHAT, from = edge) => post(from, body, { "idempotency-key": id, ...headers }, at);

/** Asserts that an answer is the same as the first one's bytes, and was not asked again. */
async function assertReplayed(response, bytes, type) {
  assert.equal(response.status, 200, response.status === 200 ? "" : await response.text());
  assert.equal(response.headers.get("idempotent-replayed"), "true");
  assert.equal(response.headers.get("content-type"), type);
  assert.ok((await bytesOf(response)) === bytes, "the same bytes");
}

describe("the same call again gets the same bytes, and Cerebras is not asked", () => {
  for (const [at, make] of [[CHAT, chat], [TEXT, prompt]]) {
    for (const stream of [false, true]) {
      test(`${at}, ${stream ? "streamed" : "whole"}`, async () => {
        const id = randomUUID();
        const body = make("Say something [[unicode]]", { stream });
        const first = await call(id, body, {}, at);
        assert.equal(first.status, 200);
        assert.equal(first.headers.get("idempotent-replayed"), null);
        const type = first.headers.get("content-type");
        const bytes = await bytesOf(first);
        const before = await completions();
        // Right behind the answer: nothing may still be on its way.
        for (let again = 0; again < 3; again++) await assertReplayed(await call(id, body, {}, at), bytes, type);
        assert.equal(await completions(), before);
      });
    }
  }

  test("a large answer, too", async () => {
    const id = randomUUID();
    const body = chat("At length [[words=9000]]", { stream: true, max_completion_tokens: 30_000, reasoning_effort: "none" });
    const bytes = await bytesOf(await call(id, body));
    assert.ok(bytes.length > 600_000, String(bytes.length));
    await assertReplayed(await call(id, body), bytes, "text/event-stream; charset=utf-8");
  });

  test("a caller's own request id is that of the new answer", async () => {
    const id = randomUUID();
    const bytes = await bytesOf(await call(id, chat("hi"), { "x-request-id": "one" }));
    const again = await call(id, chat("hi"), { "x-request-id": "two" });
    assert.equal(again.headers.get("x-request-id"), "two");
    assert.ok((await bytesOf(again)) === bytes);
  });

  test("it is neither limited nor charged again", async () => {
    const { key } = await makeKey(edge, { tenant: "once", limits: [{ requests: 1, window: "1h" }] });
    const id = randomUUID();
    const bytes = await bytesOf(await call(id, chat("hi"), bearer(key)));
    await assertReplayed(await call(id, chat("hi"), bearer(key)), bytes, "application/json");
    await assertError(await call(randomUUID(), chat("hi"), bearer(key)), 429, "request_quota_exceeded");
    await assertReplayed(await call(id, chat("hi"), bearer(key)), bytes, "application/json");
    const { total } = await usageOf(edge, "once");
    assert.deepEqual([total.requests, total.hits], [1, 0]);
  });

  test("however many come at once behind their answers, streamed or not", async () => {
    const replayed = await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        const [id, body] = [randomUUID(), chat(`Call ${at}`, { stream: at % 2 === 1 })];
        const bytes = await bytesOf(await call(id, body));
        const again = await call(id, body);
        return again.headers.get("idempotent-replayed") === "true" && (await bytesOf(again)) === bytes;
      }),
    );
    assert.deepEqual(replayed.filter((same) => !same), []);
  });

  test("while the ledger is still hearing of another call", async () => {
    // A note of the slow user waits until the free one's comes; what is told of others does not wait behind it.
    const prelude = aroundLedger(`
      this.freed ??= new Promise((resolve) => (this.free = resolve));
      if (message.includes('"user":"free"')) this.free();
      if (message.startsWith('{"note"') && message.includes('"user":"slow"')) { console.log("a slow note"); await this.freed; }
      return act();
    `);
    const slow = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url }, prelude });
    try {
      await (await post(slow, chat("hi", { user: "slow" }))).text();
      await eventually(() => slow.logs.some((line) => line.includes("a slow note")), "the ledger hears of the first call");
      for (const stream of [false, true]) {
        const [id, body] = [randomUUID(), chat("hi", { stream })];
        const first = await call(id, body, {}, CHAT, slow);
        const bytes = await bytesOf(first);
        await assertReplayed(await call(id, body, {}, CHAT, slow), bytes, first.headers.get("content-type"));
      }
    } finally {
      await (await post(slow, chat("hi", { user: "free" }))).text();
      await slow.stop();
    }
  });
});

describe("the same key", () => {
  test("with another body is refused, whether the first call has ended or not", async () => {
    const id = randomUUID();
    const before = await completions();
    const slow = call(id, chat("Slowly [[latency=1000]]"));
    await eventually(async () => (await completions()) > before, "the call is under way");
    for (const body of [chat("Something else"), chat("Slowly [[latency=1000]]", { stream: true })]) {
      const refused = await call(id, body);
      assert.equal(refused.headers.get("x-should-retry"), "false");
      assert.equal((await assertError(refused, 422, "idempotency_key_reused")).param, "idempotency-key");
    }
    await (await slow).text();
    await assertError(await call(id, chat("Something else")), 422, "idempotency_key_reused");
  });

  for (const stream of [false, true]) {
    test(`while the call is being answered is told to come later${stream ? ", until a stream has ended" : ""}`, async () => {
      const id = randomUUID();
      const body = chat(stream ? "Slowly [[chunk=40]] [[chunks=20]]" : "Slowly [[latency=1000]]", { stream });
      const before = await completions();
      const first = call(id, body);
      if (stream) await first;
      else await eventually(async () => (await completions()) > before, "the call is under way");
      const early = await call(id, body);
      assert.equal(early.headers.get("retry-after"), "1");
      assert.equal(early.headers.get("x-should-retry"), null, "a client may come again by itself");
      await assertError(early, 409, "idempotency_in_flight");
      const bytes = await bytesOf(await first);
      assert.ok((await bytesOf(await call(id, body))) === bytes);
      assert.equal((await completions()) - before, 1);
    });
  }

  test("of many calls at the same time makes one", async () => {
    const id = randomUUID();
    const before = await completions();
    const body = chat("All at once [[latency=300]]");
    const answers = await Promise.all(Array.from({ length: 20 }, async () => (await call(id, body)).status));
    assert.deepEqual([answers.filter((status) => status === 200).length, answers.filter((status) => status === 409).length], [1, 19]);
    assert.equal((await completions()) - before, 1);
  });

  test("is another's own: of another tenant, of another key, of another path, of another user's token", async () => {
    const id = randomUUID();
    const body = chat("Mine");
    const { key } = await makeKey(edge, { tenant: "acme" });
    const [page, before] = ["https://page.example", await completions()];
    const token = async (user) => (await (await post(edge, { origin: page, user }, {}, "/v1/tokens")).json()).token;
    for (const headers of [bearer(KEY), bearer(OTHER_KEY), bearer(key)]) {
      assert.equal((await call(id, body, headers)).headers.get("idempotent-replayed"), null);
    }
    for (const user of ["ann", "bob"]) {
      assert.equal((await call(id, body, { ...bearer(await token(user)), origin: page })).headers.get("idempotent-replayed"), null);
    }
    assert.equal((await call(id, prompt("Mine"), {}, TEXT)).status, 200, "no other body, for the path is another");
    assert.equal((await completions()) - before, 6);
    const again = await call(id, body, { ...bearer(await token("ann")), origin: page });
    assert.equal(again.headers.get("idempotent-replayed"), "true", "a new token of the same user is the same caller");
    assert.match(again.headers.get("access-control-expose-headers"), /idempotent-replayed/);
    assert.equal((await call(id, body, { "idempotency-key": `${id}2` })).headers.get("idempotent-replayed"), null);
  });
});

describe("a first call that fails lets the next one try", () => {
  for (const stream of [false, true]) {
    for (const fault of ["once=500]] [[times=3", "once=429", "once=400", "once=cut-before]] [[times=3"]) {
      test(`[[${fault}]]${stream ? ", streamed" : ""}`, async () => {
        const id = randomUUID();
        const body = chat(`Fail first [[${fault}]] ${id}`, { stream });
        await eventually(async () => {
          const response = await call(id, body);
          const bytes = await bytesOf(response);
          if (response.status === 200) {
            await assertReplayed(await call(id, body), bytes, response.headers.get("content-type"));
            return true;
          }
          return false;
        }, "a later call passes");
      });
    }
  }

  test("and so does a stream that was cut, which is not kept", async () => {
    const id = randomUUID();
    const body = chat("Cut [[chunks=20]] [[cut=5]]", { stream: true });
    const before = await completions();
    for (let at = 1; at <= 2; at++) {
      const response = await eventually(async () => {
        const answer = await call(id, body);
        if (answer.status === 200) return answer;
        await answer.text();
        return null;
      }, "the call is made again");
      assert.equal(response.headers.get("idempotent-replayed"), null);
      assertBroken(await bytesOf(response));
      assert.equal((await completions()) - before, at);
    }
  });

  test("and so does one whose caller left", async () => {
    const id = randomUUID();
    const body = chat("Slowly [[latency=60000]]");
    const { key } = await makeKey(edge, { tenant: "left-idempotent" });
    const before = await completions();
    const gone = leavable(edge, body, { ...bearer(key), "idempotency-key": id });
    await eventually(async () => (await completions()) > before, "the call is under way");
    gone.leave();
    await eventually(async () => (await usageOf(edge, "left-idempotent")).total.failed === 1, "released");
    await (await call(id, chat("Something else"), bearer(key))).text();
    assert.equal((await call(id, chat("Something else"), bearer(key))).headers.get("idempotent-replayed"), "true");
  });

  test("and so does one whose caller left while the cache was being asked", async () => {
    // The cache answers so late that its caller has left by then.
    const prelude = `
      import * as itself from "./index.js";
      queueMicrotask(() => {
        const { fetch: whole } = itself.default;
        itself.default.fetch = (request, env, context) => {
          const get = async (...given) => {
            console.log("the cache is asked");
            await new Promise((over) => setTimeout(over, 500));
            return env.CACHE.get(...given);
          };
          return whole(request, { ...env, CACHE: { get, put: (...given) => env.CACHE.put(...given) } }, context);
        };
      });
    `;
    const slow = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url }, prelude });
    try {
      const id = randomUUID();
      const body = chat("Cached", { temperature: 0 });
      const gone = leavable(slow, body, { "idempotency-key": id });
      await eventually(() => slow.logs.some((line) => line.includes("the cache is asked")), "the cache is asked");
      gone.leave();
      await eventually(async () => (await usageOf(slow, "acme")).total.failed === 1, "released");
      const second = await call(id, body, {}, CHAT, slow);
      assert.equal(second.status, 200);
      await second.text();
    } finally {
      await slow.stop();
    }
  });
});

describe("with the cache", () => {
  test("a hit is kept for the same call, in its own form", async () => {
    const body = (stream) => chat("Cached and idempotent", { temperature: 0, stream });
    await (await post(edge, body(false))).text();
    await eventually(async () => /hit/.test((await post(edge, body(false))).headers.get("cache-status") ?? ""), "kept");
    const before = await completions();
    for (const stream of [false, true]) {
      const id = randomUUID();
      const hit = await call(id, body(stream));
      assert.match(hit.headers.get("cache-status"), /hit/);
      const type = hit.headers.get("content-type");
      const bytes = await bytesOf(hit);
      await assertReplayed(await call(id, body(stream)), bytes, type);
      await assertError(await call(id, chat("Something else")), 422, "idempotency_key_reused");
    }
    assert.equal(await completions(), before);
  });

  test("a hit gives back what the call had reserved", async () => {
    const { key } = await makeKey(edge, { tenant: "hit-idempotent", limits: [{ requests: 2, window: "1h" }] });
    const body = chat("Cached and limited", { temperature: 0 });
    await (await post(edge, body, bearer(key))).text();
    await eventually(async () => /hit/.test((await post(edge, body, bearer(key))).headers.get("cache-status") ?? ""), "kept");
    for (let at = 0; at < 3; at++) assert.match((await call(randomUUID(), body, bearer(key))).headers.get("cache-status"), /hit/);
    assert.equal((await post(edge, chat("Not cached"), bearer(key))).status, 200);
    assert.equal((await post(edge, chat("Not cached"), bearer(key))).status, 429);
  });

  test("what only the cache may answer and does not may be asked again", async () => {
    const id = randomUUID();
    const body = chat(`Never cached ${id}`, { temperature: 0 });
    const only = { "cache-control": "only-if-cached" };
    for (let at = 0; at < 2; at++) {
      await eventually(async () => (await call(id, body, only)).status === 504, "not cached");
    }
    await eventually(async () => (await call(id, body)).status === 200, "made");
  });
});

describe("an Idempotency-Key is refused", () => {
  test("where nothing may be kept", async () => {
    const before = await completions();
    const { key } = await makeKey(edge, { tenant: "kept-out", store: false });
    for (const [body, headers] of [[chat("hi", { store: false }), {}], [chat("hi"), { "sec-gpc": "1" }], [chat("hi"), bearer(key)], [chat("hi", { stream: true, store: false }), {}]]) {
      const error = await assertError(await call(randomUUID(), body, headers), 400, "idempotency_needs_store");
      assert.equal(error.param, "idempotency-key");
    }
    await administer(edge, "PATCH", "/admin/tenants/kept-out-tenant", { store: false });
    const { key: other } = await makeKey(edge, { tenant: "kept-out-tenant" });
    await assertError(await call(randomUUID(), chat("hi"), bearer(other)), 400, "idempotency_needs_store");
    assert.equal(await completions(), before);
    assert.equal((await post(edge, chat("hi", { store: false }), { "sec-gpc": "1" })).status, 200, "without it the call is made");
  });

  test("when it is longer than 255 characters", async () => {
    assert.equal((await call("x".repeat(255), chat("hi"))).status, 200);
    const error = await assertError(await call("x".repeat(256), chat("hi")), 400, "wrong_value");
    assert.equal(error.param, "idempotency-key");
  });
});
