// Feedback finds every answer by the ids that it came with, whichever endpoint gave it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { ADMIN_SECRET, EDGE_SECRET, KEY, assertError, chat, eventually, post, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;
before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, ADMIN_SECRET, EDGE_SECRET } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const ask = (path, body, headers = {}) => post(edge, body, headers, path);
const rate = (id) => ask("/v1/feedback", { id, rating: 4 });
const rated = async (id) => {
  const response = await rate(id);
  const text = await response.text();
  assert.equal(response.status, 201, `${id}: ${text}`);
  return JSON.parse(text).answer;
};
const history = Array.from({ length: 6 }, (_, at) => ({ id: `h${at}`, text: at % 2 ? "Open until six." : "What do you brew?", platform: "x", impressions: 1000, engagements: at % 2 ? 17 : 60 }));
const order = { instruction: "Announce our plum blend", platforms: ["x"] };

/** Path, body, what the answer is remembered as, and whether its body has an id, too. */
const ENDPOINTS = [
  ["/v1/chat/completions", chat("hello"), "", true],
  ["/v1/completions", { model: "gpt-oss-120b", prompt: "hello" }, "", true],
  ["/v1/embeddings", { model: "maya-edge-embed", input: "hello" }, "embeddings", false],
  ["/v1/intents", { input: "hello", edge: "only" }, "intents", false],
  ["/v1/intents", { input: "hello", edge: "never" }, "intents", false],
  ["/v1/sentiments", { input: "hello", edge: "only" }, "sentiments", false],
  ["/v1/languages", { input: "hello", edge: "only" }, "languages", false],
  ["/v1/pii", { input: "hello" }, "pii", false],
  ["/v1/measures", { input: "hello" }, "measures", false],
  ["/v1/moderations", { input: "hello", edge: "only" }, "moderations", true],
  ["/v1/posts", order, "posts", true],
  ["/v1/posts/adapt", { text: "Acme opens on 5 May in Oslo.", platforms: ["x"] }, "adapt", true],
  ["/v1/posts/optimize", { ...order, history }, "optimize", true],
  ["/v1/posts/personalize", { ...order, profile: { name: "Ann", interests: ["espresso"] } }, "personalize", true],
  ["/v1/posts/humanize", { text: "Our game-changing app helps 500 teams delve into their data." }, "humanize", true],
  ["/v1/posts/score", { text: "Why do 3 of 4 teams skip retros?", platforms: ["x"] }, "score", true],
  ["/v1/posts/video", { instruction: "Show how we roast", seconds: 20, platforms: ["tiktok"] }, "video", true],
  ["/v1/posts/preview", { text: "Hello" }, "preview", true],
  ["/v1/posts/audio", { text: "Dr. Lee opens at 9:30." }, "audio", true],
];

for (const [path, body, task, named] of ENDPOINTS) {
  test(`an answer of ${path}${body.edge === "never" ? ", the cloud's," : ""} takes a rating by its ids`, async () => {
    const response = await ask(path, body);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    const answer = JSON.parse(text);
    const id = response.headers.get("x-request-id");
    const told = await rated(id);
    assert.equal(told.task ?? "", task);
    assert.ok(told.model, "who gave it");
    assert.equal(told.post, undefined, "an order is none of its posts");
    if (named) {
      const response = await ask("/v1/feedback", { id: answer.id, rating: 2 });
      const text = await response.text();
      assert.equal(response.status, 200, `the same answer, of which something was said: ${text}`);
      const { id: under, answer: same, said } = JSON.parse(text);
      assert.deepEqual([under, same.task ?? "", said.rating], [id, task, 2]);
    }
    for (const each of answer.posts ?? []) if (each.id) assert.equal((await rated(each.id)).post.platform, "x");
    // What is not to be kept is not.
    const unkept = await ask(path, { ...body, ...(task === "" && { seed: 7 }), store: false });
    const other = await unkept.json();
    assert.equal(unkept.status, 200, JSON.stringify(other));
    await assertError(await rate(unkept.headers.get("x-request-id")), 404, "unknown_answer");
    if (named) await assertError(await rate(other.id), 404, "unknown_answer");
  });
}

