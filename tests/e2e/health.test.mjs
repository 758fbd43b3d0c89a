// How models are: breakers, quotas, the chain of fallbacks, the deadline of a request, and what isolates tell each other.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { ADMIN_SECRET, EDGE_SECRET, KEY, administer, askLedger, assertBroken, assertError, bytesOf, chat, eventually, makeKey, pause, post, sha256, startEdge, startStandIn } from "./edge.mjs";
import { WATCHING, passes, seen } from "./watch.mjs";

const FIRST = "gpt-oss-120b";
const SECOND = "qwen-3.8-27b";
/** Small numbers, so that a test needs few calls. Isolates tell each other once a day, unless a test is about that. */
const HEALTH = { least_calls: 4, slow_ms: 150, share_ms: 86_400_000 };

let standIn;
let free;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  free = await startStandIn("--tier", "free");
});
after(() => {
  standIn?.stop();
  free?.stop();
});
beforeEach(() => Promise.all([standIn.reset(), free.reset()]));
afterEach(async () => {
  await edge?.stop();
  edge = undefined;
});

/** A Worker that knows nothing of the models yet. */
const start = async (more = {}, health = {}) => {
  edge = await startEdge({ prelude: WATCHING, ...more, vars: { CEREBRAS_BASE_URL: standIn.url, HEALTH: { ...HEALTH, ...health }, ...more.vars } });
};
const calls = async (of = standIn) => (await of.stats()).completions;
const models = async () => {
  const { data } = await (await administer(edge, "GET", "/admin/health")).json();
  return Object.fromEntries(data.map((model) => [model.model, model]));
};
const state = async (model = FIRST) => (await models())[model].state;

/** Asks; what it took is the model that answered, how many attempts, and what is said of models that were not asked. */
const ask = async (content, more = {}, headers = {}) => {
  const response = await post(edge, chat(content, { max_completion_tokens: 50, ...more }), headers);
  const text = await response.text();
  const said = (name) => response.headers.get(name);
  return { status: response.status, text, response, model: said("x-maya-model"), attempts: Number(said("x-maya-attempts")), health: said("x-maya-health") };
};
const failing = (...models) => models.map((model) => `[[status-model=${model}:503]]`).join(" ");
/** Opens the breaker of the first model: each request is two calls that fail. */
const open = async () => {
  for (const _ of [1, 2]) assert.equal((await ask(failing(FIRST))).model, SECOND);
  assert.equal(await state(), "open");
};

