// What a stranger, a tenant or a page may try, and what must come of it. Each test is named for what it defends.
import assert from "node:assert/strict";
import { createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ADMIN_SECRET, EDGE_SECRET, KEY, KEYS, OTHER_KEY, assertError, chat, eventually, pause, post, raw, sha256, startEdge, startStandIn } from "./edge.mjs";
import { WATCHING, passes, seen } from "./watch.mjs";

const PAGE = "https://page.example";

let standIn;
let edge;
/** Of every Worker of this file. */
const logs = [];

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url }, prelude: WATCHING });
  // The first request of an isolate tells the gateway's own ledger which configuration it has.
  await post(edge, chat("First"));
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

/** A Worker of other settings for a while. */
const withEdge = async (options, run) => {
  const other = await startEdge({ ...options, vars: { CEREBRAS_BASE_URL: standIn.url, ...options.vars } });
  try {
    return await run(other);
  } finally {
    logs.push(...other.logs);
    await other.stop();
  }
};

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const admin = (method, at, body, { from = edge, headers = {} } = {}) =>
  fetch(from.url + at, {
    method,
    headers: { ...bearer(ADMIN_SECRET), "content-type": "application/json", ...headers },
    body: body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
const json = async (response, status = 200) => {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text);
};
const make = async (body, from = edge) => json(await admin("POST", "/admin/keys", body, { from }), 201);
const token = async (body, key = KEY, from = edge) => (await json(await post(from, { origin: PAGE, ...body }, bearer(key), "/v1/tokens"), 201)).token;
const fromPage = (from, held, at, more = {}) => fetch(from.url + at, { headers: { ...bearer(held), origin: PAGE, ...more } });

/** A key that the gateway could have made, but has not. */
function unknownKey() {
  const rest = `maya_${randomBytes(32).toString("base64url")}`;
  return rest + createHash("sha256").update(rest).digest("base64url").slice(0, 6);
}

/** A token as the gateway would make it, but for the key that signs it. */
function forgedToken(key = randomBytes(32)) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "maya-edge", tenant: "acme", key: "acme.e2e", key_mark: "0".repeat(16), origin: PAGE, scopes: ["completions"], iat: now, exp: now + 600, jti: "0".repeat(32) };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

