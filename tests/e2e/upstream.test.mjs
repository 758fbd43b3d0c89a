// What Cerebras gets, and what of its answers reaches the caller: bytes, headers, retries, the model that stands in, errors.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { KEY, assertError, bytesOf, chat, events, post, startEdge, startStandIn } from "./edge.mjs";

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
beforeEach(() => standIn.reset());

const CAP = 16384;
const calls = async () => (await standIn.stats()).completions;
const CHAT = "/v1/chat/completions";
const TEXT = "/v1/completions";

/** What Cerebras gets for a body. */
const forwarded = async (body, at = CHAT, headers = {}) => {
  const response = await post(edge, body, headers, at);
  const text = await response.text();
  assert.ok(response.headers.get("x-maya-attempts") >= 1, `it went to the upstream: ${response.status} ${text}`);
  const { body: seen, path } = await standIn.last();
  assert.equal(path, at);
  return { seen, status: response.status, text, headers: response.headers };
};

/** A body with the cap that the gateway adds. */
const capped = (text, name = "max_completion_tokens") => {
  const end = text.lastIndexOf("}");
  return `${text.slice(0, end)},"${name}":${CAP}${text.slice(end)}`;
};

describe("the body", () => {
  const messages = '"messages":[{"role":"user","content":"hi"}]';

  test("is the caller's, byte for byte, but for the added cap", async () => {
    for (const text of [
      `{"model":"gpt-oss-120b",${messages}}`,
      ` \n{ "model" :\t"gpt-oss-120b" ,\r\n ${messages} \n} \n`,
      `{${messages},"temperature":0.70,"top_p":1e-1,"model":"gpt-oss-120b"}`,
      '{"model":"gpt-oss-120b","messages":[{"role":"user","content":"Gr\\u00f6\\u00dfe \\ud83d\\ude00 \\/ \\u2028 \\u0000"}]}',
      '{"model":"gpt-oss-120b","messages":[{"role":"user","content":"Größe 東京 👩‍👩‍👧 \u2028"}]}',
      '{"\\u006dodel":"gpt-oss-120b","messages":[{"role":"user","content":"}"}]}',
      `{"model":"gpt-oss-120b",${messages},"stream":true,"stream_options":{"include_usage":true}}`,
      `{"model":"gpt-oss-120b",${messages},"logit_bias":{"5":-1.50,"4":1e0}}`,
    ]) {
      const { seen, status } = await forwarded(text);
      assert.equal(status, 200);
      assert.equal(seen, capped(text));
    }
  });

  test("is the caller's to the last byte when a limit is given", async () => {
    for (const limit of [
      '"max_completion_tokens":100',
      '"max_tokens":100',
      '"max_completion_tokens":-1',
      '"max_tokens" : 7 , "max_completion_tokens":null',
    ]) {
      const text = `{ "model":"gpt-oss-120b", ${messages}, ${limit} }\n`;
      const { seen, status } = await forwarded(text);
      assert.equal(status, 200);
      assert.equal(seen, text);
    }
    const text = '{"model":"gpt-oss-120b","prompt":"Once","max_tokens":5}';
    assert.equal((await forwarded(text, TEXT)).seen, text);
  });

  test("gets the endpoint's own limit in the place of null", async () => {
    const { seen } = await forwarded(`{"max_completion_tokens": null ,"model":"gpt-oss-120b",${messages}}`);
    assert.equal(seen, `{"max_completion_tokens": ${CAP} ,"model":"gpt-oss-120b",${messages}}`);
    const text = `{"max_tokens":null,"model":"gpt-oss-120b",${messages}}`;
    assert.equal((await forwarded(text)).seen, capped(text));
    assert.equal(
      (await forwarded('{"prompt":"Once","max_tokens":null,"model":"gpt-oss-120b"}', TEXT)).seen,
      `{"prompt":"Once","max_tokens":${CAP},"model":"gpt-oss-120b"}`,
    );
  });

  test("of a text completion gets max_tokens", async () => {
    const text = '{"model":"gpt-oss-120b","prompt":"Once upon"}';
    const { seen, status } = await forwarded(text, TEXT);
    assert.equal(status, 200);
    assert.equal(seen, capped(text, "max_tokens"));
  });

  test("keeps what only Cerebras can judge: fields and values that the gateway does not know", async () => {
    for (const [more, complaint] of [
      ['"store":true,"thinking":{"a":[1,{"b":null}]}', "property 'body.store' is unsupported"],
      ['"seed":123456789012345678901234567890', "seed"],
      ['"temperature":12345678901234567890.50', "temperature"],
      ['"tools":"none"', "tools"],
      ['"top_p":7', "top_p"],
    ]) {
      const text = `{"model":"gpt-oss-120b",${messages},${more}}`;
      const { seen, status, text: answer } = await forwarded(text);
      assert.equal(seen, capped(text));
      assert.equal(status, 400, answer);
      const error = JSON.parse(answer);
      assert.equal(error.code, "wrong_api_format");
      assert.ok(error.message.includes(complaint), error.message);
      assert.deepEqual(error.error, { message: error.message, type: error.type, param: error.param, code: error.code });
    }
  });

  test("has extra_body folded in, as the SDKs that send it mean it", async () => {
    const { seen, status } = await forwarded(
      `{"model":"fast",${messages},"extra_body":{"reasoning_effort":"low","max_completion_tokens":50}}`,
    );
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(seen), {
      model: "gpt-oss-120b",
      ...JSON.parse(`{${messages}}`),
      reasoning_effort: "low",
      max_completion_tokens: 50,
    });
    assert.ok(!("extra_body" in JSON.parse((await forwarded(`{"model":"fast",${messages},"extra_body":null}`)).seen)));
    await assertError(await post(edge, `{"model":"fast",${messages},"extra_body":{"model":"quality"}}`), 400, "duplicate_key");
    await assertError(await post(edge, `{"model":"fast",${messages},"extra_body":[]}`), 400, "wrong_type");
  });

  test("comes unpacked when the caller packed it with gzip", async () => {
    const text = `{"model":"gpt-oss-120b",${messages}}`;
    for (const encoding of ["gzip", "GZIP", "x-gzip"]) {
      const { seen, status } = await forwarded(gzipSync(text), CHAT, { "content-encoding": encoding });
      assert.equal(status, 200);
      assert.equal(seen, capped(text));
      assert.equal((await standIn.last()).headers["content-encoding"], undefined);
    }
  });

  test("names the model behind an alias, and nothing else changes", async () => {
    for (const [alias, id] of [
      ["fast", "gpt-oss-120b"],
      ["quality", "qwen-3.8-27b"],
      ["llama3.1-8b", "gpt-oss-120b"],
      ["llama3.1-70b", "gpt-oss-120b"],
    ]) {
      const text = `{ "messages":[{"role":"user","content":"model: \\"${alias}\\""}], "model" : "${alias}" , "max_completion_tokens":9}`;
      const { seen, status, headers } = await forwarded(text);
      assert.equal(status, 200);
      assert.equal(seen, text.replace(`"model" : "${alias}"`, `"model" : "${id}"`));
      assert.equal(headers.get("x-maya-model"), id);
    }
  });

  test("names an unknown model as it is, and Cerebras's 404 comes back in both envelopes", async () => {
    const response = await post(edge, chat("hi", { model: "nobody's model" }));
    const error = await assertError(response, 404, "model_not_found");
    assert.equal(error.message, "Model does not exist or you do not have access to it.");
    assert.equal(JSON.parse((await standIn.last()).body).model, "nobody's model");
  });

  test("gets the configured limits: the gateway's, or the model's own", async () => {
    const MODELS = { "gpt-oss-120b": { cap_tokens: 11 }, "qwen-3.8-27b": {} };
    const other = await startEdge({
      vars: {
        CEREBRAS_BASE_URL: `${standIn.url}/v1/`,
        MAX_COMPLETION_TOKENS: 77,
        MODELS: JSON.stringify(MODELS),
        ALIASES: { mine: "qwen-3.8-27b" },
      },
    });
    try {
      for (const [model, cap] of [
        ["gpt-oss-120b", 11],
        ["mine", 77],
      ]) {
        assert.equal((await post(other, chat("hi", { model }))).status, 200);
        assert.equal(JSON.parse((await standIn.last()).body).max_completion_tokens, cap);
      }
    } finally {
      await other.stop();
    }
  });
});

