// Limits, as callers meet them: exact under concurrency, sliding, given back when a call comes to nothing, and never in a hit's way.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import {
  KEYS, administer, aroundLedger, assertBroken, assertError, bytesOf, chat, eventually, leavable, makeKey, post, sha256, spelled, startEdge,
  startStandIn, usageOf,
} from "./edge.mjs";

const CONFIGURED_KEY = "e2e: a configured key with a limit";
const UNLIMITED_KEY = "e2e: a configured key without one";

let standIn;
let edge;
const configured = [
  { sha256: sha256(CONFIGURED_KEY), tenant: "configured", name: "limited", limits: [{ requests: 7, window: "1h" }] },
  { sha256: sha256(UNLIMITED_KEY), tenant: "configured", name: "unlimited" },
];

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, GATEWAY_KEYS: [...KEYS, ...configured] } });
});

after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const ask = (key, content = "hi", more = {}, headers = {}) => post(edge, chat(content, more), { ...bearer(key), ...headers });
const key = async (tenant, limits, more = {}) => (await makeKey(edge, { tenant, limits, ...more })).key;
const completions = async () => (await standIn.stats()).completions;

/** Makes as many calls at the same time, and returns their answers, read. */
const crowd = (calls, call) =>
  Promise.all(
    Array.from({ length: calls }, async (_, at) => {
      const response = await call(at);
      return { status: response.status, headers: response.headers, body: await response.json() };
    }),
  );

/** The items of one of the two headers of draft-ietf-httpapi-ratelimit-headers, a list of RFC 9651: parameters by name. */
function items(response, header) {
  const named = {};
  for (const item of response.headers.get(header)?.split(", ") ?? []) {
    const [, name, parameters] = /^"([a-z0-9-]+)"((?:;[a-z]+=(?:\d+|"[a-z-]+"))+)$/.exec(item) ?? assert.fail(`${header}: ${item}`);
    assert.ok(!(name in named), `${name} stands once`);
    named[name] = Object.fromEntries(parameters.slice(1).split(";").map((parameter) => parameter.split("=").map((text) => text.replaceAll('"', ""))));
  }
  return named;
}
/** What is left of a limit, as an answer's headers say it. */
const left = (response, name) => Number(items(response, "ratelimit")[name].r);

/** The answer of the first of some calls that is not refused. Refusals take nothing of a limit. */
const passing = (call) =>
  eventually(async () => {
    const response = await call();
    const text = await response.text();
    return response.status === 200 ? { headers: response.headers, text } : null;
  }, "a call passes");

/** What the gateway takes for the tokens of a body before it is answered. */
const estimate = (content, more) => Math.floor(Buffer.byteLength(JSON.stringify(chat(content, more))) / 3) + more.max_completion_tokens;

describe("of 100 calls at the same time exactly as many pass as the limit says", () => {
  const exactly = async (calls) => {
    const before = await completions();
    const answers = await crowd(100, calls);
    assert.equal(answers.filter(({ status }) => status === 200).length, 7);
    assert.equal((await completions()) - before, 7, "no refused call went upstream");
    const refused = answers.filter(({ status }) => status !== 200);
    for (const { status, headers, body } of refused) {
      assert.equal(status, 429);
      assert.deepEqual([body.code, body.type, body.error.code, body.error.message], ["request_quota_exceeded", "too_many_requests_error", body.code, body.message]);
      const wait = Number(headers.get("retry-after"));
      assert.ok(wait >= 1 && wait <= 60, `Retry-After: ${headers.get("retry-after")}`);
      assert.equal(items({ headers }, "ratelimit")["requests-3600s"].r, "0");
    }
    // Each of those that passed has seen another number left.
    const seen = answers.filter(({ status }) => status === 200).map((response) => left(response, "requests-3600s"));
    assert.deepEqual(seen.sort(), [0, 1, 2, 3, 4, 5, 6]);
  };

  test("of a key that was made over the API", async () => {
    const limited = await key("crowd", [{ requests: 7, window: "1h" }]);
    await exactly(() => ask(limited));
    assert.equal((await ask(await key("crowd", []))).status, 200, "another key of the tenant has no limit");
  });

  test("of a configured key", async () => {
    await exactly(() => ask(CONFIGURED_KEY));
    const other = await ask(UNLIMITED_KEY);
    assert.equal(other.status, 200);
    assert.equal(other.headers.get("ratelimit"), null, "no limit, no header");
  });

  test("of a tenant, whichever of its keys they come with, streamed or not", async () => {
    const [one, other] = [await key("crowded", []), await key("crowded", [])];
    assert.equal((await administer(edge, "PATCH", "/admin/tenants/crowded", { limits: [{ requests: 7, window: "1h" }] })).status, 200);
    const before = await completions();
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const response = await ask(at % 2 ? one : other, "hi", { stream: at % 3 === 0 });
        return [response.status, await response.text()];
      }),
    );
    assert.equal(answers.filter(([status]) => status === 200).length, 7);
    assert.equal((await completions()) - before, 7);
  });
});