describe("a tenant's answers", () => {
  test("are never another's, whatever the other says of itself", async () => {
    const managed = await make({ tenant: "managed" });
    const claims = [
      {},
      { "x-tenant": "acme" },
      { "x-tenant-id": "acme", "x-maya-tenant": "acme", tenant: "acme" },
      { "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "acme", "x-real-ip": "127.0.0.1", forwarded: "for=acme" },
      { "cf-connecting-ip": "127.0.0.1", "cf-worker": "acme", "cf-access-authenticated-user-email": "acme" },
      { "x-original-url": "/t/acme/v1/chat/completions", "x-rewrite-url": "/t/acme/v1/chat/completions" },
      { cookie: `authorization=Bearer ${KEY}; tenant=acme`, "x-api-key": KEY, "api-key": KEY, "proxy-authorization": `Bearer ${KEY}` },
    ];
    for (const chosen of [{}, { "cf-aig-cache-key": "the same" }, { "cf-aig-cache-key": "acme" }]) {
      const body = chat(`Whose is it? ${JSON.stringify(chosen)}`, { temperature: 0 });
      const mine = () => post(edge, body, chosen);
      await eventually(async () => /hit/.test((await mine()).headers.get("cache-status")), "acme has its answer");
      for (const headers of claims) {
        for (const key of [OTHER_KEY, managed.key]) {
          // Neither read nor written, so that the next claim meets no entry of the other's own.
          const response = await post(edge, body, { ...headers, ...chosen, ...bearer(key), "cache-control": "only-if-cached" });
          await assertError(response, 504, "not_cached");
          const answer = await post(edge, body, { ...headers, ...chosen, ...bearer(key), "cf-aig-skip-cache": "true" });
          assert.match(answer.headers.get("cache-status"), /fwd=/, JSON.stringify(headers));
          await assertError(await post(edge, body, { ...headers, ...chosen, ...bearer(key) }, "/t/acme/v1/chat/completions"), 403, "wrong_tenant");
        }
      }
    }
  });

  test("are never another's, for hundreds of random requests", async () => {
    const letters = () => randomBytes(6).toString("base64url");
    const anything = () => {
      const body = chat(letters(), { temperature: 0, seed: Math.floor(Math.random() * 1000), user: letters() });
      if (Math.random() < 0.3) body.stop = [letters()];
      if (Math.random() < 0.3) body.messages.unshift({ role: "system", content: letters() });
      if (Math.random() < 0.3) body.stream = true;
      return body;
    };
    const bodies = Array.from({ length: 200 }, anything);
    const round = async (key) => {
      const states = [];
      for (let at = 0; at < bodies.length; at += 20) {
        const some = await Promise.all(
          bodies.slice(at, at + 20).map(async (body) => {
            const response = await post(edge, body, bearer(key));
            await response.text();
            assert.equal(response.status, 200);
            return response.headers.get("cache-status");
          }),
        );
        states.push(...some);
      }
      return states;
    };
    await round(KEY);
    const kv = await edge.miniflare.getKVNamespace("CACHE");
    await eventually(async () => (await kv.list()).keys.length >= bodies.length, "all are kept");
    assert.ok((await round(OTHER_KEY)).every((state) => /fwd=miss/.test(state)), "no answer of the first tenant");
    assert.ok((await round(KEY)).every((state) => /hit/.test(state)), "which are there all the same");
  });
});

describe("the order of things", () => {
  test("puts authentication before any look-up of an answer, and before the upstream", async () => {
    const expired = await make({ tenant: "order", expires_in: "1s" });
    const revoked = await make({ tenant: "order" });
    await json(await admin("DELETE", `/admin/keys/${revoked.id}`));
    const narrow = await make({ tenant: "order", scopes: ["models"] });
    await passes(edge, 2000);
    const body = chat("In order", { temperature: 0 });
    for (const [what, headers, status, reads] of [
      ["no key", { authorization: "" }, 401, []],
      ["another scheme", { authorization: `Basic ${KEY}` }, 401, []],
      ["a key of another kind", bearer("sk-live-1234567890"), 401, []],
      ["a mistyped key", bearer(`${unknownKey().slice(0, -1)}!`), 401, []],
      ["a token of nobody's", { ...bearer(forgedToken()), origin: PAGE }, 401, []],
      ["the administrator's secret", bearer(ADMIN_SECRET), 401, []],
      ["a key that nobody made", bearer(unknownKey()), 401, ["KEYS key:"]],
      ["an expired key", bearer(expired.key), 401, ["KEYS key:", "KEYS tenant:"]],
      ["a revoked key", bearer(revoked.key), 401, ["KEYS key:", "KEYS tenant:"]],
      ["a key of another scope", bearer(narrow.key), 403, ["KEYS key:", "KEYS tenant:"]],
    ]) {
      await seen(edge);
      const response = await post(edge, body, headers);
      assert.equal(response.status, status, what);
      await response.text();
      const asked = await seen(edge);
      const kinds = asked.reads.map((read) => read.slice(0, read.indexOf(":") + 1));
      assert.ok(kinds.every((kind) => reads.includes(kind)), `${what}: ${asked.reads}`);
      assert.deepEqual(asked.upstream, [], what);
    }
  });

  test("reads no body of a stranger's", async () => {
    const response = await post(edge, "x".repeat(1_000_000), bearer("wrong"));
    await assertError(response, 401, "wrong_api_key");
  });
});

describe("the upstream's address", () => {
  /** Everything that was asked for must have been asked of the configured upstream. */
  const onlyStandIn = async (what) => {
    const { upstream } = await seen(edge);
    for (const address of upstream) assert.ok(address.startsWith(`${standIn.url}/v1/`) || address.startsWith(`${standIn.url}/public/`), `${what}: ${address}`);
    return upstream;
  };

  test("is chosen by no header", async () => {
    const evil = "evil.example";
    for (const headers of [
      { "x-base-url": `https://${evil}/v1`, "x-upstream": evil, "x-target": evil, "x-cerebras-base-url": `https://${evil}` },
      { "x-forwarded-host": evil, "x-forwarded-proto": "https", "x-forwarded-server": evil, forwarded: `host=${evil}` },
      { "x-original-url": `https://${evil}/`, "x-rewrite-url": `https://${evil}/`, "x-host": evil, referer: `https://${evil}/` },
      { "cf-aig-custom-provider": evil, "cf-aig-authorization": "x", "openai-base-url": `https://${evil}`, "x-stand-in": "status=500" },
    ]) {
      assert.equal((await post(edge, chat("hi"), headers)).status, 200);
      assert.equal((await onlyStandIn(JSON.stringify(headers))).length, 1);
      const { headers: sent } = await standIn.last();
      assert.equal(sent.host, new URL(standIn.url).host);
      assert.ok(!JSON.stringify(sent).includes(evil));
    }
    const body = JSON.stringify(chat("hi"));
    const lines = `authorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    for (const [target, host] of [["/v1/chat/completions", evil], [`http://${evil}/v1/chat/completions`, evil], [`https://${evil}:443/v1/chat/completions`, "x"]]) {
      const response = await raw(edge, `POST ${target} HTTP/1.1\r\nhost: ${host}\r\n${lines}`);
      await response.text();
      await onlyStandIn(target);
    }
  });

  test("is chosen by no path", async () => {
    for (const path of [
      "//evil.example/v1/chat/completions",
      "/\\evil.example/v1/chat/completions",
      "/@evil.example/v1/chat/completions",
      "/v1/@evil.example/chat/completions",
      "/v1/chat/completions/..//evil.example/",
      "/v1/chat/completions?base_url=https://evil.example",
      "/v1/..%2f..%2fevil.example/chat/completions",
      "/v1/%2f%2fevil.example%2fchat%2fcompletions",
      "/http://evil.example/v1/chat/completions",
      "/t/evil.example/v1/chat/completions",
      "/t/..%2f..%2f/v1/chat/completions",
      "/v1/models/..%2f..%2f_stats",
      "/v1/models/../../_stats",
      "/v1/models/%2e%2e/%2e%2e/_stats",
      "/v1/models/@evil.example",
      "/v1/models/evil.example:80@x",
      "/v1/models/https://evil.example/",
      "/v1/models/gpt-oss-120b%3f@evil.example",
      "/v1/models/gpt-oss-120b%23",
      "/v1/models/gpt-oss-120b%0d%0ahost:%20evil.example",
      "/public/v1/models/..%2f..%2f_last",
      "/public//evil.example/models",
      "/v1/models?format=https://evil.example&host=evil.example",
    ]) {
      for (const method of ["GET", "POST"]) {
        const body = method === "POST" ? JSON.stringify(chat("hi")) : "";
        const response = await raw(edge, `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
        await response.text();
        assert.ok(response.status < 500, `${method} ${path}: ${response.status}`);
        for (const address of await onlyStandIn(path)) assert.ok(!/_stats|_last|\.\./.test(new URL(address).pathname), address);
      }
    }
    const { by_path: paths } = await standIn.stats();
    assert.ok(Object.keys(paths).every((path) => /^(\/v1\/chat\/completions|\/v1\/models|\/public\/v1\/models)/.test(path)), Object.keys(paths).join(" "));
  });

  test("is chosen by no field of a body", async () => {
    for (const more of [
      { base_url: "https://evil.example", api_base: "https://evil.example", baseURL: "https://evil.example", endpoint: "https://evil.example" },
      { extra_body: { base_url: "https://evil.example" }, extra_headers: { host: "evil.example" }, extra_query: { a: "b" } },
      { api_key: "sk-other", provider: { base_url: "https://evil.example" } },
      { model: "../../admin" },
      { model: "https://evil.example/v1" },
      { model: "//evil.example" },
      { model: "gpt-oss-120b?x=@evil.example" },
      { model: "@evil.example/gpt-oss-120b" },
    ]) {
      const response = await post(edge, chat("hi", more));
      await response.text();
      const asked = await onlyStandIn(JSON.stringify(more));
      assert.deepEqual([...new Set(asked)], asked.length === 0 ? [] : [`${standIn.url}/v1/chat/completions`]);
      const { headers } = await standIn.last();
      assert.equal(headers.host, new URL(standIn.url).host);
      assert.equal(headers.authorization, "Bearer csk-e2e");
    }
  });

  test("is not changed by a redirect of the upstream's own", async () => {
    const asked = [];
    const elsewhere = http.createServer((request, response) => {
      asked.push(request.url);
      response.end("{}");
    });
    await new Promise((ready) => elsewhere.listen(0, "127.0.0.1", ready));
    const away = `http://127.0.0.1:${elsewhere.address().port}/v1/chat/completions`;
    const redirecting = http.createServer((request, response) => {
      request.resume();
      response.writeHead(307, { location: away }).end();
    });
    await new Promise((ready) => redirecting.listen(0, "127.0.0.1", ready));
    try {
      await withEdge({ vars: { CEREBRAS_BASE_URL: `http://127.0.0.1:${redirecting.address().port}` } }, async (own) => {
        const response = await post(own, chat("hi"));
        assert.equal(response.headers.get("location"), null);
        await assertError(response, 502);
      });
      assert.deepEqual(asked, []);
    } finally {
      redirecting.close();
      elsewhere.close();
    }
  });
});

describe("headers that concern one connection, or one side", () => {
  test("do not go upstream", async () => {
    const body = JSON.stringify(chat("hi"));
    const given = [
      "connection: keep-alive, x-mine", "x-mine: 1", "keep-alive: timeout=5", "te: trailers", "trailer: x-mine", "upgrade: h2c",
      "proxy-authorization: Basic eA==", "proxy-connection: keep-alive", "http2-settings: AAMAAABkAAQAAP__",
      "x-maya-model: evil", "x-maya-tenant: other", "x-maya-attempts: 9", "x-maya-budget: 0", "cf-ray: 1", "cf-connecting-ip: 192.0.2.9", "cf-ipcountry: XX",
      "cf-worker: evil.example", "cf-ew-via: 15", "cdn-loop: evil", "cookie: a=b", "x-api-key: mine", "sec-gpc: 1", "sec-fetch-site: cross-site",
      "idempotency-key-2: x", "x-stainless-retry-count: 3", "x-request-id: mine", "via: 1.1 evil", "x-http-method-override: DELETE",
    ];
    const response = await raw(edge, `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n${given.join("\r\n")}\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    assert.equal(response.status, 200, await response.clone().text());
    const { headers } = await standIn.last();
    // The local runtime names itself.
    delete headers["cf-worker"];
    assert.deepEqual(Object.keys(headers).sort(), ["authorization", "content-length", "content-type", "host", "user-agent"]);
    assert.ok(!JSON.stringify(headers).includes(KEY));
  });

  test("do not come back, and no upstream can speak for the gateway", async () => {
    const evil = {
      connection: "x-mine", "x-mine": "1", "keep-alive": "timeout=5", te: "trailers", upgrade: "h2c", "proxy-authenticate": "Basic",
      "set-cookie": "session=1", server: "evil", via: "1.1 evil", "x-powered-by": "evil", location: "https://evil.example", refresh: "0",
      "x-maya-model": "evil", "x-maya-attempts": "99", "x-maya-budget": "evil", "x-maya-ledger": "evil", "cache-status": "evil; hit", age: "99",
      "access-control-allow-origin": "*", "access-control-allow-credentials": "true", "access-control-expose-headers": "*",
      "cache-control": "public, max-age=99", vary: "*", "www-authenticate": "Basic", "idempotent-replayed": "true", ratelimit: "evil",
      "content-security-policy": "evil", "cf-ray": "1", "alt-svc": "h3", "server-timing": "evil", "x-upstream-request-id": "evil", "x-next-after": "1",
    };
    const hostile = http.createServer((request, response) => {
      request.resume();
      const { id } = { id: "chatcmpl-1" };
      const answer = JSON.stringify({ id, object: "chat.completion", created: 1, model: "gpt-oss-120b", choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hi" } }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer), ...evil }).end(answer);
    });
    await new Promise((ready) => hostile.listen(0, "127.0.0.1", ready));
    try {
      await withEdge({ vars: { CEREBRAS_BASE_URL: `http://127.0.0.1:${hostile.address().port}` } }, async (own) => {
        const response = await post(own, chat("hi"), { origin: PAGE });
        assert.equal(response.status, 200, await response.clone().text());
        for (const [name, value] of Object.entries(evil)) assert.notEqual(response.headers.get(name), value, name);
        assert.equal(response.headers.get("x-maya-model"), "gpt-oss-120b");
        assert.equal(response.headers.get("x-maya-attempts"), "1");
        assert.equal(response.headers.get("cache-control"), "private, no-store");
        assert.equal(response.headers.get("access-control-allow-origin"), null);
      });
    } finally {
      hostile.close();
      hostile.closeAllConnections();
    }
  });
});

describe("line ends and other strange characters", () => {
  const EVIL = ["a\r\nevil: 1", "a\nevil: 1", "a\rb", "a\u0000b", "a\u2028evil: 1", "a\u2029b", "a\u0085b", "a\u001b[31mb", "a\u202eb", "\ufeffa"];
  const unharmed = (response, what) => {
    assert.equal(response.headers.get("evil"), null, what);
    for (const [name, value] of response.headers) assert.match(value, /^[ -~]*$/, `${what}: ${name}`);
    assert.ok(response.status < 500, `${what}: ${response.status}`);
  };

  test("in fields of a body break no header", async () => {
    const key = (await make({ tenant: "lines", limits: [{ requests: 1000, window: "1h", per: "user" }, { requests: 1000, window: "1h", per: "model" }], budget: { day: { soft_micro_dollars: 1 } } })).key;
    for (const text of EVIL) {
      for (const more of [{ model: text }, { user: text }, { [text]: 1 }, { messages: [{ role: text, content: "hi" }] }, { messages: [{ role: "user", [text]: 1 }] }, { stop: text }, { extra_body: { [text]: 1 } }, { stream: text }]) {
        const response = await post(edge, chat("hi", more), bearer(key));
        unharmed(response, JSON.stringify(more));
        if (response.status >= 400) JSON.parse(await response.text());
        else await response.text();
      }
      // Twice the same name: the error names it.
      const name = JSON.stringify(text);
      const twice = await post(edge, `{"model":"m","messages":[],${name}:1,${name}:2}`, bearer(key));
      unharmed(twice, name);
      assert.equal((await twice.json()).code, "duplicate_key");
    }
  });

  test("in bodies of administration and of tokens break no header", async () => {
    for (const text of EVIL) {
      for (const [at, method, body] of [
        ["/admin/keys", "POST", { tenant: text }],
        ["/admin/keys", "POST", { tenant: "lines", name: text }],
        ["/admin/keys", "POST", { tenant: "lines", origins: [text] }],
        ["/admin/keys", "POST", { tenant: "lines", origins: [`https://${text}`] }],
        ["/admin/keys", "POST", { tenant: "lines", models: [text] }],
        ["/admin/keys", "POST", { tenant: "lines", expires_at: text }],
        ["/admin/keys", "POST", { tenant: "lines", region: text }],
        ["/admin/keys", "POST", { tenant: "lines", [text]: 1 }],
        ["/admin/tenants/lines", "PATCH", { [text]: 1 }],
        ["/admin/tenants/lines", "PATCH", { retention: { [text]: "1s" } }],
      ]) {
        const response = await admin(method, at, body);
        unharmed(response, JSON.stringify(body));
        JSON.parse(await response.text());
      }
      for (const body of [{ origin: text }, { origin: PAGE, user: text }, { origin: PAGE, models: [text] }, { origin: PAGE, scopes: [text] }, { origin: PAGE, [text]: 1 }]) {
        const response = await post(edge, body, {}, "/v1/tokens");
        unharmed(response, JSON.stringify(body));
        JSON.parse(await response.text());
      }
    }
  });

  test("in paths, queries and headers, as bytes or encoded, break no header", async () => {
    const held = await token({});
    for (const text of EVIL) {
      const encoded = encodeURIComponent(text);
      for (const path of [`/${encoded}`, `/t/${encoded}/v1/models`, `/v1/models/${encoded}`, `/v1/usage?by=${encoded}`, `/v1/usage?${encoded}=1`, `/v1/audit?what=${encoded}`, `/v1/audit?tenant=${encoded}`, `/v1/users/${encoded}/export`, `/admin/keys/${encoded}`, `/admin/tenants/${encoded}`]) {
        const secret = path.startsWith("/admin") ? ADMIN_SECRET : KEY;
        const response = await fetch(edge.url + path, { headers: bearer(secret) });
        unharmed(response, path);
        await response.text();
      }
      // Line ends would be other headers of the request itself. The rest comes as the bytes of UTF-8.
      const bytes = Buffer.from(text.replace(/[\r\n\0]/g, ""), "utf8").toString("latin1");
      for (const name of ["x-request-id", "origin", "idempotency-key", "cf-aig-cache-key", "traceparent", "tracestate", "accept", "access-control-request-headers", "queue_threshold", "x-maya-deadline-ms", "cache-control", "authorization", "content-type", "x-cerebras-3rd-party-integration"]) {
        const body = JSON.stringify(chat("hi"));
        for (const [method, path, sent] of [["POST", "/v1/chat/completions", body], ["GET", "/v1/audit", ""], ["OPTIONS", "/v1/chat/completions", ""]]) {
          const own = name === "authorization" ? "" : `authorization: Bearer ${KEY}\r\n`;
          const response = await raw(edge, `${method} ${path} HTTP/1.1\r\nhost: x\r\n${own}${name}: ${bytes}\r\ncontent-length: ${sent.length}\r\n\r\n${sent}`);
          unharmed(response, `${method} ${name}: ${JSON.stringify(text)}`);
          await response.text();
        }
      }
      const page = await fromPage(edge, held, "/v1/models", { "x-request-id": encoded });
      unharmed(page, encoded);
    }
    // A zero byte in a header is no request at all.
    const zero = await raw(edge, `GET /healthz HTTP/1.1\r\nhost: x\r\nx-request-id: a\u0000b\r\n\r\n`).catch(() => new Response(null, { status: 400 }));
    assert.ok(zero.status === 400 || zero.headers.get("x-request-id") !== "a\u0000b");
  });

  test("in the name of a configured key break no header", async () => {
    for (const [at, name] of EVIL.entries()) {
      const GATEWAY_KEYS = [{ sha256: sha256(KEY), tenant: "acme", name, budget: { day: { soft_micro_dollars: 1 } } }];
      // One for all would take eight Workers more.
      if (at > 1 && at !== 4) continue;
      await withEdge({ vars: { GATEWAY_KEYS } }, async (own) => {
        await post(own, chat("hi"));
        const warned = await eventually(async () => {
          const response = await post(own, chat("hi"));
          unharmed(response, name);
          return response.headers.get("x-maya-budget");
        }, "the budget's soft threshold is passed");
        assert.match(warned, /owner="acme\.a/);
      });
    }
  });

  test("break no line of a log", () => {
    for (const line of [...logs, ...edge.logs]) assert.ok(!/[\r\n\u2028\u2029\u0000\u001b]/.test(line), JSON.stringify(line));
  });
});

describe("a flood from one address", () => {
  const FEW = 10;
  const from = (address) => ({ "cf-connecting-ip": address });
  const settled = async (own) => {
    // What was refused first is told to the gateway's own ledger, behind the answer.
    await eventually(async () => {
      await pause(120);
      return (await seen(own)).ledgers.length === 0;
    }, "nothing is told any more");
  };

  // The local rate limit counts by the minutes of the clock: none may end in the middle of a flood.
  const floodEdge = async (options, run) => {
    await eventually(() => Date.now() % 60_000 < 48_000, "a minute begins");
    await withEdge({ wrongKeys: FEW, ...options }, run);
  };

  const floods = {
    "of keys that nobody made": { ask: (own, headers) => post(own, chat("hi", { temperature: 0 }), { ...headers, ...bearer(unknownKey()) }), code: "wrong_api_key" },
    "of words": { ask: (own, headers) => post(own, chat("hi"), { ...headers, ...bearer(randomBytes(9).toString("hex")) }), code: "wrong_api_key" },
    "of forged tokens": { ask: (own, headers) => post(own, chat("hi"), { ...headers, ...bearer(forgedToken()), origin: PAGE }), code: "token_wrong_signature" },
    "of wrong secrets of administration": { ask: (own, headers) => fetch(`${own.url}/admin/keys`, { headers: { ...headers, ...bearer(randomBytes(9).toString("hex")) } }), code: "wrong_admin_secret" },
    "of wrong secrets at the usage": { ask: (own, headers) => fetch(`${own.url}/v1/usage?tenant=acme`, { headers: { ...headers, ...bearer(unknownKey()) } }), code: "wrong_api_key" },
  };

  for (const [what, { ask, code }] of Object.entries(floods)) {
    test(`${what} soon costs nothing but its refusal, and nobody else`, async () => {
      await floodEdge({ prelude: WATCHING }, async (own) => {
        const { key: known } = await make({ tenant: "known" }, own);
        const bad = from("198.51.100.7");
        assert.equal((await post(own, chat("hi"), { ...bad, ...bearer(known) })).status, 200);
        for (let at = 0; at < FEW; at++) await assertError(await ask(own, bad), 401, code);
        await eventually(async () => (await ask(own, bad)).status === 429, "refused");
        await settled(own);
        for (let at = 0; at < 3 * FEW; at++) {
          const response = await ask(own, bad);
          assert.equal(response.headers.get("retry-after"), "60");
          await assertError(response, 429, "too_many_wrong_keys");
        }
        assert.deepEqual(await seen(own), { reads: [], ledgers: [], jurisdictions: [], upstream: [] });
        // Who shares the address and has a right key goes on; so does a tenant's configured one, and everybody elsewhere.
        assert.equal((await post(own, chat("hi"), { ...bad, ...bearer(known) })).status, 200);
        assert.equal((await post(own, chat("hi"), bad)).status, 200);
        await assertError(await ask(own, from("198.51.100.8")), 401, code);
        assert.equal((await admin("GET", "/admin/keys", undefined, { from: own, headers: bad })).status, 200);
      });
    });
  }

  test("of keys and tokens that were valid once costs no ledger more than a few words", async () => {
    await floodEdge({ prelude: WATCHING }, async (own) => {
      const revoked = await make({ tenant: "once" }, own);
      const expired = await token({ ttl: "1m" }, KEY, own);
      await json(await admin("DELETE", `/admin/keys/${revoked.id}`, undefined, { from: own }));
      await passes(own, 61_000);
      const bad = from("198.51.100.10");
      for (const [ask, code] of [
        [() => post(own, chat("hi"), { ...bad, ...bearer(revoked.key) }), "revoked_api_key"],
        [() => post(own, chat("hi"), { ...bad, ...bearer(expired), origin: PAGE }), "token_expired"],
      ]) {
        for (let at = 0; at < 2 * FEW; at++) await assertError(await ask(), 401, code);
        await settled(own);
        for (let at = 0; at < 2 * FEW; at++) await assertError(await ask(), 401, code);
        const { ledgers, reads, upstream } = await seen(own);
        assert.deepEqual([ledgers, reads, upstream], [[], [], []], code);
        // It stays one address, and one key.
        assert.equal((await post(own, chat("hi"), bad)).status, 200);
      }
      const { data } = await json(await admin("GET", "/v1/audit?tenant=once&what=refused", undefined, { from: own }));
      assert.ok(data.length > 0 && data.length <= FEW + 1, String(data.length));
    });
  });

  test("is one though it changes its address within its IPv6 network, and not beyond", async () => {
    await floodEdge({}, async (own) => {
      const ask = (address) => post(own, chat("hi"), { ...from(address), ...bearer("wrong") });
      for (let at = 0; at < FEW; at++) assert.equal((await ask(`2001:db8:1:2::${at.toString(16)}`)).status, 401);
      assert.equal((await ask("2001:db8:1:2:ffff::1")).status, 429);
      assert.equal((await ask("2001:db8:1:3::1")).status, 401);
    });
  });

  test("leaves no more in the audit than the few that were answered", async () => {
    await floodEdge({}, async (own) => {
      const bad = from("198.51.100.9");
      for (let at = 0; at < 5 * FEW; at++) await post(own, chat("hi"), { ...bad, ...bearer(unknownKey()) });
      const refusals = async () => (await json(await admin("GET", "/v1/audit?tenant=_gateway&what=refused", undefined, { from: own }))).data;
      await eventually(async () => (await refusals()).length === FEW, "the few are told");
    });
  });
});

describe("bodies of administration", () => {
  test("that are too large, nested, twofold, packed or not objects change nothing", async () => {
    const made = await make({ tenant: "strict", name: "before" });
    const padding = "x".repeat(70_000);
    const deep = (levels) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
    for (const [method, at] of [["PATCH", `/admin/keys/${made.id}`], ["POST", "/admin/keys"], ["POST", `/admin/keys/${made.id}/rotate`], ["PATCH", "/admin/tenants/strict"]]) {
      for (const [body, status, code, headers] of [
        [`{"name":"${padding}"}`, 413, "body_too_large"],
        [" ".repeat(70_000), 413, "body_too_large"],
        [`{"name":${deep(70)}}`, 400, undefined],
        [deep(10_000), 400, undefined],
        ["[".repeat(30_000), 400, undefined],
        ['{"tenant":"strict","tenant":"strict"}', 400, "duplicate_key"],
        ['{"name":"a","n\\u0061me":"b"}', 400, "duplicate_key"],
        ['{"retention":{"audit":"1s","audit":"2s"}}', 400, "duplicate_key"],
        ["[]", 400, undefined],
        ['"text"', 400, undefined],
        ["null", 400, undefined],
        ["{} {}", 400, "invalid_json"],
        ["\ufeff{}", 400, "invalid_json"],
        ['{"__proto__":{"tenant":"x"}}', 400, "unknown_field"],
        [gzipSync('{"name":"packed"}'), 415, "unsupported_content_encoding", { "content-encoding": "gzip" }],
      ]) {
        await assertError(await admin(method, at, body, { headers }), status, code);
      }
      // Nor without a declared length.
      const streamed = await fetch(edge.url + at, {
        method, duplex: "half", headers: bearer(ADMIN_SECRET),
        body: new ReadableStream({ start: (to) => (to.enqueue(Buffer.from(`{"name":"${padding}"}`)), to.close()) }),
      });
      await assertError(streamed, 413, "body_too_large");
    }
    const { key, ...record } = made;
    assert.deepEqual(await json(await admin("GET", `/admin/keys/${made.id}`)), record);
    assert.equal((await json(await admin("GET", "/admin/keys?tenant=strict"))).data.length, 1);
  });
});

describe("an end user's token", () => {
  test("opens nothing of administration, of the audit, or of people, whatever it says", async () => {
    const storageKey = Buffer.from(hkdfSync("sha256", EDGE_SECRET, "", "maya-edge tokens 1\0acme", 32));
    const held = [await token({ user: "ann" }), await token({ user: "ann", scopes: ["completions", "models", "usage"] }), forgedToken(storageKey)];
    for (const mine of held) {
      for (const [method, at] of [["GET", "/admin/keys"], ["POST", "/admin/keys"], ["GET", "/admin/tenants"], ["DELETE", "/admin/tenants/acme/data"]]) {
        await assertError(await fetch(edge.url + at, { method, headers: { ...bearer(mine), origin: PAGE } }), 401, "wrong_admin_secret");
      }
      for (const [method, at] of [["GET", "/v1/audit"], ["GET", "/v1/audit/verify"], ["GET", "/v1/users/ann/export"], ["GET", "/v1/users/ben/export"], ["DELETE", "/v1/users/ben"], ["POST", "/v1/tokens"]]) {
        const response = await fetch(edge.url + at, { method, headers: { ...bearer(mine), origin: PAGE } });
        assert.ok([401, 403].includes(response.status), `${method} ${at}: ${response.status}`);
      }
    }
    await assertError(await fromPage(edge, held[0], "/v1/usage"), 403, "scope_missing");
  });

  test("tells its end user's own usage and nobody else's", async () => {
    const { key } = await make({ tenant: "users" });
    for (const user of ["ann", "ben", "ben"]) assert.equal((await post(edge, chat("hi", { user }), bearer(key))).status, 200);
    const all = async () => json(await fetch(`${edge.url}/v1/usage?by=user`, { headers: bearer(key) }));
    await eventually(async () => (await all()).total.requests === 3, "all is counted");
    const mine = await token({ user: "ann", scopes: ["usage"] }, key);
    const { rows, total } = await json(await fromPage(edge, mine, "/v1/usage?by=user"));
    assert.deepEqual(rows.map(({ user, requests }) => [user, requests]), [["ann", 1]]);
    assert.equal(total.requests, 1);
    assert.equal((await json(await fromPage(edge, mine, "/v1/usage?user=ann"))).total.requests, 1);
    await assertError(await fromPage(edge, mine, "/v1/usage?user=ben"), 403, "wrong_user");
    // A body cannot make it another's either.
    await post(edge, chat("hi", { user: "ben" }), { ...bearer(await token({ user: "ann" }, key)), origin: PAGE });
    await eventually(async () => (await json(await fromPage(edge, mine, "/v1/usage"))).total.requests === 2, "it is counted as the token's");
  });

  test("is of one tenant", async () => {
    const mine = await token({ user: "ann", scopes: ["completions", "models", "usage"] });
    await assertError(await fromPage(edge, mine, "/v1/usage?tenant=other"), 403, "wrong_tenant");
    await assertError(await fromPage(edge, mine, "/t/other/v1/usage"), 403, "wrong_tenant");
    await assertError(await fromPage(edge, mine, "/t/other/v1/models"), 403, "wrong_tenant");
    const body = chat("of one tenant", { temperature: 0 });
    await eventually(async () => /hit/.test((await post(edge, body, bearer(OTHER_KEY))).headers.get("cache-status")), "the other has it");
    await assertError(await post(edge, body, { ...bearer(mine), origin: PAGE, "cache-control": "only-if-cached" }), 504, "not_cached");
  });
});

describe("what is secret", () => {
  test("stands in no log, whatever fails", async () => {
    const marks = { key: "mark-of-a-key", prompt: "mark-of-a-prompt", user: "mark-of-a-user", secret: "mark-of-an-admin-secret", edge: "mark-of-an-edge-secret, which is long enough", upstream: "csk-mark", idempotent: "mark-of-idempotency" };
    const secrets = [...Object.values(marks), KEY, OTHER_KEY, ADMIN_SECRET, EDGE_SECRET, sha256(marks.key), "csk-e2e", "mark-of"];
    const vars = { ADMIN_SECRET: marks.secret, EDGE_SECRET: marks.edge, CEREBRAS_API_KEY: marks.upstream, GATEWAY_KEYS: [...KEYS, { sha256: sha256(marks.key), tenant: "marked" }] };
    for (const options of [{}, { cache: "broken" }, { ledger: "broken", vars: { LEDGER_FAILURE: "allow" } }, { ledger: "broken" }, { keys: "broken" }]) {
      await withEdge({ ...options, vars: { ...vars, ...options.vars } }, async (own) => {
        const me = bearer(marks.key);
        for (const fault of ["", "[[status=500]]", "[[garbage]]", "[[cut-before]]", "[[status=403]]", "[[cut=2]]"]) {
          for (const stream of [false, true]) {
            await (await post(own, chat(`${marks.prompt} ${fault}`, { temperature: 0, stream, user: marks.user }), { ...me, "idempotency-key": `${marks.idempotent}${fault}${stream}` })).text().catch(() => {});
          }
        }
        await (await post(own, `{"model":"${marks.prompt}`, me)).text();
        await (await post(own, chat(marks.prompt), bearer(`${marks.key}-wrong`))).text();
        const secret = { authorization: `Bearer ${marks.secret}`, "content-type": "application/json" };
        const made = await fetch(`${own.url}/admin/keys`, { method: "POST", headers: secret, body: JSON.stringify({ tenant: "marked", name: marks.user }) });
        const { key } = await made.json();
        if (key) {
          secrets.push(key, sha256(key));
          await (await post(own, chat(marks.prompt), bearer(key))).text();
        }
        await (await fetch(`${own.url}/admin/keys`, { method: "POST", headers: secret, body: `{"${marks.prompt}` })).text();
        const issued = await post(own, { origin: PAGE, user: marks.user }, me, "/v1/tokens");
        const { token: held } = await issued.json();
        if (held) {
          secrets.push(held, held.split(".")[2], held.split(".")[1]);
          await (await post(own, chat(marks.prompt), { ...bearer(held), origin: PAGE })).text();
          await (await post(own, chat(marks.prompt), { ...bearer(`${held}x`), origin: PAGE })).text();
        }
        await (await fetch(`${own.url}/v1/users/${marks.user}/export`, { headers: me })).text();
        await (await fetch(`${own.url}/v1/users/${marks.user}`, { method: "DELETE", headers: me })).text();
      });
    }
    await withEdge({ vars: { ...vars, MODELS: marks.prompt, EDGE_SECRET: "mark-of-short" } }, async (own) => {
      await (await post(own, chat(marks.prompt), bearer(marks.key))).text();
    });
    logs.push(...edge.logs);
    assert.ok(logs.length > 10, "something was logged at all");
    for (const line of logs) for (const secret of secrets) assert.ok(!line.includes(secret), line);
  });
});
