// Browser tokens: issuing, using and forging them, and the preflights of the pages that hold them.
import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import OpenAI from "openai";
import { EDGE_SECRET, KEY, KEYS, OTHER_KEY, assertError, chat, events, post, sha256, startEdge, startStandIn } from "./edge.mjs";

const PAGE = "https://app.example";
const OLD_SECRET = "e2e: the secret before, of more than thirty-two bytes";
const NARROW_KEY = "e2e: a key of few rights";
const PLACED_KEY = "e2e: a key of one origin";
const NO_TOKENS_KEY = "e2e: a key that issues no tokens";

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({
    vars: {
      CEREBRAS_BASE_URL: standIn.url,
      EDGE_SECRET_PREVIOUS: OLD_SECRET,
      GATEWAY_KEYS: [
        ...KEYS,
        { sha256: sha256(NARROW_KEY), tenant: "narrow", scopes: ["tokens", "completions"], models: ["fast"] },
        { sha256: sha256(PLACED_KEY), tenant: "placed", origins: ["https://placed.example"] },
        { sha256: sha256(NO_TOKENS_KEY), tenant: "acme", name: "no-tokens", scopes: ["completions", "models"] },
      ],
    },
  });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const order = (body, key = KEY, at = "/v1/tokens", from = edge) => post(from, body, bearer(key), at);

async function issued(body, key = KEY) {
  const response = await order({ origin: PAGE, ...body }, key);
  assert.equal(response.status, 201, await response.clone().text());
  return response.json();
}

const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const claimsOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
const tenantKey = (tenant, secret = EDGE_SECRET) => Buffer.from(hkdfSync("sha256", secret, "", `maya-edge tokens 1\0${tenant}`, 32));

