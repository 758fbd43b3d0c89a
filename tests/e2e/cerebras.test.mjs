// Cerebras's own package as a caller.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Cerebras from "@cerebras/cerebras_cloud_sdk";
import { KEY, OTHER_KEY, eventually, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;
let hasty;
let client;
let hastyClient;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
  hasty = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TOTAL_MS: 500 } });
  client = connect(edge);
  hastyClient = connect(hasty);
});
after(async () => {
  await edge?.stop();
  await hasty?.stop();
  standIn?.stop();
});

const connect = (to, more = {}, base = "") =>
  new Cerebras({ apiKey: KEY, baseURL: to.url + base, maxRetries: 0, warmTCPConnection: false, ...more });
const model = "gpt-oss-120b";
const ask = (content, more = {}) => ({ model, messages: [{ role: "user", content }], ...more });
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
  },
};
const all = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

describe("a client", () => {
  test("warms up its connection at the gateway, which answers by itself and at once", async () => {
    await standIn.reset();
    for (const base of ["", "/v1", "/t/acme"]) {
      const asked = [];
      const fetching = async (...given) => {
        const response = await fetch(...given);
        asked.push([String(given[0]), response.status]);
        return response;
      };
      // No key is needed for it, not even a right one.
      new Cerebras({ apiKey: "none", baseURL: edge.url + base, fetch: fetching });
      await eventually(() => asked.length === 1, "the client has warmed up");
      assert.deepEqual(asked, [[`${edge.url}${base}/v1/tcp_warming`, 200]]);
    }
    const { warmings, calls } = await standIn.stats();
    assert.deepEqual([warmings, calls], [0, 0]);
  });

  test("works at a base with /v1 too, behind a tenant, and with a key that has spaces", async () => {
    for (const base of ["/", "/v1", "/v1/", "/t/acme", "/t/acme/v1"]) {
      assert.equal((await connect(edge, {}, base).chat.completions.create(ask("Hello", { model: "fast" }))).model, model);
    }
    assert.ok((await connect(edge, { apiKey: OTHER_KEY }).chat.completions.create(ask("Hello"))).id);
  });
});

describe("chat", () => {
  test("answers, with times, reasoning and rate limits", async () => {
    const { data, response } = await client.chat.completions.create(ask("Hello")).withResponse();
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.ok(data.choices[0].message.content.length > 0);
    assert.ok(data.choices[0].message.reasoning.length > 0);
    assert.ok(data.time_info.total_time > 0 && data.usage.total_tokens > 0);
    assert.ok(response.headers.get("x-ratelimit-remaining-tokens-minute"));
    assert.equal(response.headers.get("inference-id"), data.id);
  });

  test("streams: text, finish reason, usage and times in the last chunk", async () => {
    const chunks = await all(await client.chat.completions.create(ask("Hello [[words=40]]", { stream: true })));
    assert.ok(
      chunks
        .map((chunk) => chunk.choices[0].delta.content ?? "")
        .join("")
        .split(" ").length >= 20,
    );
    const last = chunks.at(-1);
    assert.equal(last.choices[0].finish_reason, "stop");
    assert.ok(last.usage.total_tokens > 0 && last.time_info.total_time > 0);
  });

  test("calls tools, and goes on with what they found", async () => {
    const first = await client.chat.completions.create(ask("What is the weather in Oslo?", { tools: [weather] }));
    const { message, finish_reason: reason } = first.choices[0];
    assert.equal(reason, "tool_calls");
    const [call] = message.tool_calls;
    assert.equal(call.function.name, "get_weather");
    const messages = [
      { role: "user", content: "What is the weather in Oslo?" },
      message,
      { role: "tool", tool_call_id: call.id, content: "12 degrees, rain" },
    ];
    const second = await client.chat.completions.create({ model, messages, tools: [weather] });
    assert.match(second.choices[0].message.content, /12 degrees, rain/);
  });

  test("streams tool calls, whole", async () => {
    const chunks = await all(await client.chat.completions.create(ask("What is the weather in Oslo?", { tools: [weather], stream: true })));
    const [call] = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
    assert.equal(call.function.name, "get_weather");
    assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
    assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
  });

  test("keeps to a schema, streamed too", async () => {
    const schema = {
      type: "object",
      properties: { city: { type: "string" }, people: { type: "integer" } },
      required: ["city", "people"],
      additionalProperties: false,
    };
    const body = ask("A place", { response_format: { type: "json_schema", json_schema: { name: "place", strict: true, schema } } });
    const answer = await client.chat.completions.create(body);
    assert.deepEqual(Object.keys(JSON.parse(answer.choices[0].message.content)), ["city", "people"]);
    const chunks = await all(await client.chat.completions.create({ ...body, stream: true }));
    assert.deepEqual(Object.keys(JSON.parse(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""))), ["city", "people"]);
  });

  test("passes Cerebras's own header parameters", async () => {
    await client.chat.completions.create(ask("Hello"), { headers: { queue_threshold: "200" } });
    const { headers } = await standIn.last();
    assert.equal(headers.queue_threshold, "200");
    assert.ok(!Object.keys(headers).some((name) => name.startsWith("x-stainless")));
  });
});

