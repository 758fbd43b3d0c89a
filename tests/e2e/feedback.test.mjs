// Feedback: what people say of answers, and what it teaches.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { ADMIN_SECRET, EDGE_SECRET, KEY, KEYS, OTHER_KEY, assertError, chat, eventually, post, sha256, startEdge, startStandIn } from "./edge.mjs";

const CHAT_ONLY = "e2e: a key for completions alone";
let standIn;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  const keys = [...KEYS, { sha256: sha256(CHAT_ONLY), tenant: "acme", scopes: ["completions"] }];
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, ADMIN_SECRET, EDGE_SECRET, GATEWAY_KEYS: keys } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const call = (method, path, { key = KEY, body, headers } = {}) =>
  fetch(edge.url + path, { method, headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers }, body: body && JSON.stringify(body) });
const told = async (response, status = 200) => {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text);
};
const say = async (body, status = 201, more) => told(await call("POST", "/v1/feedback", { body, ...more }), status);
const posts = async (more = {}, key = KEY) => (await told(await post(edge, { instruction: "Announce our plum blend", platforms: ["x", "linkedin"], ...more }, { authorization: `Bearer ${key}` }, "/v1/posts"))).posts;
const learned = async (key = KEY) => told(await call("GET", "/v1/learned", { key }));

describe("feedback", () => {
  test("is taken for a completion by the id that its client has", async () => {
    const client = new OpenAI({ apiKey: KEY, baseURL: `${edge.url}/v1` });
    const { data, request_id: id } = await client.chat.completions.create(chat("hello", { temperature: 0.7 })).withResponse();
    const said = await say({ id, thumb: "up" });
    assert.deepEqual([said.object, said.id, said.answer.model, said.said.thumb], ["feedback", id, data.model, "up"]);
    const hit = async () => {
      const response = await post(edge, chat("the same", { temperature: 0 }));
      await response.text();
      return /; hit/.test(response.headers.get("cache-status")) && response.headers.get("x-request-id");
    };
    assert.equal((await say({ id: await eventually(hit, "a hit"), rating: 4 })).said.rating, 4);
    const streamed = await post(edge, chat("a stream", { stream: true }));
    await streamed.text();
    await say({ id: streamed.headers.get("x-request-id"), rating: 1 });
  });

  test("is taken for each post of an order, and is the same when it comes again", async () => {
    const [x, linkedin] = await posts();
    assert.notEqual(x.id, linkedin.id);
    const body = { id: x.id, engagement: { impressions: 1000, likes: 40 } };
    const first = await say(body);
    assert.deepEqual([first.answer.task, first.answer.post.platform, first.answer.score], ["posts", "x", x.score]);
    const before = await learned();
    assert.deepEqual((await say(body, 200)).said, first.said);
    assert.deepEqual(await learned(), before, "said twice is said once");
    const later = await say({ id: x.id, engagement: { impressions: 1500 }, published: { at: "2026-01-01T09:00:00Z", url: "https://x.example/1" } }, 200);
    assert.deepEqual(later.said.engagement, { impressions: 1500, likes: 40 });
    assert.equal((await learned()).score.posts, before.score.posts, "it is one post");
    assert.equal((await say({ id: linkedin.id, rating: 5 })).answer.post.platform, "linkedin");
  });

  test("of answers that the tenant was not given is refused", async () => {
    const [{ id }] = await posts();
    for (const [id_, key] of [["post-forged-1", KEY], [`${id}0`, KEY], [id, OTHER_KEY]]) {
      const error = await assertError(await call("POST", "/v1/feedback", { key, body: { id: id_, rating: 5 } }), 404, "unknown_answer");
      assert.equal(error.param, "id");
    }
    await assertError(await call("POST", "/v1/feedback", { key: CHAT_ONLY, body: { id, rating: 5 } }), 403, "scope_missing");
    await assertError(await call("POST", "/v1/feedback", { key: "wrong", body: { id, rating: 5 } }), 401, "wrong_api_key");
    const [unkept] = await posts({ store: false });
    await assertError(await call("POST", "/v1/feedback", { body: { id: unkept.id, rating: 5 } }), 404, "unknown_answer");
  });

  test("that makes no sense is refused by its field, and changes nothing", async () => {
    const [{ id }] = await posts();
    await say({ id, engagement: { impressions: 100, likes: 90 } });
    const before = await learned();
    for (const [body, param] of [
      [{ engagement: { impressions: 10, clicks: 11 } }, "engagement.clicks"],
      [{ engagement: { impressions: 50 } }, "engagement.likes"],
      [{ engagement: { likes: -1 } }, "engagement.likes"],
      [{ rating: 7 }, "rating"],
      [{ published: { at: "2099-01-01T00:00:00Z" } }, "published.at"],
    ]) {
      const error = await assertError(await call("POST", "/v1/feedback", { body: { id, ...body } }), 400, "wrong_value");
      assert.equal(error.param, param);
    }
    assert.deepEqual(await learned(), before);
  });

  test("of the holder of a browser token is about its own answers alone", async () => {
    const origin = "https://app.example";
    const token = async (user) => (await told(await call("POST", "/v1/tokens", { body: { user, origin, scopes: ["content", "feedback"] } }), 201)).token;
    const [ann, ben] = [await token("ann"), await token("ben")];
    const ask = (method, path, key, body) => call(method, path, { key, body, headers: { origin } });
    const order = { instruction: "A post about rye", platforms: ["x"] };
    const { posts: [{ id }] } = await told(await ask("POST", "/v1/posts", ann, order));
    await assertError(await ask("POST", "/v1/feedback", ben, { id, rating: 1 }), 404, "unknown_answer");
    await told(await ask("POST", "/v1/feedback", ann, { id, rating: 5 }), 201);
    // Who holds ann's token cannot have its posts filed under ben, whatever the body says.
    const { posts: [{ id: claimed }] } = await told(await ask("POST", "/v1/posts", ann, { ...order, user: "ben" }));
    await assertError(await ask("POST", "/v1/feedback", ben, { id: claimed, rating: 1 }), 404, "unknown_answer");
    await told(await ask("POST", "/v1/feedback", ann, { id: claimed, rating: 5 }), 201);
    assert.deepEqual((await told(await call("GET", "/v1/users/ben/export"))).given ?? [], [], "nothing was given to ben");
    await assertError(await ask("GET", "/v1/feedback", ann), 403, "key_needed");
    await assertError(await ask("DELETE", "/v1/learned", ann), 403, "key_needed");
  });
});