describe("limits are told", () => {
  test("on every answer, granted or refused, by the names of the IETF's draft", async () => {
    const limited = await key("told", [{ requests: 1, window: "60s" }, { tokens: 100_000, window: "1h" }, { micro_dollars: 1_000_000, window: "1d", per: "user" }]);
    const granted = await ask(limited);
    assert.equal(granted.status, 200);
    const refused = await ask(limited);
    for (const response of [granted, refused]) {
      assert.deepEqual(items(response, "ratelimit-policy"), {
        "requests-60s": { q: "1", w: "60" },
        "tokens-3600s": { q: "100000", w: "3600", qu: "tokens" },
        "micro-dollars-user-86400s": { q: "1000000", w: "86400", qu: "micro-dollars" },
      });
      const states = items(response, "ratelimit");
      assert.deepEqual(Object.keys(states), ["requests-60s", "tokens-3600s", "micro-dollars-user-86400s"]);
      assert.equal(states["requests-60s"].r, "0");
      for (const [name, most] of [["requests-60s", 61], ["tokens-3600s", 3602], ["micro-dollars-user-86400s", 86_430]]) {
        assert.ok(Number(states[name].t) > 0 && Number(states[name].t) <= most, `${name}: ${states[name].t}`);
      }
    }
    const wait = Number(refused.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= 60, String(wait));
    assert.equal(refused.headers.get("x-should-retry"), null, "a client may try again by itself");
    assert.equal((await assertError(refused, 429, "request_quota_exceeded")).param, "quota");
  });

  test("on streams, too, and a refused stream is a plain error", async () => {
    const limited = await key("told", [{ requests: 1, window: "1h" }]);
    const granted = await ask(limited, "hi", { stream: true });
    assert.equal(left(granted, "requests-3600s"), 0);
    await granted.text();
    const refused = await ask(limited, "hi", { stream: true });
    assert.equal(refused.headers.get("retry-after"), "60", "a caller is never told to wait longer");
    await assertError(refused, 429, "request_quota_exceeded");
  });

  test("as never to be met when a call alone is more than a limit", async () => {
    for (const [limit, code] of [
      [{ tokens: 100, window: "1m" }, "token_quota_exceeded"],
      [{ micro_dollars: 10, window: "1m" }, "spend_quota_exceeded"],
      [{ requests: 0, window: "1m" }, "request_quota_exceeded"],
    ]) {
      const refused = await ask(await key("never", [limit]), "hi", { max_completion_tokens: 500 });
      assert.equal(refused.headers.get("x-should-retry"), "false", code);
      assert.equal(refused.headers.get("retry-after"), null, code);
      assert.ok(refused.headers.get("ratelimit"), code);
      await assertError(refused, 429, code);
    }
  });
});