describe("a breaker", () => {
  test("opens on errors, and the next model in the chain is asked at once", async () => {
    await start();
    assert.equal(await state(), "closed");
    assert.deepEqual([(await ask(failing(FIRST))).attempts, await state()], [3, "closed"]);
    await ask(failing(FIRST));
    assert.equal(await state(), "open");
    await standIn.reset();
    const answer = await ask("hi");
    assert.deepEqual([answer.status, answer.model, answer.attempts, await calls()], [200, SECOND, 1, 1]);
    assert.match(answer.health, /^gpt-oss-120b;state=open;retry=[1-5]$/);
    // What was skipped is not cached in its name.
    const body = chat("hi", { temperature: 0 });
    for (const _ of [1, 2]) {
      const response = await post(edge, body);
      await response.text();
      assert.match(response.headers.get("cache-status"), /fwd=miss/);
      assert.doesNotMatch(response.headers.get("cache-status"), /stored/);
    }
  });

  test("does not open on errors of the request, however many", async () => {
    await start();
    for (const status of [400, 401, 402, 404, 413, 422]) {
      for (const _ of [1, 2]) assert.equal((await ask(`[[status=${status}]]`)).status, status);
    }
    assert.equal(await state(), "closed");
    assert.equal((await models())[FIRST].calls, 0, "they tell nothing of the model");
  });

  test("does not open for what one tenant asks, while another is answered", async () => {
    await start({ vars: { ADMIN_SECRET } });
    const other = { authorization: `Bearer ${(await makeKey(edge, { tenant: "other" })).key}` };
    assert.equal((await ask("hi", {}, other)).model, FIRST);
    for (let count = 0; count < 10; count++) assert.equal((await ask(failing(FIRST))).model, SECOND);
    assert.equal(await state(), "closed");
    assert.equal((await ask("hi again", {}, other)).model, FIRST);
    // What the other meets as well is the model's own.
    for (const _ of [1, 2]) await ask(failing(FIRST), {}, other);
    assert.equal(await state(), "open");
  });

  test("opens when connections are lost", async () => {
    await start();
    for (const _ of [1, 2]) await ask("[[cut-before]]");
    assert.equal(await state(), "open");
  });

  test("opens when streams break off", async () => {
    await start();
    for (let count = 0; count < 4; count++) {
      assert.equal(await state(), "closed");
      assertBroken(await bytesOf(await post(edge, chat("Go on [[cut=3]]", { stream: true }))));
      const heard = async () => (count < 3 ? (await models())[FIRST].failures === count + 1 : (await state()) === "open");
      await eventually(heard, "it is counted once its end is known");
    }
  });

  test("opens when first bytes are late at the median, and not for one that is", async () => {
    await start();
    const slow = `[[latency-model=${FIRST}:200]]`;
    assert.equal((await ask(slow, { stream: true })).model, FIRST);
    for (const _ of [1, 2, 3]) await ask("hi", { stream: true });
    assert.deepEqual([(await models())[FIRST].slow, await state()], [1, "closed"]);
    for (let count = 0; count < 3; count++) await ask(slow, { stream: true });
    assert.equal(await state(), "open");
    const answer = await ask(slow, { stream: true });
    assert.deepEqual([answer.model, answer.attempts], [SECOND, 1]);
  });

  test("opens when a first byte does not come in time, and the next model is asked in what is left of the deadline", async () => {
    await start({ vars: { FIRST_BYTE_MS: 200, TOTAL_MS: 2000 } });
    for (let count = 0; count < 4; count++) {
      const answer = await ask(`[[latency-model=${FIRST}:5000]]`);
      assert.deepEqual([answer.status, answer.model, answer.attempts], [200, SECOND, 2]);
    }
    assert.equal(await state(), "open");
  });

  test("lets a probe through when its wait is over, and closes after two that succeed", async () => {
    await start();
    await open();
    await passes(edge, 5_000);
    assert.equal(await state(), "half_open");
    for (const expected of ["half_open", "closed"]) {
      const answer = await ask("hi");
      assert.deepEqual([answer.model, answer.health, await state()], [FIRST, null, expected]);
    }
  });

  test("lets one probe through at a time", async () => {
    await start();
    await open();
    await passes(edge, 5_000);
    // The probe takes a while, and others do not wait for it.
    const probe = ask(`[[latency-model=${FIRST}:100]]`);
    await eventually(async () => (await standIn.stats()).active === 1, "the probe is on its way");
    const others = await Promise.all([1, 2, 3].map(() => ask("hi")));
    assert.deepEqual(others.map(({ model }) => model), [SECOND, SECOND, SECOND]);
    assert.equal((await probe).model, FIRST);
  });

  test("opens again for twice as long when a probe fails, which its caller does not notice", async () => {
    await start();
    await open();
    await passes(edge, 5_000);
    const probe = await ask(failing(FIRST));
    assert.deepEqual([probe.status, probe.model, probe.attempts], [200, SECOND, 2], "it is not asked again");
    const { openings, since_ms, until_ms, ...again } = (await models())[FIRST];
    assert.deepEqual([again.state, openings], ["open", 2]);
    assert.ok(until_ms - since_ms > 5_000 && until_ms - since_ms <= 10_000, "some of it is chance");
    await passes(edge, 5_000);
    assert.equal((await ask("hi")).model, SECOND);
    await passes(edge, 5_000);
    assert.equal((await ask("hi")).model, FIRST);
  });

  test("does not keep the first model from being asked when all of the chain are open", async () => {
    await start();
    for (let count = 0; count < 4; count++) assert.equal((await ask(failing(FIRST, SECOND))).status, 503);
    assert.deepEqual([await state(FIRST), await state(SECOND)], ["open", "open"]);
    await standIn.reset();
    const failed = await ask(failing(FIRST, SECOND));
    assert.deepEqual([failed.status, failed.model, failed.attempts, await calls()], [503, FIRST, 1, 1]);
    // When it was the network, two answers are enough.
    for (const _ of [1, 2]) assert.equal((await ask("hi")).model, FIRST);
    assert.equal(await state(FIRST), "closed");
  });

  test("can be switched off", async () => {
    await start({}, { breakers: false });
    for (let count = 0; count < 6; count++) await ask(failing(FIRST));
    assert.deepEqual([await state(), (await ask("hi")).model], ["closed", FIRST]);
  });
});