describe("the headers that Cerebras gets", () => {
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  test("are a short list, with the gateway's own key and name", async () => {
    await post(edge, chat("hi"), {
      cookie: "session=1",
      "user-agent": "OpenAI/JS 7.57.0",
      "x-api-key": KEY,
      "x-stand-in": "status=500",
      "x-stainless-lang": "js",
      "x-forwarded-for": "192.0.2.1",
      "x-forwarded-host": "example.org",
      "x-real-ip": "192.0.2.1",
      "cf-ray": "1",
      "cf-connecting-ip": "192.0.2.1",
      "cf-aig-metadata": "{}",
      "x-amz-cf-id": "1",
      "x-delay-time": "5",
      "openai-organization": "org",
      "accept-language": "de",
      referer: "https://example.org/",
      origin: "https://example.org",
      "x-request-id": "my-id",
      "cache-control": "no-cache",
    });
    const { headers } = await standIn.last();
    // The runtime adds this one to each request of a Worker.
    delete headers["cf-worker"];
    const { authorization, "user-agent": agent, "content-type": type, host, "content-length": length, ...others } = headers;
    assert.deepEqual(others, {});
    assert.equal(authorization, "Bearer csk-e2e");
    assert.match(agent, /^maya-edge\/\d/);
    assert.equal(type, "application/json");
    assert.equal(host, new URL(standIn.url).host);
    assert.ok(Number(length) > 0);
  });

  test("include those of Cerebras's own that the caller sends", async () => {
    const passing = { queue_threshold: "100", "x-cerebras-version-patch": "2", "x-cerebras-3rd-party-integration": "my app" };
    assert.equal((await post(edge, chat("hi"), passing)).status, 200);
    const { headers } = await standIn.last();
    for (const [name, value] of Object.entries(passing)) assert.equal(headers[name], value);
  });

  test("include a well-formed traceparent with its state, and no other", async () => {
    const seen = async (given) => {
      assert.equal((await post(edge, chat("hi"), given)).status, 200);
      const { traceparent, tracestate } = (await standIn.last()).headers;
      return { traceparent, tracestate };
    };
    assert.deepEqual(await seen({ traceparent: parent, tracestate: "a=b,c=d" }), { traceparent: parent, tracestate: "a=b,c=d" });
    const none = { traceparent: undefined, tracestate: undefined };
    assert.deepEqual(await seen({ tracestate: "a=b" }), none);
    for (const wrong of [
      "x",
      parent.toUpperCase(),
      parent.replace("00-", "ff-"),
      `${parent}-more`,
      "00-00000000000000000000000000000000-b7ad6b7169203331-01",
      "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
      parent.slice(0, -1),
    ]) {
      assert.deepEqual(await seen({ traceparent: wrong, tracestate: "a=b" }), none, wrong);
    }
  });
});

