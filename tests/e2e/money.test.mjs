// Money: budgets by the calendar, and usage that adds up to what the answers said.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import {
  KEYS, administer, assertError, chat, eventually, makeKey, post, sha256, spelled, startEdge, startStandIn, usageOf,
} from "./edge.mjs";

const BUDGET_KEY = "e2e: a configured key with a budget";

/** Micro-dollars for a million tokens of prompt and answer. */
const PRICES = { "gpt-oss-120b": [350_000, 750_000], "qwen-3.8-27b": [990_000, 1_490_000] };
const MODELS = Object.fromEntries(
  Object.entries(PRICES).map(([id, [input, output]]) => [
    id,
    { input_micro_dollars_per_million: input, output_micro_dollars_per_million: output, max_output_tokens: 32_768 },
  ]),
);

let standIn;
let edge;
before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({
    vars: {
      CEREBRAS_BASE_URL: standIn.url,
      MODELS: JSON.stringify(MODELS),
      GATEWAY_KEYS: [...KEYS, { sha256: sha256(BUDGET_KEY), tenant: "configured", name: "poor", budget: { day: { hard_micro_dollars: 1000 } } }],
    },
  });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const ask = (key, content = "hi", more = {}, headers = {}) => post(edge, chat(content, more), { ...bearer(key), ...headers });
const get = (path, key, method = "GET") => fetch(edge.url + path, { method, headers: bearer(key) });

/** What a call costs, rounded half up to the micro-dollar, in whole numbers; null when nobody knows. */
function cost(model, usage) {
  if (!(model in PRICES)) return null;
  const [input, output] = PRICES[model].map(BigInt);
  return Number((BigInt(usage.prompt_tokens) * input + BigInt(usage.completion_tokens) * output + 500_000n) / 1_000_000n);
}

/** `x-maya-budget`, read. */
function budget(response) {
  const value = response.headers.get("x-maya-budget");
  if (value === null) return null;
  const [, period, owner, spent, threshold, reset] = /^"(day|month)";owner="([^"]+)";spent=(\d+);threshold=(\d+);t=(\d+)$/.exec(value) ?? assert.fail(value);
  return { period, owner, spent: Number(spent), threshold: Number(threshold), reset: Number(reset) };
}

/** A call whose most and whose real price are known: the most of gpt-oss-120b for a body and so many tokens. */
const more = { max_completion_tokens: 1000, reasoning_effort: "none" };
const most = (content, given = more) => {
  const input = Math.floor(Buffer.byteLength(JSON.stringify(chat(content, given))) / 3);
  return Math.ceil((input * 350_000 + given.max_completion_tokens * 750_000) / 1e6);
};

/** A call that is answered, and the ledger has heard of it. */
async function spend(key, tenant, content, given = more) {
  const before = (await usageOf(edge, tenant)).total.requests;
  const response = await ask(key, content, given);
  assert.equal(response.status, 200, await response.clone().text());
  const body = await response.json();
  await eventually(async () => (await usageOf(edge, tenant)).total.requests === before + 1, "settled");
  return { response, spent: cost(body.model, body.usage) };
}