describe("a quota", () => {
  const tight = (more = {}, health = {}) => start({ ...more, vars: { CEREBRAS_BASE_URL: free.url, ...more.vars } }, health);
  const alone = { [FIRST]: {}, [SECOND]: {} };

  test("of requests that is used up leads to the next model, and without one to a refusal without a call", async () => {
    await tight();
    for (let count = 0; count < 5; count++) assert.deepEqual([(await ask("hi")).model, await calls(free)], [FIRST, count + 1]);
    // A free account has five requests a minute for each model, and says so with each answer.
    for (let count = 5; count < 10; count++) {
      const answer = await ask("hi");
      assert.deepEqual([answer.status, answer.model, await calls(free)], [200, SECOND, count + 1]);
      assert.match(answer.health, /^gpt-oss-120b;state=exhausted;retry=\d+$/);
    }
    await seen(edge);
    const response = await post(edge, chat("hi"));
    const wait = Number(response.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= 12, `a request flows in every twelve seconds: ${wait}`);
    assert.match(response.headers.get("x-maya-health"), /^gpt-oss-120b;state=exhausted;retry=\d+, qwen-3.8-27b;state=exhausted;retry=\d+$/);
    const error = await assertError(response, 429, "request_quota_exceeded");
    assert.match(error.message, /gpt-oss-120b/);
    assert.deepEqual([await calls(free), (await seen(edge)).upstream], [10, []], "nobody was asked");
    // It is asked again when a request has flowed in.
    await passes(edge, 12_000);
    await free.reset();
    assert.deepEqual([(await ask("hi")).model, await calls(free)], [FIRST, 1]);
  });

  test("of tokens that is used up refuses what it cannot hold, and lets through what it can", async () => {
    await tight({ vars: { MODELS: alone } });
    await assertError(await post(edge, chat("[[rate-tokens]]")), 429, "token_quota_exceeded");
    assert.equal(await calls(free), 1);
    const response = await post(edge, chat("hi"));
    const wait = Number(response.headers.get("retry-after"));
    // 500 tokens flow in each second, and 16384 are the limit that is added.
    assert.ok(wait > 20 && wait <= 33, `${wait}`);
    await assertError(response, 429, "token_quota_exceeded");
    assert.equal(await calls(free), 1, "nobody was asked");
    await passes(edge, 1_000);
    assert.equal((await ask("hi", { max_completion_tokens: 100 })).status, 200);
    assert.equal(await calls(free), 2);
    // That answer told that there are enough again: Cerebras's word counts, not the estimate.
    assert.equal((await post(edge, chat("hi"))).status, 200);
  });

  test("is not taken for used up because an answer reserved more than it used", async () => {
    await tight({ vars: { MODELS: alone } });
    // Each reserves 16384 of 30000 tokens a minute, and uses a few.
    for (const _ of [1, 2, 3, 4]) assert.equal((await post(edge, chat("hi"))).status, 200);
    assert.equal(await calls(free), 4);
  });

  test("that is spent opens no breaker", async () => {
    await tight();
    for (let count = 0; count < 6; count++) await post(edge, chat("[[rate-requests]]")).then((response) => response.text());
    assert.deepEqual([await state(FIRST), await state(SECOND)], ["closed", "closed"]);
  });

  test("that is told by retry-after alone is left alone for so long", async () => {
    await start();
    // This account shows large limits, so only the header tells.
    assert.equal((await ask("[[rate-queue]] [[retry-after=7]]")).status, 429);
    const answer = await ask("hi");
    assert.deepEqual([answer.model, answer.health], [SECOND, "gpt-oss-120b;state=exhausted;retry=7"]);
    await passes(edge, 7_100);
    assert.equal((await ask("hi")).model, FIRST);
    // A caller that says how long a queue may be has said it for itself.
    assert.equal((await ask("[[rate-queue]] [[retry-after=7]]", {}, { queue_threshold: "50" })).status, 429);
    assert.equal((await ask("hi")).model, FIRST);
  });

  test("does not keep a model from being asked when quotas are switched off", async () => {
    await tight({ vars: { MODELS: alone } }, { quotas: false });
    for (const _ of [1, 2, 3]) await assertError(await post(edge, chat("[[rate-tokens]]")), 429, "token_quota_exceeded");
    assert.equal(await calls(free), 3);
  });

  test("is given back to the tenant when the call is refused", async () => {
    await tight({ vars: { MODELS: alone } });
    const { key } = await makeKey(edge, { tenant: "acme", limits: [{ requests: 3, window: "1h" }] });
    const own = { authorization: `Bearer ${key}` };
    await assertError(await post(edge, chat("[[rate-tokens]]"), own), 429, "token_quota_exceeded");
    for (let count = 0; count < 5; count++) {
      await assertError(await post(edge, chat("hi"), own), 429, "token_quota_exceeded");
      await pause(30);
    }
    await free.reset();
    await passes(edge, 60_000);
    assert.equal((await post(edge, chat("hi"), own)).status, 200, "none of them counted");
  });
});

