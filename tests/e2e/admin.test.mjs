// Administration: keys, tenants, usage, audit, end users and proofs, against the tenants' ledgers and KV.
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { KEY, assertError, chat, eventually, post, sha256, startEdge, startStandIn } from "./edge.mjs";

const ADMIN = "e2e-admin-secret";

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, LEDGER_FAILURE: "refuse" } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

/** A call of the administration; `body` as JSON, or a text as it is. */
const admin = (method, path, body, headers = {}, at = edge) =>
  fetch(at.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json", ...headers },
    body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
  });

/** The JSON of an answer of that status. */
const json = async (response, status = 200) => {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get("content-type"), "application/json");
  return JSON.parse(text);
};

const make = async (body) => json(await admin("POST", "/admin/keys", body), 201);
const call = (key, more = {}, headers = {}) => post(edge, chat("hi", more), { authorization: `Bearer ${key}`, ...headers });
const get = (path, key, headers = {}) => fetch(edge.url + path, { headers: { authorization: `Bearer ${key}`, ...headers } });
const copies = async () => edge.miniflare.getKVNamespace("KEYS");

describe("the door of administration", () => {
  test("opens for the secret alone", async () => {
    for (const path of ["/admin/keys", "/admin/tenants", "/admin/tenants/acme", "/admin/keys/acme.000000000000"]) {
      for (const authorization of [undefined, "Bearer wrong", `Bearer ${KEY}`, `Basic ${ADMIN}`]) {
        const response = await fetch(edge.url + path, { headers: authorization === undefined ? {} : { authorization } });
        assert.equal(response.headers.get("www-authenticate"), "Bearer");
        await assertError(response, 401, "wrong_admin_secret");
      }
    }
    assert.equal((await call(ADMIN)).status, 401, "the secret is no key");
  });

  test("is shut when no secret is set", async () => {
    const shut = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, ADMIN_SECRET: undefined } });
    try {
      const error = await assertError(await admin("GET", "/admin/keys", undefined, {}, shut), 500, "no_admin_secret");
      assert.equal(error.param, "ADMIN_SECRET");
    } finally {
      await shut.stop();
    }
  });

  test("knows its methods, and one path for each resource", async () => {
    const response = await admin("PUT", "/admin/keys");
    assert.equal(response.headers.get("allow"), "GET, HEAD, POST, OPTIONS");
    await assertError(response, 405, "method_not_allowed");
    for (const path of ["/v1/admin/keys", "/t/acme/admin/keys", "/admin", "/admin/other"]) {
      await assertError(await admin("GET", path), 404, "unknown_path");
    }
    const head = await admin("HEAD", "/admin/tenants");
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
  });
});

