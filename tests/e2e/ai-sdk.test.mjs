// The AI SDK with its provider for Cerebras as a caller.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createCerebras } from "@ai-sdk/cerebras";
import { APICallError, Output, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { KEY, OTHER_KEY, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;
let hasty;
let cerebras;
let hastyCerebras;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
  hasty = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TOTAL_MS: 500 } });
  cerebras = createCerebras({ baseURL: `${edge.url}/v1`, apiKey: KEY });
  hastyCerebras = createCerebras({ baseURL: `${hasty.url}/v1`, apiKey: KEY });
});
after(async () => {
  await edge?.stop();
  await hasty?.stop();
  standIn?.stop();
});

const model = "gpt-oss-120b";
/** What a test asks; the SDK's own retries would hide what the gateway said. */
const ask = (prompt, more = {}) => ({ model: cerebras(model), prompt, maxRetries: 0, ...more });
const tools = {
  get_weather: tool({
    description: "Weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `It rains in ${city}`,
  }),
};

/** All parts of a stream. */
const parts = async (result) => {
  const found = [];
  for await (const part of result.fullStream) found.push(part);
  return found;
};

describe("text", () => {
  test("is generated, with finish reason, usage and reasoning", async () => {
    const result = await generateText(ask("Hello"));
    assert.ok(result.text.length > 0);
    assert.equal(result.finishReason, "stop");
    assert.ok(result.usage.inputTokens > 0 && result.usage.outputTokens > 0);
    assert.ok(result.reasoningText.length > 0);
  });

  test("is generated at a base without /v1, behind a tenant, by an alias, and with a key that has spaces", async () => {
    for (const [base, apiKey] of [
      ["", KEY],
      ["/v1/v1", KEY],
      ["/t/acme/v1", KEY],
      ["/v1", OTHER_KEY],
    ]) {
      const other = createCerebras({ baseURL: edge.url + base, apiKey });
      assert.ok((await generateText(ask("Hello", { model: other("fast") }))).text.length > 0);
    }
  });

  test("is streamed, to a normal end with usage", async () => {
    const result = streamText(ask("Hello [[words=40]]"));
    const found = await parts(result);
    const text = found
      .filter(({ type }) => type === "text-delta")
      .map((part) => part.text)
      .join("");
    assert.ok(text.split(" ").length >= 20);
    assert.equal(await result.text, text);
    assert.equal(await result.finishReason, "stop");
    assert.ok((await result.usage).outputTokens > 0);
    assert.ok(found.every(({ type }) => type !== "error"));
  });
});

describe("tools", () => {
  test("are called, and what they found is gone on with", async () => {
    const result = await generateText(ask("What is the weather in Oslo?", { tools, stopWhen: isStepCount(3) }));
    assert.equal(result.steps.length, 2);
    const [first, second] = result.steps;
    assert.equal(first.finishReason, "tool-calls");
    assert.deepEqual(
      first.toolCalls.map(({ toolName }) => toolName),
      ["get_weather"],
    );
    assert.equal(typeof first.toolCalls[0].input.city, "string");
    assert.match(second.text, /It rains in/);
  });

  test("are called in a stream", async () => {
    const result = streamText(ask("What is the weather in Oslo?", { tools, stopWhen: isStepCount(3) }));
    const found = await parts(result);
    const [call] = found.filter(({ type }) => type === "tool-call");
    assert.equal(call.toolName, "get_weather");
    assert.equal(typeof call.input.city, "string");
    assert.match(await result.text, /It rains in/);
    assert.equal(await result.finishReason, "stop");
  });
});

describe("structured output", () => {
  const schema = z.object({ city: z.string(), people: z.number(), kind: z.enum(["town", "village"]) });

  test("is generated", async () => {
    const { output } = await generateText(ask("A place", { output: Output.object({ schema }) }));
    assert.doesNotThrow(() => schema.parse(output));
  });

  test("is streamed", async () => {
    const result = streamText(ask("A place", { output: Output.object({ schema }) }));
    await parts(result);
    const output = await result.output;
    assert.doesNotThrow(() => schema.parse(output));
  });
});

describe("errors", () => {
  const kinds = [
    ["a field that Cerebras does not know", { providerOptions: { cerebras: { store: true } } }, 400],
    ["a page in the way", { prompt: "[[status=403]]" }, 403],
    ["a bill that is not paid", { prompt: "[[status=402]]" }, 402],
    ["a body that is too large for Cerebras", { prompt: "[[status=413]]" }, 413],
    ["spent requests", { prompt: "[[rate-requests]]" }, 429],
    ["spent tokens", { prompt: "[[rate-tokens]]" }, 429],
    ["an upstream failure", { prompt: "[[status=500]]" }, 500],
    ["an upstream that is away", { prompt: "[[status=503]]" }, 503],
    ["connections that break", { prompt: "[[cut-before]]" }, 502],
    ["garbage", { prompt: "[[garbage]]" }, 502],
    ["a deadline", { prompt: "[[hang]]" }, 504],
  ];
  const readable = (status) => (error) => {
    assert.ok(APICallError.isInstance(error), String(error));
    assert.equal(error.statusCode, status);
    // With a body that it cannot read, the provider has no more to say than the name of the status.
    assert.equal(error.data.message, error.message);
    assert.ok(
      error.message.length > 0 && !["Bad Request", "Payload Too Large", "Internal Server Error"].includes(error.message),
      error.message,
    );
    assert.equal(typeof error.data.code, "string");
    return true;
  };

  for (const [what, more, status] of kinds) {
    test(`${what}: ${status}, with a message`, async () => {
      const from = status === 504 ? hastyCerebras : cerebras;
      const asked = ask("hi", { model: from(model), ...more });
      await assert.rejects(generateText(asked), readable(status));
      if (what === "garbage") return;
      const [failed] = (await parts(streamText({ ...asked, onError: () => {} }))).filter(({ type }) => type === "error");
      readable(status)(failed.error);
    });
  }

  test("a wrong key and a model that nobody has", async () => {
    const stranger = createCerebras({ baseURL: `${edge.url}/v1`, apiKey: "wrong" });
    await assert.rejects(generateText(ask("hi", { model: stranger(model) })), readable(401));
    await assert.rejects(generateText(ask("hi", { model: cerebras("nobody") })), readable(404));
  });

  test("a quota is not asked for again by the gateway", async () => {
    await standIn.reset();
    await assert.rejects(generateText(ask("[[rate-tokens]]")));
    assert.equal((await standIn.stats()).completions, 1);
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
    test(`a stream that fails by \`${fault}\` has an error and no normal end`, async () => {
      const from = fault.startsWith("hang") ? hastyCerebras : cerebras;
      const told = [];
      const result = streamText(ask(`Hello [[words=20]] [[${fault}]]`, { model: from(model), onError: ({ error }) => told.push(error) }));
      // A flat frame throws the provider's reader off its course, which is an end that nobody overlooks either.
      const found = await parts(result).catch((error) => [{ type: "error", error }]);
      assert.ok(
        found.some(({ type }) => type === "error"),
        found.map(({ type }) => type).join(" "),
      );
      assert.ok(told.length > 0 || fault.startsWith("flat-error") || fault === "no-finish");
      const finish = found.find(({ type }) => type === "finish");
      assert.ok(finish === undefined || finish.finishReason !== "stop", finish?.finishReason);
    });
  }
});
