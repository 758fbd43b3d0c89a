// Lines of the log and traces, with the built Worker and two collectors: one of the tests' own, which fails as it is told and keeps what it gets,
// and Rotel. What comes is read by the rules of OTLP/JSON everywhere; with OpenTelemetry's own Protobuf definitions and by Rotel where a Python
// has both (`pip install opentelemetry-proto rotel==0.0.1a15`; OTLP_PYTHON names the Python).
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { KEY, administer, chat, eventually, leavable, pause, post, startEdge, startStandIn } from "./edge.mjs";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SECRET = "Zanzibar";

let standIn;
let collector;

/** A collector, which fails as it is told: its messages, and all spans of those that it took. */
async function startCollector() {
  const messages = [];
  const answers = [];
  const server = http.createServer((request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      const { status, body, headers } = answers.shift() ?? { status: 200, body: "{}" };
      messages.push({ at: Date.now(), path: request.url, headers: request.headers, text: Buffer.concat(pieces).toString(), status });
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const spans = () => messages.filter(({ status }) => status === 200).flatMap(({ text }) => JSON.parse(text).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
  return { url: `http://127.0.0.1:${server.address().port}`, messages, spans, fails: (...next) => answers.push(...next), stop: () => server.close() };
}

before(async () => {
  standIn = await startStandIn();
  collector = await startCollector();
});

after(() => {
  collector?.stop();
  standIn?.stop();
});

const edges = (vars) => startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TELEMETRY_MS: 50, ...vars } });
const traced = (vars) => edges({ OTLP_ENDPOINT: collector.url, OTLP_HEADERS: "x-collector-key=let%20me%20in", ...vars });
const attribute = (span, key) => Object.values(span.attributes.find((attribute) => attribute.key === key)?.value ?? {})[0];
const lines = (edge) => edge.logs.filter((line) => line.includes('"log":"request"')).map((line) => JSON.parse(line.slice(line.indexOf("{"))));