describe("a chain of fallbacks", () => {
  const MODELS = {
    one: { fallback: "two" },
    two: { fallback: FIRST },
    [FIRST]: { fallback: SECOND },
    [SECOND]: { fallback: "one" },
  };

  test("is followed to the third model, and the first failure is told when all fail", async () => {
    await start({ vars: { MODELS } });
    const answer = await ask(failing("one", "two"), { model: "one" });
    assert.deepEqual([answer.status, answer.model, answer.attempts], [200, FIRST, 4]);
    assert.equal(JSON.parse((await standIn.last()).body).model, FIRST);
    const failed = await ask(`${failing("one")} [[status-model=two:400]] [[status-model=${FIRST}:500]]`, { model: "one" });
    assert.deepEqual([failed.status, failed.model, failed.attempts], [503, "one", 4]);
    await assertError(await post(edge, chat(`${failing("one", "two", FIRST)}`, { model: "one" })), 503);
  });

  test("gives the headers of the failure that it tells", async () => {
    await start({ vars: { MODELS } });
    const fault = `[[status-model=one:503]] [[cut-before]]`;
    await assertError(await post(edge, chat(fault, { model: "one" })), 502, "upstream_unreachable");
    await ask("hi");
    const failed = await ask(failing("one", "two", FIRST), { model: "one" });
    assert.equal(failed.status, 503);
    assert.match(failed.response.headers.get("x-ratelimit-limit-tokens-minute"), /^\d+$/);
  });

  test("passes over models that the key may not call", async () => {
    const GATEWAY_KEYS = [
      { sha256: sha256(KEY), tenant: "acme", models: ["one", FIRST] },
      { sha256: sha256("one alone"), tenant: "acme", models: ["one"] },
    ];
    await start({ vars: { MODELS, GATEWAY_KEYS } }, { breakers: false });
    const answer = await ask(failing("one"), { model: "one" });
    assert.deepEqual([answer.status, answer.model, answer.attempts], [200, FIRST, 3]);
    const alone = await ask(failing("one"), { model: "one" }, { authorization: "Bearer one alone" });
    assert.deepEqual([alone.status, alone.model, alone.attempts], [503, "one", 2]);
  });

  test("is reserved for at the price of the dearest", async () => {
    const price = (micro) => ({ input_micro_dollars_per_million: micro, output_micro_dollars_per_million: micro, max_output_tokens: 100 });
    const dear = { ...MODELS, one: { ...MODELS.one, ...price(1) }, two: { ...MODELS.two, ...price(1) }, [FIRST]: price(1_000_000) };
    await start({ vars: { MODELS: dear } });
    const { key } = await makeKey(edge, { tenant: "poor", budget: { day: { hard_micro_dollars: 50 } } });
    await assertError(await post(edge, chat("hi", { model: "one", max_completion_tokens: 100 }), { authorization: `Bearer ${key}` }), 402, "budget_exceeded");
    assert.equal(await calls(), 0);
  });
});