describe("keys", () => {
  test("are made, shown once, and work at once", async () => {
    const made = await make({ tenant: "made", name: "web", limits: [{ requests: 100, window: "60s" }], origins: ["https://A.example"] });
    assert.match(made.key, /^maya_[A-Za-z0-9_-]{49}$/);
    assert.match(made.id, /^made\.[0-9a-f]{12}$/);
    assert.deepEqual(Object.keys(made).slice(0, 4), ["id", "key", "tenant", "name"]);
    assert.deepEqual(made.limits, [{ requests: 100, window: "60s" }]);
    assert.deepEqual(made.origins, ["https://a.example"]);
    assert.equal((await call(made.key)).status, 200);

    const { key, ...record } = made;
    assert.deepEqual(await json(await admin("GET", `/admin/keys/${made.id}`)), record);
    const { data, next } = await json(await admin("GET", "/admin/keys?tenant=made"));
    assert.deepEqual([data, next], [[record], null]);
    const all = JSON.stringify(await json(await admin("GET", "/admin/keys")));
    assert.ok(all.includes(made.id) && !all.includes(key) && !all.includes(sha256(key)), "neither key nor digest");

    const kv = await copies();
    assert.deepEqual(JSON.parse(await kv.get(`key:${sha256(key)}`)), record);
    assert.equal(await kv.get(`origin:made:${sha256("https://a.example")}`), "1");
    assert.match(JSON.parse(await kv.get("tenant:made")).salt, /^[0-9a-f]{32}$/);
  });

  test("are refused when the body is wrong, and the field is named", async () => {
    for (const [body, code, param] of [
      ["{", "invalid_json", ""],
      ['{"tenant":"a","tenant":"b"}', "duplicate_key", "tenant"],
      [{}, "missing_field", "tenant"],
      [{ tenant: "_gateway" }, "wrong_value", "tenant"],
      [{ tenant: "a", colour: "red" }, "unknown_field", "colour"],
      [{ tenant: "a", limits: [{ requests: 5, window: "soon" }] }, "wrong_value", "limits[0].window"],
      [{ tenant: "a", origins: ["https://a.example/path"] }, "wrong_value", "origins[0]"],
      [{ tenant: "a", expires_at: "2020-01-01T00:00:00Z" }, "wrong_value", "expires_at"],
    ]) {
      const error = await assertError(await admin("POST", "/admin/keys", body), 400, code);
      assert.equal(error.param, param, JSON.stringify(body));
    }
    await assertError(await admin("POST", "/admin/keys", `{"tenant":"a","name":"${"x".repeat(70_000)}"}`), 413, "body_too_large");
    assert.deepEqual((await json(await admin("GET", "/admin/keys?tenant=a"))).data, []);
    await assertError(await admin("GET", "/admin/keys?tenants=a"), 400, "unknown_parameter");
  });

  test("are changed: what is named, and null removes", async () => {
    const { key, ...made } = await make({ tenant: "changed", name: "one", scopes: ["models"] });
    await assertError(await call(key), 403, "scope_missing");
    const changed = await json(await admin("PATCH", `/admin/keys/${made.id}`, { name: "two", scopes: null }));
    const { scopes, ...rest } = made;
    assert.deepEqual(changed, { ...rest, name: "two" });
    assert.deepEqual(JSON.parse(await (await copies()).get(`key:${sha256(key)}`)), changed);
    const error = await assertError(await admin("PATCH", `/admin/keys/${made.id}`, { tenant: "other" }), 400, "fixed_field");
    assert.equal(error.param, "tenant");
  });

  test("are rotated: both work while they overlap, or only the new one", async () => {
    const first = await make({ tenant: "rotated", name: "r" });
    const second = await json(await admin("POST", `/admin/keys/${first.id}/rotate`, { overlap: "1h" }), 201);
    assert.equal(second.id, first.id);
    assert.notEqual(second.key, first.key);
    assert.ok(Math.abs(second.overlap_until_ms - Date.now() - 3_600_000) < 60_000);
    assert.equal((await call(first.key)).status, 200);
    assert.equal((await call(second.key)).status, 200);
    assert.equal((await json(await admin("GET", `/admin/keys/${first.id}`))).overlap_until_ms, second.overlap_until_ms);

    const third = await json(await admin("POST", `/admin/keys/${first.id}/rotate`, { overlap: "none" }), 201);
    assert.equal(third.overlap_until_ms, undefined);
    assert.equal((await call(third.key)).status, 200);
    const kv = await copies();
    for (const { key } of [first, second]) {
      assert.ok(JSON.parse(await kv.get(`key:${sha256(key)}`)).expires_ms <= Date.now());
    }
    assert.equal((await json(await admin("GET", "/admin/keys?tenant=rotated"))).data.length, 1, "one id is one key");
    await assertError(await admin("POST", `/admin/keys/${first.id}/rotate`, { overlap: "0s" }), 400, "wrong_value");
  });

  test("are revoked, for good", async () => {
    const made = await make({ tenant: "revoked" });
    const { id, revoked_ms: revoked } = await json(await admin("DELETE", `/admin/keys/${made.id}`));
    assert.equal(id, made.id);
    assert.deepEqual(await json(await admin("DELETE", `/admin/keys/${made.id}`)), { id, revoked_ms: revoked }, "again is the same");
    assert.equal(JSON.parse(await (await copies()).get(`key:${sha256(made.key)}`)).revoked_ms, revoked);
    await assertError(await call(made.key), 401, "revoked_api_key");
    await assertError(await admin("PATCH", `/admin/keys/${made.id}`, { name: "x" }), 409, "key_revoked");
    await assertError(await admin("POST", `/admin/keys/${made.id}/rotate`), 409, "key_revoked");
  });

  test("that there are none of are a 404", async () => {
    await make({ tenant: "known" });
    for (const id of ["known.000000000000", "unknown.000000000000", "known", "known.x", "_gateway.000000000000"]) {
      await assertError(await admin("GET", `/admin/keys/${id}`), 404, "unknown_key");
      await assertError(await admin("PATCH", `/admin/keys/${id}`, {}), 404, "unknown_key");
      await assertError(await admin("DELETE", `/admin/keys/${id}`), 404, "unknown_key");
      await assertError(await admin("POST", `/admin/keys/${id}/rotate`), 404, "unknown_key");
    }
  });
});

