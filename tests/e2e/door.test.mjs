// The front door: paths, methods, pages of other origins, keys, configuration, bodies, and the shape of the gateway's own errors.
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { KEY, KEYS, OTHER_KEY, assertError, chat, events, post, raw, sha256, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;
const logs = [];

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});
beforeEach(() => standIn.reset());

const auth = { authorization: `Bearer ${KEY}` };
const get = (path, headers = auth, from = edge) => fetch(from.url + path, { headers });
const SECRET = "the-secret-of-the-prompt";

/** A Worker of other settings for one test. */
const withEdge = async (options, run) => {
  const other = await startEdge({ ...options, vars: { CEREBRAS_BASE_URL: standIn.url, ...options.vars } });
  try {
    await run(other);
  } finally {
    logs.push(...other.logs);
    await other.stop();
  }
};

describe("paths", () => {
  test("with and without /v1, doubled, behind a tenant, with a slash at the end, mean the same", async () => {
    const prefixes = ["", "/v1", "/v1/v1", "/t/acme", "/t/acme/v1", "/t/acme/v1/v1"];
    for (const prefix of prefixes) {
      for (const slash of ["", "/"]) {
        const response = await post(edge, chat("hi"), {}, `${prefix}/chat/completions${slash}`);
        assert.equal(response.status, 200, prefix);
        assert.equal((await response.json()).object, "chat.completion");
        assert.equal((await post(edge, { model: "gpt-oss-120b", prompt: "hi" }, {}, `${prefix}/completions${slash}`)).status, 200);
        assert.equal((await get(`${prefix}/models${slash}`)).status, 200);
        assert.equal((await get(`${prefix}/models/gpt-oss-120b${slash}`)).status, 200);
      }
    }
    const { by_path: paths } = await standIn.stats();
    assert.deepEqual(Object.keys(paths).sort(), ["/v1/chat/completions", "/v1/completions", "/v1/models", "/v1/models/gpt-oss-120b"]);
  });

  test("of another tenant are refused, and nothing goes upstream", async () => {
    for (const path of ["/t/other/v1/chat/completions", "/t/ACME/v1/chat/completions", "/t/acme%20/v1/chat/completions"]) {
      const response = await post(edge, chat("hi"), {}, path);
      assert.equal(response.headers.get("x-should-retry"), "false");
      await assertError(response, 403, "wrong_tenant");
    }
    await assertError(await get("/t/other/v1/models"), 403, "wrong_tenant");
    await assertError(
      await post(edge, chat("hi"), { authorization: `Bearer ${OTHER_KEY}` }, "/t/acme/v1/chat/completions"),
      403,
      "wrong_tenant",
    );
    assert.equal((await post(edge, chat("hi"), { authorization: `Bearer ${OTHER_KEY}` }, "/t/other/v1/chat/completions")).status, 200);
    assert.equal((await standIn.stats()).calls, 1);
  });

  test("that lead nowhere are a 404 that tells where to go", async () => {
    for (const path of [
      "/",
      "/v1",
      "/v2/chat/completions",
      "/v1/chat",
      "/v1/audio/speech",
      "/v1/responses",
      "/V1/chat/completions",
      "/v1/v1/v1/models",
      "/t//v1/models",
      "/t/acme",
      "/favicon.ico",
    ]) {
      for (const method of ["GET", "POST"]) {
        const response = await fetch(edge.url + path, { method, headers: auth });
        assert.equal(response.headers.get("x-should-retry"), "false");
        const error = await assertError(response, 404, "unknown_path");
        assert.ok(error.message.includes("/v1/chat/completions"));
        assert.equal(error.type, "not_found_error");
      }
    }
    const strange = await get(`/v1/${"x".repeat(5000)}%0d%0aset-cookie:a=b`);
    assert.equal(strange.headers.get("set-cookie"), null);
    assert.ok((await assertError(strange, 404)).message.length < 500);
    assert.equal((await standIn.stats()).calls, 0);
  });

  test("of the SDKs' warm-up are answered at once, without a key, and not forwarded", async () => {
    for (const path of ["/v1/tcp_warming", "/v1/v1/tcp_warming", "/tcp_warming", "/t/acme/v1/tcp_warming", "/t/anyone/v1/tcp_warming"]) {
      const response = await get(path, {});
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.equal(response.headers.get("retry-after"), null);
      await response.json();
    }
    const { calls, warmings } = await standIn.stats();
    assert.deepEqual([calls, warmings], [0, 0]);
  });

  test("of health say that the gateway is up and configured", async () => {
    const response = await get("/healthz", {});
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { status: "ok" });
  });
});

