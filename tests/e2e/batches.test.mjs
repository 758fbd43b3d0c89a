// Files and batches through OpenAI's own client: uploads, checks, results, errors, cancelling, limits, hours, erasure.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import {
  KEY, administer, assertError, chat, eventually, makeKey, startEdge, startStandIn, usageOf,
} from "./edge.mjs";

let standIn;
let edge;
let openai;
before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, OFF_PEAK: "00:00-24:00" } });
  openai = client(KEY);
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const client = (apiKey, at = edge) => new OpenAI({ baseURL: `${at.url}/v1`, apiKey, maxRetries: 0 });

/** A line that asks the stand-in for something. */
const line = (id, content, more = {}, url = "/v1/chat/completions") => ({
  custom_id: id, method: "POST", url, body: chat(content, { max_completion_tokens: 50, ...more }),
});
const jsonl = (lines) => lines.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");

const upload = async (lines, ai = openai) =>
  ai.files.create({ file: await toFile(Buffer.from(jsonl(lines)), "lines.jsonl"), purpose: "batch" });

async function begin(lines, more = {}, ai = openai) {
  const file = await upload(lines, ai);
  return ai.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h", ...more });
}

const ended = (id, ai = openai) =>
  eventually(async () => {
    const batch = await ai.batches.retrieve(id);
    return ["completed", "failed", "expired", "cancelled"].includes(batch.status) && batch;
  }, "ended");

/** The lines of a file, read. */
const read = async (id, ai = openai) => (await (await ai.files.content(id)).text()).split("\n").filter(Boolean).map((text) => JSON.parse(text));

test("a batch answers every line once, in the order of the lines, and tells its counts and times", async () => {
  const lines = Array.from({ length: 60 }, (_, at) => line(`post-${at}`, `[[echo]] number ${at} ü 🌱`));
  const batch = await begin(lines, { metadata: { campaign: "spring" } });
  assert.deepEqual([batch.object, batch.endpoint, batch.completion_window, batch.metadata, batch.errors], ["batch", "/v1/chat/completions", "24h", { campaign: "spring" }, null]);
  assert.ok(["validating", "in_progress"].includes(batch.status), batch.status);
  assert.equal(batch.expires_at - batch.created_at, 24 * 3600);
  const done = await ended(batch.id);
  assert.equal(done.status, "completed");
  assert.deepEqual(done.request_counts, { total: 60, completed: 60, failed: 0 });
  assert.equal(done.error_file_id, null);
  for (const at of ["in_progress_at", "finalizing_at", "completed_at"]) assert.ok(done[at] >= done.created_at, at);
  const output = await read(done.output_file_id);
  assert.deepEqual(output.map(({ custom_id }) => custom_id), lines.map(({ custom_id }) => custom_id));
  for (const [at, { id, response, error }] of output.entries()) {
    assert.deepEqual([response.status_code, error], [200, null]);
    assert.match(id, /^batch_req_/);
    assert.equal(response.request_id, id);
    assert.ok(response.body.choices[0].message.content.includes(`number ${at} ü 🌱`));
  }
  const file = await openai.files.retrieve(done.output_file_id);
  assert.deepEqual([file.object, file.purpose, file.status], ["file", "batch_output", "processed"]);
  assert.equal(file.bytes, Buffer.byteLength(await (await openai.files.content(file.id)).text()));
});

test("an uploaded file comes back byte for byte, is listed page by page, and can be deleted", async () => {
  const text = `${jsonl([line("a", "x"), line("b", "y")])}\r\n\n  \n${JSON.stringify(line("c", "ü"))}`;
  const file = await openai.files.create({ file: await toFile(Buffer.from(text), 'a "name" ü.jsonl'), purpose: "batch", expires_after: { anchor: "created_at", seconds: 7200 } });
  assert.deepEqual([file.object, file.bytes, file.purpose, file.expires_at - file.created_at], ["file", Buffer.byteLength(text), "batch", 7200]);
  assert.equal(file.filename, 'a "name" ü.jsonl');
  assert.equal(await (await openai.files.content(file.id)).text(), text);
  await upload([line("a", "x")]);
  const all = [];
  for await (const one of openai.files.list({ limit: 1, purpose: "batch" })) all.push(one.id);
  assert.ok(all.length >= 2 && new Set(all).size === all.length);
  const ascending = await openai.files.list({ order: "asc", purpose: "batch" });
  assert.deepEqual(ascending.data.map(({ id }) => id), all.toReversed());
  assert.deepEqual(await openai.files.delete(file.id), { id: file.id, object: "file", deleted: true });
  await assert.rejects(openai.files.content(file.id), { status: 404, code: "file_not_found" });
  await assert.rejects(openai.files.delete(file.id), { status: 404 });
});

