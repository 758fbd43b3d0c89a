// Experiments: subjects stay in their arms, arms answer in their own way, what becomes of answers moves shares and ends an experiment.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ADMIN_SECRET, KEY, KEYS, OTHER_KEY, askLedger, assertError, chat, eventually, makeKey, post, sha256, startEdge, startStandIn } from "./edge.mjs";
import { validator } from "./openapi.mjs";

const CHAT_KEY = "e2e: a key for completions alone";
const OUTSIDE_KEY = "e2e: a key that is kept out of experiments";
const openapi = validator(JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../../public/openapi.json"), "utf8")));

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  const own = [{ sha256: sha256(CHAT_KEY), tenant: "acme", scopes: ["completions"] }, { sha256: sha256(OUTSIDE_KEY), tenant: "acme", experiments: false }];
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, GATEWAY_KEYS: [...KEYS, ...own] } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const call = (method, at, { key = KEY, body } = {}) =>
  fetch(edge.url + at, { method, headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: body && JSON.stringify(body) });
async function told(response, status, method, template) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  const json = JSON.parse(text);
  openapi.check(method, template, status, json);
  return json;
}
const put = async (id, body, status = 201) => told(await call("PUT", `/v1/experiments/${id}`, { body }), status, "put", "/v1/experiments/{id}");
const results = async (id) => (await told(await call("GET", `/v1/experiments/${id}`), 200, "get", "/v1/experiments/{id}")).results;
const outcome = async (id, body) => told(await call("POST", `/v1/experiments/${id}/outcomes`, { body }), 200, "post", "/v1/experiments/{id}/outcomes");

/** What an answer tells of its experiment. */
function part(response) {
  const [id, ...rest] = (response.headers.get("x-maya-experiment") ?? "").split("; ");
  const of = (name) => rest.find((one) => one.startsWith(`${name}="`))?.slice(name.length + 2, -1);
  return { id, arm: of("arm"), answer: of("answer"), ended: rest.includes("ended") };
}
/** A call that takes part, read to its end. */
async function taken(body, headers = {}) {
  const response = await post(edge, body, headers);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return { ...part(response), response, text };
}
const ask = (id, user, content = "Hello") => taken({ ...chat(content), model: `experiment:${id}`, ...(user && { user }) });
const TWO_MODELS = { arms: [{ name: "a", model: "gpt-oss-120b" }, { name: "b", model: "qwen-3.8-27b" }], goal: "thumbs_up", renew: "1s" };