describe("limits hold", () => {
  test("all at once, and what one refuses is taken of none", async () => {
    const limited = await key("several", [{ requests: 5, window: "1h" }, { requests: 2, window: "2s" }]);
    assert.equal((await ask(limited)).status, 200);
    assert.equal(left(await ask(limited), "requests-3600s"), 3);
    const [refused] = (await crowd(5, () => ask(limited))).filter(({ status }) => status === 429);
    assert.equal(left(refused, "requests-3600s"), 3);
    assert.equal(left(await passing(() => ask(limited)), "requests-3600s"), 2);
  });

  test("of a key and of its tenant at the same time", async () => {
    const limited = await key("both", [{ requests: 3, window: "1h" }]);
    await administer(edge, "PATCH", "/admin/tenants/both", { limits: [{ requests: 5, window: "1m" }] });
    const statuses = async (of) => (await crowd(6, () => ask(of))).filter(({ status }) => status === 200).length;
    assert.equal(await statuses(limited), 3);
    assert.equal(await statuses(await key("both", [])), 2);
  });

  test("for each end user, by the body's word or by that of a token", async () => {
    const limited = await key("users", [{ requests: 2, window: "1h", per: "user" }]);
    const named = (user) => crowd(8, () => ask(limited, "hi", user === undefined ? {} : { user }));
    const answers = await Promise.all([named("ann"), named("bob"), named(undefined)]);
    assert.deepEqual(answers.map((all) => all.filter(({ status }) => status === 200).length), [2, 2, 2]);

    const page = "https://users.example";
    const token = async (user) => (await (await post(edge, { origin: page, user }, bearer(limited), "/v1/tokens")).json()).token;
    const [ann, eve] = [await token("ann"), await token("eve")];
    assert.equal((await ask(ann, "hi", {}, { origin: page })).status, 429, "ann is ann");
    assert.equal((await ask(eve, "hi", { user: "somebody else" }, { origin: page })).status, 200);
    assert.equal((await ask(eve, "hi", { user: "ann" }, { origin: page })).status, 200);
    assert.equal((await ask(eve, "hi", { user: "yet another" }, { origin: page })).status, 429, "a token's user is not chosen by the page");
  });

  test("for each model, whatever it is called", async () => {
    const limited = await key("models", [{ requests: 2, window: "1h", per: "model" }]);
    const statuses = [];
    for (const model of ["fast", "gpt-oss-120b", "fast", "gpt-oss-120b", "quality", "qwen-3.8-27b", "quality"]) {
      statuses.push((await ask(limited, "hi", { model })).status);
    }
    assert.deepEqual(statuses, [200, 200, 429, 429, 200, 200, 429]);
  });

  test("for each key of a tenant", async () => {
    const keys = [await key("by-key", []), await key("by-key", [])];
    await administer(edge, "PATCH", "/admin/tenants/by-key", { limits: [{ requests: 2, window: "1h", per: "key" }] });
    for (const each of keys) assert.equal((await crowd(6, () => ask(each))).filter(({ status }) => status === 200).length, 2);
  });

  test("of a token beside those of its key", async () => {
    const page = "https://tokens.example";
    const limited = await key("of-token", [{ requests: 3, window: "1h" }]);
    const order = { origin: page, limits: [{ requests: 2, window: "1h" }] };
    const tokens = await Promise.all([1, 2].map(async () => (await (await post(edge, order, bearer(limited), "/v1/tokens")).json()).token));
    const passed = async (token) => (await crowd(5, () => ask(token, "hi", {}, { origin: page }))).filter(({ status }) => status === 200).length;
    assert.equal(await passed(tokens[0]), 2);
    assert.equal(await passed(tokens[1]), 1);
  });

  test("in any span of their window: what was used slides out of it", async () => {
    const limited = await key("sliding", [{ requests: 3, window: "1s" }]);
    const granted = [];
    while (granted.length < 9) {
      const from = Date.now();
      const response = await ask(limited);
      await response.text();
      if (response.status === 200) granted.push({ from, to: Date.now() });
      else assert.ok(Number(response.headers.get("retry-after")) <= 2);
    }
    // A ledger said yes between a call and its answer, so the fourth answer lies a window behind the first call at the least.
    for (let at = 3; at < granted.length; at++) assert.ok(granted[at].to - granted[at - 3].from >= 1000, JSON.stringify(granted));
  });

  test("as an administrator changes them, from the next call on", async () => {
    const unlimited = await key("changed", []);
    const limits = async (given) => assert.equal((await administer(edge, "PATCH", "/admin/tenants/changed", { limits: given })).status, 200);
    const passed = async () => (await crowd(4, () => ask(unlimited))).filter(({ status }) => status === 200).length;
    await limits([{ requests: 1, window: "1h" }]);
    assert.equal(await passed(), 1);
    await limits([{ requests: 3, window: "1h" }]);
    assert.equal(await passed(), 2, "what was used stays used");
    await limits(null);
    assert.equal(await passed(), 4);
  });
});