describe("a deadline", () => {
  const until = (ms) => ({ "x-maya-deadline-ms": String(ms) });

  test("of the caller ends the request, and is named", async () => {
    await start();
    const began = Date.now();
    const response = await post(edge, chat("[[latency=5000]]"), until(300));
    assert.ok(Date.now() - began < 2_500);
    assert.equal(response.headers.get("x-should-retry"), "false");
    const error = await assertError(response, 504, "deadline_exceeded");
    assert.equal(error.param, "x-maya-deadline-ms");
    assert.match(error.message, /300 ms/);
    assert.equal((await models())[FIRST].calls, 0, "an impatient caller is not the model's fault");
    assert.equal((await ask("hi", {}, until(20_000))).status, 200);
  });

  test("of the caller ends a stream with an error frame", async () => {
    await start();
    const response = await post(edge, chat("[[chunk=50]] [[chunks=200]]", { stream: true, reasoning_effort: "none" }), until(400));
    assertBroken(await bytesOf(response), { code: "deadline_exceeded", status: 504 });
    assert.equal((await models())[FIRST].failures, 0);
  });

  /** Stands before the Worker's own code: so many ms pass while a request's first call of a method is under way. */
  const passing = (method, ms) => `${WATCHING}
    {
      const { Instance } = WebAssembly;
      WebAssembly.Instance = function (module, imports) {
        const { exports } = new Instance(module, imports);
        return { exports: { ...exports, fetch(call) {
          const whole = call.${method};
          call.${method} = function (...given) {
            const done = whole.apply(call, given);
            const { now } = Date;
            Date.now = () => now() + ${ms};
            delete call.${method};
            return done;
          };
          return exports.fetch(call);
        } } };
      };
    }`;

  test("leaves no attempt to be begun that it has no time for", async () => {
    await start({ prelude: passing("send", 19_970) });
    const failed = await ask(failing(FIRST), {}, until(20_000));
    assert.deepEqual([failed.status, failed.attempts, await calls()], [503, 1, 1]);
    // With more time, the same fails as usual: it is asked again, then the next model.
    const answered = await ask(failing(FIRST), {}, until(60_000));
    assert.deepEqual([answered.status, answered.attempts], [200, 3]);
  });

  test("counts what was waited for before Cerebras is asked", async () => {
    await start({ prelude: passing("read", 10_000) });
    await assertError(await post(edge, chat("hi"), until(9_000)), 504, "deadline_exceeded");
    assert.equal(await calls(), 0, "there was no time left to ask");
    assert.equal((await ask("hi", {}, until(30_000))).status, 200);
  });

  test("that is none is refused before anything is asked", async () => {
    await start();
    for (const wrong of ["0", "-5", "1.5", "soon"]) {
      const error = await assertError(await post(edge, chat("hi"), until(wrong)), 400, "wrong_value");
      assert.equal(error.param, "x-maya-deadline-ms");
    }
    assert.equal(await calls(), 0);
  });
});

