// Brands: written down by a tenant, and enforced in every post.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ADMIN_SECRET, KEY, KEYS, OTHER_KEY, assertError, post, sha256, startEdge, startStandIn } from "./edge.mjs";
import { validator } from "./openapi.mjs";

const WRITER_KEY = "e2e: a key for content alone";
const openapi = validator(JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../../public/openapi.json"), "utf8")));
const ACME = {
  name: "Acme Coffee",
  voice: "Dry and warm.",
  do: ["say what it costs"],
  dont: ["shout"],
  vocabulary: { customers: "guests" },
  banned: ["cheap", "game changer"],
  examples: ["The kettle is on at seven."],
  links: ["https://acme.example/menu"],
  hashtags: ["AcmeCoffee"],
  utm: { campaign: "spring", hosts: ["acme.example"] },
  languages: ["en"],
  model: "fast",
};

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, GATEWAY_KEYS: [...KEYS, { sha256: sha256(WRITER_KEY), tenant: "acme", scopes: ["content"] }] } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const call = (method, path, { key = KEY, body } = {}) =>
  fetch(edge.url + path, { method, headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: body && JSON.stringify(body) });
async function told(response, status, method, template) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  const json = JSON.parse(text);
  openapi.check(method, template, status, json);
  return json;
}
const order = async (what, body, key = KEY) => {
  const response = await post(edge, body, { authorization: `Bearer ${key}` }, `/v1/${what}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
};
const says = (content) => `[[hex=${Buffer.from(JSON.stringify(content)).toString("hex")}]]`;

describe("brands", () => {
  test("are written, read, listed and removed", async () => {
    const made = await told(await call("PUT", "/v1/brands/acme", { body: ACME }), 201, "put", "/v1/brands/{id}");
    assert.deepEqual([made.id, made.object, made.voice, made.do], ["acme", "brand", ACME.voice, ACME.do]);
    await told(await call("PUT", "/v1/brands/acme", { body: { ...ACME, voice: "Drier." } }), 200, "put", "/v1/brands/{id}");
    const found = await told(await call("GET", "/v1/brands/acme"), 200, "get", "/v1/brands/{id}");
    const { id, object, changed_ms, ...written } = found;
    assert.deepEqual(written, { ...ACME, voice: "Drier." });
    assert.ok(changed_ms > 0);
    const { data } = await told(await call("GET", "/v1/brands"), 200, "get", "/v1/brands");
    assert.deepEqual(data.map((brand) => brand.id), ["acme"]);
    assert.equal((await call("HEAD", "/v1/brands/acme")).status, 200);
    await told(await call("PUT", "/v1/brands/other", { body: {} }), 201, "put", "/v1/brands/{id}");
    await told(await call("DELETE", "/v1/brands/other"), 200, "delete", "/v1/brands/{id}");
    await assertError(await call("DELETE", "/v1/brands/other"), 404, "unknown_brand");
    await assertError(await call("GET", "/v1/brands/other"), 404, "unknown_brand");
  });

  test("are the tenant's alone, and the administration's by name", async () => {
    await assertError(await call("GET", "/v1/brands/acme", { key: OTHER_KEY }), 404, "unknown_brand");
    assert.deepEqual((await (await call("GET", "/v1/brands", { key: OTHER_KEY })).json()).data, []);
    assert.equal((await call("GET", "/v1/brands/acme?tenant=acme", { key: ADMIN_SECRET })).status, 200);
    await assertError(await call("GET", "/v1/brands/acme", { key: WRITER_KEY }), 403, "scope_missing");
    await assertError(await post(edge, { instruction: "a", platforms: ["x"], brand: "nobody" }, {}, "/v1/posts"), 404, "unknown_brand");
  });

  test("are refused naming what is wrong", async () => {
    for (const [body, code, param] of [
      [{ voice: 5 }, "wrong_value", "voice"],
      [{ colour: "red" }, "unknown_field", "colour"],
      [{ banned: ["?"] }, "wrong_value", "banned[0]"],
      [{ links: ["acme"] }, "wrong_value", "links[0]"],
      [{ utm: { medium: "" } }, "wrong_value", "utm"],
    ]) {
      const refused = await assertError(await call("PUT", "/v1/brands/wrong", { body }), 400, code);
      assert.equal(refused.param, param);
    }
    await assertError(await call("PUT", "/v1/brands/Not%20One", { body: {} }), 400, "wrong_value");
  });

  test("are in every post: words, links, tracking, hashtags, model", async () => {
    const said = { x_1: { text: "Customers love it: a cheap, cheap game changer.", hashtags: ["#cheap", "#beans"] } };
    const { posts: [one], steps } = await order("posts", { instruction: `Coffee ${says(said)}`, platforms: ["x"], brand: "acme", steps: { intent: false } }, WRITER_KEY);
    assert.equal(one.reason, "banned_word");
    assert.ok(!/cheap|game changer|customers/i.test(one.text), one.text);
    assert.ok(one.text.startsWith("Guests love it"), one.text);
    assert.ok(one.text.includes("https://acme.example/menu?utm_source=x&utm_medium=social&utm_campaign=spring"), one.text);
    assert.deepEqual(one.hashtags, ["#AcmeCoffee", "#beans"]);
    assert.equal(steps[0].model, "gpt-oss-120b");
    const told = JSON.parse(JSON.parse((await standIn.last()).body).messages[1].content[0].text).brand;
    assert.deepEqual([told.voice, told.never_say, told.examples], ["Drier.", ACME.banned, ACME.examples]);
  });

  test("have their words kept in what is made by rule, and in previews", async () => {
    const text = "Cheap coffee for all our customers at https://acme.example/cheap";
    const { posts: [adapted] } = await order("posts/adapt", { text, platforms: ["bluesky"], brand: "acme", audience: "[[unfit]]" });
    assert.ok(adapted.degraded && !/\bcheap coffee|customers/i.test(adapted.text) && adapted.text.includes("https://acme.example/cheap?utm_source=bluesky"), adapted.text);
    const { posts: [seen] } = await order("posts/preview", { text, platforms: ["x"], brand: "acme" });
    assert.deepEqual(seen.faults.map(({ code }) => code), ["banned_word"]);
    assert.ok(!/cheap coffee/i.test(seen.text));
    const humanized = await order("posts/humanize", { text: "Our cheap coffee is a game changer.", brand: "acme", audience: "[[unfit]]" });
    assert.ok(!/cheap|game changer/i.test(humanized.text));
  });

  test("go with the tenant's data", async () => {
    const erased = await fetch(`${edge.url}/admin/tenants/acme/data`, { method: "DELETE", headers: { authorization: `Bearer ${ADMIN_SECRET}` } });
    assert.ok(erased.ok, await erased.text());
    assert.deepEqual((await (await call("GET", "/v1/brands")).json()).data, []);
  });
});