describe("what feedback teaches", () => {
  const score = async (text, key) => {
    const { scores: [score] } = await told(await call("POST", "/v1/posts/score", { key, body: { text, platforms: ["x"], edge: "only" } }));
    return score;
  };
  /** Posts as they did: questions well, statements badly. */
  const teach = async (key, count, user) => {
    for (let at = 0; at < count; at++) {
      const [{ id, text }] = await posts({ platforms: ["x"], user }, key);
      await say({ id, engagement: { impressions: 10_000, likes: /\?/.test(text) ? 900 : 900 - at } }, 201, { key });
    }
  };

  test("is in the next score, with how many posts it rests on, and can be reset", async () => {
    const text = "Rye at seven tomorrow. Would you like a slice?";
    const before = await score(text, OTHER_KEY);
    assert.deepEqual([before.basis, before.feedback, before.calibration_error], ["prior", 0, null]);
    await teach(OTHER_KEY, 12);
    const after = await score(text, OTHER_KEY);
    assert.deepEqual([after.basis, after.feedback], ["learned", 12]);
    assert.ok(after.calibration_error >= 0 && after.calibration_error <= 1, after.calibration_error);
    assert.ok(after.interval.low <= after.score && after.score <= after.interval.high);
    const { score: { posts, weights }, feedback } = await learned(OTHER_KEY);
    assert.deepEqual([posts, feedback, weights.length], [12, 12, 13]);
    assert.equal((await told(await call("DELETE", "/v1/learned", { key: OTHER_KEY }))).removed, 12);
    assert.deepEqual(await score(text, OTHER_KEY), before);
    const { data } = await told(await call("GET", "/v1/audit?what=learned_reset", { key: OTHER_KEY }));
    assert.equal(data.length, 1);
  });

  test("goes with the person whom it came from", async () => {
    await call("DELETE", "/v1/learned", { key: OTHER_KEY });
    await teach(OTHER_KEY, 2, "cyd");
    await teach(OTHER_KEY, 3);
    const exported = await told(await call("GET", "/v1/users/cyd/export", { key: OTHER_KEY }));
    // Each of the two orders is remembered as a whole, by its own id and by that of the request, and so is its post.
    assert.deepEqual([exported.feedback.length, exported.given.length], [2, 6]);
    const { removed } = await told(await call("DELETE", "/v1/users/cyd", { key: OTHER_KEY }));
    assert.deepEqual([removed.feedback, removed.given], [2, 6]);
    const { score: { posts }, feedback } = await learned(OTHER_KEY);
    assert.deepEqual([posts, feedback], [3, 3]);
  });
});