describe("isolates", () => {
  /** What a ledger is told, and replies, in another isolate's place. */
  const rule = [30_000, 4, 500_000, 150, 5_000, 60_000];
  const another = (tidings = []) => askLedger(edge, "_gateway", { ask: "health", rule, tidings });

  test("tell at once that a breaker has opened", async () => {
    await start();
    await ask("hi");
    await eventually(async () => (await another()).length === 1, "the first call is told");
    await passes(edge, 1_000);
    for (const _ of [1, 2, 3, 4]) await ask(failing(FIRST));
    await eventually(async () => (await another()).find(({ model }) => model === FIRST)?.phase[1] > 0, "others may know");
  });

  test("open a breaker together that none would open alone, and hear of it from each other", async () => {
    await start({}, { share_ms: 1 });
    await ask(failing(FIRST));
    await eventually(async () => (await another()).length > 0, "it is told");
    await another([{ model: FIRST, counts: [2, 2, 0] }]);
    assert.equal((await ask("hi")).model, FIRST, "this one has not heard of it");
    await eventually(async () => (await ask("hi")).model === SECOND, "it hears of it with what it tells next");
  });

  test("share what they see: what one has found broken, the other does not ask", async () => {
    await start({ twin: true }, { share_ms: 1 });
    const { twin } = edge;
    const asked = (at, content) => post(at, chat(content, { max_completion_tokens: 50 })).then(async (response) => {
      await response.text();
      return response.headers.get("x-maya-model");
    });
    assert.equal(await asked(twin, "hi"), FIRST);
    await open();
    await eventually(async () => (await asked(twin, "hi")) === SECOND, "the other has heard of it");
    const { data } = await (await administer(twin, "GET", "/admin/health")).json();
    assert.deepEqual([data[0].model, data[0].state, data[0].openings], [FIRST, "open", 1]);
    // And of its end: each of them probes, and what one finds the other need not.
    await passes(edge, 6_000);
    for (const _ of [1, 2]) assert.equal(await asked(edge, "hi"), FIRST);
    await eventually(async () => (await asked(twin, "hi")) === FIRST, "it is well again");
  });

  test("hear of quotas that others have used up", async () => {
    await start({}, { share_ms: 1 });
    const now = Date.now();
    const none = [0, 0, 0, 0];
    const spent = [now + 60_000, 10, 0, now + 3_600_000];
    await another([{ model: FIRST, buckets: [none, spent, none, none, none, none] }]);
    await ask("hi");
    await eventually(async () => (await ask("hi")).model === SECOND, "it hears of it");
  });

  test("ask no ledger for it before an answer, and then only from time to time", async () => {
    await start();
    await ask("hi");
    await eventually(async () => (await another()).length === 1, "the first call is told");
    await seen(edge);
    for (const _ of [1, 2, 3]) await ask("hi");
    await pause(100);
    const { ledgers } = await seen(edge);
    assert.equal(ledgers.filter((name) => name === "_gateway").length, 0);
    assert.ok(ledgers.includes("acme"));
  });

  test("answer as well when what they tell cannot be told", async () => {
    await start({ ledger: "broken", vars: { LEDGER_FAILURE: "allow" } }, { share_ms: 1 });
    for (const _ of [1, 2]) assert.equal((await ask("Zanzibar")).status, 200);
    await eventually(() => edge.logs.some((line) => line.includes("health: not exchanged")), "the operator is told");
    assert.ok(!edge.logs.join("\n").includes("Zanzibar"), "and nothing of a prompt");
  });
});

describe("/admin/health", () => {
  test("shows each model of the table to who has the secret, and to nobody else", async () => {
    await start({ vars: { CEREBRAS_BASE_URL: free.url } });
    await ask("hi");
    const shown = await models();
    assert.deepEqual(Object.keys(shown), [FIRST, SECOND]);
    const { state, calls, failures, slow, limits } = shown[FIRST];
    assert.deepEqual([state, calls, failures, slow], ["closed", 1, 0, 0]);
    assert.deepEqual(limits.map(({ of, window }) => `${of} ${window}`), ["requests minute", "requests hour", "requests day", "tokens minute", "tokens hour", "tokens day"]);
    assert.deepEqual([limits[0].limit, limits[0].left], [5, 4]);
    assert.deepEqual([shown[SECOND].limits, shown[SECOND].calls], [[], 0]);
    for (const authorization of [`Bearer ${KEY}`, "Bearer wrong", ""]) {
      await assertError(await fetch(`${edge.url}/admin/health`, { headers: { authorization } }), 401, "wrong_admin_secret");
    }
    const text = JSON.stringify(shown);
    for (const secret of [ADMIN_SECRET, EDGE_SECRET, KEY, "csk-"]) assert.ok(!text.includes(secret));
    assert.equal((await administer(edge, "POST", "/admin/health", {})).status, 405);
  });

  test("knows no model that is not in the table, however many are asked for", async () => {
    await start();
    for (const number of [1, 2, 3]) await ask("hi", { model: `nobody-${number}` });
    assert.deepEqual(Object.keys(await models()), [FIRST, SECOND]);
  });
});