describe("the headers that the caller gets", () => {
  const hidden = ["set-cookie", "server", "alt-svc", "strict-transport-security", "cf-ray", "cf-cache-status", "referrer-policy"];

  test("tell rate limits and ids, and nothing of what stands before Cerebras", async () => {
    for (const body of [chat("hi"), chat("hi", { stream: true }), chat("[[status=500]]"), chat("[[status=404]]"), chat("[[rate-queue]]")]) {
      const response = await post(edge, body);
      await response.arrayBuffer();
      for (const name of hidden) assert.equal(response.headers.get(name), null, name);
      for (const kind of ["requests-day", "tokens-minute"]) {
        for (const what of ["limit", "remaining", "reset"]) assert.match(response.headers.get(`x-ratelimit-${what}-${kind}`), /^[\d.]+$/);
      }
      if (response.status === 200) assert.match(response.headers.get("inference-id"), /^chatcmpl-/);
      assert.match(response.headers.get("x-request-id"), /^[0-9a-f]{16}-AMS$/);
      assert.equal(response.headers.get("x-content-type-options"), "nosniff");
      assert.equal(response.headers.get("cache-control"), "private, no-store");
      assert.match(response.headers.get("vary"), /Authorization/i);
      assert.match(response.headers.get("server-timing"), /upstream;dur=\d/);
    }
  });

  test("tell all eighteen rate limits of a free account, as they are", async () => {
    const free = await startStandIn("--tier", "free");
    const other = await startEdge({ vars: { CEREBRAS_BASE_URL: free.url } });
    try {
      const response = await post(other, chat("hi"));
      const limits = [...response.headers].filter(([name]) => name.startsWith("x-ratelimit-"));
      assert.equal(limits.length, 18);
      assert.ok(limits.some(([, value]) => /^\d+\.\d+$/.test(value)));
      // A limit that is really reached, not one that a test asks for: 30000 tokens a minute, reserved up front.
      let refused;
      for (let count = 0; count < 6 && refused?.status !== 429; count++) refused = await post(other, chat("hi"));
      await assertError(refused, 429);
    } finally {
      await other.stop();
      free.stop();
    }
  });

  test("tell when to come back", async () => {
    const response = await post(edge, chat("[[rate-requests]] [[retry-after=7]]"));
    assert.equal(response.headers.get("retry-after"), "7");
    await assertError(response, 429, "request_quota_exceeded");
  });

  test("have the caller's request id when it is well-formed, beside Cerebras's", async () => {
    const response = await post(edge, chat("hi"), { "x-request-id": "req_1:a/b+c=d.e-f" });
    assert.equal(response.headers.get("x-request-id"), "req_1:a/b+c=d.e-f");
    assert.match(response.headers.get("x-upstream-request-id"), /-AMS$/);
    for (const wrong of ["two words", "a,b", "x".repeat(129), "\u00e9", "<script>"]) {
      assert.match((await post(edge, chat("hi"), { "x-request-id": wrong })).headers.get("x-request-id"), /-AMS$/);
      // An answer of the gateway's own has one too.
      assert.match((await post(edge, "{", { "x-request-id": wrong })).headers.get("x-request-id"), /^[0-9a-f-]{36}$/);
    }
    assert.equal((await post(edge, "{", { "x-request-id": "mine" })).headers.get("x-request-id"), "mine");
  });
});