test("a completion takes a rating by the id that its client shows, whole or streamed", async () => {
  const openai = new OpenAI({ baseURL: `${edge.url}/v1`, apiKey: KEY, maxRetries: 0 });
  const { id } = await openai.chat.completions.create(chat("by its id"));
  assert.equal((await rated(id)).model, "gpt-oss-120b");
  const ids = new Set();
  for await (const chunk of await openai.chat.completions.create(chat("streamed, by its id", { stream: true }))) ids.add(chunk.id);
  assert.equal(ids.size, 1);
  const [streamed] = ids;
  assert.ok((await rated(streamed)).model);
});

test("a hit takes a rating of its own by the id that it comes with, and repeats the id of the first", async () => {
  const body = chat("answered twice", { temperature: 0 });
  const first = await ask("/v1/chat/completions", body);
  const { id } = await first.json();
  const hit = await eventually(async () => {
    const response = await ask("/v1/chat/completions", body);
    assert.equal((await response.json()).id, id);
    return response.headers.get("cache-status").includes("; hit") && response;
  }, "a hit");
  const apart = [await rated(hit.headers.get("x-request-id")), await rated(id)].map(({ call }) => call);
  assert.deepEqual(apart.map((call) => call?.split(" ")[0]), [undefined, first.headers.get("x-request-id")]);
});

test("an order that is streamed takes a rating by its ids, as what it is", async () => {
  const response = await ask("/v1/posts", { ...order, stream: true });
  const text = await response.text();
  const result = JSON.parse(text.split("event: result\ndata: ")[1].split("\n")[0]);
  for (const id of [result.id, result.posts[0].id]) assert.equal((await rated(id)).task, "posts");
  assert.equal((await rate(response.headers.get("x-request-id"))).status, 200, "the order, by its other id");
});

test("the same answer that an Idempotency-Key brings again takes a rating by the id of the first", async () => {
  const body = chat("once", { temperature: 0.7 });
  const first = await ask("/v1/chat/completions", body, { "idempotency-key": "feedback-1" });
  await first.text();
  const again = await ask("/v1/chat/completions", body, { "idempotency-key": "feedback-1" });
  await again.text();
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.equal(again.headers.get("x-request-id"), first.headers.get("x-request-id"));
  await rated(again.headers.get("x-request-id"));
});

test("a line of a batch takes a rating by the id that its answer has", async () => {
  const openai = new OpenAI({ baseURL: `${edge.url}/v1`, apiKey: KEY, maxRetries: 0 });
  const line = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body: chat("hello", { max_completion_tokens: 50 }) };
  const file = await openai.files.create({ file: await toFile(Buffer.from(JSON.stringify(line)), "lines.jsonl"), purpose: "batch" });
  const { id } = await openai.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
  const done = await eventually(async () => {
    const batch = await openai.batches.retrieve(id);
    return batch.status === "completed" && batch;
  }, "ended");
  const output = JSON.parse(await (await openai.files.content(done.output_file_id)).text());
  // Its note may still wait in another isolate's outbox.
  const response = await eventually(async () => {
    const response = await rate(output.response.request_id);
    return response.status === 201 && response;
  }, "rated");
  assert.ok((await response.json()).answer.model);
});

test("a caller's own id means the first answer that had it, and none that begins as the gateway's ids do", async () => {
  const own = { "x-request-id": "order-17" };
  const first = await ask("/v1/chat/completions", chat("first"), own);
  await first.text();
  assert.equal(first.headers.get("x-request-id"), "order-17");
  await (await ask("/v1/embeddings", { model: "maya-edge-embed", input: "second" }, own)).text();
  assert.equal((await rated("order-17")).task, undefined, "the first stays");
  for (const claimed of ["post-0d1f-1", "chatcmpl-9", "batch_req_1_2", "modr-1", "humanized-1"]) {
    const response = await ask("/v1/chat/completions", chat("claims"), { "x-request-id": claimed });
    await response.text();
    const told = response.headers.get("x-request-id");
    assert.notEqual(told, claimed);
    await rated(told);
    await assertError(await rate(claimed), 404, "unknown_answer");
  }
});