describe("a trace", () => {
  let edge;
  before(async () => (edge = await traced()));
  after(() => edge?.stop());

  /** The spans of a trace, once there are so many. */
  const spansOf = (trace, count) => eventually(() => {
    const found = collector.spans().filter(({ traceId }) => traceId === trace);
    return found.length >= count && found;
  }, `${count} spans of ${trace}`);

  test("goes on below its caller's span, and above what Cerebras does", async () => {
    const answer = await (await post(edge, chat("Hello"), { traceparent: PARENT, tracestate: "a=b", "x-request-id": "r-1" })).json();
    const { traceparent, tracestate } = (await standIn.last()).headers;
    const [own, attempt] = await spansOf("0af7651916cd43dd8448eb211c80319c", 2);
    assert.equal(own.parentSpanId, "b7ad6b7169203331");
    assert.equal(own.kind, 2);
    assert.equal(own.name, "POST /v1/chat/completions");
    assert.equal(attribute(own, "http.route"), "/v1/chat/completions");
    assert.equal(attribute(own, "url.path"), "/v1/chat/completions");
    assert.equal(attribute(own, "url.scheme"), "http");
    assert.deepEqual([own.traceState, attempt.traceState], ["a=b", "a=b"]);
    assert.equal(attribute(own, "maya.tenant"), "acme");
    assert.equal(attribute(own, "maya.request_id"), "r-1");
    assert.equal(attribute(own, "http.response.status_code"), "200");
    assert.equal(attempt.parentSpanId, own.spanId);
    assert.equal(attempt.kind, 3);
    assert.equal(attempt.name, "chat gpt-oss-120b");
    assert.ok(Number(attribute(attempt, "gen_ai.usage.output_tokens")) > 0);
    assert.deepEqual([attribute(attempt, "gen_ai.response.id"), attribute(attempt, "gen_ai.response.model")], [answer.id, answer.model]);
    assert.deepEqual(attribute(attempt, "gen_ai.response.finish_reasons"), { values: [{ stringValue: "stop" }] });
    assert.equal(traceparent, `00-${own.traceId}-${attempt.spanId}-01`);
    assert.equal(tracestate, "a=b");
    const times = [own.startTimeUnixNano, attempt.startTimeUnixNano, attempt.endTimeUnixNano, own.endTimeUnixNano].map(BigInt);
    assert.deepEqual([...times].sort((one, other) => (one < other ? -1 : 1)), times, "an attempt lies within its request");
  });

  test("has a span for each attempt, with what each came to", async () => {
    const trace = "1".repeat(32);
    await (await post(edge, chat("Once more [[once=503]]"), { traceparent: `00-${trace}-${"2".repeat(16)}-01` })).text();
    const [, first, second] = await spansOf(trace, 3);
    assert.equal(attribute(first, "error.type"), "503");
    assert.equal(first.status.code, 2);
    assert.equal(second.status, undefined);
    assert.notEqual(first.spanId, second.spanId);
  });

  test("of a stream ends with its last byte", async () => {
    const trace = "3".repeat(32);
    const told = await (await post(edge, chat("Go on [[words=20]] [[chunk=20]]", { stream: true }), { traceparent: `00-${trace}-${"2".repeat(16)}-01` })).text();
    const [own, attempt] = await spansOf(trace, 2);
    assert.equal(attribute(attempt, "gen_ai.response.id"), JSON.parse(told.split("data: ")[1].split("\n")[0]).id);
    assert.deepEqual(attribute(attempt, "gen_ai.response.finish_reasons"), { values: [{ stringValue: "stop" }] });
    assert.notEqual(attribute(attempt, "maya.first_byte_ms"), undefined);
    assert.equal(attempt.endTimeUnixNano, own.endTimeUnixNano);
  });

  test("of a slow stream is as long as what its line and the metrics say of upstream", async () => {
    const own = await traced({ LOG_SAMPLE: 1 });
    try {
      // The first request of an isolate waits for more than Cerebras.
      await (await post(own, { model: "gpt-oss-120b", prompt: "Hello" }, {}, "/v1/completions")).text();
      const trace = "5".repeat(32);
      const slow = chat("Go on [[words=20]] [[chunk=40]]", { stream: true });
      await (await post(own, slow, { traceparent: `00-${trace}-${"2".repeat(16)}-01`, "x-request-id": "slow" })).text();
      const [, attempt] = await spansOf(trace, 2);
      const took = Number((BigInt(attempt.endTimeUnixNano) - BigInt(attempt.startTimeUnixNano)) / 1_000_000n);
      assert.ok(took > 400, `${took} ms`);
      const line = await eventually(() => lines(own).find(({ request_id }) => request_id === "slow"), "its line");
      assert.ok(Math.abs(line.upstream_ms - took) < 50, `${line.upstream_ms} of ${took} ms`);
      const { data } = await (await administer(own, "GET", "/v1/analytics?group_by=endpoint")).json();
      const { p50 } = data.find(({ group }) => group.endpoint === "chat").upstream_ms;
      assert.ok(Math.abs(p50 - took) < 50 + took / 50, `${p50} of ${took} ms`);
    } finally {
      await own.stop();
    }
  });

  test("is begun where the caller has none, and left alone where the caller keeps none", async () => {
    await (await post(edge, chat("Hello"), { "x-request-id": "own-trace" })).text();
    const own = await eventually(() => collector.spans().find((span) => attribute(span, "maya.request_id") === "own-trace"), "a trace of its own");
    assert.equal(own.parentSpanId, undefined);
    assert.match(own.traceId, /^[0-9a-f]{32}$/);
    const unsampled = `00-${"4".repeat(32)}-${"2".repeat(16)}-00`;
    await (await post(edge, chat("Hello"), { traceparent: unsampled })).text();
    assert.equal((await standIn.last()).headers.traceparent, unsampled);
    await (await post(edge, chat("Hello"), { "x-request-id": "behind-it" })).text();
    await eventually(() => collector.spans().some((span) => attribute(span, "maya.request_id") === "behind-it"), "a trace behind it");
    assert.ok(!collector.spans().some(({ traceId }) => traceId === "4".repeat(32)));
  });

  test("of a refused call names the error", async () => {
    await (await post(edge, chat("Hello"), { authorization: "Bearer wrong", "x-request-id": "refused" })).text();
    const span = await eventually(() => collector.spans().find((span) => attribute(span, "maya.request_id") === "refused"), "its span");
    assert.equal(attribute(span, "error.type"), "wrong_api_key");
    assert.equal(attribute(span, "http.response.status_code"), "401");
    assert.equal(span.status, undefined, "a fault of the caller's is none of the server's");
  });

  test("names the route, and neither a person in a path nor a path that there is not", async () => {
    const get = (path, id) => fetch(edge.url + path, { headers: { authorization: `Bearer ${KEY}`, "x-request-id": id } }).then((answer) => answer.text());
    const spanOf = (id) => eventually(() => collector.spans().find((span) => attribute(span, "maya.request_id") === id), `the span of ${id}`);
    await get("/v1/users/ana%40studio.example/export", "of-a-person");
    const person = await spanOf("of-a-person");
    assert.deepEqual([person.name, attribute(person, "http.route"), attribute(person, "url.path")], ["GET /v1/users/{id}/export", "/v1/users/{id}/export", "/v1/users/{id}/export"]);
    await get("/v1/people/ana%40studio.example", "nowhere");
    const nowhere = await spanOf("nowhere");
    assert.deepEqual([nowhere.name, attribute(nowhere, "http.route"), attribute(nowhere, "url.path")], ["GET", undefined, "/{unknown}"]);
    assert.ok(!collector.messages.some(({ text }) => /ana(%40|@)/.test(text)));
  });

  test("is sent with the operator's headers, and holds no prompt, answer, key or end user", async () => {
    const answer = await post(edge, chat(`Say ${SECRET}`, { user: "ana@studio.example" }), { "x-request-id": "secret" });
    const { choices } = await answer.json();
    await eventually(() => collector.spans().find((span) => attribute(span, "maya.request_id") === "secret"), "its span");
    for (const { path, headers, text } of collector.messages) {
      assert.equal(path, "/v1/traces");
      assert.equal(headers["content-type"], "application/json");
      assert.equal(headers["x-collector-key"], "let me in");
      for (const word of [SECRET, choices[0].message.content, KEY, "ana@studio.example", "csk-e2e", "let me in"]) assert.ok(!text.includes(word), word);
    }
  });

  test("of a caller that went away before it was answered is sent without another request", async () => {
    const own = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TELEMETRY_MS: 50, OTLP_ENDPOINT: collector.url, LEDGER_FAILURE: "allow" }, ledger: false });
    try {
      const trace = "8".repeat(32);
      const call = leavable(own, chat("Wait [[latency=3000]]"), { traceparent: `00-${trace}-${"2".repeat(16)}-01` });
      await pause(800);
      call.leave();
      const [span] = await spansOf(trace, 1);
      assert.equal(attribute(span, "error.type"), "client_closed_request");
    } finally {
      await own.stop();
    }
  });

  test("is sent again when the collector is busy, and given up with a word to the operator when it refuses", async () => {
    const named = (id) => post(edge, chat("Hello"), { "x-request-id": id }).then((answer) => answer.text());
    const has = (id) => collector.spans().some((span) => attribute(span, "maya.request_id") === id);
    // Nothing of the tests before is on its way any more.
    await named("quiet");
    await eventually(() => has("quiet"), "all is sent");
    collector.fails({ status: 503, body: "" });
    await named("busy");
    await eventually(() => collector.messages.some(({ status, text }) => status === 503 && text.includes('"busy"')), "refused once");
    await named("after");
    await eventually(() => has("busy") && has("after"), "both are sent");
    collector.fails({ status: 400, body: "" });
    await named("given-up");
    await eventually(() => edge.logs.some((line) => line.includes("spans lost") && line.includes('"count":2')), "the operator is told");
    const errorMessage = `no room\n\u00e9${"x".repeat(300)}`;
    collector.fails({ status: 200, body: JSON.stringify({ partialSuccess: { rejectedSpans: "1", errorMessage } }) });
    await named("partly");
    await eventually(() => edge.logs.some((line) => line.includes("spans lost") && line.includes('"count":1')), "of what was rejected, too");
    const words = await eventually(() => edge.logs.find((line) => line.includes("the collector's words")), "and why");
    assert.equal(JSON.parse(words.slice(words.indexOf("{"))).told, `no room??${"x".repeat(191)}`);
  });

  test("is read by OpenTelemetry's own definitions", (t) => {
    const python = process.env.OTLP_PYTHON ?? "python3";
    const program = `
import base64, json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
spans = 0
for text in json.load(sys.stdin):
    message = json.loads(text)
    # OTLP/JSON writes ids in hexadecimal digits where Protobuf's own JSON has base64; all else is the same.
    for resource in message["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    read = json_format.Parse(json.dumps(message), ExportTraceServiceRequest())
    for span in read.resource_spans[0].scope_spans[0].spans:
        assert len(span.trace_id) == 16 and len(span.span_id) == 8 and len(span.parent_span_id) in (0, 8)
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano and span.name and span.kind in (2, 3)
        spans += 1
print(spans)`;
    try {
      execFileSync(python, ["-c", "import opentelemetry.proto.collector.trace.v1.trace_service_pb2"], { stdio: "ignore" });
    } catch {
      t.skip("python3 has no opentelemetry-proto: `pip install opentelemetry-proto`, or set OTLP_PYTHON");
      return;
    }
    const taken = collector.messages.filter(({ status }) => status === 200).map(({ text }) => text);
    const read = execFileSync(python, ["-c", program], { input: JSON.stringify(taken), encoding: "utf8" });
    assert.equal(Number(read), collector.spans().length);
  });
});