describe("a second attempt", () => {
  for (const fault of ["503", "500", "502", "cut-before", "cut-headers"]) {
    test(`follows ${fault}, once, with the same bytes`, async () => {
      for (const stream of [false, true]) {
        await standIn.reset();
        const body = chat(`[[once=${fault}]]`, { model: "fast", stream });
        const response = await post(edge, body);
        const text = await response.text();
        assert.equal(response.status, 200, text);
        assert.equal(response.headers.get("x-maya-attempts"), "2");
        assert.equal(response.headers.get("x-maya-model"), "gpt-oss-120b");
        assert.equal(await calls(), 2);
        assert.equal((await standIn.last()).body, capped(JSON.stringify({ ...body, model: "gpt-oss-120b" })));
        if (stream) assert.equal(events(text).at(-1), "[DONE]");
      }
    });
  }

  test("never follows a quota, in whatever form it is spent", async () => {
    for (const [fault, code] of [
      ["rate-requests", "request_quota_exceeded"],
      ["rate-tokens", "token_quota_exceeded"],
      ["rate-queue", "queue_exceeded"],
    ]) {
      for (const stream of [false, true]) {
        await standIn.reset();
        const response = await post(edge, chat(`[[${fault}]]`, { stream }));
        assert.ok(response.headers.get("x-ratelimit-limit-tokens-minute"));
        await assertError(response, 429, code);
        assert.equal(await calls(), 1);
      }
    }
  });

  test("never follows an answer that would only be the same", async () => {
    for (const status of [400, 401, 402, 403, 404, 408, 409, 413, 422, 501, 504]) {
      await standIn.reset();
      const response = await post(edge, chat(`[[status=${status}]]`));
      assert.equal(response.headers.get("x-maya-attempts") ?? "1", "1");
      await assertError(response, status);
      assert.equal(await calls(), 1, String(status));
    }
  });

  test("never follows the first byte of a stream", async () => {
    await (await post(edge, chat("[[cut=1]]", { stream: true }))).text();
    await (await post(edge, chat("[[error=0]]", { stream: true }))).text();
    assert.equal(await calls(), 2);
  });
});

