// The published description of the content API: sound in itself, and true of every resource that it names.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { KEY, assertError, eventually, startEdge, startStandIn } from "./edge.mjs";
import { validator } from "./openapi.mjs";

const document = JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../../public/openapi.json"), "utf8"));
const openapi = validator(document);
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

const call = (method, address, body) =>
  fetch(edge.url + address, { method, headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" }, body: body && JSON.stringify(body) });

test("every example fits its schema", () => {
  const all = [...openapi.examples()];
  assert.ok(all.length >= 16);
  for (const { at, schema, value } of all) assert.equal(openapi.fault(schema, value, at), null, at);
});

test("the validator knows what does not fit", () => {
  const schema = { $ref: "#/components/schemas/Post" };
  const [{ value }] = [...openapi.examples()].filter(({ at }) => at === "post /v1/posts 200 a post");
  const [good] = value.posts;
  for (const change of [{ platform: "myspace" }, { length: "5" }, { text: "" }, { score: 101 }, { more: 1 }, { variant: 1.5 }, { hashtags: [1] }]) {
    assert.notEqual(openapi.fault(schema, { ...good, ...change }, "post"), null, JSON.stringify(change));
  }
});

/** A file with a line, for a batch. */
async function upload() {
  const line = { custom_id: "buns", method: "POST", url: "/v1/chat/completions", body: { model: "fast", messages: [{ role: "user", content: "Buns" }] } };
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new Blob([JSON.stringify(line) + "\n"]), "posts.jsonl");
  const response = await fetch(`${edge.url}/v1/files`, { method: "POST", headers: { authorization: `Bearer ${KEY}` }, body: form });
  return [response.status, await response.json()];
}

test("every example of a body is taken, and answered as the document says", async () => {
  await call("PUT", "/v1/brands/acme", { voice: "Dry." });
  const [, file] = await upload();
  for (const { at, path: template, method, value, asks } of openapi.examples()) {
    if (!asks) continue;
    // What an example only names has to be there.
    if ("input_file_id" in value) value.input_file_id = file.id;
    const response = await call(method.toUpperCase(), template.replace("{id}", "acme"), value);
    const body = await response.json();
    assert.ok(response.status === 200 || response.status === 201, `${at}: ${JSON.stringify(body)}`);
    openapi.check(method, template, response.status, body);
  }
});

test("files and batches are as it says, from the upload to the end", async () => {
  const told = async (method, template, id, status = 200, body = undefined) => {
    const response = await call(method.toUpperCase(), template.replace("{id}", id), body);
    const text = await response.text();
    assert.equal(response.status, status, text);
    const read = template.endsWith("/content") && status === 200 ? text : JSON.parse(text);
    openapi.check(method, template, status, read);
    return read;
  };
  const [status, file] = await upload();
  openapi.check("post", "/v1/files", status, file);
  await told("get", "/v1/files/{id}", file.id);
  await told("get", "/v1/files/{id}/content", file.id);
  await told("get", "/v1/files", "");
  await told("get", "/v1/files/{id}", "file-none", 404);
  const order = { input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
  const { id } = await told("post", "/v1/batches", "", 200, order);
  const ended = () => told("get", "/v1/batches/{id}", id).then((batch) => batch.status === "completed" && batch);
  const batch = await eventually(ended, "the batch comes to its end");
  await told("get", "/v1/files/{id}/content", batch.output_file_id);
  await told("get", "/v1/batches", "");
  await told("post", "/v1/batches/{id}/cancel", id, 409, {});
  await told("get", "/v1/batches/{id}", "batch_none", 404);
  const waiting = await told("post", "/v1/batches", "", 200, { ...order, priority: "off_peak", completion_window: "3d" });
  if (waiting.starts_at !== null) {
    await told("delete", "/v1/files/{id}", file.id, 409);
    await told("post", "/v1/batches/{id}/cancel", waiting.id, 200, {});
  }
  const [, spare] = await upload();
  await told("delete", "/v1/files/{id}", spare.id);
  await told("post", "/v1/batches", "", 400, { ...order, endpoint: "/v1/models" });
});

test("analytics are as it says", async () => {
  for (const address of ["/v1/analytics", "/v1/analytics/roi"]) {
    const response = await call("GET", address);
    assert.equal(response.status, 200);
    openapi.check("get", address, 200, await response.json());
    openapi.check("get", address, 400, await assertError(await call("GET", `${address}?user=ana`), 400, "unknown_parameter"));
    openapi.check("get", address, 403, await assertError(await call("GET", `${address}?tenant=other`), 403, "wrong_tenant"));
  }
});

test("errors are as it says, and its methods are all that there are", async () => {
  for (const [template, methods] of Object.entries(document.paths)) {
    const address = template.replace("{id}", "nobody");
    const refused = await assertError(await call("PATCH", address, {}), 405, "method_not_allowed");
    openapi.check(Object.keys(methods)[0], template, 401, refused);
    const [first] = Object.keys(methods);
    const anonymous = await fetch(edge.url + address, { method: first.toUpperCase(), body: first === "post" || first === "put" ? "{}" : undefined });
    assert.equal(anonymous.status, 401);
    openapi.check(first, template, 401, await anonymous.json());
  }
});

test("the endpoints of batches are those of the gateway", async () => {
  const order = { input_file_id: "file-none", endpoint: "/nowhere", completion_window: "24h" };
  const { message } = await assertError(await call("POST", "/v1/batches", order), 400, "wrong_value");
  assert.deepEqual(message.replace(/^.*must be one of |\.$/g, "").split(", "), document.components.schemas.BatchOrder.properties.endpoint.enum);
});

test("its platforms, tones and fields are those of the gateway", async () => {
  const { message } = await assertError(await call("POST", "/v1/posts", { instruction: "a", platforms: ["nowhere"] }), 400, "wrong_value");
  assert.deepEqual(message.replace(/^.*must be one of |\.$/g, "").split(", "), document.components.schemas.Platform.enum);
  const tones = await assertError(await call("POST", "/v1/posts", { instruction: "a", platforms: ["x"], tone: "none" }), 400, "wrong_value");
  assert.deepEqual(tones.message.replace(/^.*must be one of |\.$/g, "").split(", "), document.components.schemas.PostsOrder.properties.tone.enum);
  for (const [address, order] of [["posts", "PostsOrder"], ["posts/adapt", "AdaptOrder"], ["posts/humanize", "HumanizeOrder"], ["posts/score", "ScoreOrder"], ["posts/preview", "PreviewOrder"], ["posts/optimize", "OptimizeOrder"], ["posts/audio", "AudioOrder"]]) {
    const { message: fields } = await assertError(await call("POST", `/v1/${address}`, { nonsense: 1 }), 400, "unknown_field");
    assert.deepEqual(fields.replace(/^.*Use one of |\.$/g, "").split(", ").sort(), Object.keys(document.components.schemas[order].properties).sort(), address);
  }
});