test("a file of many megabytes is taken and given out whole", async () => {
  const lines = Array.from({ length: 2000 }, (_, at) => line(`big-${at}`, "x".repeat(3000)));
  const file = await upload(lines);
  assert.equal(await (await openai.files.content(file.id)).text(), jsonl(lines));
  const too = `${"x".repeat(1_100_000)}`;
  await assert.rejects(upload([line("long", too)]), { status: 400, code: "line_too_long" });
  await assert.rejects(upload(Array.from({ length: 50_001 }, () => "{}")), { status: 400, code: "too_many_lines" });
});

test("wrong lines fail the batch, each with its number and code", async () => {
  const batch = await begin([
    line("one", "x"), "{not json", line("one", "again"), { ...line("two", "x"), method: "GET" }, { ...line("three", "x"), url: "/v1/models" },
    { method: "POST", url: "/v1/chat/completions", body: {} }, line("five", "x", { stream: true }), { ...line("six", "x"), body: "text" }, { ...line("seven", "x"), more: 1 },
  ]);
  const failed = await ended(batch.id);
  assert.equal(failed.status, "failed");
  assert.equal(failed.errors.object, "list");
  assert.deepEqual(failed.errors.data.map(({ line, code, param }) => [line, code, param]), [
    [2, "invalid_json_line", null], [3, "duplicate_custom_id", "custom_id"], [4, "invalid_method", "method"], [5, "mismatched_endpoint", "url"],
    [6, "missing_required_parameter", "custom_id"], [7, "unsupported_parameter", "body.stream"], [8, "invalid_body", "body"], [9, "unknown_parameter", null],
  ]);
  assert.deepEqual([failed.output_file_id, failed.error_file_id], [null, null]);
  const empty = await ended((await begin(["", "  "])).id);
  assert.deepEqual([empty.status, empty.errors.data[0].code], ["failed", "empty_file"]);
});

test("what is wrong with a batch or a form is said at once, by the field", async () => {
  const file = await upload([line("a", "x")]);
  const create = (more) => openai.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h", ...more });
  await assert.rejects(create({ endpoint: "/v1/models" }), { status: 400, param: "endpoint" });
  await assert.rejects(create({ completion_window: "1s" }), { status: 400, param: "completion_window" });
  await assert.rejects(create({ completion_window: "soon" }), { status: 400, param: "completion_window" });
  await assert.rejects(create({ input_file_id: "file-none" }), { status: 400, code: "file_not_found" });
  await assert.rejects(create({ metadata: { a: 1 } }), { status: 400, param: "metadata" });
  await assert.rejects(create({ priority: "high" }), { status: 400, param: "priority" });
  await assert.rejects(create({ more: 1 }), { status: 400, code: "unknown_field" });
  await assert.rejects(openai.batches.retrieve("batch_none"), { status: 404, code: "batch_not_found" });
  await assert.rejects(openai.files.create({ file: await toFile(Buffer.from("{}"), "a"), purpose: "fine-tune" }), { status: 400, param: "purpose" });
  const headers = { authorization: `Bearer ${KEY}` };
  const send = (body, more = {}) => fetch(`${edge.url}/v1/files`, { method: "POST", headers: { ...headers, ...more }, body });
  await assertError(await send("{}", { "content-type": "application/json" }), 415, "unsupported_media_type");
  await assertError(await send("--x\r\nbroken", { "content-type": "multipart/form-data; boundary=x" }), 400, "broken_form");
  const form = new FormData();
  form.set("purpose", "batch");
  await assertError(await send(form), 400, "missing_field");
  await assertError(await fetch(`${edge.url}/v1/files/${file.id}`, { method: "POST", headers }), 405, "method_not_allowed");
});

