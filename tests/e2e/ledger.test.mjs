// The ledger's Durable Object in workerd: exact under concurrency, lasting, and awake when something is due.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { askLedger, eventually, startEdge } from "./edge.mjs";

let storage;
let edge;

before(async () => {
  storage = fs.mkdtempSync(path.join(os.tmpdir(), "maya-edge-ledger-"));
  edge = await startEdge({ storage });
});

after(async () => {
  await edge?.stop();
  fs.rmSync(storage, { recursive: true, force: true });
});

const ask = (tenant, message, bytes, at = edge) => askLedger(at, tenant, message, bytes);

const reserve = (id, limits, more = {}) => ({
  ask: "reserve", id, key: "k1", model: "m1", tokens: 10, cost: 5, lease_ms: 60_000, terms: [["k1", { limits }]], ...more,
});

const settled = (reservation, more = {}) => ({
  note: "settled", reservation, at_ms: Date.now(), key: "k1", model: "m1", status: 200,
  usage: { prompt_tokens: 3, completion_tokens: 4 }, cost: 2, ...more,
});

test("of 100 calls at the same time exactly as many pass as the limit says", async () => {
  const limits = [{ requests: 7, window: "1h" }];
  const words = await Promise.all(Array.from({ length: 100 }, (_, at) => ask("crowd", reserve(`r${at}`, limits))));
  assert.equal(words.filter(({ word }) => word === "granted").length, 7);
  assert.equal(words.filter(({ word, by, after_ms }) => word === "limited" && by === 0 && after_ms > 3_500_000).length, 93);
  const verdict = await ask("crowd", { ask: "verify" });
  assert.deepEqual([verdict.whole, verdict.entries], [true, 93]);
});

test("what was written outlasts the Worker", async () => {
  const limits = [{ requests: 1, window: "1h" }, { tokens: 100, window: "1h", per: "user" }];
  const budget = { day: { hard_micro_dollars: 1000 } };
  const call = (id) => reserve(id, limits, { user: "alice", terms: [["k1", { limits, budget }]] });
  assert.equal((await ask("lasting", call("a"))).word, "granted");
  const idempotency = { key: "i1", body: "b1" };
  assert.equal((await ask("lasting", reserve("b", [], { idempotency }))).word, "granted");
  const bytes = "ä\u0000".repeat(700_000);
  const response = [201, "text/plain", Buffer.byteLength(bytes)];
  assert.deepEqual(await ask("lasting", { ask: "note", notes: [settled("b", { response })] }, bytes), { ok: true });
  await edge.stop();
  edge = await startEdge({ storage });
  const refused = await ask("lasting", call("c"));
  assert.deepEqual([refused.word, refused.by, refused.limits.map(({ left }) => left)], ["limited", 0, [0, 90]]);
  const again = await ask("lasting", reserve("d", [], { idempotency }));
  assert.deepEqual([again.word, again.status, again.content_type], ["answered", 201, "text/plain"]);
  assert.ok(again.bytes === bytes, "the answer's bytes");
  assert.equal((await ask("lasting", { ask: "usage" })).total.cost_micro_dollars, 2);
  assert.equal((await ask("lasting", { ask: "verify" })).whole, true);
});

test("the alarm ends the reservation of a Worker that died", async () => {
  const limits = [{ requests: 1, window: "1h" }];
  assert.equal((await ask("died", reserve("a", limits, { lease_ms: 300 }))).word, "granted");
  assert.equal((await ask("died", reserve("b", limits))).word, "limited");
  await eventually(async () => (await ask("died", { ask: "usage" })).total.lost === 1, "lost");
  assert.equal((await ask("died", reserve("c", limits))).word, "granted");
});

test("the alarm removes what is older than its retention, and the rest still verifies", async () => {
  for (const at of [1, 2, 3]) await ask("kept", { ask: "record", what: "token_issued", who: "k1", details: { at, half: 0.5 } });
  await ask("kept", { ask: "put_tenant", record: { retention: { audit: "1s" } } });
  await eventually(async () => (await ask("kept", { ask: "audit", limit: 10 })).entries.length === 0, "removed");
  await ask("kept", { ask: "record", what: "token_issued", who: "k1" });
  const verdict = await ask("kept", { ask: "verify" });
  assert.deepEqual([verdict.whole, verdict.first, verdict.last], [true, 5, 5]);
});

test("a message that cannot be read fails, and the next is carried out", async () => {
  const limits = [{ requests: 2, window: "1h" }];
  assert.equal((await ask("upset", reserve("a", limits))).word, "granted");
  await assert.rejects(ask("upset", { ask: "note", notes: [settled("a", { response: [200, "text/plain", 9] })] }, "four"));
  await assert.rejects(ask("upset", { ask: "nonsense" }));
  assert.equal((await ask("upset", { ask: "usage" })).total.requests, 0);
  assert.equal((await ask("upset", reserve("b", limits))).word, "granted");
  assert.equal((await ask("upset", reserve("c", limits))).word, "limited");
});

test("after a panic every ledger of the isolate goes on with what was written", async () => {
  // The third message that any ledger gets ends as a panic does.
  const prelude = `
    const { Instance } = WebAssembly;
    let messages = 0;
    WebAssembly.Instance = function (...given) {
      const exports = { ...new Instance(...given).exports };
      const act = exports.ledger_act;
      exports.ledger_act = (...said) => {
        messages += 1;
        if (messages === 3) throw new WebAssembly.RuntimeError("unreachable");
        return act(...said);
      };
      return { exports };
    };
  `;
  const fragile = await startEdge({ prelude });
  try {
    const say = async (tenant, id) => (await ask(tenant, reserve(id, [{ requests: 2, window: "1h" }]), "", fragile)).word;
    assert.equal(await say("one", "a"), "granted");
    assert.equal(await say("two", "a"), "granted");
    await assert.rejects(say("one", "b"));
    for (const tenant of ["two", "one"]) {
      assert.equal(await say(tenant, "c"), "granted");
      assert.equal(await say(tenant, "d"), "limited");
    }
  } finally {
    await fragile.stop();
  }
});
