// Laws 2 and 9: every call between wasm and JavaScript on the path of a request is known. ARCHITECTURE.md lists what is asserted here.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { administer, chat, eventually, makeKey, pause, post, startEdge, startStandIn } from "./edge.mjs";

// Stands before the Worker's own code: counts the calls out of wasm to methods of `Call`, and those into wasm, and logs the counts
// so far whenever a request begins.
const counting = `
{
  const Instance = WebAssembly.Instance;
  const calls = [];
  const wrapped = (name, call) => function (...given) { calls.push(name); return call.apply(this, given); };
  WebAssembly.Instance = function (module, imports) {
    for (const functions of Object.values(imports)) {
      for (const [name, call] of Object.entries(functions)) {
        const method = /^__wbg_(settings|prepare|binds|head|read|send|respond|pass|relay|begin|chunk|abandon|end|look|keep|pause|linger|now|random|uniqueId|log|print|point|export|ledger|telemetry|limit|seal|header|secretBytes|sign)_/.exec(name);
        if (method) functions[name] = wrapped(method[1], call);
      }
    }
    const { exports } = new Instance(module, imports);
    const { fetch, resume, forget } = exports;
    return { exports: { ...exports,
      fetch: (...given) => { console.log("calls " + calls.splice(0).join(" ")); calls.push("FETCH"); return fetch(...given); },
      resume: wrapped("RESUME", resume), forget: wrapped("FORGET", forget) } };
  };
}
`;

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn();
  // As it is deployed, but that isolates tell each other of the models once an hour: the first request does. So is it with telemetry: while
  // a request waits to tell it, others only count.
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, HEALTH: { share_ms: 3_600_000 }, TELEMETRY_MS: 20_000 }, prelude: counting });
  // The first request of an isolate also reads the configuration, and the first of a tenant its record.
  await (await post(edge, chat("First"))).text();
});

after(async () => {
  await edge?.stop();
  standIn?.stop();
});

/** The calls that a request causes, those after its answer included. */
async function calls(body, headers, at = edge) {
  // What follows a message to the ledgers within a tenth of a second waits to be told with others.
  await pause(120);
  await (await fetch(`${at.url}/healthz`)).text();
  const logged = at.logs.length;
  const answer = await post(at, body, headers);
  await answer.text();
  await pause(150);
  await (await fetch(`${at.url}/healthz`)).text();
  const lines = () => at.logs.slice(logged).filter((line) => line.includes("calls FETCH"));
  // What was logged when the request itself began stands behind what was logged before it.
  await eventually(() => lines().length >= 1, "the calls are logged");
  return lines().at(-1).replace(/^.*?calls /, "");
}

describe("the calls between wasm and JavaScript are", () => {
  test("eleven for a miss that is not cacheable, one round trip to the ledger among those on its way", async () => {
    assert.equal(await calls(chat("Hello")), "FETCH head read RESUME ledger RESUME send RESUME pass ledger RESUME");
  });

  test("seventeen for a miss that is stored, and eleven for the hit after it, which the ledger hears of afterwards", async () => {
    const body = chat("Hello again", { temperature: 0 });
    assert.equal(await calls(body), "FETCH head read RESUME look RESUME now ledger RESUME send RESUME now pass keep RESUME ledger RESUME");
    assert.equal(await calls(body), "FETCH head read RESUME look RESUME now uniqueId respond ledger RESUME");
  });

  test("fourteen for a stream, however long it is", async () => {
    for (const words of [5, 50, 1500]) {
      const body = chat(`Go on [[words=${words}]]`, { stream: true, reasoning_effort: "none", max_completion_tokens: 8000 });
      assert.equal(await calls(body), "FETCH head read RESUME ledger RESUME send RESUME relay RESUME end RESUME ledger RESUME");
    }
  });

  test("twenty for a stream that is stored", async () => {
    const body = chat("Go on, and remember", { stream: true, temperature: 0 });
    assert.equal(await calls(body), "FETCH head read RESUME look RESUME now ledger RESUME send RESUME relay RESUME end RESUME now keep RESUME ledger RESUME");
  });

  test("one out and one in for each chunk of a stream that a tenant's guardrails look at, and no more than before for one that they need not", async () => {
    const { key } = await makeKey(edge, { tenant: "guarded" });
    await (await administer(edge, "PATCH", "/admin/tenants/guarded", { guardrails: { pii: { prompt: "redact" } } })).text();
    const headers = { authorization: `Bearer ${key}` };
    const stream = (content) => chat(`${content} [[words=5]]`, { stream: true, reasoning_effort: "none" });
    // The key's and the tenant's records are read once an isolate in twenty seconds.
    await (await post(edge, chat("First"), headers)).text();
    assert.equal(await calls(stream("Go on"), headers), "FETCH head read RESUME ledger RESUME send RESUME relay RESUME end RESUME ledger RESUME");
    const guarded = await calls(stream("Go on for ana@studio.example"), headers);
    assert.match(guarded, /^FETCH head read RESUME ledger RESUME send RESUME begin (chunk RESUME )+end RESUME ledger RESUME$/);
    const whole = chat("Go on for ana@studio.example", { reasoning_effort: "none" });
    assert.equal(await calls(whole, headers), "FETCH head read RESUME ledger RESUME send RESUME pass ledger RESUME");
  });

  test("thirteen for an idempotent call, told before it is answered, and nine for its repetition", async () => {
    const once = { "idempotency-key": "once" };
    assert.equal(await calls(chat("Once only"), once), "FETCH head read RESUME ledger RESUME send RESUME seal RESUME ledger RESUME pass");
    assert.equal(await calls(chat("Once only"), once), "FETCH head read RESUME ledger RESUME seal RESUME respond");
  });

  test("four more, after its answer, for a request that tells telemetry what all have counted", async () => {
    const telling = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, HEALTH: { share_ms: 3_600_000 }, TELEMETRY_MS: 50 }, prelude: counting });
    try {
      await (await post(telling, chat("First"))).text();
      await pause(200);
      assert.equal(await calls(chat("Hello"), {}, telling), "FETCH head read RESUME ledger RESUME send RESUME pass ledger RESUME linger RESUME telemetry RESUME");
    } finally {
      await telling.stop();
    }
  });

  test("five more for a second attempt", async () => {
    assert.equal(await calls(chat("Once more [[once=503]]")), "FETCH head read RESUME ledger RESUME send RESUME random pause RESUME send RESUME pass ledger RESUME");
  });
});
