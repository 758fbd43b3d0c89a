// The published description of the gateway: sound in itself, and true of every resource that it names.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { ADMIN_SECRET, KEY, assertError, eventually, startEdge, startStandIn } from "./edge.mjs";
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
  fetch(edge.url + address, { method, headers: { authorization: `Bearer ${keyFor(address)}`, "content-type": "application/json" }, body: body && JSON.stringify(body) });

const keyFor = (address) => (address.startsWith("/admin/") || address === "/metrics" ? ADMIN_SECRET : KEY);

/** What stands in the places of a path. What an example changes has to be there. */
const PLACES = { id: "acme", model: "fast", name: "book_table", user: "ann", tenant: "acme" };
const filled = (template, more = {}) => template.replaceAll(/\{(\w+)\}/g, (_, name) => ({ ...PLACES, ...more })[name] ?? assert.fail(`nothing for ${name}`));

/** A key that is made for the test, as the answer shows it. */
async function issue() {
  const response = await call("POST", "/admin/keys", { tenant: "acme", name: "made" });
  return response.json();
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

/** A file with a line, for a batch. */
async function upload() {
  const line = { custom_id: "buns", method: "POST", url: "/v1/chat/completions", body: { model: "fast", messages: [{ role: "user", content: "Buns" }] } };
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new Blob([JSON.stringify(line) + "\n"]), "posts.jsonl");
  const response = await fetch(`${edge.url}/v1/files`, { method: "POST", headers: { authorization: `Bearer ${KEY}` }, body: form });
  return [response.status, await response.json()];
}

/** An answer of the experiment that an example has written down. */
async function answered() {
  const response = await call("POST", "/v1/chat/completions", { model: "experiment:acme", messages: [{ role: "user", content: "Buns" }] });
  await response.text();
  const counted = async () => (await (await call("GET", "/v1/experiments/acme")).json()).results.subjects > 0;
  await eventually(counted, "the answer is counted");
  return /answer="([^"]+)"/.exec(response.headers.get("x-maya-experiment"))[1];
}