describe("tokens and money", () => {
  const more = { max_completion_tokens: 1000, reasoning_effort: "none" };

  for (const stream of [false, true]) {
    test(`are reserved as an estimate and settled as what was used, ${stream ? "streamed" : "whole"}`, async () => {
      const given = { ...more, stream };
      const limited = await key("tokens", [{ tokens: 1700, window: "1h" }]);
      const content = "Say little [[words=20]] [[latency=300]]";
      const answers = await Promise.all([1, 2, 3].map(() => ask(limited, content, given)));
      const [granted, ...others] = answers.filter(({ status }) => status === 200);
      assert.equal(others.length, 0, "only one estimate fits");
      for (const refused of answers.filter(({ status }) => status !== 200)) await assertError(refused, 429, "token_quota_exceeded");
      assert.equal(left(granted, "tokens-3600s"), 1700 - estimate(content, given));
      const { usage } = stream ? spelled(await granted.text()) : await granted.json();
      const second = await passing(() => ask(limited, content, given));
      assert.equal(left(second, "tokens-3600s"), 1700 - usage.total_tokens - estimate(content, given));
    });
  }

  test("money is reserved at the dearer of a model and its fallback, and settled at the price of the one that answered", async () => {
    const prices = { "gpt-oss-120b": [350_000, 750_000], "qwen-3.8-27b": [990_000, 1_490_000] };
    const most = (content) => Math.ceil(((estimate(content, more) - 1000) * 990_000 + 1000 * 1_490_000) / 1e6);
    const real = ({ model, usage }) => Math.round((usage.prompt_tokens * prices[model][0] + usage.completion_tokens * prices[model][1]) / 1e6);
    const limited = await key("money", [{ micro_dollars: 2500, window: "1h" }]);
    let used = 0;
    for (const [content, model] of [["One [[words=30]]", "gpt-oss-120b"], ["Two [[words=40]] [[status-model=gpt-oss-120b:503]]", "qwen-3.8-27b"], ["Three", "gpt-oss-120b"]]) {
      const answer = await passing(() => ask(limited, content, more));
      assert.equal(left(answer, "micro-dollars-3600s"), 2500 - used - most(content), content);
      const body = JSON.parse(answer.text);
      assert.equal(body.model, model);
      used += real(body);
    }
    await eventually(async () => (await usageOf(edge, "money")).total.cost_micro_dollars === used, "what was used is what was answered");
  });

  test("a stream that broke off is settled with what it had spelled", async () => {
    const limited = await key("cut", [{ tokens: 2000, window: "1h" }, { requests: 5, window: "1h" }]);
    const broken = await ask(limited, "Go on [[words=100]] [[chunks=20]] [[cut=8]]", { ...more, stream: true });
    assertBroken(await bytesOf(broken));
    const { total } = await eventually(async () => {
      const usage = await usageOf(edge, "cut");
      return usage.total.requests === 1 && usage;
    }, "counted");
    assert.equal(total.estimated_requests, 1);
    assert.ok(total.completion_tokens > 0 && total.completion_tokens < 1000, String(total.completion_tokens));
    const next = await ask(limited, "hi", more);
    assert.equal(left(next, "tokens-3600s"), 2000 - total.prompt_tokens - total.completion_tokens - estimate("hi", more));
    assert.equal(left(next, "requests-3600s"), 3);
  });
});

