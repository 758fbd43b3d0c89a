// The package `openai` as a caller.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { KEY, OTHER_KEY, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;
let client;
/** The same Worker with deadlines that a test can wait for, and its client. */
let hasty;
let hastyClient;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
  hasty = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TOTAL_MS: 500 } });
  client = new OpenAI({ apiKey: KEY, baseURL: `${edge.url}/v1`, maxRetries: 0 });
  hastyClient = new OpenAI({ apiKey: KEY, baseURL: `${hasty.url}/v1`, maxRetries: 0 });
});
after(async () => {
  await edge?.stop();
  await hasty?.stop();
  standIn?.stop();
});

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

describe("chat", () => {
  test("answers", async () => {
    const answer = await client.chat.completions.create(ask("Hello"));
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.ok(answer.choices[0].message.content.length > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.ok(answer._request_id);
  });

  test("answers at a base without /v1, with /v1 twice, behind a tenant, and with a key that has spaces", async () => {
    for (const base of ["", "/", "/v1/", "/v1/v1", "/t/acme/v1"]) {
      const other = new OpenAI({ apiKey: KEY, baseURL: edge.url + base, maxRetries: 0 });
      assert.equal((await other.chat.completions.create(ask("Hello", { model: "fast" }))).model, model);
    }
    const spaced = new OpenAI({ apiKey: OTHER_KEY, baseURL: `${edge.url}/v1`, maxRetries: 0 });
    assert.ok((await spaced.chat.completions.create(ask("Hello"))).id);
  });

  test("streams: text, finish reason, and usage in the last chunk", async () => {
    const { data: stream, response } = await client.chat.completions
      .create(ask("Hello [[words=40]]", { stream: true, stream_options: { include_usage: true } }))
      .withResponse();
    assert.equal(response.headers.get("x-maya-model"), model);
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.ok(text.split(" ").length >= 20, text);
    assert.ok(chunks.length > 10);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    assert.ok(chunks.at(-1).usage.total_tokens > 0);
    assert.ok(chunks.slice(0, -1).every((chunk) => !chunk.usage));
  });

  test("streams through its helper, to the same answer", async () => {
    const runner = client.chat.completions.stream(ask("Hello [[words=20]]"));
    let text = "";
    runner.on("content", (delta) => (text += delta));
    const answer = await runner.finalChatCompletion();
    assert.equal(answer.choices[0].message.content, text);
    assert.equal(answer.choices[0].finish_reason, "stop");
  });

  test("calls tools, and goes on with what they found", async () => {
    const first = await client.chat.completions.create(ask("What is the weather in Oslo?", { tools: [weather] }));
    const { message, finish_reason: reason } = first.choices[0];
    assert.equal(reason, "tool_calls");
    const [call] = message.tool_calls;
    assert.equal(call.function.name, "get_weather");
    assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
    const messages = [
      { role: "user", content: "What is the weather in Oslo?" },
      message,
      { role: "tool", tool_call_id: call.id, content: "12 degrees, rain" },
    ];
    const second = await client.chat.completions.create({ model, messages, tools: [weather] });
    assert.match(second.choices[0].message.content, /12 degrees, rain/);
    assert.equal(second.choices[0].finish_reason, "stop");
  });

  test("streams tool calls", async () => {
    const runner = client.chat.completions.stream(
      ask("What is the weather in Oslo? [[parallel]]", {
        tools: [weather, { ...weather, function: { ...weather.function, name: "get_time" } }],
      }),
    );
    const answer = await runner.finalChatCompletion();
    assert.deepEqual(
      answer.choices[0].message.tool_calls.map((call) => call.function.name),
      ["get_weather", "get_time"],
    );
    for (const call of answer.choices[0].message.tool_calls) assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
  });

  test("runs tools by itself", async () => {
    const runner = client.chat.completions.runTools({
      ...ask("What is the weather in Oslo?"),
      tools: [{ type: "function", function: { ...weather.function, parse: JSON.parse, function: ({ city }) => `It rains in ${city}` } }],
    });
    assert.match(await runner.finalContent(), /It rains in/);
  });

  test("keeps to a schema, and parses", async () => {
    const Place = z.object({ city: z.string(), people: z.number(), kind: z.enum(["town", "village"]) });
    const format = zodResponseFormat(Place, "place");
    const answer = await client.chat.completions.parse(ask("A place", { response_format: format }));
    assert.doesNotThrow(() => Place.parse(answer.choices[0].message.parsed));
    const runner = client.chat.completions.stream(ask("Another place", { response_format: format }));
    const streamed = await runner.finalChatCompletion();
    assert.doesNotThrow(() => Place.parse(streamed.choices[0].message.parsed));
    const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
    const raw = await client.chat.completions.create(
      ask("A place", { response_format: { type: "json_schema", json_schema: { name: "place", strict: true, schema } } }),
    );
    assert.deepEqual(Object.keys(JSON.parse(raw.choices[0].message.content)), ["city"]);
  });

  test("passes Cerebras's own fields as extra_body", async () => {
    await client.chat.completions.create(ask("Hello", { extra_body: { reasoning_format: "hidden" } }));
    const seen = JSON.parse((await standIn.last()).body);
    assert.equal(seen.reasoning_format, "hidden");
    assert.ok(!("extra_body" in seen));
  });
});

describe("text completions", () => {
  test("answer", async () => {
    const answer = await client.completions.create({ model, prompt: "Once upon a time" });
    assert.equal(answer.object, "text_completion");
    assert.ok(answer.choices[0].text.length > 0);
    assert.equal(answer.choices[0].finish_reason, "stop");
  });

  test("stream", async () => {
    const chunks = [];
    for await (const chunk of await client.completions.create({ model, prompt: "Once upon a time [[words=30]]", stream: true }))
      chunks.push(chunk);
    assert.ok(
      chunks
        .map((chunk) => chunk.choices[0].text)
        .join("")
        .split(" ").length >= 15,
    );
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    assert.ok(chunks.at(-1).usage.total_tokens > 0);
  });
});

describe("models", () => {
  test("are listed, and found by id and by alias", async () => {
    const ids = [];
    for await (const { id } of await client.models.list()) ids.push(id);
    assert.deepEqual(ids, ["gpt-oss-120b", "qwen-3.8-27b"]);
    assert.equal((await client.models.retrieve("qwen-3.8-27b")).id, "qwen-3.8-27b");
    assert.equal((await client.models.retrieve("fast")).id, model);
    await assert.rejects(client.models.retrieve("nobody"), NotFoundError);
  });
});

describe("errors", () => {
  const classes = [
    ["a field that Cerebras does not know", ask("hi", { store: true }), BadRequestError, 400, "wrong_api_format"],
    ["a field of the wrong type", ask("hi", { temperature: "0" }), BadRequestError, 400, "wrong_type"],
    ["an upstream key that is wrong", ask("[[status=401]]"), AuthenticationError, 401, "wrong_api_key"],
    ["a bill that is not paid", ask("[[status=402]]"), APIError, 402, "payment_required"],
    ["a page in the way", ask("[[status=403]]"), PermissionDeniedError, 403, "upstream_error"],
    ["a model that nobody has", ask("hi", { model: "nobody" }), NotFoundError, 404, "model_not_found"],
    ["a body that is too large for Cerebras", ask("[[status=413]]"), APIError, 413, "content_too_large"],
    ["spent requests", ask("[[rate-requests]]"), RateLimitError, 429, "request_quota_exceeded"],
    ["spent tokens", ask("[[rate-tokens]]"), RateLimitError, 429, "token_quota_exceeded"],
    ["a full queue", ask("[[rate-queue]]"), RateLimitError, 429, "queue_exceeded"],
    ["an upstream failure", ask("[[status=500]]"), InternalServerError, 500, ""],
    ["an upstream that is away", ask("[[status=503]]"), InternalServerError, 503, ""],
    ["connections that break", ask("[[cut-before]]"), InternalServerError, 502, "upstream_unreachable"],
    ["garbage", ask("[[garbage]]"), InternalServerError, 502, "upstream_unreadable"],
    ["a deadline", ask("[[hang]]"), InternalServerError, 504, "upstream_timeout"],
  ];

  for (const [what, body, kind, status, code] of classes) {
    test(`${what}: ${kind.name}, ${status}`, async () => {
      const refuses = async (stream) => {
        const from = status === 504 ? hastyClient : client;
        await assert.rejects(from.chat.completions.create({ ...body, stream }), (error) => {
          assert.ok(error instanceof kind, String(error));
          assert.equal(error.status, status);
          assert.equal(error.code, code);
          assert.ok(error.message.length > 10 && !error.message.includes("no body") && !error.message.includes("<"), error.message);
          assert.ok(error.requestID);
          return true;
        });
      };
      // Garbage that is streamed breaks the stream instead.
      await Promise.all((what === "garbage" ? [false] : [false, true]).map(refuses));
    });
  }

  test("a wrong key: AuthenticationError", async () => {
    const stranger = new OpenAI({ apiKey: "wrong", baseURL: `${edge.url}/v1`, maxRetries: 0 });
    await assert.rejects(
      stranger.chat.completions.create(ask("hi")),
      (error) => error instanceof AuthenticationError && error.code === "wrong_api_key",
    );
    await assert.rejects(stranger.models.list(), AuthenticationError);
  });

  test("what can only fail again is not tried again", async () => {
    const patient = new OpenAI({ apiKey: KEY, baseURL: `${edge.url}/v1`, maxRetries: 2 });
    await standIn.reset();
    await assert.rejects(patient.responses.create({ model, input: "hi" }), NotFoundError);
    assert.equal((await standIn.stats()).calls, 0);
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
    "garbage",
  ]) {
    test(`a stream that fails by \`${fault}\` raises`, async () => {
      const from = fault.startsWith("hang") ? hastyClient : client;
      const read = async () => {
        for await (const chunk of await from.chat.completions.create(ask(`Hello [[words=20]] [[${fault}]]`, { stream: true })))
          assert.ok(chunk);
      };
      await assert.rejects(read, (error) => {
        assert.ok(error instanceof APIError, String(error));
        return true;
      });
      await assert.rejects(from.chat.completions.stream(ask(`Hello again [[words=20]] [[${fault}]]`)).finalChatCompletion());
    });
  }

  test("a stream of text that fails raises", async () => {
    const read = async () => {
      for await (const chunk of await client.completions.create({ model, prompt: "Once [[words=30]] [[cut=3]]", stream: true }))
        assert.ok(chunk);
    };
    await assert.rejects(read, APIError);
  });
});