test("every example of a body is taken, and answered as the document says", async () => {
  await call("PUT", "/v1/brands/acme", { voice: "Dry." });
  const [, file] = await upload();
  const { id: key } = await issue();
  const { posts: [{ id: given }] } = await (await call("POST", "/v1/posts", { instruction: "Announce our plum blend", platforms: ["x"] })).json();
  for (const { at, path: template, method, value, asks } of openapi.examples()) {
    if (!asks) continue;
    // What an example only names has to be there.
    if ("input_file_id" in value) value.input_file_id = file.id;
    if (template === "/v1/feedback") value.id = given;
    if ("answer" in value) value.answer = await answered();
    const response = await call(method.toUpperCase(), filled(template, { key }), value);
    const body = await response.json();
    assert.ok([200, 201, 202].includes(response.status), `${at}: ${JSON.stringify(body)}`);
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

test("what was said and learnt is as it says", async () => {
  for (const [method, template, address = template] of [
    ["get", "/v1/feedback"],
    ["get", "/v1/learned"],
    ["get", "/v1/brands/{id}/dataset", "/v1/brands/acme/dataset"],
    ["delete", "/v1/learned"],
  ]) {
    const response = await call(method.toUpperCase(), address);
    assert.equal(response.status, 200, address);
    const text = await response.text();
    openapi.check(method, template, 200, template.endsWith("/dataset") ? text : JSON.parse(text));
  }
  const unknown = await assertError(await call("POST", "/v1/feedback", { id: "post-none-1", rating: 1 }), 404, "unknown_answer");
  openapi.check("post", "/v1/feedback", 404, unknown);
});

test("errors are as it says, and its methods are all that there are", async () => {
  for (const [template, methods] of Object.entries(document.paths)) {
    const address = filled(template, { id: "nobody", key: "acme.nobody" });
    const refused = await call(methods.patch ? "PUT" : "PATCH", address, {});
    const allowed = refused.headers.get("allow").toLowerCase().split(", ").filter((method) => !["head", "options"].includes(method));
    assert.deepEqual(allowed.sort(), Object.keys(methods).sort(), template);
    const body = await assertError(refused, 405, "method_not_allowed");
    assert.equal(openapi.fault({ $ref: "#/components/schemas/Error" }, body, "body"), null);
    for (const [method, { security }] of Object.entries(methods)) {
      const anonymous = await fetch(edge.url + address, { method: method.toUpperCase(), body: ["post", "put", "patch"].includes(method) ? "{}" : undefined });
      if (security.length === 0) {
        assert.equal(anonymous.status, 200, template);
        openapi.check(method, template, 200, await anonymous.json());
        continue;
      }
      assert.equal(anonymous.status, 401);
      openapi.check(method, template, 401, await anonymous.json());
    }
  }
});

test("what is shown, listed and removed is as it says", async () => {
  const { id: key } = await issue();
  const told = async (method, template, status = 200, more = {}, query = "") => {
    const response = await call(method.toUpperCase(), filled(template, more) + query);
    const body = await response.json();
    assert.equal(response.status, status, `${method} ${template}: ${JSON.stringify(body)}`);
    openapi.check(method, template, status, body);
    return body;
  };
  await call("POST", "/v1/chat/completions", { model: "fast", user: "ann", messages: [{ role: "user", content: "Hello" }] });
  await call("PUT", "/v1/intents/book_table", { examples: ["book a table for two", "reserve a table tonight"] });
  await call("PATCH", "/admin/tenants/acme", { audit_calls: true });
  await eventually(async () => (await told("get", "/v1/usage", 200, {}, "?by=day,model,key,user")).rows.some(({ user }) => user === "ann"), "the call is counted");
  assert.ok((await told("get", "/v1/audit")).data.length > 0);
  assert.equal((await told("get", "/v1/audit/verify")).whole, true);
  for (const template of ["/v1/models", "/v1/models/{model}", "/v1/intents", "/v1/intents/{name}", "/admin/keys", "/admin/tenants", "/admin/tenants/{tenant}", "/admin/health"]) await told("get", template);
  await told("get", "/admin/keys/{key}", 200, { key });
  await told("get", "/v1/analytics", 200, {}, "?interval=hour&group_by=model,source");
  await told("get", "/v1/analytics/roi", 200, {}, "?minutes_by_hand=45");
  const prometheus = await call("GET", "/metrics");
  assert.match(await prometheus.text(), /^# (HELP|TYPE) /m);
  await told("get", "/v1/users/{user}/export");
  await told("delete", "/v1/users/{user}");
  await told("delete", "/v1/intents/{name}");
  await told("get", "/v1/intents/{name}", 404);
  await told("delete", "/admin/keys/{key}", 200, { key });
  await told("get", "/admin/keys/{key}", 404, { key: "acme.nobody" });
  await told("get", "/admin/tenants/{tenant}", 404, { tenant: "nobody" });
  await told("delete", "/admin/tenants/{tenant}/data");
  const wrong = await call("POST", "/v1/chat/completions", { model: 1 });
  openapi.check("post", "/v1/chat/completions", wrong.status, await wrong.json());
});

/** Every path of the gateway, as README.md lists them. */
test("every path that README.md lists is described, but for files", () => {
  const readme = fs.readFileSync(path.resolve(import.meta.dirname, "../../README.md"), "utf8");
  const rows = readme.slice(readme.indexOf("## Paths")).split("\n## ")[1].split("\n").filter((line) => line.startsWith("| `/"));
  const listed = rows.flatMap((row) => [...row.split(" | ")[0].matchAll(/`(\/[^`]*)`/g)].map(([, name]) => name.replaceAll(/\{[^}]*\}/g, "{}")));
  const described = new Set(Object.keys(document.paths).map((name) => name.replaceAll(/\{[^}]*\}/g, "{}")));
  const beside = /^\/($|openapi\.json|browser\/|dashboard\/|playground\/|docs\/)/;
  assert.deepEqual(listed.filter((name) => !described.has(name) && !beside.test(name)), []);
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
  for (const [address, order] of [["posts", "PostsOrder"], ["posts/adapt", "AdaptOrder"], ["posts/humanize", "HumanizeOrder"], ["posts/score", "ScoreOrder"], ["posts/preview", "PreviewOrder"], ["posts/optimize", "OptimizeOrder"], ["posts/personalize", "PersonalizeOrder"], ["posts/audio", "AudioOrder"], ["posts/video", "VideoOrder"]]) {
    const { message: fields } = await assertError(await call("POST", `/v1/${address}`, { nonsense: 1 }), 400, "unknown_field");
    assert.deepEqual(fields.replace(/^.*Use one of |\.$/g, "").split(", ").sort(), Object.keys(document.components.schemas[order].properties).sort(), address);
  }
});