describe("a collector that is busy", () => {
  test("is left alone for as long as it says, whatever comes meanwhile, and gets all of it then", async () => {
    const own = await startCollector();
    const edge = await traced({ OTLP_ENDPOINT: own.url, TELEMETRY_MS: 10 });
    try {
      own.fails({ status: 429, body: "", headers: { "retry-after": "2" } });
      const began = Date.now();
      let count = 0;
      while (Date.now() - began < 1500) {
        await (await post(edge, chat("Hello"), { "x-request-id": `busy-${count++}` })).text();
        await pause(40);
      }
      assert.equal(own.messages.length, 1, "it was asked once");
      const has = () => new Set(own.spans().map((span) => attribute(span, "maya.request_id")));
      await eventually(() => Array.from({ length: count }, (_, at) => `busy-${at}`).every((id) => has().has(id)), "all have come");
      const [first, second] = own.messages;
      assert.ok(second.at - first.at >= 1950, `${second.at - first.at} ms`);
      assert.ok(!edge.logs.some((line) => line.includes("spans lost")));
    } finally {
      own.stop();
      await edge.stop();
    }
  });
});

describe("what strangers send", () => {
  const wrong = { authorization: "Bearer wrong" };

  test("does not begin a trace by its traceparent, which counts for who is admitted", async () => {
    const edge = await traced({ TRACE_SAMPLE: 0.000001 });
    try {
      const named = (digit) => ({ traceparent: `00-${digit.repeat(32)}-${"2".repeat(16)}-01` });
      await (await post(edge, chat("Hello"), { ...wrong, ...named("6") })).text();
      await (await post(edge, chat("Hello"), named("7"))).text();
      await eventually(() => collector.spans().filter(({ traceId }) => traceId === "7".repeat(32)).length === 2, "the caller's trace");
      assert.ok(!collector.spans().some(({ traceId }) => traceId === "6".repeat(32)));
    } finally {
      await edge.stop();
    }
  });

  test("has some lines and traces a second, and a word on what was left out", async () => {
    const edge = await traced({});
    try {
      const flood = 200;
      await Promise.all(Array.from({ length: flood }, (_, at) => post(edge, chat("Hello"), { ...wrong, traceparent: PARENT, "x-request-id": `flood-${at}` }).then((answer) => answer.text())));
      await pause(1100);
      await (await post(edge, chat("Hello"), { "x-request-id": "known" })).text();
      const left = () => edge.logs.filter((line) => line.includes('"log":"left_out"')).map((line) => JSON.parse(line.slice(line.indexOf("{"))));
      const sum = (name) => left().reduce((sum, line) => sum + line[name], 0);
      await eventually(() => sum("lines") > 0, "the word");
      const told = lines(edge).filter(({ request_id }) => request_id.startsWith("flood-")).length;
      assert.ok(told >= 10 && told < flood / 2, `${told} lines`);
      assert.equal(told + sum("lines"), flood);
      assert.equal(sum("traces"), sum("lines"));
      await eventually(() => collector.spans().some((span) => attribute(span, "maya.request_id") === "known"), "a caller's span");
      assert.equal(collector.spans().filter((span) => attribute(span, "maya.request_id")?.startsWith("flood-")).length, told);
    } finally {
      await edge.stop();
    }
  });
});