describe("ratings of models", () => {
  test("are weighed by `auto`, which says so, and go with a reset", async () => {
    await call("DELETE", "/v1/learned", { key: OTHER_KEY });
    const auto = async () => {
      const response = await post(edge, { ...chat("Write a limerick about rye"), model: "auto" }, { authorization: `Bearer ${OTHER_KEY}` });
      await response.text();
      return [response.headers.get("x-maya-model"), response.headers.get("x-maya-route")];
    };
    const [usual] = await auto();
    const other = usual === "gpt-oss-120b" ? "qwen-3.8-27b" : "gpt-oss-120b";
    for (let count = 0; count < 30; count++) {
      for (const [model, rating] of [[usual, 1], [other, 5]]) {
        const response = await post(edge, { ...chat(`Hello ${count}`), model }, { authorization: `Bearer ${OTHER_KEY}` });
        await response.text();
        await say({ id: response.headers.get("x-request-id"), rating }, 201, { key: OTHER_KEY });
      }
    }
    const { models } = await learned(OTHER_KEY);
    assert.deepEqual(models.map(({ ratings, mean }) => [ratings, mean]).sort(), [[30, 0], [30, 1]]);
    const [now, route] = await eventually(async () => {
      const seen = await auto();
      return seen[0] === other && seen;
    }, "the better rated model is chosen");
    assert.equal(now, other);
    assert.match(route, /rated better/);
    await call("DELETE", "/v1/learned", { key: OTHER_KEY });
    await auto();
    assert.equal((await auto())[0], usual);
  });
});

describe("approved posts", () => {
  test("are examples of their brand for the next order, those that did well before others", async () => {
    const brand = { name: "Acme Coffee", voice: "Dry and warm.", do: ["say what it costs"] };
    await told(await call("PUT", "/v1/brands/tuned", { body: brand }), 201);
    const order = { instruction: "Announce our plum blend", platforms: ["x"], brand: "tuned" };
    const approve = async (more) => {
      const [{ id }] = await posts(order);
      await say({ id, approved: true, instruction: order.instruction, ...more });
      return id;
    };
    await approve({ text: "Plum and cocoa, seven kroner, today.", rating: 5 });
    const id = await approve({ text: "A first draft", edited_text: "Plum blend. 50 bags. Come early.", rating: 1 });
    await standIn.reset();
    await posts(order);
    const asked = JSON.stringify(await standIn.last());
    assert.ok(asked.includes("Plum and cocoa, seven kroner, today.") && asked.includes("Plum blend. 50 bags. Come early."), asked.slice(0, 3000));
    assert.ok(!asked.includes("A first draft"), "what was edited is not what was agreed to");

    const file = await call("GET", "/v1/brands/tuned/dataset");
    assert.deepEqual([file.headers.get("content-type"), file.headers.get("x-maya-skipped")], ["application/jsonl", "0"]);
    const lines = (await file.text()).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ messages }) => messages.map(({ role }) => role)), Array(2).fill(["system", "user", "assistant"]));
    assert.deepEqual(lines.map(({ messages }) => messages[2].content), ["Plum and cocoa, seven kroner, today.", "Plum blend. 50 bags. Come early."]);
    assert.match(lines[0].messages[0].content, /Acme Coffee.*Dry and warm.*say what it costs/);

    await say({ id, approved: false }, 200);
    const after = await (await call("GET", "/v1/brands/tuned/dataset")).text();
    assert.ok(!after.includes("Come early"), "who takes an approval back takes the example back");
    await assertError(await call("GET", "/v1/brands/none/dataset"), 404, "unknown_brand");
  });
});