describe("tenants", () => {
  test("are listed, shown and changed, and their salt is not", async () => {
    const changed = await json(
      await admin("PATCH", "/admin/tenants/shop", { limits: [{ tokens: 1000, window: "1h" }], retention: { usage: "90d" }, audit_calls: true }),
    );
    assert.deepEqual(changed, {
      tenant: "shop",
      limits: [{ tokens: 1000, window: "1h" }],
      retention: { usage: "90d" },
      audit_calls: true,
      epoch: 0,
    });
    assert.deepEqual(await json(await admin("GET", "/admin/tenants/shop")), changed);
    const { data } = await json(await admin("GET", "/admin/tenants"));
    assert.deepEqual(data.find(({ tenant }) => tenant === "shop"), { tenant: "shop", region: null });
    assert.ok(data.some(({ tenant }) => tenant === "acme"), "the tenants of configured keys, too");
    const { salt } = JSON.parse(await (await copies()).get("tenant:shop"));
    assert.match(salt, /^[0-9a-f]{32}$/);
    await make({ tenant: "shop" });
    assert.equal(JSON.parse(await (await copies()).get("tenant:shop")).salt, salt, "the salt stays");
    const error = await assertError(await admin("PATCH", "/admin/tenants/shop", { salt: "00" }), 400, "unknown_field");
    assert.equal(error.param, "salt");
    await assertError(await admin("GET", "/admin/tenants/nobody"), 404, "unknown_tenant");
    await assertError(await admin("PATCH", "/admin/tenants/a.b", {}), 400, "wrong_value");
  });

  test("live where they were made", async () => {
    const made = await make({ tenant: "european", region: "eu" });
    assert.equal((await call(made.key)).status, 200);
    assert.equal((await json(await admin("GET", "/admin/tenants/european"))).region, "eu");
    await make({ tenant: "european", region: "eu" });
    await make({ tenant: "elsewhere" });
    await assertError(await admin("POST", "/admin/keys", { tenant: "elsewhere", region: "eu" }), 409, "region_is_set");
    await assertError(await admin("PATCH", "/admin/tenants/elsewhere", { region: "eu" }), 409, "region_is_set");
  });
});

describe("usage and audit", () => {
  test("are shown to keys of the tenant with the scope, and to the administrator", async () => {
    const made = await make({ tenant: "counted" });
    const other = await make({ tenant: "uncounted", scopes: ["usage", "audit"] });
    assert.equal((await call(made.key, { user: "ann" })).status, 200);
    const usage = (path, key) => get(`/v1/usage${path}`, key);
    await eventually(async () => JSON.stringify(await (await usage("?by=key", made.key)).json()).includes(made.id), "the call is counted");
    const own = await json(await usage("?by=day,model", made.key));
    assert.deepEqual(await json(await usage("?by=day,model&tenant=counted", ADMIN)), own);
    assert.ok(!JSON.stringify(await json(await usage("?by=key", other.key))).includes(made.id));

    await assertError(await usage("?tenant=counted", other.key), 403, "wrong_tenant");
    await assertError(await get("/t/counted/v1/usage", other.key), 403, "wrong_tenant");
    await assertError(await usage("", ADMIN), 400, "missing_parameter");
    await assertError(await usage("?tenant=nobody", ADMIN), 404, "unknown_tenant");
    for (const [query, param] of [["from=yesterday", "from"], ["by=hour", "by"], ["form=2026-01-01", "form"]]) {
      assert.equal((await assertError(await usage(`?${query}`, made.key), 400)).param, param);
    }
    const narrow = await make({ tenant: "counted", scopes: ["completions"] });
    for (const path of ["/v1/usage", "/v1/audit", "/v1/audit/verify", "/v1/users/ann/export"]) {
      await assertError(await get(path, narrow.key), 403, "scope_missing");
    }
  });

  test("the audit tells what was administered, page by page and in lines, and is whole", async () => {
    const made = await make({ tenant: "audited" });
    await json(await admin("PATCH", `/admin/keys/${made.id}`, { name: "x" }));
    await json(await admin("DELETE", `/admin/keys/${made.id}`));
    const key = (await make({ tenant: "audited", scopes: ["audit"] })).key;
    const { data, next } = await json(await get("/v1/audit", key));
    const told = data.map(({ what }) => what).filter((what) => what.startsWith("key_"));
    assert.deepEqual(told, ["key_created", "key_changed", "key_revoked", "key_created"]);
    assert.equal(next, null);
    const page = await json(await get("/v1/audit?limit=1", key));
    assert.deepEqual(page.data, [data[0]]);
    assert.deepEqual((await json(await get(`/v1/audit?limit=1&after=${page.next}`, key))).data, [data[1]]);
    assert.deepEqual((await json(await get("/v1/audit?what=key_revoked", key))).data.length, 1);

    for (const [path, accept] of [["/v1/audit?format=ndjson", "*/*"], ["/v1/audit", "application/x-ndjson"]]) {
      const lines = await get(path, key, { accept });
      assert.equal(lines.headers.get("content-type"), "application/x-ndjson");
      const text = await lines.text();
      assert.ok(text.endsWith("\n"));
      assert.deepEqual(text.trim().split("\n").map((line) => JSON.parse(line)), data);
    }
    const some = await get("/v1/audit?format=ndjson&limit=2", key);
    assert.ok(some.headers.get("x-next-after"));
    assert.equal((await some.text()).trim().split("\n").length, 2);
    assert.equal((await json(await get("/v1/audit/verify", key))).whole, true);
    assert.equal((await get("/v1/audit?tenant=_gateway", ADMIN)).status, 200, "what has no tenant");
    await assertError(await get("/v1/audit?tenant=_gateway", key), 403, "wrong_tenant");
  });
});