describe("Rotel, a collector", () => {
  const python = process.env.OTLP_PYTHON ?? "python3";

  const freePort = () => new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

  /** Rotel with nothing behind it, which writes each span that it takes: where it listens, and what it has written. Null where it is not installed. */
  async function startRotel() {
    let folder;
    try {
      folder = execFileSync(python, ["-c", "import os, rotel; print(os.path.dirname(rotel.__file__))"], { stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" }).trim();
    } catch {
      return null;
    }
    const [web, grpc] = [await freePort(), await freePort()];
    const child = spawn(path.join(folder, "rotel-agent"), [
      "start", "--otlp-http-endpoint", `127.0.0.1:${web}`, "--otlp-grpc-endpoint", `127.0.0.1:${grpc}`,
      "--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed",
    ], { stdio: ["ignore", "pipe", "pipe"] });
    const rotel = { url: `http://127.0.0.1:${web}`, written: "", stop: () => child.kill() };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (rotel.written += piece));
    await eventually(() => rotel.written.includes("Starting Rotel"), "Rotel's start");
    return rotel;
  }

  test("takes traces of calls, streams and refusals, as they were", async (t) => {
    const rotel = await startRotel();
    if (rotel === null) return t.skip("python3 has no rotel: `pip install rotel==0.0.1a15`, or set OTLP_PYTHON");
    const edge = await traced({ OTLP_ENDPOINT: rotel.url });
    try {
      const usage = (await (await post(edge, chat("Hello"), { traceparent: PARENT, "x-request-id": "whole" })).json()).usage;
      await (await post(edge, chat("Go on", { stream: true }), { "x-request-id": "stream" })).text();
      await (await post(edge, chat("Hello [[status=400]]"), { "x-request-id": "refused" })).text();
      const spans = () => rotel.written.split(/^Span #/m).slice(1);
      const named = (id) => spans().find((span) => span.includes(`-> maya.request_id: Str(${id})`));
      await eventually(() => ["whole", "stream", "refused"].every(named) && spans().length >= 6, "six spans");
      assert.match(rotel.written, /-> service\.name: Str\(maya-edge\)/);
      const [, whole] = named("whole").match(/^ +ID +: ([0-9a-f]{16})$/m);
      assert.match(named("whole"), /Trace ID +: 0af7651916cd43dd8448eb211c80319c\n +Parent ID +: b7ad6b7169203331\n/);
      assert.match(named("whole"), /Kind +: SPAN_KIND_SERVER/);
      const attempt = spans().find((span) => span.includes(`Parent ID      : ${whole}`));
      assert.match(attempt, /Kind +: SPAN_KIND_CLIENT/);
      assert.match(attempt, /-> gen_ai\.request\.model: Str\(gpt-oss-120b\)/);
      assert.match(attempt, /-> gen_ai\.response\.id: Str\(chatcmpl-/);
      assert.match(attempt, /-> gen_ai\.response\.finish_reasons: Slice\(Str\(stop\)\)/);
      assert.match(attempt, new RegExp(`-> gen_ai\\.usage\\.output_tokens: Int\\(${usage.completion_tokens}\\)`));
      assert.match(named("refused"), /-> http\.response\.status_code: Int\(400\)/);
      assert.ok(!edge.logs.some((line) => line.includes("spans lost")), "all were taken");
    } finally {
      rotel.stop();
      await edge.stop();
    }
  });
});

describe("Workers Analytics Engine", () => {
  // The local runtime takes data points and drops them, so what is written is seen here.
  const binding = `
{
  const { Instance } = WebAssembly;
  const ANALYTICS = { writeDataPoint: (point) => console.log("point " + JSON.stringify(point)) };
  WebAssembly.Instance = function (module, imports) {
    const { exports } = new Instance(module, imports);
    return { exports: { ...exports, fetch(call) { call.env = { ...call.env, ANALYTICS }; return exports.fetch(call); } } };
  };
}
`;

  test("gets a point for each request when it is bound, without any text", async () => {
    const edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url }, prelude: binding });
    try {
      const { usage } = await (await post(edge, chat(`Say ${SECRET}`), { "x-request-id": "pointed" })).json();
      await (await post(edge, "{", { "x-request-id": "wrong" })).text();
      const points = () => edge.logs.filter((line) => line.includes("point {")).map((line) => JSON.parse(line.slice(line.indexOf("{"))));
      await eventually(() => points().length === 2, "two points");
      const [pointed, wrong] = points();
      assert.deepEqual(pointed.indexes, ["acme"]);
      assert.deepEqual(pointed.blobs, ["chat", "gpt-oss-120b", "cloud", "", "", "POST", "pointed"]);
      assert.equal(pointed.doubles.length, 9);
      assert.deepEqual(pointed.doubles.slice(5, 7), [usage.prompt_tokens, usage.completion_tokens]);
      assert.deepEqual([wrong.doubles[0], wrong.doubles[3]], [400, -1]);
      assert.ok(!edge.logs.some((line) => line.includes(SECRET)));
    } finally {
      await edge.stop();
    }
  });
});