describe("what was reserved is given back", () => {
  const one = async (tenant) => key(tenant, [{ requests: 1, window: "1h" }]);

  for (const [fault, status] of [["status=500", 500], ["status=400", 400], ["status=422", 422], ["rate-tokens", 429], ["cut-before", 502], ["garbage", 502]]) {
    for (const stream of [false, true]) {
      test(`when Cerebras answers with ${fault}${stream ? " to a stream" : ""}`, async () => {
        const limited = await one("released");
        if (stream && fault === "garbage") {
          // Its first byte has gone to the caller, so it is an answer that broke off.
          await bytesOf(await ask(limited, "hi [[garbage]]", { stream }));
          assert.equal((await ask(limited)).status, 429);
          return;
        }
        for (let at = 0; at < 2; at++) {
          await eventually(async () => {
            const failed = await ask(limited, `hi [[${fault}]]`, { stream });
            const { code } = await failed.json();
            return code !== "request_quota_exceeded" || fault.startsWith("rate") ? failed.status === status : false;
          }, "the same failure again");
        }
        await passing(() => ask(limited, "hi", { stream }));
        assert.equal((await ask(limited)).status, 429);
      });
    }
  }

  test("when the caller leaves before the answer", async () => {
    const limited = await one("left");
    const before = await completions();
    const gone = leavable(edge, chat("Slowly [[latency=60000]]"), bearer(limited));
    await eventually(async () => (await completions()) > before, "the call is under way");
    assert.equal((await ask(limited)).status, 429);
    gone.leave();
    await passing(() => ask(limited));
    await eventually(async () => (await usageOf(edge, "left")).total.failed === 1, "counted as failed");
  });

  test("but not when a caller leaves a stream that has begun: what it used is used", async () => {
    const limited = await one("left-stream");
    const gone = leavable(edge, chat("Slowly [[chunk=200]] [[words=500]]", { stream: true }), bearer(limited));
    const message = await gone.response;
    await new Promise((resolve) => message.once("data", resolve));
    gone.leave();
    await eventually(async () => (await usageOf(edge, "left-stream")).total.requests === 1, "settled");
    assert.equal((await ask(limited)).status, 429);
  });
});

describe("a hit", () => {
  const question = (tenant) => [`What is asked of ${tenant}`, { temperature: 0 }];

  test("takes nothing of a limit, is given at the limit, and is counted afterwards", async () => {
    const limited = await key("hits", [{ requests: 1, window: "1h" }]);
    const first = await ask(limited, ...question("hits"));
    const body = await first.text();
    await eventually(async () => /hit/.test((await ask(limited, ...question("hits"))).headers.get("cache-status") ?? ""), "kept");
    for (const stream of [false, true]) {
      const hit = await ask(limited, question("hits")[0], { ...question("hits")[1], stream });
      assert.equal(hit.status, 200);
      assert.match(hit.headers.get("cache-status"), /hit/);
      assert.equal(hit.headers.get("ratelimit"), null, "the ledger was not asked");
      if (stream) spelled(await hit.text());
      else assert.equal(await hit.text(), body);
    }
    await assertError(await ask(limited, "Something else", { temperature: 0 }), 429, "request_quota_exceeded");
    const total = await eventually(async () => {
      const usage = (await usageOf(edge, "hits")).total;
      return usage.hits >= 3 && usage;
    }, "the hits are counted");
    assert.deepEqual([total.requests, total.failed, total.lost], [1, 0, 0]);
  });

  test("does not wait for a ledger that does not answer", async () => {
    // Messages of a stuck user wait until the free one's comes.
    const prelude = aroundLedger(`
      this.freed ??= new Promise((resolve) => (this.free = resolve));
      if (message.includes('"user":"free"')) this.free();
      if (message.includes('"user":"stuck"')) await this.freed;
      return act();
    `);
    const slow = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, GATEWAY_KEYS: configured }, prelude });
    try {
      const say = (user, stream = false) => post(slow, chat("hi", { temperature: 0, user, stream }), bearer(UNLIMITED_KEY));
      await (await say("prompt")).text();
      await eventually(async () => /hit/.test((await say("prompt")).headers.get("cache-status") ?? ""), "kept");
      for (const stream of [false, true]) {
        const hit = await say("stuck", stream);
        assert.match(hit.headers.get("cache-status"), /hit/);
        await hit.text();
      }
      const stuck = post(slow, chat("not cached", { user: "stuck" }), bearer(UNLIMITED_KEY));
      await (await post(slow, chat("not cached either", { user: "free" }), bearer(UNLIMITED_KEY))).text();
      assert.equal((await stuck).status, 200, "the miss was behind the ledger");
      await eventually(async () => {
        const { rows } = await usageOf(slow, "configured", "&by=user");
        return rows.find(({ user }) => user === "stuck")?.hits === 2;
      }, "the hits are counted in the end");
    } finally {
      await slow.stop();
    }
  });
});