/** Checks a proof with the published keys and returns what it says. */
const proven = async (proof) => {
  const { keys } = await json(await fetch(`${edge.url}/.well-known/jwks.json`));
  const [header, claims, signature] = proof.split(".");
  const { alg, kid } = JSON.parse(Buffer.from(header, "base64url"));
  const jwk = keys.find((known) => known.kid === kid);
  assert.deepEqual([alg, jwk.kty, jwk.crv, jwk.use, jwk.alg], ["EdDSA", "OKP", "Ed25519", "sig", "EdDSA"]);
  const thumbprint = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${jwk.x}"}`).digest("base64url");
  assert.equal(kid, thumbprint);
  const key = createPublicKey({ key: jwk, format: "jwk" });
  assert.ok(verify(null, Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url")), "the signature holds");
  return JSON.parse(Buffer.from(claims, "base64url"));
};

describe("end users", () => {
  test("are exported and erased, and the erasure is proven", async () => {
    const made = await make({ tenant: "people" });
    const user = "ann/1 é";
    const path = `/v1/users/${encodeURIComponent(user)}`;
    assert.equal((await call(made.key, { user })).status, 200);
    await eventually(async () => (await (await get(`${path}/export`, made.key)).json()).usage?.length > 0, "the user is known");

    const response = await fetch(edge.url + path, { method: "DELETE", headers: { authorization: `Bearer ${made.key}` } });
    const { proof, ...answer } = await json(response);
    assert.deepEqual([answer.erased, answer.tenant, answer.caches], ["user", "people", "unreadable within 60 s"]);
    assert.match(answer.subject_sha256, /^[0-9a-f]{64}$/);
    assert.ok(!JSON.stringify(answer).includes("ann"), "names nobody");
    assert.deepEqual(await proven(proof), answer);
    const exported = await json(await get(`${path}/export`, made.key));
    assert.deepEqual(exported.usage, []);
    const record = JSON.parse(await (await copies()).get("tenant:people"));
    assert.equal(record.epoch, 1, "the caches can no longer be read");

    const again = await json(await fetch(edge.url + path, { method: "DELETE", headers: { authorization: `Bearer ${made.key}` } }));
    assert.equal(again.subject_sha256, answer.subject_sha256);
    await assertError(await get("/v1/users/%ff/export", made.key), 400, "wrong_value");
    await assertError(await get(path, made.key), 405, "method_not_allowed");
  });

  test("and all else of a tenant are erased by the administrator alone", async () => {
    const made = await make({ tenant: "leaving" });
    assert.equal((await call(made.key)).status, 200);
    await assertError(
      await fetch(`${edge.url}/admin/tenants/leaving/data`, { method: "DELETE", headers: { authorization: `Bearer ${made.key}` } }),
      401,
      "wrong_admin_secret",
    );
    const { proof, ...answer } = await json(await admin("DELETE", "/admin/tenants/leaving/data"));
    assert.deepEqual([answer.erased, answer.tenant, "subject_sha256" in answer], ["tenant", "leaving", false]);
    assert.deepEqual(await proven(proof), answer);
    assert.equal((await call(made.key)).status, 200, "its keys stay");
  });

  test("are not erased where no proof could be signed", async () => {
    const bare = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, EDGE_SECRET: undefined } });
    try {
      const headers = { authorization: `Bearer ${KEY}` };
      const error = await assertError(await fetch(`${bare.url}/v1/users/ann`, { method: "DELETE", headers }), 500, "no_edge_secret");
      assert.equal(error.param, "EDGE_SECRET");
      await assertError(await fetch(`${bare.url}/.well-known/jwks.json`), 500, "no_edge_secret");
    } finally {
      await bare.stop();
    }
  });
});
