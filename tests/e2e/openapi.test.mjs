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

async function upload() {
  const form = new FormData();
  form.set("purpose", "batch");
  const line = { custom_id: "one", method: "POST", url: "/v1/posts", body: { instruction: "Announce our spring blend", platforms: ["x"] } };
  form.set("file", new Blob([`${JSON.stringify(line)}\n`]), "posts.jsonl");
  const response = await fetch(`${edge.url}/v1/files`, { method: "POST", headers: { authorization: `Bearer ${KEY}` }, body: form });
  const file = await response.json();
  assert.equal(response.status, 200, JSON.stringify(file));
  openapi.check("post", "/v1/files", 200, file);
  return file;
}

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

test("every example of a body is taken, and answered as the document says", async () => {
  await call("PUT", "/v1/brands/acme", { voice: "Dry." });
  for (const { at, path: template, method, value, asks } of openapi.examples()) {
    if (!asks) continue;
    const named = "input_file_id" in value ? { ...value, input_file_id: (await upload()).id } : value;
    const response = await call(method.toUpperCase(), template.replace("{id}", "acme"), named);
    const body = await response.json();
    assert.ok(response.status === 200 || response.status === 201, `${at}: ${JSON.stringify(body)}`);
    openapi.check(method, template, response.status, body);
  }
});

test("files and batches are as it says from their beginning to their end", async () => {
  const told = async (method, template, id, body) => {
    const response = await call(method.toUpperCase(), template.replace("{id}", id), body);
    const answer = await response.json();
    openapi.check(method, template.split("?")[0], response.status, answer);
    return answer;
  };
  const file = await upload();
  assert.deepEqual(await told("get", "/v1/files/{id}", file.id), file);
  assert.ok((await told("get", "/v1/files?limit=1")).data.length === 1);
  const content = await call("GET", `/v1/files/${file.id}/content`);
  assert.deepEqual([content.status, content.headers.get("content-type")], [200, "application/jsonl"]);
  assert.equal(JSON.parse(await content.text()).url, "/v1/posts");
  const order = { input_file_id: file.id, endpoint: "/v1/posts", completion_window: "1h" };
  const { id } = await told("post", "/v1/batches", "", order);
  const done = await eventually(async () => {
    const batch = await told("get", "/v1/batches/{id}", id);
    return batch.status === "completed" && batch;
  }, "completed");
  openapi.check("post", "/v1/posts", 200, JSON.parse(await (await call("GET", `/v1/files/${done.output_file_id}/content`)).text()).response.body);
  await told("post", "/v1/batches/{id}/cancel", id);
  await told("get", "/v1/batches?limit=2");
  const wrong = await told("post", "/v1/batches", "", { ...order, endpoint: "/v1/posts/adapt" });
  const failed = await eventually(async () => {
    const batch = await told("get", "/v1/batches/{id}", wrong.id);
    return batch.status === "failed" && batch;
  }, "failed");
  assert.equal(failed.errors.data[0].code, "mismatched_endpoint");
  const waiting = await told("post", "/v1/batches", "", { ...order, priority: "off_peak", completion_window: "7d" });
  await told("delete", "/v1/files/{id}", file.id);
  await told("post", "/v1/batches/{id}/cancel", waiting.id);
  await told("delete", "/v1/files/{id}", file.id);
  for (const [method, template] of [["get", "/v1/files/{id}"], ["get", "/v1/batches/{id}"], ["delete", "/v1/files/{id}"]]) await told(method, template, "nobody");
  const { message } = await told("post", "/v1/batches", "", { ...order, endpoint: "/v1/models" });
  assert.deepEqual(message.replace(/^.*must be one of |\.$/g, "").split(", "), document.components.schemas.BatchOrder.properties.endpoint.enum);
});

test("errors are as it says, and its methods are all that there are", async () => {
  for (const [template, methods] of Object.entries(document.paths)) {
    const address = template.replace("{id}", "nobody");
    const refused = await call("PATCH", address, {});
    const allowed = refused.headers.get("allow").toLowerCase().split(", ").filter((method) => !["head", "options"].includes(method));
    assert.deepEqual(allowed.sort(), Object.keys(methods).sort(), template);
    const body = await assertError(refused, 405, "method_not_allowed");
    for (const method of Object.keys(methods)) {
      openapi.check(method, template, 401, body);
      const anonymous = await fetch(edge.url + address, { method: method.toUpperCase(), body: ["post", "put"].includes(method) ? "{}" : undefined });
      assert.equal(anonymous.status, 401);
      openapi.check(method, template, 401, await anonymous.json());
    }
  }
});

test("its platforms, tones and fields are those of the gateway", async () => {
  const { message } = await assertError(await call("POST", "/v1/posts", { instruction: "a", platforms: ["nowhere"] }), 400, "wrong_value");
  assert.deepEqual(message.replace(/^.*must be one of |\.$/g, "").split(", "), document.components.schemas.Platform.enum);
  const tones = await assertError(await call("POST", "/v1/posts", { instruction: "a", platforms: ["x"], tone: "none" }), 400, "wrong_value");
  assert.deepEqual(tones.message.replace(/^.*must be one of |\.$/g, "").split(", "), document.components.schemas.PostsOrder.properties.tone.enum);
  for (const [address, order] of [["posts", "PostsOrder"], ["posts/adapt", "AdaptOrder"], ["posts/humanize", "HumanizeOrder"], ["posts/score", "ScoreOrder"], ["posts/preview", "PreviewOrder"], ["posts/optimize", "OptimizeOrder"], ["posts/personalize", "PersonalizeOrder"], ["posts/audio", "AudioOrder"], ["posts/video", "VideoOrder"]]) {
    const { message: fields } = await assertError(await call("POST", `/v1/${address}`, { nonsense: 1 }), 400, "unknown_field");
    assert.deepEqual(fields.replace(/^.*Use one of |\.$/g, "").split(", ").sort(), Object.keys(document.components.schemas[order].properties).sort(), address);
  }
});