describe("experiments", () => {
  test("are written, read, listed and removed", async () => {
    const made = await put("first", { ...TWO_MODELS, description: "Which model?" });
    assert.deepEqual([made.id, made.object, made.definition.description], ["first", "experiment", "Which model?"]);
    assert.deepEqual([made.results.status, made.results.run, made.results.control], ["running", 1, "a"]);
    await put("first", { ...TWO_MODELS, description: "Which one?" }, 200);
    const { data } = await told(await call("GET", "/v1/experiments"), 200, "get", "/v1/experiments");
    assert.deepEqual(data.map((one) => [one.id, one.results.run]), [["first", 1]]);
    assert.equal((await put("first", { ...TWO_MODELS, goal: "rating" }, 200)).results.run, 2, "another goal is another run");
    await told(await call("DELETE", "/v1/experiments/first"), 200, "delete", "/v1/experiments/{id}");
    for (const method of ["GET", "DELETE"]) await assertError(await call(method, "/v1/experiments/first"), 404, "unknown_experiment");
    await assertError(await call("POST", "/v1/experiments/first/stop", { body: {} }), 404, "unknown_experiment");
    await assertError(await post(edge, { ...chat("Hello"), model: "experiment:first" }), 404, "unknown_experiment");
  });

  test("are refused naming what is wrong", async () => {
    const arms = TWO_MODELS.arms;
    for (const [body, code, param] of [
      [{ goal: "rating" }, "missing_field", "arms"],
      [{ arms, goal: "happiness" }, "wrong_value", "goal"],
      [{ arms: [arms[0]], goal: "rating" }, "wrong_value", "arms"],
      [{ arms: [arms[0], { ...arms[1], temperature: 3 }], goal: "rating" }, "wrong_value", "arms[1].temperature"],
      [{ arms, goal: "rating", control: "c" }, "wrong_value", "control"],
      [{ arms, goal: "rating", guards: [{ metric: "rating" }] }, "wrong_value", "guards[0].metric"],
      [{ arms, goal: "rating", stop: { chance: 1 } }, "wrong_value", "stop.chance"],
      [{ arms, goal: "rating", colour: "red" }, "unknown_field", "colour"],
    ]) {
      const refused = await assertError(await call("PUT", "/v1/experiments/wrong", { body }), 400, code);
      assert.equal(refused.param, param, JSON.stringify(body));
    }
    await assertError(await call("PUT", "/v1/experiments/Not%20One", { body: TWO_MODELS }), 400, "wrong_value");
  });

  test("keep a subject in its arm, and give arms their shares", async () => {
    await put("split", { ...TWO_MODELS, arms: [{ ...TWO_MODELS.arms[0], weight: 3 }, TWO_MODELS.arms[1]] });
    const arms = {};
    for (let user = 0; user < 160; user++) {
      const { arm, response } = await ask("split", `user-${user}`);
      arms[user] = arm;
      assert.equal(response.headers.get("x-maya-model"), arm === "a" ? "gpt-oss-120b" : "qwen-3.8-27b");
    }
    const share = Object.values(arms).filter((arm) => arm === "a").length / 160;
    // Three quarters, within three standard errors.
    assert.ok(Math.abs(share - 0.75) < 0.105, String(share));
    for (let user = 0; user < 40; user++) assert.equal((await ask("split", `user-${user}`, "Something else")).arm, arms[user]);
    // Who is named in a header is the same subject, and may be anybody.
    const named = (subject) => taken(chat("Hello"), { "x-maya-experiment": "split", "x-maya-subject": subject });
    for (let user = 0; user < 10; user++) assert.equal((await named(`user-${user}`)).arm, arms[user]);
    const seen = await eventually(async () => {
      const now = await results("split");
      return now.arms.reduce((sum, arm) => sum + arm.calls, 0) === 210 && now;
    }, "all calls are counted");
    assert.deepEqual(seen.arms.map((arm) => arm.subjects), [Math.round(share * 160), 160 - Math.round(share * 160)]);
    assert.equal(seen.sample_ratio.mismatch, false);
    for (const arm of seen.arms) {
      assert.equal(arm.metrics.error_rate.mean, 0);
      assert.ok(arm.metrics.cost.mean > 0 && arm.metrics.latency_ms.values === arm.calls);
    }
  });

  test("answer in the arm's way, whose words have an entry of their own in the cache", async () => {
    const prompt = "Answer as a pirate.";
    await put("way", { arms: [{ name: "plain" }, { name: "pirate", prompt, temperature: 0 }], goal: "rating" });
    const user = async (arm) => {
      for (let at = 0; ; at++) if ((await taken(chat("Hi"), { "x-maya-experiment": "way", "x-maya-subject": `s${at}` })).arm === arm) return `s${at}`;
    };
    const [plain, pirate] = [await user("plain"), await user("pirate")];
    const body = '{"model":"fast", "messages":[{"role":"user","content":"Which way?"}],  "temperature":0}';
    const asked = async (subject) => {
      const got = await taken(body, { "x-maya-experiment": "way", "x-maya-subject": subject });
      return { ...got, hit: got.response.headers.get("cache-status").includes("hit") };
    };
    assert.equal((await asked(plain)).hit, false);
    assert.ok(!(await standIn.last()).body.includes("pirate"));
    assert.equal((await asked(pirate)).hit, false, "it is another question");
    const { messages, temperature } = JSON.parse((await standIn.last()).body);
    assert.deepEqual([messages[0], messages[1].content, temperature], [{ role: "system", content: prompt }, "Which way?", 0]);
    for (const subject of [plain, pirate]) {
      const { hit, answer } = await asked(subject);
      assert.ok(hit && answer, "a hit takes part as well");
    }
    const stream = await taken({ ...chat("Go on"), stream: true }, { "x-maya-experiment": "way", "x-maya-subject": pirate });
    assert.ok(stream.text.trimEnd().endsWith("[DONE]") && stream.answer);
    await assertError(await post(edge, { ...chat("Hello"), model: "experiment:way" }), 400, "experiment_without_model");
    await assertError(await post(edge, { model: "fast", prompt: "Hi" }, { "x-maya-experiment": "way", "x-maya-subject": pirate }, "/v1/completions"), 400, "experiment_needs_messages");
    await assertError(await post(edge, chat("Hello"), { "x-maya-experiment": "way", "x-maya-subject": "s".repeat(257) }), 400, "wrong_value");
  });

  test("learn from what becomes of answers, and end with the best arm", async () => {
    await put("learn", { ...TWO_MODELS, assignment: "thompson", floor: 0.3, stop: { least_subjects: 20 } });
    // Of the second arm every answer is liked, of the first none.
    const round = async (from, to) => {
      for (let user = from; user < to; user++) {
        const { arm, answer, ended } = await ask("learn", `user-${user}`);
        if (ended) return;
        const told = { answer, thumbs_up: arm === "b" };
        // Told again, it counts once. It may come before the note of the answer: then it is told again.
        await eventually(async () => (await call("POST", "/v1/experiments/learn/outcomes", { body: told })).status === 200, "the answer is known");
      }
    };
    await round(0, 25);
    await eventually(async () => {
      await round(25, 27);
      const { arms } = await results("learn");
      return arms[1].share > 0.65;
    }, "shares follow");
    const midway = await results("learn");
    assert.ok(midway.arms[0].share >= 0.3 - 1e-6 && midway.arms[1].probability_best > 0.9, JSON.stringify(midway.arms));
    assert.equal(midway.arms[0].metrics.thumbs_up.mean, 0);
    // Until each arm has twenty, nothing is concluded; then the interval leaves no doubt.
    let from = 100;
    const final = await eventually(async () => {
      await round(from, (from += 25));
      const now = await results("learn");
      return now.status === "ended" && now;
    }, "it ends");
    assert.deepEqual([final.ended.reason, final.ended.arm], ["winner", "b"]);
    assert.ok(final.arms[1].lift.interval[0] > 0 && final.arms[1].lift.certain);
    const later = await ask("learn", "user-1");
    assert.deepEqual([later.arm, later.ended, later.answer], ["b", true, undefined], "the winner answers everybody, and nothing is counted");
    const entries = await (await call("GET", "/v1/audit?what=experiment_ended")).json();
    assert.match(JSON.stringify(entries), /"arm":"b"/);
  });

  test("refuse what is forged or absurd of an answer", async () => {
    await put("told", TWO_MODELS);
    const { answer } = await ask("told", "ada");
    await eventually(async () => (await results("told")).subjects === 1, "the call is counted");
    await outcome("told", { answer, rating: 4, engagement_rate: 0.03, published: true });
    const at = "/v1/experiments/told/outcomes";
    await assertError(await call("POST", at, { body: { answer: "forged", rating: 4 } }), 404, "unknown_answer");
    await put("neighbour", TWO_MODELS);
    await assertError(await call("POST", "/v1/experiments/neighbour/outcomes", { body: { answer, rating: 4 } }), 404, "unknown_answer");
    for (const [body, code, param] of [
      [{ answer, rating: 6 }, "wrong_value", "rating"],
      [{ answer, click_rate: -0.1 }, "wrong_value", "click_rate"],
      [{ answer, thumbs_up: 1 }, "wrong_value", "thumbs_up"],
      [{ answer, latency_ms: 5 }, "unknown_field", "latency_ms"],
      [{ answer }, "missing_field", "rating"],
      [{ rating: 3 }, "missing_field", "answer"],
    ]) {
      assert.equal((await assertError(await call("POST", at, { body }), 400, code)).param, param);
    }
    const rated = (await results("told")).arms.find((arm) => arm.metrics.rating);
    assert.deepEqual(rated.metrics.rating, { values: 1, subjects: 1, mean: 4 });
  });

  test("show when subjects do not come as they should", async () => {
    await put("lossy", TWO_MODELS);
    const [{ key: run }] = await askLedger(edge, "acme", { ask: "documents", kind: "experiment" }).then((all) => all.filter(({ name }) => name === "lossy"));
    const exposed = (subject) => ({ note: "exposed", experiment: "lossy", run, arm: subject % 4 === 0 ? 1 : 0, subject: `s${subject}`, shares: [0.5, 0.5], answer: `a${subject}` });
    for (let from = 0; from < 600; from += 100) {
      await askLedger(edge, "acme", { ask: "note", notes: Array.from({ length: 100 }, (_, at) => exposed(from + at)) });
    }
    const { sample_ratio: ratio } = await results("lossy");
    assert.deepEqual([ratio.observed, ratio.expected, ratio.mismatch], [[450, 150], [300, 300], true]);
    assert.ok(ratio.p_value < 0.001);
  });

  test("are the tenant's alone", async () => {
    await put("walled", TWO_MODELS);
    const { answer } = await ask("walled", "ada");
    await assertError(await call("GET", "/v1/experiments/walled", { key: OTHER_KEY }), 404, "unknown_experiment");
    assert.deepEqual((await (await call("GET", "/v1/experiments", { key: OTHER_KEY })).json()).data, []);
    await assertError(await post(edge, chat("Hello"), { authorization: `Bearer ${OTHER_KEY}`, "x-maya-experiment": "walled" }), 404, "unknown_experiment");
    await assertError(await call("POST", "/v1/experiments/walled/outcomes", { key: OTHER_KEY, body: { answer, rating: 1 } }), 404, "unknown_answer");
    await assertError(await call("GET", "/v1/experiments/walled", { key: CHAT_KEY }), 403, "scope_missing");
    assert.equal((await call("GET", "/v1/experiments/walled?tenant=acme", { key: ADMIN_SECRET })).status, 200);
    // A key for completions takes part in what others have written down.
    assert.equal((await taken(chat("Hello"), { authorization: `Bearer ${CHAT_KEY}`, "x-maya-experiment": "walled" })).id, "walled");
  });

  test("count nothing that is not to be kept, nor calls of a key that is kept out", async () => {
    await put("quiet", TWO_MODELS);
    const unkept = await taken({ ...chat("Hello"), user: "ada", store: false }, { "x-maya-experiment": "quiet" });
    assert.ok(unkept.arm && unkept.answer === undefined);
    for (let at = 0; at < 8; at++) {
      const outside = await taken({ ...chat("Hello"), user: `user-${at}` }, { "x-maya-experiment": "quiet", authorization: `Bearer ${OUTSIDE_KEY}` });
      assert.deepEqual([outside.arm, outside.answer], ["a", undefined], "the control answers");
    }
    await ask("quiet", "bob");
    await eventually(async () => (await results("quiet")).subjects === 1, "one call is counted");
  });

  test("decide how posts are written, and see how they score", async () => {
    await put("posts", { arms: [{ name: "a", model: "gpt-oss-120b", humanize: false }, { name: "b", model: "qwen-3.8-27b", prompt: "Write like a sailor." }], goal: "score" });
    const arms = new Set();
    for (let at = 0; at < 12 || arms.size < 2; at++) {
      const response = await post(edge, { instruction: `Fresh buns ${at}`, platforms: ["x"], experiment: "posts", user: `user-${at}`, steps: { intent: false } }, {}, "/v1/posts");
      const body = await response.json();
      assert.equal(response.status, 200, JSON.stringify(body));
      openapi.check("post", "/v1/posts", 200, body);
      const { arm, answer } = part(response);
      assert.deepEqual(body.experiment, { id: "posts", arm, answer, ended: false });
      arms.add(arm);
      assert.equal(body.steps.some((step) => step.name === "humanizing"), arm === "b");
      const asked = JSON.parse((await standIn.last()).body);
      assert.equal(asked.messages[0].content.includes("Write like a sailor."), arm === "b");
      assert.equal(response.headers.get("x-maya-model"), arm === "b" ? "qwen-3.8-27b" : "gpt-oss-120b");
      if (at === 0) {
        await eventually(async () => (await call("POST", "/v1/experiments/posts/outcomes", { body: { answer, published: true } })).status === 200, "the answer is known");
      }
    }
    const seen = await eventually(async () => {
      const now = await results("posts");
      return now.arms.every((arm) => arm.metrics.score) && now;
    }, "scores are counted");
    assert.ok(seen.arms.every((arm) => arm.metrics.score.mean >= 0 && arm.metrics.score.mean <= 100));
    await assertError(await post(edge, { instruction: "Buns", platforms: ["x"], experiment: "nobody" }, {}, "/v1/posts"), 404, "unknown_experiment");
  });

  test("count calls without a usable answer, whosever fault that is, and a model that a key may not call", async () => {
    await put("failing", TWO_MODELS);
    const failed = await post(edge, { ...chat("Hello [[status=500]]"), model: "experiment:failing", user: "ada" });
    await failed.text();
    assert.ok(failed.status >= 500);
    await (await post(edge, { ...chat("Hello [[status=400]]"), model: "experiment:failing", user: "bob" })).text();
    await ask("failing", "eve");
    const seen = await eventually(async () => {
      const now = await results("failing");
      return now.subjects === 3 && now;
    }, "three are counted");
    const errors = (now) => now.arms.map((arm) => arm.metrics.error_rate).filter(Boolean).reduce((sum, rate) => sum + Math.round(rate.mean * rate.values), 0);
    assert.equal(errors(seen), 2);
    // An arm whose model is not to be had must not look as if nobody had come.
    const { key } = await makeKey(edge, { tenant: "acme", name: "narrow", models: ["gpt-oss-120b"] });
    const statuses = [];
    while (new Set(statuses).size < 2) statuses.push((await post(edge, { ...chat("Hello"), model: "experiment:failing", user: `narrow-${statuses.length}` }, { authorization: `Bearer ${key}` })).status);
    assert.deepEqual([...new Set(statuses)].sort(), [200, 403]);
    await eventually(async () => errors(await results("failing")) === 2 + statuses.filter((status) => status === 403).length, "refusals are counted");
  });

  test("end when they are asked to, with the arm that is named", async () => {
    await put("asked", TWO_MODELS);
    await assertError(await call("POST", "/v1/experiments/asked/stop", { body: { arm: "c" } }), 400, "wrong_value");
    const { results: ended } = await told(await call("POST", "/v1/experiments/asked/stop", { body: { arm: "b" } }), 200, "post", "/v1/experiments/{id}/stop");
    assert.deepEqual([ended.status, ended.ended.reason, ended.ended.arm], ["ended", "asked", "b"]);
    await assertError(await call("POST", "/v1/experiments/asked/stop", { body: {} }), 409, "experiment_ended");
    for (let at = 0; at < 5; at++) assert.equal((await ask("asked", `user-${at}`)).arm, "b");
  });

  test("give out and forget what they know of a person", async () => {
    await put("person", TWO_MODELS);
    await ask("person", "carla");
    await eventually(async () => (await results("person")).subjects === 1, "the call is counted");
    const known = await (await call("GET", "/v1/users/carla/export")).json();
    assert.equal(known.experiments[0].experiment, "person");
    assert.equal((await call("DELETE", "/v1/users/carla")).status, 200);
    const seen = await results("person");
    assert.equal(seen.subjects, 0);
    assert.ok(seen.arms.every((arm) => !(arm.metrics.latency_ms?.values > 0)));
    // Its copies are encrypted with another key from now on, and are read all the same.
    assert.ok((await ask("person", "dora")).arm);
  });
});

describe("feedback on answers by the id that they came with", () => {
  test("is credited to the arm that gave them, completions and posts alike", async () => {
    await put("spoken", { ...TWO_MODELS, goal: "rating" });
    const say = async (body) => assert.equal((await call("POST", "/v1/feedback", { body })).status, 201);
    const { arm, response } = await ask("spoken", "ann");
    await say({ id: response.headers.get("x-request-id"), rating: 5 });
    const rated = async (name) => (await results("spoken")).arms.find((one) => one.name === name).metrics.rating;
    assert.deepEqual([(await rated(arm)).mean, (await rated(arm)).subjects ?? (await rated(arm)).count ?? 1], [5, 1]);
    const order = { instruction: "Announce our plum blend", platforms: ["x"], experiment: "spoken", user: "ann" };
    const { posts: [{ id }] } = await (await post(edge, order, {}, "/v1/posts")).json();
    await say({ id, rating: 3 });
    assert.equal((await rated(arm)).mean, 4, "one subject, two answers");
    const { data: [told] } = await (await call("GET", "/v1/feedback?limit=1")).json();
    assert.deepEqual([told.answer.experiment, told.answer.arm], ["spoken", arm]);
  });
});
