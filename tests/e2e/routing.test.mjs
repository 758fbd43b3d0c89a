// `model: "auto"`: which model answers, what the answer tells of it, and what `/v1/route` explains.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import Cerebras from "@cerebras/cerebras_cloud_sdk";
import OpenAI, { BadRequestError } from "openai";
import { administer, assertError, chat, KEY, makeKey, post, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;
let openai;
let cerebras;

const FAST = "gpt-oss-120b";
const STRONG = "qwen-3.8-27b";

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
  openai = new OpenAI({ apiKey: KEY, baseURL: `${edge.url}/v1`, maxRetries: 0 });
  cerebras = new Cerebras({ apiKey: KEY, baseURL: edge.url, maxRetries: 0, warmTCPConnection: false });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});
beforeEach(() => standIn.reset());

const program = "Debug this Rust function and refactor the code: it throws an exception in the loop.";
const prose = "Write a short post about our new sourdough, friendly and warm.";
const auto = (content, more = {}) => ({ ...chat(content), model: "auto", ...more });
const told = async (response) => {
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return { model: response.headers.get("x-maya-model"), route: response.headers.get("x-maya-route"), body: text };
};
const explain = async (body, headers = {}, at = edge) => {
  const response = await post(at, body, headers, "/v1/route");
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
};

describe("a request for auto", () => {
  test("goes to the model that its kind of work gains from, under that model's own name", async () => {
    const strong = await told(await post(edge, auto(program)));
    assert.equal(strong.model, STRONG);
    assert.equal(JSON.parse((await standIn.last()).body).model, STRONG);
    assert.match(strong.route, /^auto;model="qwen-3\.8-27b";task=coding;confidence=[01]\.\d\d;language=\S+;prefer=balanced;because="[^"]+"$/);
    const fast = await told(await post(edge, auto(prose)));
    assert.equal(fast.model, FAST);
    assert.match(fast.route, /task=writing/);
    assert.ok(!fast.route.includes("sourdough"), "no text of the prompt");
  });

  test("heeds what the caller prefers, in the name or in a header", async () => {
    assert.equal((await told(await post(edge, auto(prose, { model: "auto:quality" })))).model, STRONG);
    assert.equal((await told(await post(edge, auto(program, { model: "auto:cost" })))).model, FAST);
    assert.equal((await told(await post(edge, auto(program), { "x-maya-prefer": "latency" }))).model, FAST);
  });

  test("is answered by SDKs as by any model, whole and as a stream", async () => {
    const whole = await openai.chat.completions.create(auto(program));
    assert.equal(whole.model, STRONG);
    const stream = await openai.chat.completions.create({ ...auto(prose), stream: true });
    const models = new Set();
    for await (const chunk of stream) models.add(chunk.model);
    assert.deepEqual([...models], [FAST]);
    assert.equal((await cerebras.chat.completions.create(auto(prose))).model, FAST);
  });

  test("with a picture goes to the model that sees", async () => {
    const content = [
      { type: "text", text: prose },
      { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
    ];
    assert.equal((await explain({ model: "auto", messages: [{ role: "user", content }] })).model, STRONG);
  });

  test("is answered from the cache when it comes again, and says so beside its route", async () => {
    const body = auto(prose, { temperature: 0 });
    const first = await told(await post(edge, body));
    await new Promise((done) => setTimeout(done, 200));
    const again = await post(edge, body);
    assert.match(again.headers.get("cache-status"), /hit/);
    assert.equal(again.headers.get("x-maya-route"), first.route);
    assert.equal(await again.text(), first.body);
  });

  test("of text completions is routed by its prompt", async () => {
    const response = await post(edge, { model: "auto", prompt: prose }, {}, "/v1/completions");
    assert.equal((await told(response)).model, FAST);
  });

  test("with a preference that is none is refused, naming it", async () => {
    const body = await assertError(await post(edge, auto(prose, { model: "auto:best" })), 400, "wrong_value");
    assert.equal(body.param, "model");
    const header = await assertError(await post(edge, auto(prose), { "x-maya-prefer": "best" }), 400, "wrong_value");
    assert.equal(header.param, "x-maya-prefer");
    await assert.rejects(openai.chat.completions.create(auto(prose, { model: "auto:best" })), BadRequestError);
  });

  test("that no model can answer is refused with what each lacks, and nothing is asked", async () => {
    const key = (await makeKey(edge, { tenant: "narrow", models: ["fast"] })).key;
    const content = [{ type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } }];
    const response = await post(edge, { model: "auto", messages: [{ role: "user", content }] }, { authorization: `Bearer ${key}` });
    const body = await assertError(response, 400, "no_model_fits");
    assert.match(body.message, /gpt-oss-120b/);
    assert.equal((await standIn.stats()).completions, 0);
    const fits = await post(edge, auto(program), { authorization: `Bearer ${key}` });
    assert.equal((await told(fits)).model, FAST);
  });

  test("that names its model has no route", async () => {
    const response = await post(edge, chat(program));
    assert.equal((await told(response)).route, null);
  });
});