describe("the log", () => {
  test("has a line for each request when LOG_SAMPLE is 1, without any text", async () => {
    const edge = await edges({ LOG_SAMPLE: 1 });
    try {
      const body = chat(`Say ${SECRET}`, { temperature: 0, user: "ana@studio.example" });
      const answer = await (await post(edge, body, { "x-request-id": "first" })).json();
      await (await post(edge, body, { "x-request-id": "again" })).text();
      await (await post(edge, chat("Go on", { stream: true }), { "x-request-id": "stream", traceparent: PARENT })).text();
      const said = await eventually(() => lines(edge).length >= 3 && Object.fromEntries(lines(edge).map((line) => [line.request_id, line])), "three lines");
      const { first, again, stream } = said;
      assert.deepEqual([first.level, first.method, first.endpoint, first.status, first.tenant, first.model, first.source], ["info", "POST", "chat", 200, "acme", "gpt-oss-120b", "cloud"]);
      assert.equal(first.prompt_tokens, answer.usage.prompt_tokens);
      assert.equal(first.completion_tokens, answer.usage.completion_tokens);
      assert.ok(first.cost_micro_dollars > 0 && first.upstream_ms >= 0 && first.attempts === 1);
      assert.equal(again.source, "cache");
      assert.ok(again.saved_by_cache_micro_dollars > 0);
      assert.equal(again.attempts, undefined);
      assert.ok(stream.latency_ms >= stream.first_byte_ms);
      for (const word of [SECRET, answer.choices[0].message.content, KEY, "ana@studio.example"]) assert.ok(!edge.logs.some((line) => line.includes(word)), word);
    } finally {
      await edge.stop();
    }
  });

  test("has a line for each failure and none for the rest when LOG_SAMPLE is 0", async () => {
    const edge = await edges({});
    try {
      await (await post(edge, chat("Hello"))).text();
      await (await post(edge, chat("Hello [[status=400]]"), { "x-request-id": "theirs" })).text();
      await (await post(edge, "{", { "x-request-id": "ours" })).text();
      await eventually(() => lines(edge).length >= 2, "two lines");
      const said = lines(edge);
      assert.equal(said.length, 2);
      assert.ok(said.every(({ level, error, sample, status }) => level === "warn" && error && sample === 1 && status >= 400), JSON.stringify(said));
      assert.deepEqual(said.map(({ request_id }) => request_id), ["theirs", "ours"]);
    } finally {
      await edge.stop();
    }
  });

  test("names a variable that cannot be so, and does not quote it", async () => {
    for (const [name, value] of [["LOG_SAMPLE", 2], ["OTLP_ENDPOINT", "collector"], ["OTLP_HEADERS", "hush"]]) {
      const edge = await edges({ OTLP_ENDPOINT: collector.url, [name]: value });
      try {
        const answer = await post(edge, chat("Hello"));
        const body = await answer.text();
        assert.equal(answer.status, 500, body);
        assert.ok(body.includes(name) && !body.includes("hush"), body);
      } finally {
        await edge.stop();
      }
    }
  });
});