describe("without a ledger", () => {
  let storage;
  before(async () => {
    storage = fs.mkdtempSync(path.join(os.tmpdir(), "maya-edge-limits-"));
    const whole = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url }, storage });
    await (await post(whole, chat("kept", { temperature: 0 }))).text();
    await eventually(async () => /hit/.test((await post(whole, chat("kept", { temperature: 0 }))).headers.get("cache-status") ?? ""), "kept");
    await whole.stop();
  });
  after(() => fs.rmSync(storage, { recursive: true, force: true }));

  const without = async (vars, ledger, body) => {
    const alone = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, ...vars }, storage, ledger });
    try {
      await body(alone);
    } finally {
      await alone.stop();
    }
  };

  for (const [state, ledger] of [["is not reached", "broken"], ["is not bound", false]]) {
    test(`that ${state}, calls are refused unless the operator says otherwise, and hits are given`, async () => {
      await without({}, ledger, async (alone) => {
        const before = await completions();
        for (const stream of [false, true]) {
          const refused = await post(alone, chat("hi", { stream }));
          assert.equal(refused.headers.get("retry-after"), "1");
          await assertError(refused, 503, "ledger_unreachable");
          const hit = await post(alone, chat("kept", { temperature: 0, stream }));
          assert.equal(hit.status, 200);
          assert.match(hit.headers.get("cache-status"), /hit/);
          await hit.text();
        }
        await assertError(await post(alone, chat("kept", { temperature: 0 }), { "idempotency-key": "a" }), 503, "ledger_unreachable");
        assert.equal(await completions(), before, "nothing went upstream");
      });
    });
  }

  test("calls go through unchecked where the operator wants it, and say so", async () => {
    await without({ LEDGER_FAILURE: "allow" }, "broken", async (alone) => {
      const whole = await post(alone, chat("hi"));
      assert.equal(whole.headers.get("x-maya-ledger"), "unreachable");
      assert.equal((await whole.json()).object, "chat.completion");
      const stream = await post(alone, chat("hi", { stream: true }));
      assert.equal(stream.headers.get("x-maya-ledger"), "unreachable");
      spelled(await stream.text());
      const hit = await post(alone, chat("kept", { temperature: 0 }));
      assert.equal(hit.headers.get("x-maya-ledger"), null, "a hit asks no ledger");
      await hit.text();
      const idempotent = await post(alone, chat("hi"), { "idempotency-key": "b" });
      assert.deepEqual([idempotent.status, idempotent.headers.get("x-maya-ledger")], [200, "unreachable"]);
      await idempotent.text();
      assert.ok(alone.logs.some((line) => line.includes("let through")), "the operator is told");
    });
    await without({ LEDGER_FAILURE: "allow" }, false, async (alone) => {
      const answer = await post(alone, chat("hi"));
      assert.deepEqual([answer.status, answer.headers.get("x-maya-ledger")], [200, null], "no ledger is wanted");
      await answer.text();
    });
  });

  test("a page may read that a call went through unchecked", async () => {
    await without({ LEDGER_FAILURE: "allow", CORS_ORIGINS: ["https://page.example"] }, "broken", async (alone) => {
      const answer = await post(alone, chat("hi"), { origin: "https://page.example" });
      assert.match(answer.headers.get("access-control-expose-headers"), /(^|, )x-maya-ledger(,|$)/);
      await answer.text();
    });
  });
});

test("a ledger that hangs is one that cannot be reached", async () => {
  const prelude = aroundLedger(`if (message.startsWith('{"reserve"')) await new Promise((go) => setTimeout(go, 60_000)); return act();`);
  const stuck = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url }, prelude });
  try {
    await assertError(await post(stuck, chat("hi")), 503, "ledger_unreachable");
  } finally {
    await stuck.stop();
  }
});

test("what is reserved outlasts a Worker that ends in the middle of a call", async () => {
  const storage = fs.mkdtempSync(path.join(os.tmpdir(), "maya-edge-died-"));
  const vars = { CEREBRAS_BASE_URL: standIn.url, GATEWAY_KEYS: [{ ...configured[0], limits: [{ requests: 1, window: "1h" }] }] };
  let mortal = await startEdge({ vars, storage });
  try {
    const before = await completions();
    const lost = post(mortal, chat("Slowly [[latency=60000]]"), bearer(CONFIGURED_KEY)).catch(() => {});
    await eventually(async () => (await completions()) > before, "the call is under way");
    await mortal.stop();
    await lost;
    mortal = await startEdge({ vars, storage });
    assert.equal((await post(mortal, chat("hi"), bearer(CONFIGURED_KEY))).status, 429, "until its lease ends");
  } finally {
    await mortal.stop();
    fs.rmSync(storage, { recursive: true, force: true });
  }
});