test("a line that cannot be answered is in the error file, and what may pass is asked again", async () => {
  const batch = await begin([
    line("good", "hello"), line("bad", "hello", { temperature: 9 }), line("dead", "[[status=503]]"), line("shaky", "[[once=503]] hello"), line("none", "hello", { model: "no-such-model" }),
  ]);
  const done = await ended(batch.id);
  assert.equal(done.status, "completed");
  assert.deepEqual(done.request_counts, { total: 5, completed: 2, failed: 3 });
  assert.deepEqual((await read(done.output_file_id)).map(({ custom_id }) => custom_id), ["good", "shaky"]);
  const errors = Object.fromEntries((await read(done.error_file_id)).map((one) => [one.custom_id, one]));
  assert.deepEqual(Object.values(errors).map(({ custom_id, response }) => [custom_id, response.status_code]), [["bad", 400], ["dead", 503], ["none", 404]]);
  assert.ok(errors.bad.response.body.error.message.length > 0);
});

test("other endpoints work too, at the edge and in the cloud", async () => {
  const embeddings = await upload(["a", "b"].map((id) => ({ custom_id: id, method: "POST", url: "/v1/embeddings", body: { model: "maya-edge-embed", input: `text ${id}` } })));
  const texts = await upload([{ custom_id: "t", method: "POST", url: "/v1/completions", body: { model: "gpt-oss-120b", prompt: "hello", max_tokens: 20 } }]);
  const posts = await upload(["x", "bluesky"].map((at) => ({ custom_id: at, method: "POST", url: "/v1/posts", body: { instruction: "Announce our spring blend", platforms: [at] } })));
  for (const [file, endpoint] of [[embeddings, "/v1/embeddings"], [texts, "/v1/completions"], [posts, "/v1/posts"]]) {
    const done = await ended((await openai.batches.create({ input_file_id: file.id, endpoint, completion_window: "1h" })).id);
    assert.deepEqual([done.status, done.request_counts.failed], ["completed", 0], endpoint);
    if (file !== posts) continue;
    for (const { custom_id, response } of await read(done.output_file_id)) assert.equal(response.body.posts[0].platform, custom_id);
  }
});

test("each line is a call of the key: its usage, its cache, its models, its guardrails", async () => {
  const { key, id } = await makeKey(edge, { tenant: "counted", name: "batch", models: ["gpt-oss-120b"], scopes: ["batches", "completions"] });
  const patched = await administer(edge, "PATCH", "/admin/tenants/counted", { guardrails: { words: [{ name: "no", words: ["forbidden"], where: ["prompt"], action: "block" }] } });
  assert.equal(patched.status, 200, await patched.text());
  const ai = client(key);
  const lines = [line("one", "same", { temperature: 0, max_completion_tokens: 2000 }), line("other", "x", { model: "qwen-3.8-27b" }), line("word", "a forbidden thing")];
  const done = await ended((await begin(lines, {}, ai)).id, ai);
  assert.deepEqual(done.request_counts, { total: 3, completed: 1, failed: 2 });
  const codes = (await read(done.error_file_id, ai)).map(({ custom_id, response }) => [custom_id, response.status_code]);
  assert.deepEqual(codes, [["other", 403], ["word", 400]]);
  const again = await ended((await begin([line("two", "same", { temperature: 0, max_completion_tokens: 2000 })], {}, ai)).id, ai);
  assert.equal(again.request_counts.completed, 1);
  await eventually(async () => {
    const { total } = await usageOf(edge, "counted", `&key=${id}`);
    return total.requests === 1 && total.hits === 1;
  }, "one call and one hit");
});