describe("a budget", () => {
  for (const period of ["day", "month"]) {
    for (const owner of ["key", "tenant", "configured key"]) {
      test(`of a ${owner} for the ${period} warns from its soft threshold on, and holds at its hard one`, async () => {
        const limit = { soft_micro_dollars: 50, hard_micro_dollars: most("Spend [[words=60]]") + 80 };
        const tenant = `budget-${owner.replace(" ", "-")}-${period}`;
        const given = { [period]: limit };
        let at = edge;
        let made;
        if (owner === "configured key") {
          at = await startEdge({
            vars: { CEREBRAS_BASE_URL: standIn.url, MODELS: JSON.stringify(MODELS), GATEWAY_KEYS: [{ sha256: sha256(BUDGET_KEY), tenant, name: "poor", budget: given }] },
          });
          made = { key: BUDGET_KEY, id: `${tenant}.poor` };
        } else {
          made = await makeKey(edge, { tenant, ...(owner === "key" ? { budget: given } : {}) });
          if (owner === "tenant") assert.equal((await administer(edge, "PATCH", `/admin/tenants/${tenant}`, { budget: given })).status, 200);
        }
        try {
          const name = owner === "tenant" ? "tenant" : made.id;
          const say = (content, extra = {}) => post(at, chat(content, { ...more, ...extra }), bearer(made.key));
          let spent = 0;
          let calls = 0;
          let refused;
          // What is spent grows until the most that another call may cost no longer fits.
          while (refused === undefined) {
            const response = await say("Spend [[words=60]]");
            if (response.status !== 200) {
              refused = response;
              break;
            }
            const warned = budget(response);
            const reserved = spent + most("Spend [[words=60]]");
            assert.deepEqual([warned.period, warned.owner, warned.spent, warned.threshold], [period, name, reserved, 50]);
            assert.ok(reserved <= limit.hard_micro_dollars);
            const body = await response.json();
            spent += cost(body.model, body.usage);
            calls += 1;
            await eventually(async () => (await usageOf(at, tenant)).total.cost_micro_dollars === spent, "settled");
            assert.ok(calls < 50, "it holds in the end");
          }
          assert.ok(calls > 0 && spent + most("Spend [[words=60]]") > limit.hard_micro_dollars);
          const told = budget(refused);
          assert.deepEqual([told.period, told.owner, told.spent, told.threshold], [period, name, spent, limit.hard_micro_dollars]);
          assert.ok(told.reset > 0 && told.reset <= (period === "day" ? 86_400 : 31 * 86_400));
          if (owner !== "configured key") {
            const { budgets } = await usageOf(at, tenant, owner === "key" ? `&key=${made.id}` : "");
            const standing = budgets.find((one) => one.owner === name && one.period === period);
            assert.deepEqual([standing.spent_micro_dollars, standing.soft_micro_dollars, standing.hard_micro_dollars], [spent, 50, limit.hard_micro_dollars]);
            assert.ok(Math.abs(standing.until_ms - Date.now() - 1000 * told.reset) < 5000, "when it ends");
            assert.deepEqual([...new Set(budgets.map((one) => one.owner))], owner === "key" ? ["tenant", name] : ["tenant"]);
          }
          assert.equal(refused.headers.get("x-should-retry"), "false");
          assert.equal(refused.headers.get("retry-after"), null);
          const error = await assertError(refused, 402, "budget_exceeded");
          assert.deepEqual([error.type, error.param], ["payment_required_error", "quota"]);
          const stream = await say("Spend [[words=60]]", { stream: true });
          await assertError(stream, 402, "budget_exceeded");
          assert.equal((await say("hi", { max_completion_tokens: 1 })).status, 200, "what is small enough still fits");
        } finally {
          if (at !== edge) await at.stop();
        }
      });
    }
  }

  test("is not passed by calls at the same time: what they may cost is reserved", async () => {
    const content = "At once [[latency=200]]";
    const { key } = await makeKey(edge, { tenant: "at-once", budget: { day: { hard_micro_dollars: 3 * most(content) + 1 } } });
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await ask(key, content, more)).status));
    assert.equal(statuses.filter((status) => status === 200).length, 3);
    assert.equal(statuses.filter((status) => status === 402).length, 17);
    await eventually(async () => (await ask(key, content, more)).status === 200, "what was not spent is there again");
  });

  test("without a hard threshold only warns, and not below its soft one", async () => {
    const { key, id } = await makeKey(edge, { tenant: "soft", budget: { month: { soft_micro_dollars: most("hi") + 1 } } });
    const { response, spent } = await spend(key, "soft", "hi");
    assert.equal(budget(response), null);
    assert.ok(spent > 0);
    const warned = await ask(key, "hi", more);
    assert.deepEqual([warned.status, budget(warned).owner], [200, id]);
    const streamed = await ask(key, "hi", { ...more, stream: true });
    assert.equal(budget(streamed).period, "month");
    await streamed.text();
  });

  test("is not in a hit's way", async () => {
    const content = "Cached before the money went";
    const given = { ...more, temperature: 0 };
    const { key, id } = await makeKey(edge, { tenant: "broke" });
    await (await ask(key, content, given)).text();
    await eventually(async () => /hit/.test((await ask(key, content, given)).headers.get("cache-status") ?? ""), "kept");
    assert.equal((await administer(edge, "PATCH", `/admin/keys/${id}`, { budget: { day: { hard_micro_dollars: 0 } } })).status, 200);
    await assertError(await ask(key, "Not cached", given), 402, "budget_exceeded");
    const hit = await ask(key, content, given);
    assert.equal(hit.status, 200);
    assert.match(hit.headers.get("cache-status"), /hit/);
  });

  test("does not let a model pass that nobody knows the price of", async () => {
    const unpriced = { ...more, model: "gemma-4-31b" };
    const { key } = await makeKey(edge, { tenant: "unpriced", budget: { month: { hard_micro_dollars: 1_000_000 } } });
    for (const stream of [false, true]) {
      const refused = await ask(key, "hi", { ...unpriced, stream });
      assert.equal(refused.headers.get("x-should-retry"), "false");
      const error = await assertError(refused, 402, "unknown_price");
      assert.deepEqual([error.type, error.param], ["payment_required_error", "model"]);
    }
    const { key: limited } = await makeKey(edge, { tenant: "unpriced", limits: [{ micro_dollars: 1_000_000, window: "1h" }] });
    await assertError(await ask(limited, "hi", unpriced), 402, "unknown_price");
    const { key: soft } = await makeKey(edge, { tenant: "unpriced", budget: { day: { soft_micro_dollars: 1 } } });
    // The stand-in does not have the model, which it can only say because the gateway has asked.
    assert.equal((await ask(soft, "hi", { ...unpriced, model: "my-own-model" })).status, 404, "a warning is no bound");
  });
});