describe("methods", () => {
  test("that a path does not know are a 405 with Allow", async () => {
    for (const [method, path, allow] of [
      ["GET", "/v1/chat/completions", "POST, OPTIONS"],
      ["PUT", "/v1/completions", "POST, OPTIONS"],
      ["DELETE", "/v1/chat/completions", "POST, OPTIONS"],
      ["POST", "/v1/models", "GET, HEAD, OPTIONS"],
      ["PATCH", "/healthz", "GET, HEAD, OPTIONS"],
      ["POST", "/v1/tcp_warming", "GET, HEAD, OPTIONS"],
    ]) {
      const response = await fetch(edge.url + path, { method, headers: auth });
      assert.equal(response.headers.get("allow"), allow);
      assert.equal(response.headers.get("x-should-retry"), "false");
      await assertError(response, 405, "method_not_allowed");
    }
  });

  test("HEAD is GET without the body", async () => {
    for (const [path, status] of [
      ["/healthz", 200],
      ["/v1/tcp_warming", 200],
      ["/v1/models", 200],
      ["/v1/models/nobody", 404],
      ["/nowhere", 404],
      ["/v1/chat/completions", 405],
    ]) {
      const response = await fetch(edge.url + path, { method: "HEAD", headers: auth });
      assert.equal(response.status, status, path);
      assert.equal(await response.text(), "");
      assert.equal(response.headers.get("content-type"), "application/json");
    }
  });
});

describe("pages of other origins", () => {
  const page = "https://app.example.com";
  const preflight = (from, origin = page, path = "/v1/chat/completions") =>
    fetch(from.url + path, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" },
    });

  test("may call when their origin is configured", async () => {
    await withEdge({ vars: { CORS_ORIGINS: [page, "http://localhost:3000"] } }, async (open) => {
      const asked = await preflight(open);
      assert.equal(asked.status, 204);
      assert.equal(asked.headers.get("access-control-allow-origin"), page);
      assert.match(asked.headers.get("access-control-allow-methods"), /POST/);
      assert.equal(asked.headers.get("access-control-allow-headers"), "authorization,content-type");
      assert.ok(Number(asked.headers.get("access-control-max-age")) > 0);
      assert.match(asked.headers.get("vary"), /Origin/);
      assert.equal(asked.headers.get("access-control-allow-credentials"), null);

      const answers = [
        await post(open, chat("hi"), { origin: page }),
        await post(open, chat("hi", { stream: true }), { origin: page }),
        await post(open, chat("[[status=400]]"), { origin: page }),
        await post(open, "{", { origin: page }),
        await post(open, chat("hi"), { origin: page, authorization: "Bearer wrong" }),
        await get("/v1/models", { ...auth, origin: page }, open),
        await get("/nowhere", { origin: page }, open),
      ];
      for (const response of answers) {
        await response.arrayBuffer();
        assert.equal(response.headers.get("access-control-allow-origin"), page, String(response.status));
        assert.match(response.headers.get("vary"), /Origin/);
        const exposed = response.headers.get("access-control-expose-headers").split(", ");
        for (const name of ["x-request-id", "retry-after", "cache-status", "x-maya-model", "x-ratelimit-remaining-tokens-minute"])
          assert.ok(exposed.includes(name), name);
      }

      for (const other of ["https://evil.example.com", "https://app.example.com.evil.org", "http://app.example.com", "null"]) {
        await assertError(await preflight(open, other), 403, "origin_not_allowed");
        assert.equal((await post(open, chat("hi"), { origin: other })).headers.get("access-control-allow-origin"), null);
      }
    });
  });

  test("may all call when `*` is configured", async () => {
    await withEdge({ vars: { CORS_ORIGINS: '["*"]' } }, async (open) => {
      for (const origin of [page, "http://localhost:5173"]) {
        assert.ok(["*", origin].includes((await preflight(open, origin)).headers.get("access-control-allow-origin")));
        assert.ok(["*", origin].includes((await post(open, chat("hi"), { origin })).headers.get("access-control-allow-origin")));
      }
    });
  });

  test("may not call when nothing is configured", async () => {
    await assertError(await preflight(edge), 403, "origin_not_allowed");
    const response = await post(edge, chat("hi"), { origin: page });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("access-control-allow-origin"), null);
  });

  test("OPTIONS without an origin tells the methods", async () => {
    const response = await fetch(`${edge.url}/v1/models`, { method: "OPTIONS" });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get("allow"), "GET, HEAD, OPTIONS");
  });
});