describe("text completions", () => {
  test("answer, and stream", async () => {
    const answer = await client.completions.create({ model, prompt: "Once upon a time" });
    assert.equal(answer.object, "text_completion");
    assert.ok(answer.choices[0].text.length > 0);
    const chunks = await all(await client.completions.create({ model, prompt: "Once upon a time [[words=30]]", stream: true }));
    assert.ok(
      chunks
        .map((chunk) => chunk.choices[0].text)
        .join("")
        .split(" ").length >= 15,
    );
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  });
});

describe("models", () => {
  test("are listed, and found by id and by alias", async () => {
    const { data } = await client.models.list();
    assert.deepEqual(
      data.map(({ id }) => id),
      ["gpt-oss-120b", "qwen-3.8-27b"],
    );
    assert.equal((await client.models.retrieve("quality")).id, "qwen-3.8-27b");
    await assert.rejects(client.models.retrieve("nobody"), Cerebras.NotFoundError);
  });
});

describe("errors", () => {
  const classes = [
    ["a field that Cerebras does not know", ask("hi", { store: true }), "BadRequestError", 400, "wrong_api_format"],
    ["a repeated key look-alike", ask("hi", { Stream: true }), "BadRequestError", 400, "ambiguous_key"],
    ["an upstream key that is wrong", ask("[[status=401]]"), "AuthenticationError", 401, "wrong_api_key"],
    ["a bill that is not paid", ask("[[status=402]]"), "APIError", 402, "payment_required"],
    ["a page in the way", ask("[[status=403]]"), "PermissionDeniedError", 403, "upstream_error"],
    ["a model that nobody has", ask("hi", { model: "nobody" }), "NotFoundError", 404, "model_not_found"],
    ["a body that is too large for Cerebras", ask("[[status=413]]"), "APIError", 413, "content_too_large"],
    ["spent requests", ask("[[rate-requests]]"), "RateLimitError", 429, "request_quota_exceeded"],
    ["spent tokens", ask("[[rate-tokens]]"), "RateLimitError", 429, "token_quota_exceeded"],
    ["a full queue", ask("[[rate-queue]]"), "RateLimitError", 429, "queue_exceeded"],
    ["an upstream failure", ask("[[status=500]]"), "InternalServerError", 500, ""],
    ["an upstream that is away", ask("[[status=503]]"), "InternalServerError", 503, ""],
    ["connections that break", ask("[[cut-before]]"), "InternalServerError", 502, "upstream_unreachable"],
    ["a deadline", ask("[[hang]]"), "InternalServerError", 504, "upstream_timeout"],
  ];

  for (const [what, body, kind, status, code] of classes) {
    test(`${what}: ${kind}, ${status}`, async () => {
      const refuses = async (stream) => {
        const from = status === 504 ? hastyClient : client;
        await assert.rejects(from.chat.completions.create({ ...body, stream }), (error) => {
          assert.ok(error instanceof Cerebras[kind], String(error));
          assert.equal(error.status, status);
          assert.equal(error.error.code, code);
          assert.ok(error.message.length > 10 && !error.message.includes("{") && !error.message.includes("<"), error.message);
          return true;
        });
      };
      await Promise.all([false, true].map(refuses));
    });
  }

  test("a wrong key: AuthenticationError", async () => {
    await assert.rejects(connect(edge, { apiKey: "wrong" }).chat.completions.create(ask("hi")), Cerebras.AuthenticationError);
  });

  test("a second attempt of the client's own is left to it when the quota is spent", async () => {
    await standIn.reset();
    const patient = connect(edge, { maxRetries: 1 });
    await assert.rejects(patient.chat.completions.create(ask("[[rate-queue]]")), Cerebras.RateLimitError);
    assert.equal((await standIn.stats()).completions, 2);
  });

  for (const fault of [
    "close=1",
    "close=4",
    "cut=1",
    "cut=4",
    "half=2",
    "half-bytes=400",
    "error=0",
    "error=3",
    "flat-error=3",
    "hang=3",
    "no-finish",
    "garbage",
  ]) {
    test(`a stream that fails by \`${fault}\` raises`, async () => {
      const from = fault.startsWith("hang") ? hastyClient : client;
      const read = async () => all(await from.chat.completions.create(ask(`Hello [[words=20]] [[${fault}]]`, { stream: true })));
      await assert.rejects(read, (error) => {
        // Behind a [DONE] no error can be said any more: the connection breaks.
        assert.ok(error instanceof Cerebras.APIError || (fault === "no-finish" && /Premature close/.test(error)), String(error));
        return true;
      });
    });
  }

  test("a stream of text that fails raises", async () => {
    await assert.rejects(
      async () => all(await client.completions.create({ model, prompt: "Once [[words=30]] [[cut=3]]", stream: true })),
      Cerebras.APIError,
    );
  });
});