test("a cancelled batch keeps what was answered, and names every line that was not asked", async () => {
  const lines = Array.from({ length: 200 }, (_, at) => line(`c-${at}`, "[[latency=60]] hello"));
  const { id } = await begin(lines);
  await eventually(async () => (await openai.batches.retrieve(id)).request_counts.completed > 0, "begun");
  const input = (await openai.batches.retrieve(id)).input_file_id;
  await assert.rejects(openai.files.delete(input), { status: 409, code: "file_in_use" });
  const cancelling = await openai.batches.cancel(id);
  assert.ok(["cancelling", "cancelled"].includes(cancelling.status), cancelling.status);
  const done = await ended(id);
  assert.equal(done.status, "cancelled");
  assert.ok(done.cancelled_at >= done.cancelling_at);
  const [output, errors] = [await read(done.output_file_id), await read(done.error_file_id)];
  assert.deepEqual([...output, ...errors].map(({ custom_id }) => custom_id).sort(), lines.map(({ custom_id }) => custom_id).sort());
  for (const { response, error } of errors) assert.deepEqual([response, error.code], [null, "batch_cancelled"]);
  assert.deepEqual([done.request_counts.completed, done.request_counts.failed], [output.length, errors.length]);
  await assert.rejects(openai.batches.cancel(id), { status: 409, code: "batch_ended" });
  const listed = await openai.batches.list({ limit: 2 });
  assert.deepEqual([listed.data[0].id, listed.data.length, listed.has_more], [id, 2, true]);
  const next = await openai.batches.list({ limit: 2, after: listed.data[1].id });
  assert.ok(next.data.every((batch) => !listed.data.some((other) => other.id === batch.id)));
});

test("a key that is revoked stops its batch, with an error that says so", async () => {
  const { key, id } = await makeKey(edge, { tenant: "revoked", name: "gone" });
  const other = await makeKey(edge, { tenant: "revoked", name: "stays" });
  const ai = client(key);
  const lines = Array.from({ length: 150 }, (_, at) => line(`r-${at}`, "[[latency=60]] hello"));
  const batch = await begin(lines, {}, ai);
  await eventually(async () => (await ai.batches.retrieve(batch.id)).request_counts.completed > 0, "begun");
  assert.equal((await administer(edge, "DELETE", `/admin/keys/${id}`)).status, 200);
  const stays = client(other.key);
  const done = await ended(batch.id, stays);
  assert.deepEqual([done.status, done.errors.data[0].code], ["failed", "key_not_accepted"]);
  const [output, errors] = [await read(done.output_file_id, stays), await read(done.error_file_id, stays)];
  assert.equal(output.length + errors.length, 150);
  for (const { error } of errors) assert.equal(error.code, "key_not_accepted");
});

test("a budget holds: what it does not pay for is in the error file", async () => {
  const { key } = await makeKey(edge, { tenant: "poor", name: "batch", budget: { day: { hard_micro_dollars: 200 } } });
  const ai = client(key);
  const lines = Array.from({ length: 40 }, (_, at) => line(`p-${at}`, "hello"));
  const done = await ended((await begin(lines, {}, ai)).id, ai);
  assert.equal(done.status, "completed");
  assert.ok(done.request_counts.completed > 0 && done.request_counts.failed > 0, JSON.stringify(done.request_counts));
  const errors = await read(done.error_file_id, ai);
  for (const { response } of errors) assert.deepEqual([response.status_code, response.body.code], [402, "budget_exceeded"]);
  const { total } = await usageOf(edge, "poor");
  assert.ok(total.cost_micro_dollars <= 200, JSON.stringify(total));
});

test("a batch waits for room in a limit, and loses nothing by it", async () => {
  const { key } = await makeKey(edge, { tenant: "slow", name: "batch", limits: [{ requests: 20, window: "3s" }] });
  const ai = client(key);
  const lines = Array.from({ length: 45 }, (_, at) => line(`w-${at}`, "hello"));
  const done = await ended((await begin(lines, {}, ai)).id, ai);
  assert.deepEqual([done.status, done.request_counts], ["completed", { total: 45, completed: 45, failed: 0 }]);
  assert.ok(done.completed_at - done.created_at >= 5, "as long as the limit makes it");
});