/** An upstream of the test's own, for what the stand-in never says. */
async function upstream(answer) {
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk)).on("end", () => answer(JSON.parse(Buffer.concat(chunks)), response));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

const whole = (model, content, usage) => ({
  id: "chatcmpl-1", object: "chat.completion", created: 1, model, usage,
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }],
});
const piece = (model, delta, reason, usage) =>
  `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model, usage, choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;

describe("an upstream of other models and other habits", () => {
  let other;
  let own;
  const say = (content, more = {}) => post(own, chat(content, more), bearer(BUDGET_KEY));
  before(async () => {
    // Tells what it used, unless the prompt says "untold".
    other = await upstream(({ model, stream, messages }, response) => {
      const text = "word ".repeat(300);
      const usage = messages[0].content.includes("untold") ? undefined : { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 };
      response.setHeader("content-type", stream ? "text/event-stream; charset=utf-8" : "application/json");
      response.end(stream ? piece(model, { role: "assistant", content: text }, null) + piece(model, {}, "stop", usage) + "data: [DONE]\n\n" : JSON.stringify(whole(model, text, usage)));
    });
    own = await startEdge({
      vars: { CEREBRAS_BASE_URL: other.url, MODELS: JSON.stringify(MODELS), GATEWAY_KEYS: [{ sha256: sha256(BUDGET_KEY), tenant: "habits", name: "all" }] },
    });
  });
  after(async () => {
    await own?.stop();
    other?.stop();
  });

  test("a model without a price has no cost, and the usage says which", async () => {
    for (const stream of [false, true]) await (await say("hi", { model: "nobody-knows", stream })).text();
    await (await say("hi")).text();
    const usage = await eventually(async () => {
      const told = await usageOf(own, "habits", "&by=model");
      return told.total.requests === 3 && told;
    }, "counted");
    const [known, unknown] = usage.rows;
    assert.deepEqual([unknown.model, unknown.requests, unknown.cost_micro_dollars, unknown.unpriced_requests, unknown.unpriced_models], ["nobody-knows", 2, null, 2, ["nobody-knows"]]);
    assert.deepEqual([unknown.prompt_tokens, unknown.completion_tokens], [20, 40]);
    const price = cost("gpt-oss-120b", { prompt_tokens: 10, completion_tokens: 20 });
    assert.deepEqual([known.cost_micro_dollars, known.unpriced_requests, known.unpriced_models], [price, 0, []]);
    assert.deepEqual([usage.total.cost_micro_dollars, usage.total.unpriced_requests, usage.total.unpriced_models], [price, 2, ["nobody-knows"]]);
  });

  for (const stream of [false, true]) {
    test(`${stream ? "a stream" : "an answer"} that does not tell what it used is counted as an estimate, not as nothing`, async () => {
      const before = (await usageOf(own, "habits")).total;
      await (await say("untold", { stream })).text();
      const { total } = await eventually(async () => {
        const told = await usageOf(own, "habits");
        return told.total.requests === before.requests + 1 && told;
      }, "counted");
      assert.equal(total.estimated_requests, before.estimated_requests + 1);
      // 1500 bytes of text: more than 300 tokens, and no more than a token a byte.
      const tokens = total.completion_tokens - before.completion_tokens;
      assert.ok(tokens >= 300 && tokens <= 1500, String(tokens));
      assert.ok(total.prompt_tokens > before.prompt_tokens);
      assert.ok(total.cost_micro_dollars > before.cost_micro_dollars);
    });
  }
});

describe("usage", () => {
  test("adds up to what 200 answers said that they used, times their prices", async () => {
    let seed = 20_260_701;
    const random = (below) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const pick = (list) => list[random(list.length)];
    const keys = [await makeKey(edge, { tenant: "sums", limits: [{ requests: 1000, window: "1h" }] }), await makeKey(edge, { tenant: "sums" })];
    const plans = Array.from({ length: 200 }, (_, at) => {
      const cached = random(4) === 0;
      const content = cached ? `Cached question ${random(6)} [[words=25]]` : `Question ${at} [[words=${1 + random(60)}]] ${"x".repeat(random(400))}`;
      const stream = random(2) === 0;
      const given = {
        model: pick(["gpt-oss-120b", "fast", "qwen-3.8-27b", "quality"]),
        ...(cached ? { temperature: 0 } : { reasoning_effort: pick(["none", "low", "high"]) }),
        ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
        ...pick([{}, { user: "ann" }, { user: "bob é" }]),
      };
      return { key: pick(keys), content: random(20) === 0 ? `${content} [[status=400]]` : content, given, stream };
    });
    const expected = new Map();
    const add = (key, model, user, amounts) => {
      const name = JSON.stringify([model, key, user ?? null]);
      const row = expected.get(name) ?? { requests: 0, hits: 0, failed: 0, prompt_tokens: 0, completion_tokens: 0, cost_micro_dollars: 0, saved_micro_dollars: 0 };
      for (const [what, amount] of Object.entries(amounts)) row[what] += amount;
      expected.set(name, row);
    };
    const queue = [...plans];
    const worker = async () => {
      for (let plan = queue.shift(); plan !== undefined; plan = queue.shift()) {
        const { key, content, given, stream } = plan;
        const response = await ask(key.key, content, given);
        const text = await response.text();
        const model = { fast: "gpt-oss-120b", quality: "qwen-3.8-27b" }[given.model] ?? given.model;
        if (response.status !== 200) {
          assert.equal(response.status, 400, text);
          add(key.id, model, given.user, { failed: 1 });
          continue;
        }
        const { usage } = stream ? spelled(text) : JSON.parse(text);
        assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0, text.slice(-300));
        if (/; hit/.test(response.headers.get("cache-status"))) add(key.id, model, given.user, { hits: 1, saved_micro_dollars: cost(model, usage) });
        else add(key.id, model, given.user, { requests: 1, prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens, cost_micro_dollars: cost(model, usage) });
      }
    };
    const first = new Date().toISOString().slice(0, 10);
    await Promise.all(Array.from({ length: 8 }, worker));
    await eventually(async () => {
      const { total } = await usageOf(edge, "sums");
      return total.requests + total.hits + total.failed === 200;
    }, "all are counted");
    const last = new Date().toISOString().slice(0, 10);

    const of = (row) => Object.fromEntries(["requests", "hits", "failed", "prompt_tokens", "completion_tokens", "cost_micro_dollars", "saved_micro_dollars"].map((name) => [name, row[name]]));
    const sum = (rows) => rows.map(of).reduce((all, row) => Object.fromEntries(Object.entries(row).map(([name, amount]) => [name, amount + (all[name] ?? 0)])), {});
    const all = [...expected].map(([name, row]) => [...JSON.parse(name), row]);
    assert.ok(sum(all.map(([, , , row]) => row)).hits > 5, "there were hits among them");

    const grouped = await usageOf(edge, "sums", "&by=model,key,user");
    assert.deepEqual(new Map(grouped.rows.map((row) => [JSON.stringify([row.model, row.key, row.user]), of(row)])), new Map([...expected].sort()));
    assert.deepEqual(of(grouped.total), sum(all.map(([, , , row]) => row)));
    assert.equal(grouped.truncated, false);
    assert.deepEqual([grouped.total.lost, grouped.total.estimated_requests, grouped.total.unpriced_requests, grouped.total.unpriced_models], [0, 0, 0, []]);

    for (const by of ["day", "model", "key", "user", "day,model,key,user"]) {
      const { rows, total } = await usageOf(edge, "sums", `&by=${by}`);
      assert.deepEqual(sum(rows), of(total), by);
      for (const row of rows) {
        assert.deepEqual(Object.keys(row).slice(0, by.split(",").length), by.split(","));
        if ("day" in row) assert.ok(row.day >= first && row.day <= last, row.day);
      }
    }
    for (const [filter, matches] of [
      ["model=qwen-3.8-27b", ([model]) => model === "qwen-3.8-27b"],
      [`key=${keys[1].id}`, ([, key]) => key === keys[1].id],
      [`user=${encodeURIComponent("bob é")}`, ([, , user]) => user === "bob é"],
      [`from=${first}&to=${last}`, () => true],
    ]) {
      const { total, rows } = await usageOf(edge, "sums", `&${filter}`);
      assert.deepEqual(of(total), sum(all.filter(matches).map(([, , , row]) => row)), filter);
      assert.deepEqual(rows, []);
    }
    const nothing = await usageOf(edge, "sums", "&to=2020-01-01&by=day");
    assert.deepEqual([nothing.rows, nothing.total.requests, nothing.total.cost_micro_dollars], [[], 0, 0]);
  });

  test("of an answer from the cache is nothing but what it saved", async () => {
    const { key } = await makeKey(edge, { tenant: "saved" });
    const { spent } = await spend(key, "saved", "Once", { ...more, temperature: 0 });
    await eventually(async () => /hit/.test((await ask(key, "Once", { ...more, temperature: 0 })).headers.get("cache-status") ?? ""), "kept");
    const before = (await usageOf(edge, "saved")).total;
    await (await ask(key, "Once", { ...more, temperature: 0, stream: true })).text();
    const { total } = await eventually(async () => {
      const usage = await usageOf(edge, "saved");
      return usage.total.hits > 0 && usage.total.saved_micro_dollars === usage.total.hits * spent && usage.total.hits > before.hits && usage;
    }, "counted");
    assert.equal(total.cost_micro_dollars, before.cost_micro_dollars);
  });

  test("is shown to GET and HEAD, and to those who may see it", async () => {
    const { key } = await makeKey(edge, { tenant: "shown" });
    const shown = await get("/v1/usage?by=day", key);
    assert.equal(shown.status, 200);
    assert.equal(shown.headers.get("cache-control"), "private, no-store");
    assert.deepEqual(Object.keys(await shown.json()), ["rows", "total", "truncated", "budgets"]);
    const head = await get("/v1/usage?by=day", key, "HEAD");
    assert.deepEqual([head.status, head.headers.get("content-type"), await head.text()], [200, "application/json", ""]);
    assert.equal((await get("/v1/usage?by=hour", key, "HEAD")).status, 400);
    await assertError(await get("/v1/usage", "wrong"), 401);
    await assertError(await get("/v1/usage", key, "POST"), 405, "method_not_allowed");
  });

  test("with a wrong parameter is refused, and the parameter is named", async () => {
    const { key } = await makeKey(edge, { tenant: "shown" });
    for (const [query, param, code] of [
      ["by=hour", "by", "wrong_value"],
      ["by=day,day", "by", "wrong_value"],
      ["by=day,", "by", "wrong_value"],
      ["from=2026-02-30", "from", "wrong_value"],
      ["to=tomorrow", "to", "wrong_value"],
      ["from=2026-02-02&to=2026-02-01", "from", "wrong_value"],
      ["from=2026-02-02&from=2026-02-03", "from", "wrong_value"],
      ["user=%ff", "user", "wrong_value"],
      [`user=${"x".repeat(257)}`, "user", "wrong_value"],
      ["group=day", "group", "unknown_parameter"],
      ["tenant=a.b", "tenant", "wrong_value"],
    ]) {
      const error = await assertError(await get(`/v1/usage?${query}`, key), 400, code);
      assert.equal(error.param, param, query);
    }
  });
});
