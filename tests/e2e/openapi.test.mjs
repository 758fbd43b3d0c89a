// The published description of the content API: sound in itself, and true of every resource that it names.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { KEY, assertError, startEdge, startStandIn } from "./edge.mjs";
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

test("every example of a body is taken, and answered as the document says", async () => {
  await call("PUT", "/v1/brands/acme", { voice: "Dry." });
  for (const { at, path: template, method, value, asks } of openapi.examples()) {
    if (!asks) continue;
    const response = await call(method.toUpperCase(), template.replace("{id}", "acme"), value);
    const body = await response.json();
    assert.ok(response.status === 200 || response.status === 201, `${at}: ${JSON.stringify(body)}`);
    openapi.check(method, template, response.status, body);
  }
});

test("errors are as it says, and its methods are all that there are", async () => {
  for (const [template, methods] of Object.entries(document.paths)) {
    const address = template.replace("{id}", "nobody");
    const refused = await assertError(await call("PATCH", address, {}), 405, "method_not_allowed");
    openapi.check(Object.keys(methods)[0], template, 401, refused);
    const anonymous = await fetch(edge.url + address, { method: Object.keys(methods)[0].toUpperCase(), body: methods.post || methods.put ? "{}" : undefined });
    assert.equal(anonymous.status, 401);
    openapi.check(Object.keys(methods)[0], template, 401, await anonymous.json());
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