describe("keys", () => {
  test("that are missing, wrong or in another scheme are a 401, and nothing goes upstream", async () => {
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer qwertzuiop",
      `Bearer ${KEY}x`,
      `Bearer ${KEY.slice(0, -1)}`,
      `Bearer ${KEY.toUpperCase()}`,
      `Bearer ${KEY}, Bearer ${KEY}`,
      `Basic ${Buffer.from(`user:${KEY}`).toString("base64")}`,
      `Token ${KEY}`,
      KEY,
      `Bearer${KEY}`,
      "Bearer csk-e2e",
      "Bearer maya-local",
      `Bearer ${sha256(KEY)}`,
      "Bearer \u00e9\u00ff",
    ]) {
      for (const path of ["/v1/chat/completions", "/v1/models"]) {
        const response = await fetch(edge.url + path, {
          method: path.endsWith("models") ? "GET" : "POST",
          headers: { "content-type": "application/json", "x-api-key": KEY, ...(authorization === undefined ? {} : { authorization }) },
          body: path.endsWith("models") ? undefined : JSON.stringify(chat("hi")),
        });
        assert.equal(response.headers.get("www-authenticate"), "Bearer");
        const error = await assertError(response, 401, "wrong_api_key");
        assert.equal(error.param, "api_key");
        assert.ok(!/qwertzuiop|maya-e2e|csk-/i.test(JSON.stringify(error)), "no key is told, not even a wrong one");
      }
    }
    assert.equal((await standIn.stats()).calls, 0);
  });

  test("may hold spaces, and the scheme may be in any case", async () => {
    for (const authorization of [`Bearer ${OTHER_KEY}`, `bearer ${KEY}`, `BEARER ${KEY}`, `Bearer  ${KEY} `]) {
      assert.equal((await post(edge, chat("hi"), { authorization })).status, 200, authorization);
    }
  });

  test("come before the body: a stranger learns nothing of it", async () => {
    await assertError(await post(edge, "{", { authorization: "Bearer wrong" }), 401);
    // Before any of it has come.
    await assertError(
      await raw(edge, "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wrong\r\ncontent-length: 99999999\r\n\r\n"),
      401,
    );
  });

  test("may be a secret, which is text", async () => {
    await withEdge({ vars: { GATEWAY_KEYS: JSON.stringify(KEYS) } }, async (other) => {
      assert.equal((await post(other, chat("hi"))).status, 200);
      await assertError(await post(other, chat("hi"), { authorization: "Bearer wrong" }), 401);
    });
  });

  test("that nobody configured refuse each call, and name the variable", async () => {
    for (const GATEWAY_KEYS of [undefined, "", "[]", []]) {
      await withEdge({ vars: { GATEWAY_KEYS, ADMIN_SECRET: undefined } }, async (other) => {
        for (const authorization of [`Bearer ${KEY}`, "Bearer maya-local", "Bearer ", undefined]) {
          const headers = authorization === undefined ? {} : { authorization };
          for (const response of [
            await fetch(`${other.url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify(chat("hi")) }),
            await get("/v1/models", headers, other),
            await get("/public/v1/models", headers, other),
          ]) {
            assert.equal(response.headers.get("x-should-retry"), "false");
            const error = await assertError(response, 500, "no_gateway_keys");
            assert.equal(error.param, "GATEWAY_KEYS");
            assert.ok(error.message.includes("GATEWAY_KEYS"));
          }
        }
        assert.equal((await get("/v1/tcp_warming", {}, other)).status, 200);
      });
    }
    assert.equal((await standIn.stats()).calls, 0);
  });

  test("of local development work only in a local build without configured ones", async () => {
    const local = { authorization: "Bearer maya-local" };
    await withEdge({ local: true, vars: { GATEWAY_KEYS: undefined } }, async (other) => {
      assert.equal((await post(other, chat("hi"), local)).status, 200);
      await assertError(await post(other, chat("hi")), 401);
    });
    await withEdge({ local: true }, async (other) => {
      await assertError(await post(other, chat("hi"), local), 401);
      assert.equal((await post(other, chat("hi"))).status, 200);
    });
    // A variable of that name is no local build.
    await withEdge({ vars: { GATEWAY_KEYS: undefined, ADMIN_SECRET: undefined, LOCAL: "true" } }, async (other) => {
      await assertError(await post(other, chat("hi"), local), 500, "no_gateway_keys");
    });
  });

  test("for Cerebras that are missing name their variable", async () => {
    for (const CEREBRAS_API_KEY of [undefined, ""]) {
      await withEdge({ vars: { CEREBRAS_API_KEY } }, async (other) => {
        for (const response of [await post(other, chat("hi")), await get("/v1/models", auth, other)]) {
          assert.equal(response.headers.get("x-should-retry"), "false");
          const error = await assertError(response, 500, "no_upstream_key");
          assert.equal(error.param, "CEREBRAS_API_KEY");
        }
      });
    }
  });
});

describe("a wrong configuration", () => {
  const wrong = [
    ["FIRST_BYTE_MS", "soon"],
    ["FIRST_BYTE_MS", 0],
    ["TOTAL_MS", -5],
    ["TOTAL_MS", 1.5],
    ["HEALTH", { breakers: "hunter2" }],
    ["HEALTH", { hunter2: 1 }],
    ["HEALTH", { least_calls: 1 }],
    ["PLATFORMS", { hunter2: {} }],
    ["PLATFORMS", { x: { limit: 0 } }],
    ["MAX_COMPLETION_TOKENS", 0],
    ["CACHE_MODE", "sometimes"],
    ["CACHE_MATCH", "likeness"],
    ["CACHE_TTL_SECONDS", 5],
    ["CACHE_TTL_SECONDS", 99999999],
    ["GATEWAY_KEYS", [{ sha256: "zz-hunter2-zz", tenant: "a" }]],
    ["GATEWAY_KEYS", "not-json-hunter2"],
    ["GATEWAY_KEYS", [{ sha256: sha256("x") }]],
    ["MODELS", { "gpt-oss-120b": { price: 1 } }],
    ["MODELS", { "gpt-oss-120b": { fallback: "gpt-oss-120b" } }],
    ["ALIASES", { fast: 1 }],
    ["ALIASES", { fast: "quality", quality: "qwen-3.8-27b" }],
    ["CORS_ORIGINS", "https://app.example.com"],
    ["CEREBRAS_BASE_URL", "ftp://example.com"],
    ["CEREBRAS_BASE_URL", "https://"],
  ];

  for (const [name, value] of wrong) {
    test(`stops everything and names ${name}: ${JSON.stringify(value)}`, async () => {
      await withEdge({ vars: { [name]: value } }, async (other) => {
        for (const response of [await post(other, chat("hi")), await get("/healthz", {}, other)]) {
          assert.equal(response.headers.get("x-should-retry"), "false");
          const error = await assertError(response, 500, "wrong_configuration");
          assert.equal(error.param, name, error.message);
          assert.ok(error.message.includes(name));
          assert.ok(!error.message.includes("hunter2"), "a secret in the wrong place is not told");
        }
        // A client is constructed all the same.
        assert.equal((await get("/v1/tcp_warming", {}, other)).status, 200);
      });
    });
  }
});

describe("the body", () => {
  const MOST = 10 << 20;
  /** A chat of exactly so many bytes. */
  const sized = (bytes) => {
    const empty = JSON.stringify(chat("", { max_completion_tokens: 5 })).length;
    return JSON.stringify(chat("x".repeat(bytes - empty), { max_completion_tokens: 5 }));
  };

  test("may have 10 MiB, and not a byte more, with and without a declared length", async () => {
    const chunked = (text) =>
      fetch(`${edge.url}/v1/chat/completions`, {
        method: "POST",
        headers: { ...auth, "content-type": "application/json" },
        body: new Blob([text]).stream(),
        duplex: "half",
      });
    // Cerebras finds such a prompt too long, and says so.
    assert.equal((await assertError(await post(edge, sized(MOST)), 400)).code, "context_length_exceeded");
    assert.equal((await assertError(await chunked(sized(MOST)), 400)).code, "context_length_exceeded");
    const { calls } = await standIn.stats();
    // What declares to be larger is refused before any of it has come; without a declared length it is counted as it comes.
    const begun = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n`;
    const declared = (bytes, more = "") => raw(edge, `${begun}${more}content-length: ${bytes}\r\n\r\n{`);
    for (const response of [
      await declared(MOST + 1),
      await declared(99999999999),
      await declared(MOST + 1, "content-encoding: gzip\r\n"),
      // Behind the last of these bytes more were to come.
      await raw(edge, `${begun}transfer-encoding: chunked\r\n\r\n${(MOST + 1).toString(16)}\r\n${sized(MOST + 1)}`),
    ]) {
      assert.equal(response.headers.get("x-should-retry"), "false");
      await assertError(response, 413, "body_too_large");
    }
    assert.equal((await standIn.stats()).calls, calls);
  });

  test("may be packed with gzip, within the same limit when unpacked", async () => {
    const gzip = { "content-encoding": "gzip" };
    assert.equal((await post(edge, gzipSync(JSON.stringify(chat("hi"))), gzip)).status, 200);
    assert.equal((await assertError(await post(edge, gzipSync(sized(MOST)), gzip), 400)).code, "context_length_exceeded");
    await assertError(await post(edge, gzipSync(sized(MOST + 1)), gzip), 413, "body_too_large");
    // 200 MiB in 200 KiB.
    await assertError(await post(edge, gzipSync(Buffer.alloc(200 << 20)), gzip), 413, "body_too_large");
  });

  test("that is not the gzip that it claims to be is a 400", async () => {
    const whole = gzipSync(JSON.stringify(chat("hi")));
    const broken = Buffer.from(whole);
    broken[broken.length - 6] ^= 0xff;
    for (const body of [JSON.stringify(chat("hi")), whole.subarray(0, whole.length - 9), whole.subarray(0, 5), broken, Buffer.alloc(0)]) {
      await assertError(await post(edge, body, { "content-encoding": "gzip" }), 400);
    }
    assert.equal((await standIn.stats()).calls, 0);
  });

  test("in any other encoding or kind is a 415", async () => {
    const text = JSON.stringify(chat("hi"));
    for (const [body, headers, code] of [
      [brotliCompressSync(text), { "content-encoding": "br" }, "unsupported_content_encoding"],
      [deflateSync(text), { "content-encoding": "deflate" }, "unsupported_content_encoding"],
      [text, { "content-encoding": "zstd" }, "unsupported_content_encoding"],
      [gzipSync(gzipSync(text)), { "content-encoding": "gzip, gzip" }, "unsupported_content_encoding"],
      [text, { "content-type": "application/vnd.msgpack" }, "unsupported_media_type"],
      [text, { "content-type": "application/msgpack" }, "unsupported_media_type"],
      [text, { "content-type": "application/x-msgpack" }, "unsupported_media_type"],
      [text, { "content-type": "multipart/form-data; boundary=x" }, "unsupported_media_type"],
    ]) {
      await assertError(await post(edge, body, headers), 415, code);
    }
    for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON"])
      assert.equal((await post(edge, text, { "content-type": type })).status, 200);
    assert.equal((await post(edge, text, { "content-encoding": "identity" })).status, 200);
  });

  const user = '{"role":"user","content":"hi"}';
  const valid = `"model":"gpt-oss-120b","messages":[${user}]`;
  const nested = (levels) => `{${valid},"model_parameters":${'{"a":'.repeat(levels - 1)}1${"}".repeat(levels - 1)}}`;
  const refused = {
    "an empty body": ["", "invalid_json", ""],
    "spaces alone": ["  \n", "invalid_json", ""],
    "an unfinished object": ['{"model":', "invalid_json", "model"],
    "a comma too many": [`{${valid},}`, "invalid_json", ""],
    "a comma too many in an array": [`{"model":"m","messages":[${user},]}`, "invalid_json", "messages[1]"],
    "a word that JSON does not know": [`{${valid},"top_p":NaN}`, "invalid_json", "top_p"],
    "single quotes": ["{'model':'m'}", "invalid_json", ""],
    "a comment": [`{${valid} /* hi */}`, "invalid_json", "messages"],
    "something behind the object": [`{${valid}} x`, "invalid_json", ""],
    "two objects": [`{${valid}}{${valid}}`, "invalid_json", ""],
    "a byte order mark": [`\ufeff{${valid}}`, "invalid_json", ""],
    "a line end in a string": ['{"model":"a\nb","messages":[]}', "invalid_json", "model"],
    "a wrong escape": ['{"model":"\\x41","messages":[]}', "invalid_json", "model"],
    "a number with a leading zero": [`{${valid},"n":01}`, "invalid_json", "n"],
    "bytes that are no UTF-8": [
      Buffer.from([...Buffer.from('{"model":"'), 0xc3, 0x28, ...Buffer.from('","messages":[]}')]),
      "invalid_json",
      "",
    ],
    null: ["null", "wrong_type", ""],
    "an array": [`[{${valid}}]`, "wrong_type", ""],
    "a string": ['"hi"', "wrong_type", ""],
    "a repeated key": [`{${valid},"model":"other"}`, "duplicate_key", "model"],
    "a repeated key of another spelling": [`{${valid},"m\\u006fdel":"other"}`, "duplicate_key", "model"],
    "a repeated key deep inside": [`{${valid},"tools":[{"function":{"name":"a","name":"b"}}]}`, "duplicate_key", "tools[0].function.name"],
    "a repeated key among many": [
      `{${valid},${Array.from({ length: 40 }, (_, at) => `"k${at}":1`).join(",")},"k7":2}`,
      "duplicate_key",
      "k7",
    ],
    "a key that looks like model": [`{${valid},"Model":"other"}`, "ambiguous_key", "Model"],
    "a key that looks like messages": [`{${valid},"MESSAGES":[]}`, "ambiguous_key", "MESSAGES"],
    "a key that looks like stream": [`{${valid},"sTream":true}`, "ambiguous_key", "sTream"],
    "a key that looks like max_tokens": [`{${valid},"max_Tokens":5}`, "ambiguous_key", "max_Tokens"],
    "a key that looks like tools": [`{${valid},"Tools":[]}`, "ambiguous_key", "Tools"],
    "a key that looks like a message's role": [
      '{"model":"m","messages":[{"Role":"user","content":"hi"}]}',
      "ambiguous_key",
      "messages[0].Role",
    ],
    "nesting of 65 levels": [nested(65), "too_deep", undefined],
    "nesting of 100000 levels": [`{${valid},"a":${"[".repeat(100000)}`, "too_deep", undefined],
    "no model": [`{"messages":[${user}]}`, undefined, "model"],
    "an empty model": [`{"model":"","messages":[${user}]}`, undefined, "model"],
    "a model that is a number": [`{"model":5,"messages":[${user}]}`, "wrong_type", "model"],
    "a model that is null": [`{"model":null,"messages":[${user}]}`, "wrong_type", "model"],
    "a model that is half a character": [`{"model":"\\ud83d","messages":[${user}]}`, "wrong_type", "model"],
    "no messages": ['{"model":"m"}', undefined, "messages"],
    "messages that are a string": ['{"model":"m","messages":"hi"}', "wrong_type", "messages"],
    "messages that are empty": ['{"model":"m","messages":[]}', undefined, "messages[0]"],
    "a message that is a string": [`{"model":"m","messages":[${user},"hi"]}`, "wrong_type", "messages[1]"],
    "a stream that is a string": [`{${valid},"stream":"true"}`, "wrong_type", "stream"],
    "a stream that is a number": [`{${valid},"stream":1}`, "wrong_type", "stream"],
    "stream_options that are true": [`{${valid},"stream":true,"stream_options":true}`, "wrong_type", "stream_options"],
    "include_usage that is a string": [`{${valid},"stream_options":{"include_usage":"yes"}}`, "wrong_type", "stream_options.include_usage"],
    "a temperature that is a string": [`{${valid},"temperature":"0"}`, "wrong_type", "temperature"],
    "a seed that is a string": [`{${valid},"seed":"1"}`, "wrong_type", "seed"],
    "n that is a string": [`{${valid},"n":"2"}`, "wrong_type", "n"],
    "a limit that is a string": [`{${valid},"max_tokens":"5"}`, "wrong_type", "max_tokens"],
    "a limit that is a fraction": [`{${valid},"max_completion_tokens":5.5}`, "wrong_value", "max_completion_tokens"],
    "a limit below -1": [`{${valid},"max_completion_tokens":-2}`, "wrong_value", "max_completion_tokens"],
    "a user that is a number": [`{${valid},"user":5}`, "wrong_type", "user"],
  };

  for (const [what, [text, code, param]] of Object.entries(refused)) {
    test(`with ${what} is a 400 that tells the place`, async () => {
      const error = await assertError(await post(edge, text), 400, code);
      if (param !== undefined) assert.equal(error.param, param, error.message);
      assert.equal(error.type, "invalid_request_error");
      if (code === "invalid_json") assert.match(error.message, /at byte \d+/);
      assert.ok(error.message.length < 1000);
      assert.equal((await standIn.stats()).calls, 0);
    });
  }

  test("of a text completion is judged by its own fields", async () => {
    for (const [text, param] of [
      ['{"model":"m"}', "prompt"],
      ['{"model":"m","prompt":5}', "prompt"],
      ['{"model":"m","prompt":{}}', "prompt"],
      ['{"model":"m","prompt":"a","Prompt":"b"}', "Prompt"],
    ]) {
      assert.equal((await assertError(await post(edge, text, {}, "/v1/completions"), 400)).param, param);
    }
    for (const prompt of ["a", ["a", "b"], [1, 2], [[1], [2]]]) {
      assert.equal((await post(edge, { model: "gpt-oss-120b", prompt }, {}, "/v1/completions")).status, 200);
    }
  });

  test("may be nested 64 levels", async () => {
    const response = await post(edge, nested(64));
    assert.equal(response.status, 200, await response.text());
  });

  test("that is not there at all is a 400", async () => {
    for (const more of ["", "content-length: 0\r\n", "transfer-encoding: chunked\r\n"]) {
      const end = more.startsWith("transfer") ? "0\r\n\r\n" : "";
      const response = await raw(
        edge,
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n${more}\r\n${end}`,
      );
      await assertError(response, 400, "invalid_json");
    }
  });

  test("that never comes whole holds nothing up", async () => {
    // A declared length, half of it, then the end of the connection.
    const socket = net.connect(new URL(edge.url).port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-length: 100\r\n\r\n{"model":`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    assert.equal((await post(edge, chat("hi"))).status, 200);
    assert.equal((await standIn.stats()).completions, 1);
  });
});

describe("strange characters", () => {
  test("in a model's name break no header", async () => {
    for (const model of [
      "a\r\nset-cookie: a=b",
      "a\nb",
      "a\u0000b",
      "a\u2028b",
      "größe 東京 👩‍👩‍👧",
      "\u0085\u00ff",
      "x".repeat(5000),
      '"};//',
      "a\u007fb",
      " ",
    ]) {
      const response = await post(edge, chat("hi", { model }));
      await assertError(response, 404, "model_not_found");
      assert.equal(response.headers.get("set-cookie"), null);
      assert.match(response.headers.get("x-maya-model"), /^[ -~]*$/);
      assert.equal(JSON.parse((await standIn.last()).body).model, model);
    }
  });

  test("in a request id, sent raw, break no header", async () => {
    for (const id of ["a\u0085b", "a\u00e9b", "a\tb", "a b", "a\u0001b"]) {
      const response = await raw(edge, `GET /healthz HTTP/1.1\r\nhost: x\r\nx-request-id: ${id}\r\n\r\n`);
      assert.notEqual(response.headers.get("x-request-id"), id);
      assert.ok([200, 400].includes(response.status));
    }
  });

  test("in a chosen cache key and a trace state do no harm", async () => {
    const response = await post(edge, chat("hi"), {
      "cf-aig-cache-key": "\u00e9\u00ff \u0080",
      tracestate: "\u00e9=1",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      queue_threshold: "100",
    });
    assert.equal(response.status, 200, await response.text());
  });
});

test("no log holds a key or a prompt", async () => {
  await withEdge({ cache: "broken" }, async (other) => {
    for (const words of ["", "[[garbage]]", "[[cut-before]]", "[[status=500]]", "[[status=403]]"]) {
      for (const stream of [false, true]) await (await post(other, chat(`${SECRET} ${words}`, { stream, temperature: 0 }))).text();
    }
    await (await post(other, `{"model":"${SECRET}",`)).text();
    await (await post(other, chat(SECRET), { authorization: `Bearer ${SECRET}` })).text();
    const streamed = await (await post(other, chat(`${SECRET} [[cut=2]]`, { stream: true }))).text();
    assert.ok(JSON.parse(events(streamed).at(-1)).error);
  });
  logs.push(...edge.logs);
  assert.ok(logs.length > 0, "something was logged at all");
  for (const line of logs) {
    for (const secret of [SECRET, KEY, OTHER_KEY, sha256(KEY), "csk-e2e", "zz-hunter2-zz", "not-json-hunter2"])
      assert.ok(!line.includes(secret), line);
  }
});