/** A token as anybody who knows the key could make it. */
function forge(claims, { header = { alg: "HS256", typ: "JWT" }, key = tenantKey(claims.tenant), hash = "sha256" } = {}) {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest("base64url")}`;
}

const seconds = () => Math.floor(Date.now() / 1000);
const fromPage = (token, body = chat("hi"), { origin = PAGE, at, ...headers } = {}) => post(edge, body, { ...bearer(token), origin, ...headers }, at);

describe("issuing", () => {
  test("gives a token with its terms, and nothing that may be stored on the way", async () => {
    const before = Date.now();
    const response = await order({ origin: "https://App.Example:443" });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.match(response.headers.get("cache-control"), /no-store/);
    assert.ok(response.headers.get("x-request-id"));
    const answer = await response.json();
    assert.deepEqual(Object.keys(answer), ["id", "token", "expires_ms", "tenant", "origin", "scopes"]);
    assert.deepEqual([answer.tenant, answer.origin, answer.scopes], ["acme", PAGE, ["completions", "models"]]);
    assert.ok(answer.expires_ms > before + 898_000 && answer.expires_ms <= Date.now() + 900_000, String(answer.expires_ms - before));
    const claims = claimsOf(answer.token);
    assert.deepEqual(JSON.parse(Buffer.from(answer.token.split(".")[0], "base64url")), { alg: "HS256", typ: "JWT" });
    assert.equal(claims.iss, "maya-edge");
    assert.equal(claims.exp - claims.iat, 900);
    assert.equal(claims.jti, answer.id);
    assert.match(claims.jti, /^[0-9a-f]{32}$/);
    assert.match(claims.key, /^acme\./);
    // A configured key may be a word: a page must not get its digest to try words on.
    assert.match(claims.key_mark, /^[0-9a-f]{16}$/);
    assert.ok(![sha256(KEY), sha256(sha256(KEY))].some((digest) => digest.includes(claims.key_mark)));
    assert.equal(answer.token, forge(claims), "HMAC-SHA-256 under the tenant's key, by HKDF from EDGE_SECRET");
  });

  test("takes over every wish, and no two tokens are the same", async () => {
    const body = {
      ttl: "1h",
      user: "u1",
      scopes: ["completions", "usage"],
      models: ["fast"],
      limits: [{ requests: 5, window: "60s" }],
    };
    const [one, other] = [await issued(body), await issued(body)];
    assert.deepEqual([one.user, one.scopes, one.models], ["u1", body.scopes, ["fast"]]);
    assert.equal(one.limits.length, 1);
    assert.equal(one.limits[0].requests, 5);
    const claims = claimsOf(one.token);
    assert.deepEqual([claims.sub, claims.exp - claims.iat], ["u1", 3600]);
    assert.notEqual(one.token, other.token);
    assert.notEqual(one.id, other.id);
  });

  test("works at every spelling of its path, and for the path's tenant alone", async () => {
    for (const at of ["/tokens", "/v1/v1/tokens", "/t/acme/v1/tokens", "/v1/tokens/"]) assert.equal((await order({ origin: PAGE }, KEY, at)).status, 201, at);
    await assertError(await order({ origin: PAGE }, KEY, "/t/other/v1/tokens"), 403, "wrong_tenant");
    const wrong = await fetch(`${edge.url}/v1/tokens`, { headers: bearer(KEY) });
    assert.equal(wrong.headers.get("allow"), "POST, OPTIONS");
    await assertError(wrong, 405, "method_not_allowed");
  });

  test("refuses wrong and unknown fields by name", async () => {
    for (const [body, param, code] of [
      ["{", "", "invalid_json"],
      ["[]", "", "wrong_value"],
      [{}, "origin", "missing_field"],
      [{ origin: "null" }, "origin", "wrong_value"],
      [{ origin: "https://app.example/path" }, "origin", "wrong_value"],
      [{ origin: "http://app.example" }, "origin", "wrong_value"],
      [{ origin: PAGE, ttl: "2h" }, "ttl", "wrong_value"],
      [{ origin: PAGE, ttl: "soon" }, "ttl", "wrong_value"],
      [{ origin: PAGE, user: "" }, "user", "wrong_value"],
      [{ origin: PAGE, user: "u".repeat(257) }, "user", "wrong_value"],
      [{ origin: PAGE, scopes: ["completions", "tokens"] }, "scopes[1]", "wrong_value"],
      [{ origin: PAGE, scopes: ["audit"] }, "scopes[0]", "wrong_value"],
      [{ origin: PAGE, limits: [{ requests: 1 }] }, "limits[0].window", "missing_field"],
      [{ origin: PAGE, tenant: "other" }, "tenant", "unknown_field"],
    ]) {
      const error = await assertError(await order(body), 400, code);
      assert.equal(error.param, param, JSON.stringify(body));
    }
    await assertError(await order({ origin: PAGE, user: "u".repeat(20_000) }), 413, "body_too_large");
  });

  test("needs a right key that has the scope, and gives no more than the key has", async () => {
    await assertError(await order({ origin: PAGE }, "wrong"), 401, "wrong_api_key");
    await assertError(await order({ origin: PAGE }, NO_TOKENS_KEY), 403);
    await assertError(await order({ origin: PAGE }, NARROW_KEY), 403, "scope_missing");
    await assertError(await order({ origin: PAGE, scopes: ["completions"], models: ["quality"] }, NARROW_KEY), 403, "model_not_allowed");
    assert.equal((await issued({ scopes: ["completions"], models: ["gpt-oss-120b"] }, NARROW_KEY)).tenant, "narrow");
    const error = await assertError(await order({ origin: PAGE }, PLACED_KEY), 403, "origin_not_allowed");
    assert.equal(error.param, "origin");
    assert.equal((await order({ origin: "https://placed.example" }, PLACED_KEY)).status, 201);
  });

  test("cannot be done with a token", async () => {
    const { token } = await issued({});
    const response = await fromPage(token, { origin: PAGE }, { at: "/v1/tokens" });
    await assertError(response, 403);
    // Not even with one that says so.
    await assertError(await fromPage(forge({ ...claimsOf(token), scopes: ["tokens"] }), { origin: PAGE }, { at: "/v1/tokens" }), 403);
  });

  test("without EDGE_SECRET says how to make one", async () => {
    const other = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, EDGE_SECRET: undefined } });
    try {
      const error = await assertError(await order({ origin: PAGE }, KEY, "/v1/tokens", other), 500, "no_edge_secret");
      assert.equal(error.param, "EDGE_SECRET");
      assert.match(error.message, /openssl rand -hex 32/);
    } finally {
      await other.stop();
    }
  });
});

describe("a page with a token", () => {
  test("gets answers and streams that it may read", async () => {
    const { token } = await issued({});
    for (const body of [chat("hi"), chat("hi", { stream: true }), chat("hi", { temperature: 0 }), chat("hi", { temperature: 0 })]) {
      const response = await fromPage(token, body);
      assert.equal(response.status, 200, await response.clone().text());
      assert.equal(response.headers.get("access-control-allow-origin"), PAGE);
      assert.match(response.headers.get("vary"), /Origin/);
      const exposed = response.headers.get("access-control-expose-headers");
      for (const name of ["x-request-id", "cache-status", "x-maya-model"]) assert.match(exposed, new RegExp(`\\b${name}\\b`));
      const text = await response.text();
      if (body.stream) assert.equal(events(text).at(-1), "[DONE]");
    }
    const list = await fetch(`${edge.url}/v1/models`, { headers: { ...bearer(token), origin: PAGE } });
    assert.equal(list.status, 200);
    assert.equal(list.headers.get("access-control-allow-origin"), PAGE);
  });

  test("may read what it did wrong", async () => {
    const { token } = await issued({});
    for (const body of ["{", chat("[[status=400]]"), { model: "gpt-oss-120b" }]) {
      const response = await fromPage(token, body);
      assert.ok(response.status >= 400);
      assert.equal(response.headers.get("access-control-allow-origin"), PAGE, String(response.status));
    }
  });

  test("works with the OpenAI SDK", async () => {
    const { token } = await issued({});
    const client = new OpenAI({ apiKey: token, baseURL: `${edge.url}/v1`, defaultHeaders: { origin: PAGE }, maxRetries: 0 });
    const answer = await client.chat.completions.create(chat("hi"));
    assert.equal(answer.object, "chat.completion");
  });

  test("of another origin, or without one, is refused and may not read why", async () => {
    const { token } = await issued({});
    for (const origin of ["https://evil.example", "https://app.example:8443", "http://app.example", "null", "https://APP.example"]) {
      const response = await fromPage(token, chat("hi"), { origin });
      assert.equal(response.headers.get("access-control-allow-origin"), null, origin);
      await assertError(response, 401, "token_wrong_origin");
    }
    await assertError(await post(edge, chat("hi"), bearer(token)), 401, "token_wrong_origin");
  });

  test("stays within its scopes, models and tenant", async () => {
    const narrow = await issued({ scopes: ["completions"], models: ["fast"] });
    assert.equal((await fromPage(narrow.token, chat("hi"))).status, 200);
    await assertError(await fromPage(narrow.token, chat("hi", { model: "quality" })), 403, "model_not_allowed");
    await assertError(await fetch(`${edge.url}/v1/models`, { headers: { ...bearer(narrow.token), origin: PAGE } }), 403);
    await assertError(await fromPage(narrow.token, chat("hi"), { at: "/t/other/v1/chat/completions" }), 403, "wrong_tenant");
    assert.equal((await fromPage(narrow.token, chat("hi"), { at: "/t/acme/v1/chat/completions" })).status, 200);
  });

  test("of one tenant is never answered from another's cache", async () => {
    const [mine, theirs] = [await issued({}), await issued({}, OTHER_KEY)];
    const body = chat("a question for two tenants", { temperature: 0 });
    assert.match((await fromPage(mine.token, body)).headers.get("cache-status"), /fwd=/);
    assert.match((await fromPage(theirs.token, body)).headers.get("cache-status"), /fwd=/);
  });
});

describe("a token", () => {
  const claims = async () => claimsOf((await issued({})).token);
  const refused = async (token, code, reader = null) => {
    const response = await fromPage(token);
    assert.equal(response.headers.get("access-control-allow-origin"), reader, code);
    const error = await assertError(response, 401, code);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
    return error;
  };

  test("that was made by the rules outside of the gateway is one", async () => {
    const own = await claims();
    assert.equal((await fromPage(forge(own))).status, 200);
    assert.equal((await fromPage(forge(own, { header: { typ: "JWT", alg: "HS256" } }))).status, 200);
  });

  test("of the secret before is accepted, and of none other", async () => {
    const own = await claims();
    assert.equal((await fromPage(forge(own, { key: tenantKey("acme", OLD_SECRET) }))).status, 200);
    for (const key of [tenantKey("acme", "e2e: never a secret of this gateway, at no time"), tenantKey("other"), tenantKey(""), EDGE_SECRET, "", Buffer.alloc(32)])
      await refused(forge(own, { key }), "token_wrong_signature");
  });

  test("of another algorithm, or none, is refused", async () => {
    const own = await claims();
    for (const alg of ["none", "None", "NONE", "nOnE", "hs256", "RS256", "ES256", "", null, ["HS256"]]) {
      const token = forge(own, { header: { alg, typ: "JWT" } });
      await refused(token, "token_wrong_algorithm");
      await refused(token.slice(0, token.lastIndexOf(".") + 1), "token_wrong_algorithm");
    }
    await refused(forge(own, { header: { alg: "HS512" }, hash: "sha512" }), "token_wrong_algorithm");
    await refused(forge(own, { header: { alg: "HS256", crit: ["exp"] } }), "token_not_accepted");
  });

  test("whose claims were changed is refused", async () => {
    const { token } = await issued({});
    const [header, , signature] = token.split(".");
    for (const change of [{ tenant: "other" }, { exp: seconds() + 3000 }, { scopes: ["completions", "models", "usage"] }, { origin: "https://evil.example" }, { sub: "admin" }])
      await refused(`${header}.${part({ ...claimsOf(token), ...change })}.${signature}`, "token_wrong_signature");
    await refused(`${token}AAAA`, "token_wrong_signature");
    await refused(`${header}..${signature}`, "token_malformed");
  });

  test("that has expired is refused, and its page may read that", async () => {
    const own = await claims();
    const error = await refused(forge({ ...own, iat: seconds() - 1000, exp: seconds() - 100 }), "token_expired", PAGE);
    assert.match(error.message, /expired/);
  });

  test("of the future, of too long a life, or of another issuer is refused though signed", async () => {
    const own = await claims();
    const now = seconds();
    for (const change of [{ iat: now + 120, exp: now + 600 }, { exp: own.iat + 3601 }, { iss: "another" }, { more: true }, { scopes: ["everything"] }]) {
      const response = await fromPage(forge({ ...own, ...change }));
      await assertError(response, 401, "token_not_accepted");
    }
  });

  test("never reaches Cerebras, a log, or a refusal's text", async () => {
    const { token } = await issued({ user: "user-of-a-token" });
    await fromPage(token);
    assert.ok(!JSON.stringify(await standIn.last()).includes(token.split(".")[2]));
    const text = await (await fromPage(`${token}x`)).text();
    assert.ok(!text.includes(token.split(".")[1]) && !text.includes("user-of-a-token"));
    assert.ok(!edge.logs.some((line) => line.includes(token.split(".")[2])), "logs");
  });
});

describe("preflights", () => {
  const preflight = (origin, at = "/v1/chat/completions", headers = "authorization,content-type", from = edge) =>
    fetch(from.url + at, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": headers },
    });
  const granted = async (...given) => {
    const response = await preflight(...given);
    assert.match(response.headers.get("vary"), /Origin/);
    assert.equal(response.headers.get("access-control-allow-credentials"), null);
    if (response.status === 204) {
      assert.equal(response.headers.get("access-control-allow-origin"), given[0]);
      return true;
    }
    for (const name of response.headers.keys()) assert.ok(!name.startsWith("access-control-"), name);
    await assertError(response, 403, "origin_not_allowed");
    return false;
  };

  test("of an origin that a token was issued for are granted, for its tenant and where no tenant is named", async () => {
    const origin = "https://new.example";
    // Told by KV, from whichever isolate: not before the token.
    assert.equal(await granted("https://never.example"), false);
    assert.equal((await order({ origin })).status, 201);
    assert.equal(await granted(origin), true);
    assert.equal(await granted(origin, "/t/acme/v1/chat/completions"), true);
    assert.equal(await granted(origin, "/t/acme/v1/models"), true);
    assert.equal(await granted(origin, "/t/other/v1/chat/completions"), false);
    assert.equal(await granted(origin, "/t/acm/v1/chat/completions"), false);
    for (const other of ["https://new.example:8443", "http://new.example", "https://new.example.evil.org", "null"]) assert.equal(await granted(other), false, other);
  });

  test("are known in KV by digests that last 90 days", async () => {
    const origin = "https://kept.example";
    await order({ origin });
    const namespace = await edge.miniflare.getKVNamespace("KEYS");
    const { keys } = await namespace.list({ prefix: "origin:" });
    for (const name of [`origin:acme:${sha256(origin)}`, `origin::${sha256(origin)}`]) {
      const entry = keys.find((key) => key.name === name);
      assert.ok(entry, name);
      const days = (entry.expiration - seconds()) / 86_400;
      assert.ok(days > 89.9 && days <= 90.1, String(days));
    }
  });

  test("are granted from KV to a Worker that issued no token itself", async () => {
    const other = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
    try {
      const origin = "https://elsewhere.example";
      assert.equal(await granted(origin, "/t/acme/v1/models", "authorization", other), false);
      const namespace = await other.miniflare.getKVNamespace("KEYS");
      await namespace.put(`origin:acme:${sha256(origin)}`, "1");
      // A location may remember for a while that a name was not there; the other path's name was never asked for.
      await namespace.put(`origin::${sha256(origin)}`, "1");
      assert.equal(await granted(origin, "/v1/models", "authorization", other), true);
    } finally {
      await other.stop();
    }
  });

  test("of the origins of configured keys are granted, for their tenant", async () => {
    assert.equal(await granted("https://placed.example", "/t/placed/v1/models"), true);
    assert.equal(await granted("https://placed.example"), true);
    assert.equal(await granted("https://placed.example", "/t/acme/v1/models"), false);
  });

  test("grant the headers that the gateway reads and SDKs send, and no others", async () => {
    const headers = "authorization,content-type,idempotency-key,traceparent,x-request-id,cf-aig-cache-ttl,x-stainless-lang,x-stainless-retry-count";
    const response = await preflight("https://placed.example", undefined, `${headers},x-evil,cookie`);
    assert.equal(response.headers.get("access-control-allow-headers"), headers);
    assert.equal(response.headers.get("access-control-allow-methods"), "POST, OPTIONS");
  });

  test("of strange paths and tenants are answered", async () => {
    assert.equal(await granted(PAGE, `/t/${"x".repeat(2000)}/v1/models`), false);
    assert.equal(await granted(PAGE, "/t/%20%00:/v1/models"), false);
  });
});

describe("the example pages", () => {
  const folder = path.resolve(import.meta.dirname, "../../public");
  const file = (name) => fs.readFileSync(path.join(folder, name), "utf8");
  const files = (ending) => fs.readdirSync(path.join(folder, "browser")).filter((name) => name.endsWith(ending)).map((name) => `browser/${name}`);

  test("ask nobody but the gateway, have nothing inline, and a policy that holds them to that", () => {
    for (const html of files(".html").map(file)) {
      assert.ok(!/ on[a-z]+=| style=|<style|javascript:/.test(html), "nothing inline");
      for (const [, source] of html.matchAll(/(?:src|href)="([^"]*)"/g)) {
        assert.match(source, /^[\w.-]+$/);
        assert.ok(fs.existsSync(path.join(folder, "browser", source)), source);
      }
    }
    for (const name of [".html", ".js", ".css"].flatMap(files)) assert.ok(!/https?:\/\//.test(file(name)), name);
    const policy = /Content-Security-Policy: (.*)/.exec(file("_headers"))[1];
    assert.match(policy, /default-src 'none'/);
    assert.ok(!/unsafe|\*|https?:/.test(policy), policy);
  });

  test("have a label for each field and keep no token", () => {
    for (const html of files(".html").map(file)) {
      for (const [, id] of html.matchAll(/<(?:input|textarea|select)[^>]* id="([^"]*)"/g)) assert.ok(html.includes(`<label for="${id}"`), id);
    }
    for (const name of files(".js")) assert.ok(!/localStorage|sessionStorage|document\.cookie|indexedDB|innerHTML/.test(file(name)), name);
  });
});