describe("the model that stands in", () => {
  test("answers when the one that was asked fails twice", async () => {
    for (const stream of [false, true]) {
      await standIn.reset();
      const body = chat("[[status-model=gpt-oss-120b:503]]", { model: "fast", stream });
      const response = await post(edge, body);
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.equal(response.headers.get("x-maya-model"), "qwen-3.8-27b");
      assert.equal(response.headers.get("x-maya-attempts"), "3");
      assert.ok(text.includes('"model":"qwen-3.8-27b"'));
      assert.equal(await calls(), 3);
      assert.equal((await standIn.last()).body, capped(JSON.stringify({ ...body, model: "qwen-3.8-27b" })));
    }
  });

  test("stands in for the other one too, on other failures too", async () => {
    for (const status of [500, 502]) {
      const response = await post(edge, chat(`[[status-model=qwen-3.8-27b:${status}]]`, { model: "quality" }));
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("x-maya-model"), "gpt-oss-120b");
    }
  });

  test("does not stand in for a refusal or a quota", async () => {
    for (const status of [400, 401, 402, 404, 429]) {
      await assertError(await post(edge, chat(`[[status-model=gpt-oss-120b:${status}]]`)), status);
    }
    assert.equal(await calls(), 5);
  });

  test("does not stand in where there are pictures that it cannot see", async () => {
    const picture = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };
    const ask = (words) =>
      post(edge, { model: "quality", messages: [{ role: "user", content: [{ type: "text", text: words }, picture] }] });
    assert.equal((await ask("What is it?")).status, 200);
    await standIn.reset();
    const response = await ask("[[status-model=qwen-3.8-27b:503]]");
    assert.equal(response.headers.get("x-maya-attempts"), "2");
    await assertError(response, 503);
    assert.equal(await calls(), 2);
  });

  test("when it fails too, the first failure is what the caller sees", async () => {
    for (const [other, status] of [
      ["503", 503],
      ["400", 503],
      ["429", 503],
    ]) {
      await standIn.reset();
      const response = await post(edge, chat(`[[status-model=gpt-oss-120b:503]] [[status-model=qwen-3.8-27b:${other}]]`));
      assert.equal(response.headers.get("x-maya-model"), "gpt-oss-120b");
      assert.equal(response.headers.get("x-maya-attempts"), "3");
      const error = await assertError(response, status);
      assert.equal(error.message, "The service is temporarily unavailable, please try again.");
      assert.equal(await calls(), 3);
    }
    // It has no text completions at all: that is not the caller's fault.
    const text = await post(edge, { model: "gpt-oss-120b", prompt: "[[status-model=gpt-oss-120b:500]]" }, {}, TEXT);
    await assertError(text, 500);
  });

  test("when no connection lasts, it is a 502 that says so", async () => {
    for (const fault of ["cut-before", "cut-headers"]) {
      for (const stream of [false, true]) {
        await standIn.reset();
        await assertError(await post(edge, chat(`[[${fault}]]`, { stream })), 502, "upstream_unreachable");
        assert.equal(await calls(), 3);
      }
    }
    const nowhere = await startEdge({ vars: { CEREBRAS_BASE_URL: "http://127.0.0.1:9" } });
    try {
      await assertError(await post(nowhere, chat("hi")), 502, "upstream_unreachable");
    } finally {
      await nowhere.stop();
    }
  });
});

describe("answers that are none", () => {
  test("garbage with status 200 is a 502", async () => {
    await assertError(await post(edge, chat("[[garbage]]")), 502, "upstream_unreadable");
  });

  test("a body that breaks in its middle is never given as an answer", async () => {
    await assertError(await post(edge, chat("[[cut]]")), 502, "upstream_unreachable");
  });

  test("an empty stream is a 502", async () => {
    await assertError(await post(edge, chat("[[close=0]]", { stream: true })), 502, "upstream_unreachable");
  });

  test("a page is told as an error with its status, and its text stays behind", async () => {
    const response = await post(edge, chat("[[status=403]]"));
    const error = await assertError(response, 403);
    assert.ok(!JSON.stringify(error).includes("<"), "no HTML");
  });

  test("a status that is neither an answer nor an error is a 502", async () => {
    for (const status of [204, 206, 302]) {
      const response = await fetch(edge.url + CHAT, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
        body: JSON.stringify(chat(`[[status=${status}]]`)),
        redirect: "manual",
      });
      await assertError(response, 502, "upstream_unreadable");
    }
  });
});