describe("the explanation of a route", () => {
  test("is what the request itself would meet, and costs no call", async () => {
    for (const body of [auto(program), auto(prose), auto(program, { model: "auto:cost" })]) {
      const { model, reasons, asked, candidates } = await explain(body);
      assert.ok(reasons.length > 0);
      assert.equal(asked.task.answered_by, "edge");
      assert.equal(candidates.find((candidate) => candidate.model === model).eligible, true);
      assert.equal((await standIn.stats()).completions, 0);
      assert.equal((await told(await post(edge, body))).model, model);
      await standIn.reset();
    }
  });

  test("of a named model tells which model is meant", async () => {
    const route = await explain({ ...auto(prose), model: "fast" });
    assert.deepEqual([route.requested, route.model, route.rule], ["fast", FAST, null]);
  });

  test("needs a key, and a body", async () => {
    await assertError(await post(edge, auto(prose), { authorization: "Bearer wrong" }, "/v1/route"), 401);
    const body = await assertError(await post(edge, { model: "auto" }, {}, "/v1/route"), 400);
    assert.match(body.param, /^messages/);
    assert.equal((await fetch(`${edge.url}/v1/route`, { headers: { authorization: `Bearer ${KEY}` } })).status, 405);
  });
});

describe("rules", () => {
  test("of the configuration and of a tenant decide before anything is weighed, the tenant's own first", async () => {
    const rules = [{ name: "programs", when: { tasks: ["coding"] }, model: "fast" }];
    const other = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, ROUTING: { rules } } });
    try {
      const route = await explain(auto(program), {}, other);
      assert.deepEqual([route.model, route.rule], [FAST, "programs"]);
      const routing = { tier: "paid", rules: [{ name: "paid programs", when: { tasks: ["coding"], tiers: ["paid"] }, model: "quality" }] };
      const changed = await administer(other, "PATCH", "/admin/tenants/acme", { routing });
      assert.equal(changed.status, 200, await changed.clone().text());
      assert.deepEqual((await changed.json()).routing, routing);
    } finally {
      await other.stop();
    }
  });

  test("of a tenant hold for its keys alone", async () => {
    const routing = { rules: [{ name: "own", model: "quality" }] };
    assert.equal((await administer(edge, "PATCH", "/admin/tenants/ruled", { routing })).status, 200);
    const key = (await makeKey(edge, { tenant: "ruled" })).key;
    const own = await explain(auto(prose), { authorization: `Bearer ${key}` });
    assert.deepEqual([own.model, own.rule], [STRONG, "own"]);
    assert.equal((await explain(auto(prose))).model, FAST);
  });

  test("that are wrong are refused with their place", async () => {
    for (const [routing, param] of [
      [{ rules: [{ name: "x", when: { hours: "9-17" }, model: "fast" }] }, /^routing\.rules\[0\]/],
      [{ rules: [{ name: "x" }] }, /^routing\.rules\[0\]/],
      [{ tier: "" }, /^routing\.tier$/],
      [{ colour: "red" }, /^routing/],
    ]) {
      const body = await assertError(await administer(edge, "PATCH", "/admin/tenants/acme", { routing }), 400);
      assert.match(body.param, param);
    }
  });
});