test("off_peak waits for cron in its hours, and says when those begin", async () => {
  const batch = await begin([line("night", "hello")], { priority: "off_peak" });
  assert.deepEqual([batch.priority, batch.status], ["off_peak", "validating"]);
  const metadata = await begin([line("night", "hello")], { metadata: { priority: "off_peak" } });
  await eventually(async () => (await openai.batches.retrieve(batch.id)).request_counts.total === 1 && (await openai.batches.retrieve(metadata.id)).request_counts.total === 1, "checked");
  const waiting = await openai.batches.retrieve(batch.id);
  assert.equal(waiting.status, "validating");
  assert.ok(waiting.starts_at >= waiting.created_at);
  const worker = await edge.miniflare.getWorker();
  await worker.scheduled({ cron: "*/15 * * * *" });
  for (const { id } of [batch, metadata]) assert.equal((await ended(id)).status, "completed");
});

test("batches are a tenant's own, and need the scope", async () => {
  const [mine, theirs] = [await makeKey(edge, { tenant: "mine", name: "a" }), await makeKey(edge, { tenant: "theirs", name: "a" })];
  const file = await upload([line("a", "x")], client(mine.key));
  const batch = await client(mine.key).batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
  const stranger = client(theirs.key);
  await assert.rejects(stranger.files.retrieve(file.id), { status: 404 });
  await assert.rejects(stranger.files.content(file.id), { status: 404 });
  await assert.rejects(stranger.batches.retrieve(batch.id), { status: 404 });
  await assert.rejects(stranger.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" }), { status: 400 });
  assert.deepEqual((await stranger.files.list()).data, []);
  const narrow = await makeKey(edge, { tenant: "mine", name: "narrow", scopes: ["completions"] });
  await assert.rejects(client(narrow.key).files.list(), { status: 403, code: "scope_missing" });
  const unkept = await makeKey(edge, { tenant: "mine", name: "unkept", store: false });
  await assert.rejects(upload([line("a", "x")], client(unkept.key)), { status: 403, code: "batch_needs_store" });
  await assert.rejects(client("wrong").files.list(), { status: 401 });
});

test("what a store holds is encrypted, and an erasure leaves none of it", async () => {
  const { key } = await makeKey(edge, { tenant: "erased", name: "a" });
  const ai = client(key);
  const done = await ended((await begin([line("secret-id", "[[echo]] a secret of Alice")], { metadata: { of: "Alice" } }, ai)).id, ai);
  assert.equal(done.status, "completed");
  const erased = await administer(edge, "DELETE", "/v1/users/alice?tenant=erased");
  const proof = JSON.parse(await erased.text());
  assert.equal(erased.status, 200, JSON.stringify(proof));
  assert.deepEqual(proof.removed_from_store, { files: 2, results: 1, posts: 0 });
  await assert.rejects(ai.files.content(done.output_file_id), { status: 404 });
  const after = await ai.batches.retrieve(done.id);
  assert.deepEqual([after.status, after.metadata, after.output_file_id], ["completed", null, null]);
  assert.deepEqual((await ai.files.list()).data, []);
});

test("the audit has files and batches, and nothing that they say", async () => {
  const { key, id } = await makeKey(edge, { tenant: "audited", name: "a" });
  const ai = client(key);
  const done = await ended((await begin([line("quiet", "hush")], {}, ai)).id, ai);
  const entries = await eventually(async () => {
    const response = await administer(edge, "GET", `/v1/audit?tenant=audited&limit=100&who=${id}`);
    const { data } = await response.json();
    return data.some(({ what }) => what === "batch_created") && data;
  }, "in the audit");
  assert.deepEqual(entries.map(({ what }) => what).filter((what) => /file|batch/.test(what)), ["file_created", "batch_created"]);
  assert.ok(!JSON.stringify(entries).includes("quiet"));
  assert.equal(entries.find(({ what }) => what === "batch_created").details.batch, done.id);
  assert.ok(!edge.logs.some((line) => line.includes("hush")));
});

test("without the store, the queue or the secret, files say what is missing", async () => {
  for (const [given, code] of [[{ store: false }, "no_store_binding"], [{ vars: { EDGE_SECRET: undefined } }, "no_edge_secret"]]) {
    const bare = await startEdge({ ...given, vars: { CEREBRAS_BASE_URL: standIn.url, ...given.vars } });
    try {
      await assert.rejects(upload([line("a", "x")], client(KEY, bare)), { status: 500, code });
    } finally {
      await bare.stop();
    }
  }
});