describe("errors of Cerebras", () => {
  test("of the nested form get the flat fields beside, and keep their own bytes", async () => {
    for (const status of [500, 501, 503, 504]) {
      const response = await post(edge, chat(`[[status=${status}]]`));
      const text = await bytesOf(response);
      const body = JSON.parse(text);
      assert.equal(response.status, status);
      assert.equal(body.status_code, status);
      assert.deepEqual(Object.keys(body.error), ["message", "type", "param", "code", "id"]);
      for (const name of ["message", "type", "param", "code"]) assert.equal(body[name], body.error[name]);
      assert.ok(text.startsWith(`{"status_code":${status},"error":{"message":`), text);
    }
  });

  test("of the flat form get an error beside, and keep their own bytes", async () => {
    for (const [status, type, param, code] of [
      [400, "invalid_request_error", "validation_error", "wrong_api_format"],
      [402, "payment_required_error", "quota", "payment_required"],
      [404, "not_found_error", "model", "model_not_found"],
      [413, "invalid_request_error", "", "content_too_large"],
    ]) {
      const response = await post(edge, chat(`[[status=${status}]]`));
      const text = await bytesOf(response);
      const { error, ...flat } = JSON.parse(text);
      assert.equal(response.status, status);
      assert.deepEqual([flat.type, flat.param, flat.code], [type, param, code]);
      assert.deepEqual(error, flat);
      assert.ok(text.startsWith(JSON.stringify(flat).slice(0, -1)), text);
    }
  });
});

describe("models", () => {
  const get = (path, headers = {}) => fetch(edge.url + path, { headers: { authorization: `Bearer ${KEY}`, ...headers } });

  test("are Cerebras's own, listed and one by one, aliases resolved", async () => {
    const { data, object } = await (await get("/v1/models")).json();
    assert.equal(object, "list");
    assert.deepEqual(
      data.map(({ id }) => id),
      ["gpt-oss-120b", "qwen-3.8-27b"],
    );
    assert.equal((await (await get("/v1/models/qwen-3.8-27b")).json()).id, "qwen-3.8-27b");
    assert.equal((await (await get("/v1/models/fast")).json()).id, "gpt-oss-120b");
    assert.equal((await get("/v1/models")).headers.get("set-cookie"), null);
  });

  test("that nobody has are Cerebras's 404 in both envelopes", async () => {
    await assertError(await get("/v1/models/nobody"), 404, "model_not_found");
    await assertError(await get("/v1/models/zai-glm-4.7"), 404, "model_archived");
  });

  test("come in the catalogue's formats", async () => {
    assert.ok((await (await get("/v1/models?format=openrouter")).json()).data[0].context_length > 0);
    await assertError(await get("/v1/models?format=none"), 400);
    assert.ok((await (await get("/public/v1/models/fast")).json()).pricing);
    assert.ok((await (await fetch(`${edge.url}/public/v1/models`)).json()).data.length === 2, "the public catalogue needs no key");
  });

  test("never lead elsewhere", async () => {
    const { calls: known } = await standIn.stats();
    for (const path of [
      "/v1/models/..%2f..%2f_stats",
      "/v1/models/a%0d%0ab",
      "/v1/models//",
      "/v1/models/%2e%2e",
      "/v1/models/a?b/../../_last",
      "/v1/models/a b",
    ]) {
      assert.equal((await get(path)).status, 404, path);
    }
    const { by_path: paths } = await standIn.stats();
    assert.ok(
      Object.keys(paths).every((path) => path === "/v1/models/a"),
      JSON.stringify(paths),
    );
    assert.equal(known, 0);
  });
});
