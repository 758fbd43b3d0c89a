// What protects the people behind the calls: revocation, encryption, retention, erasure, consent, the audit, and where it all lies.
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { askLedger, ADMIN_SECRET, EDGE_SECRET, KEY, OTHER_KEY, assertError, chat, eventually, post, sha256, startEdge, startStandIn, vault } from "./edge.mjs";
import { WATCHING, passes, seen } from "./watch.mjs";

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url }, prelude: WATCHING });
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
    await other.stop();
  }
};

/** A folder that outlasts the Workers of one test. */
const withStorage = async (run) => {
  const storage = fs.mkdtempSync(path.join(os.tmpdir(), "maya-edge-protection-"));
  try {
    return await run(storage);
  } finally {
    fs.rmSync(storage, { recursive: true, force: true });
  }
};

const bearer = (key) => ({ authorization: `Bearer ${key}` });

/** A call of the administration. */
const admin = (method, at, body, from = edge) =>
  fetch(from.url + at, {
    method,
    headers: { ...bearer(ADMIN_SECRET), "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

const json = async (response, status = 200) => {
  const text = await response.text();
  assert.equal(response.status, status, text);
  return JSON.parse(text);
};

const make = async (body, from = edge) => json(await admin("POST", "/admin/keys", body, from), 201);
const policy = async (tenant, body, from = edge) => json(await admin("PATCH", `/admin/tenants/${tenant}`, body, from));
const get = async (at, key, from = edge) => json(await fetch(from.url + at, { headers: bearer(key) }));
const erase = async (user, key, from = edge) =>
  json(await fetch(`${from.url}/v1/users/${encodeURIComponent(user)}`, { method: "DELETE", headers: bearer(key) }));

let questions = 0;
/** A request that the cache answers when it comes again, and that no other test makes. */
const fresh = (more = {}) => chat(`A question of protection (${++questions})`, { temperature: 0, ...more });

/** Asks with a key: status, text, and what the cache did. */
async function ask(key, body, headers = {}, from = edge) {
  const response = await post(from, body, { ...bearer(key), ...headers });
  const cache = response.headers.get("cache-status") ?? "";
  return { status: response.status, text: await response.text(), cache, hit: cache.startsWith("maya-edge; hit") };
}

/** Asks until the cache answers. */
const kept = (key, body, from = edge) => eventually(async () => (await ask(key, body, {}, from)).hit, "the answer is kept");

/** Waits until a ledger has counted so many calls. */
const counted = (key, calls, from = edge) =>
  eventually(async () => {
    const { total } = await get("/v1/usage", key, from);
    return total.requests + total.hits + total.failed >= calls;
  }, `${calls} calls are counted`);

/** The files of all ledgers under a folder. */
const ledgerFiles = (storage) =>
  fs
    .readdirSync(storage, { recursive: true })
    .map((name) => path.join(storage, name))
    .filter((file) => /LEDGER|TenantLedger/i.test(file) && /[0-9a-f]{64}\.sqlite$/.test(file));

/** What stands in every row of every table of the ledgers. */
function rows(storage) {
  let text = "";
  for (const file of ledgerFiles(storage)) {
    const database = new DatabaseSync(file);
    for (const { name } of database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()) {
      const all = database.prepare(`SELECT * FROM "${name}"`);
      all.setReadBigInts(true);
      for (const row of all.all()) {
        for (const cell of Object.values(row)) text += `${cell instanceof Uint8Array ? Buffer.from(cell).toString("latin1") : cell}\n`;
      }
    }
    database.close();
  }
  return text;
}

/** Checks a proof of erasure against the published keys; what it says. */
function proven(proof, keys) {
  const [header, claims, signature] = proof.split(".");
  const { alg, kid } = JSON.parse(Buffer.from(header, "base64url"));
  assert.equal(alg, "EdDSA");
  const key = createPublicKey({ key: keys.find((known) => known.kid === kid), format: "jwk" });
  assert.ok(verify(null, Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url")), "the signature holds");
  return JSON.parse(Buffer.from(claims, "base64url"));
}

describe("a managed key that is no longer valid", () => {
  test("when revoked, gets no miss from then on, though the isolate remembers it", async () => {
    const { id, key } = await make({ tenant: "leaver" });
    assert.equal((await ask(key, chat("hi"))).status, 200);
    await json(await admin("DELETE", `/admin/keys/${id}`));
    await seen(edge);
    await assertError(await post(edge, chat("hi"), bearer(key)), 401, "revoked_api_key");
    assert.deepEqual((await seen(edge)).upstream, []);
  });

  test("when revoked, gets no hit after 60 seconds, however late it was read before", async () => {
    const { id, key } = await make({ tenant: "lingering" });
    const body = fresh();
    await kept(key, body);
    // Just before the revocation, the isolate and its location read the key once more.
    await passes(edge, 31_000);
    assert.ok((await ask(key, body)).hit);
    await json(await admin("DELETE", `/admin/keys/${id}`));
    // The isolate reads anew, gets the location's copy, and remembers that.
    await passes(edge, 25_000);
    assert.ok((await ask(key, body)).hit, "this is the worst case: the copy is read once more");
    await passes(edge, 35_000);
    await seen(edge);
    await assertError(await post(edge, body, bearer(key)), 401, "revoked_api_key");
    assert.ok(!(await seen(edge)).reads.some((read) => read.startsWith("CACHE")), "no answer is looked for");
  });

  test("when revoked, takes its browser tokens along", async () => {
    const { id, key } = await make({ tenant: "pages" });
    const page = "https://page.example";
    const { token } = await json(await post(edge, { origin: page }, bearer(key), "/v1/tokens"), 201);
    const body = fresh();
    const asked = () => post(edge, body, { ...bearer(token), origin: page });
    await eventually(async () => /hit/.test((await asked()).headers.get("cache-status")), "the answer is kept");
    await json(await admin("DELETE", `/admin/keys/${id}`));
    await passes(edge, 60_000);
    await assertError(await asked(), 401, "revoked_api_key");
  });

  test("when expired, gets neither hit nor miss, from the first millisecond", async () => {
    const { key } = await make({ tenant: "guest", expires_in: "15s" });
    const body = fresh();
    await kept(key, body);
    await passes(edge, 15_000);
    for (const wanted of [body, fresh()]) assert.equal((await ask(key, wanted)).status, 401);
    await assertError(await post(edge, body, bearer(key)), 401, "expired_api_key");
  });

  test("when rotated, lasts as long as the overlap, and its successor goes on", async () => {
    const old = await make({ tenant: "turning" });
    const next = await json(await admin("POST", `/admin/keys/${old.id}/rotate`, { overlap: "10m" }), 201);
    const body = fresh();
    await kept(old.key, body);
    assert.ok((await ask(next.key, body)).hit, "one key, one tenant");
    await passes(edge, 9 * 60_000);
    assert.ok((await ask(old.key, body)).hit);
    await passes(edge, 2 * 60_000);
    assert.equal((await ask(old.key, body)).status, 401);
    assert.equal((await ask(old.key, fresh())).status, 401);
    assert.ok((await ask(next.key, body)).hit);
  });
});

describe("what the cache holds", () => {
  const WORDS = ["Zanzibar", "quagmire", "xylophonist"];
  const entries = async (from) => {
    const kv = await from.miniflare.getKVNamespace("CACHE");
    const { keys } = await kv.list();
    return Promise.all(keys.map(async ({ name }) => [name, Buffer.from(await kv.get(name, "arrayBuffer"))]));
  };

  test("is readable nowhere", async () => {
    await withEdge({}, async (own) => {
      const answers = [];
      for (const [at, stream] of [false, true, false].entries()) {
        const body = chat(`${WORDS.join(" ")} ${at} [[words=40]]`, { temperature: 0, stream, user: "somebody-in-particular" });
        answers.push((await ask(KEY, body, at === 2 ? { "idempotency-key": "zebra-crossing" } : {}, own)).text);
      }
      const stored = await eventually(async () => (await entries(own)).length === 3 && entries(own), "three entries");
      const longWords = new Set(answers.join(" ").match(/[A-Za-z]{6,}/g));
      assert.ok(longWords.size > 20, "answers have words");
      for (const word of [...WORDS, ...longWords, "acme", "somebody", "zebra", "gpt-oss", "choices"]) {
        const shapes = [word, Buffer.from(word).toString("hex"), Buffer.from(word).toString("base64").slice(0, -4)].filter((shape) => shape.length >= 4);
        for (const [name, bytes] of stored) {
          for (const shape of shapes) assert.ok(!bytes.includes(shape) && !name.includes(shape), `${word} in ${name}`);
        }
      }
      // The same answer is never the same bytes twice.
      assert.equal(new Set(stored.map(([, bytes]) => bytes.subarray(9, 21).toString("hex"))).size, 3);
    });
  });

  test("is opened by the tenant's own key alone, under its own name", async () => {
    await withEdge({}, async (own) => {
      const { key } = await make({ tenant: "vaulted" }, own);
      const { text } = await ask(key, fresh(), {}, own);
      const [[name, stored]] = await eventually(async () => (await entries(own)).length === 1 && entries(own), "an entry");
      const { salt } = JSON.parse(await (await own.miniflare.getKVNamespace("KEYS")).get("tenant:vaulted"));
      assert.ok(vault("vaulted", salt).open(name, stored).includes(text), "the whole answer is in it");
      const real = stored.subarray(1, 9);
      for (const [what, other, at] of [
        ["secret", vault("vaulted", salt, `${EDGE_SECRET}.`), name],
        ["tenant", vault("acme", salt), name],
        ["salt", vault("vaulted", ""), name],
        ["name", vault("vaulted", salt), name.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"))],
      ]) {
        assert.throws(() => other.open(at, stored), what);
        // Nor when the entry is made to name that key.
        const mine = other.seal(at, Buffer.from("{}")).subarray(1, 9);
        assert.throws(() => other.open(at, Buffer.concat([stored.subarray(0, 1), mine, stored.subarray(9)])), what);
        assert.equal(mine.equals(real), what === "name");
      }
      const damaged = Buffer.from(stored);
      damaged[damaged.length - 20] ^= 1;
      assert.throws(() => vault("vaulted", salt).open(name, damaged));
    });
  });

  test("of one tenant, laid under the name of another's, is a miss", async () => {
    await withEdge({}, async (own) => {
      const body = fresh();
      const mine = await ask(KEY, body, {}, own);
      const [[name, stored]] = await eventually(async () => (await entries(own)).length === 1 && entries(own), "an entry");
      await ask(OTHER_KEY, body, {}, own);
      const all = await eventually(async () => (await entries(own)).length === 2 && entries(own), "two entries");
      const [theirs] = all.find(([other]) => other !== name);
      await (await own.miniflare.getKVNamespace("CACHE")).put(theirs, stored);
      const answer = await ask(OTHER_KEY, body, {}, own);
      assert.ok(!answer.hit && answer.status === 200, answer.cache);
      assert.notEqual(answer.text, mine.text);
    });
  });

  test("outlasts a change of EDGE_SECRET while the one before it is there, and not without", async () => {
    await withStorage(async (storage) => {
      const body = fresh();
      const next = "e2e: another secret of more than thirty-two bytes";
      const proofs = [];
      await withEdge({ storage }, async (own) => {
        await kept(KEY, body, own);
        proofs.push((await erase("nobody", OTHER_KEY, own)).proof);
      });
      await withEdge({ storage, vars: { EDGE_SECRET: next, EDGE_SECRET_PREVIOUS: EDGE_SECRET } }, async (own) => {
        assert.ok((await ask(KEY, body, {}, own)).hit);
        proofs.push((await erase("nobody", OTHER_KEY, own)).proof);
        const { keys } = await json(await fetch(`${own.url}/.well-known/jwks.json`));
        for (const proof of proofs) assert.equal(proven(proof, keys).tenant, "other", "proofs of both secrets hold");
      });
      await withEdge({ storage, vars: { EDGE_SECRET: next } }, async (own) => {
        const { keys } = await json(await fetch(`${own.url}/.well-known/jwks.json`));
        assert.throws(() => proven(proofs[0], keys));
        assert.match((await ask(KEY, body, {}, own)).cache, /fwd=miss; stored/);
        await kept(KEY, body, own);
      });
    });
  });

  test("is nothing without EDGE_SECRET, and Cache-Status says why", async () => {
    await withEdge({ vars: { EDGE_SECRET: undefined } }, async (own) => {
      const body = fresh();
      for (let turn = 0; turn < 2; turn++) assert.equal((await ask(KEY, body, {}, own)).cache, "maya-edge; fwd=bypass; detail=no-edge-secret");
      await counted(KEY, 2, own);
      assert.deepEqual(await entries(own), []);
      await assertError(await post(own, body, { "idempotency-key": "one" }), 500, "no_edge_secret");
    });
  });
});

describe("retention", () => {
  test("ends audit and usage without anybody's doing, and the rest of the audit still verifies", async () => {
    // Alarms ring by the runtime's own clock.
    await withEdge({}, async (own) => {
      const { key } = await make({ tenant: "forgetful" }, own);
      await policy("forgetful", { audit_calls: true }, own);
      const day = 86_400_000;
      for (const [user, days] of [["ann", 3], ["ben", 0]]) {
        const called = { at_ms: Date.now() - days * day, key: "k", user, model: "m", status: 200, usage: { prompt_tokens: 1, completion_tokens: 1 }, cost: 1 };
        await askLedger(own, "forgetful", { ask: "note", notes: [{ note: "settled", ...called }] });
      }
      assert.equal((await get("/v1/usage", key, own)).total.requests, 2);
      const { data } = await get("/v1/audit", key, own);
      assert.ok(data.length > 0);
      await policy("forgetful", { retention: { audit: "1s", usage: "1s" } }, own);
      await eventually(async () => (await get("/v1/usage?by=user", key, own)).rows.every(({ user }) => user === "ben"), "the old usage goes");
      await eventually(async () => (await get("/v1/audit", key, own)).data.length === 0, "the audit goes");
      assert.equal((await get("/v1/users/ann/export", key, own)).alias, null, "of whom nothing is left, nothing is known");
      await policy("forgetful", { audit_calls: null }, own);
      const verdict = await get("/v1/audit/verify", key, own);
      assert.ok(verdict.whole && verdict.first > data.length, JSON.stringify(verdict));
    });
  });

  test("bounds how long an answer is cached, whatever its caller asks", async () => {
    await withEdge({}, async (own) => {
      const { key } = await make({ tenant: "brief" }, own);
      await policy("brief", { retention: { cache: "2m" } }, own);
      const kv = await own.miniflare.getKVNamespace("CACHE");
      await ask(key, fresh(), {}, own);
      await ask(key, fresh(), { "cf-aig-cache-ttl": "86400" }, own);
      await ask(key, fresh(), { "cache-control": "max-age=86400" }, own);
      const { keys } = await eventually(async () => (await kv.list()).keys.length === 3 && kv.list(), "three entries");
      for (const { expiration } of keys) assert.ok(expiration - Date.now() / 1000 <= 121, String(expiration - Date.now() / 1000));
      const error = await assertError(await admin("PATCH", "/admin/tenants/brief", { retention: { cache: "10s" } }, own), 400, "wrong_value");
      assert.equal(error.param, "retention.cache");
    });
  });
});

describe("an end user", () => {
  test("is exported with all that is kept", async () => {
    const { id, key } = await make({ tenant: "open", limits: [{ requests: 100, window: "1h", per: "user" }] });
    await policy("open", { audit_calls: true });
    const body = chat("hi", { user: "ann" });
    const { status, text } = await ask(key, body, { "idempotency-key": "once" });
    assert.equal(status, 200);
    await ask(key, chat("hi", { user: "ben" }));
    await counted(key, 2);
    const known = await get("/v1/users/ann/export", key);
    assert.deepEqual(Object.keys(known), ["user", "alias", "given", "feedback", "usage", "audit", "reservations", "limits", "answers"]);
    assert.match(known.alias, /^[0-9a-f]{32}$/);
    assert.deepEqual(known.usage.map(({ key, requests }) => [key, requests]), [[id, 1]]);
    assert.deepEqual(known.audit.map(({ what, who, user }) => [what, who, user]), [["call", id, "ann"]]);
    assert.deepEqual(known.limits.map(({ measure, used }) => [measure, used]), [["requests", 1]]);
    assert.equal(known.answers.length, 1);
    assert.ok(known.answers[0].bytes > text.length);
    assert.deepEqual(known.reservations, []);
    assert.ok(!JSON.stringify(known).includes("ben"));
  });

  test("is erased: usage, export, caches and rows know nobody, and the sums stay right", async () => {
    await withStorage(async (storage) => {
      const user = "ann.of.green.gables@example.org";
      await withEdge({ storage, prelude: WATCHING }, async (own) => {
        const limits = [{ requests: 100, window: "1h", per: "user" }];
        const { id, key } = await make({ tenant: "people", limits, budget: { month: { hard_micro_dollars: 1_000_000 } } }, own);
        await policy("people", { audit_calls: true }, own);
        const body = fresh({ user });
        await kept(key, body, own);
        await ask(key, chat("hi", { user }), { "idempotency-key": "erased" }, own);
        await ask(key, chat("[[status=400]]", { user }), {}, own);
        await ask(key, chat("hi", { user: "ben" }), {}, own);
        await eventually(async () => (await get("/v1/usage?by=user", key, own)).rows.some((row) => row.user === "ben" && row.requests === 1), "counted");
        const before = await get("/v1/usage", key, own);
        assert.ok(before.total.cost_micro_dollars > 0 && before.total.saved_micro_dollars > 0, JSON.stringify(before));
        const byKey = await get("/v1/usage?by=day,model,key", key, own);

        const { proof, ...answer } = await erase(user, key, own);
        assert.deepEqual(answer.removed, { persons: 1, usage: answer.removed.usage, limits: 1, answers: 1, given: answer.removed.given, feedback: 0, reservations: 0 });
        assert.ok(answer.removed.usage > 0);
        assert.deepEqual((await get("/v1/usage", key, own)).total, before.total, "not a micro-dollar is lost");
        assert.deepEqual((await get("/v1/usage?by=day,model,key", key, own)).rows, byKey.rows);
        assert.deepEqual((await get("/v1/usage?by=user", key, own)).rows.map((row) => row.user), [null, "ben"]);
        assert.equal((await get(`/v1/usage?user=${user}`, key, own)).total.requests, 0);
        assert.deepEqual(await get(`/v1/users/${user}/export`, key, own), {
          user, alias: null, usage: [], audit: [], reservations: [], limits: [], answers: [], given: [], feedback: [],
        });
        const entries = (await get("/v1/audit?limit=1000", key, own)).data;
        assert.ok(!JSON.stringify(entries).includes(user));
        assert.ok(entries.some((entry) => entry.what === "call" && entry.user === null && entry.alias !== ""), "an alias leads to nobody");
        assert.equal((await get("/v1/audit/verify", key, own)).whole, true);

        // The proof names the entry of the audit that tells of the erasure.
        const { keys } = await json(await fetch(`${own.url}/.well-known/jwks.json`));
        assert.deepEqual(proven(proof, keys), answer);
        const { number, hash } = answer.audit;
        assert.deepEqual(entries.filter((entry) => entry.number === number).map((entry) => [entry.what, entry.hash]), [["user_erased", hash]]);
        const [header, claims, signature] = proof.split(".");
        const changed = (text) => Buffer.from(JSON.stringify({ ...answer, ...text })).toString("base64url");
        for (const forged of [
          `${header}.${changed({ erased: "tenant" })}.${signature}`,
          `${header}.${changed({ at_ms: answer.at_ms - 1 })}.${signature}`,
          `${header}.${claims}.${signature.replace(/^./, (letter) => (letter === "A" ? "B" : "A"))}`,
          `${header}.${claims}.`,
        ]) {
          assert.throws(() => proven(forged, keys));
        }

        // What anybody had been answered before is unreadable within the minute that the proof says.
        await passes(own, 60_000);
        const again = await ask(key, body, {}, own);
        assert.match(again.cache, /fwd=miss/);
        const repeated = await post(own, chat("hi", { user }), { ...bearer(key), "idempotency-key": "erased" });
        assert.equal(repeated.headers.get("idempotent-replayed"), null);
        assert.ok(id);
      });
    });
  });

  test("leaves no row behind that names it", async () => {
    await withStorage(async (storage) => {
      const user = "gilbert.blythe@example.org";
      const calls = async (own) => {
        for (const [at, more] of [{}, { temperature: 0 }, { stream: true }].entries()) {
          await ask(KEY, chat(`hi ${at}`, { user, ...more }), at === 0 ? { "idempotency-key": "rows" } : {}, own);
        }
        await counted(KEY, 3, own);
      };
      await withEdge({ storage }, calls);
      assert.ok(rows(storage).includes(user), "it was there");
      await withEdge({ storage }, async (own) => {
        const { alias } = await get(`/v1/users/${encodeURIComponent(user)}/export`, KEY, own);
        assert.ok(alias);
        await erase(user, KEY, own);
      });
      assert.ok(!rows(storage).includes(user), "and is no longer");
    });
  });

  test("of a tenant goes with all of the tenant's data, its keys stay", async () => {
    await withEdge({ prelude: WATCHING }, async (own) => {
      const { key } = await make({ tenant: "gone", budget: { day: { hard_micro_dollars: 1_000_000 } } }, own);
      await policy("gone", { audit_calls: true }, own);
      const body = fresh({ user: "ann" });
      await kept(key, body, own);
      await counted(key, 2, own);
      const last = (await get("/v1/audit?limit=1000", key, own)).data.at(-1).number;

      const { proof, ...answer } = await json(await admin("DELETE", "/admin/tenants/gone/data", undefined, own));
      assert.ok(answer.removed.usage > 0 && answer.removed.persons === 1 && answer.removed.audit >= last, JSON.stringify(answer));
      const { keys } = await json(await fetch(`${own.url}/.well-known/jwks.json`));
      assert.deepEqual(proven(proof, keys), answer);
      const { total, rows: counts } = await get("/v1/usage?by=user", key, own);
      assert.deepEqual([total.requests ?? 0, total.hits ?? 0, counts], [0, 0, []]);
      assert.equal((await get("/v1/users/ann/export", key, own)).alias, null);
      const { data } = await get("/v1/audit", key, own);
      assert.ok(data.every(({ number, what }) => number > last && ["tenant_erased", "tenant_changed"].includes(what)), JSON.stringify(data));
      assert.equal((await get("/v1/audit/verify", key, own)).whole, true);
      await passes(own, 60_000);
      assert.match((await ask(key, body, {}, own)).cache, /fwd=miss/);
    });
  });
});

describe("a call that is to be kept nowhere", () => {
  const ways = {
    "by store: false": { body: { store: false } },
    "by Sec-GPC: 1": { headers: { "sec-gpc": "1" } },
    "by its key's record": { key: { store: false } },
    "by its tenant's record": { tenant: { store: false } },
  };

  for (const [at, [what, { body = {}, headers = {}, key: record = {}, tenant = {} }]] of Object.entries(ways).entries()) {
    test(`${what} is counted, and otherwise nowhere`, async () => {
      const name = `consent-${at}`;
      const { key } = await make({ tenant: name, budget: { day: { hard_micro_dollars: 1_000_000 } }, ...record });
      await policy(name, { audit_calls: true, ...tenant });
      const cache = await edge.miniflare.getKVNamespace("CACHE");
      const entries = (await cache.list()).keys.length;
      const asked = fresh({ user: "someone", ...body });
      for (const stream of [false, true, false]) {
        const answer = await ask(key, { ...asked, stream }, headers);
        assert.equal(answer.status, 200, answer.text);
        assert.ok(!answer.hit && !answer.cache.includes("stored"), answer.cache);
        assert.equal(JSON.parse((await standIn.last()).body).store, undefined);
      }
      await ask(key, chat("[[status=400]]", { user: "someone", ...body }), headers);
      await counted(key, 4);
      const { total, rows: counts } = await get("/v1/usage?by=user", key);
      assert.deepEqual([total.requests, total.failed], [3, 1]);
      assert.ok(total.cost_micro_dollars > 0);
      assert.deepEqual(counts.map(({ user }) => user), [null]);
      assert.deepEqual((await get("/v1/audit?what=call", key)).data, []);
      assert.equal((await cache.list()).keys.length, entries);
      assert.deepEqual((await get("/v1/users/someone/export", key)).alias, null, "nobody is known");
    });
  }

  test("names nobody when it is refused", async () => {
    const { key } = await make({ tenant: "refused", limits: [{ requests: 1, window: "1h" }] });
    assert.equal((await ask(key, chat("hi", { user: "someone", store: false }))).status, 200);
    await assertError(await post(edge, chat("hi", { user: "someone", store: false }), bearer(key)), 429);
    await assertError(await post(edge, chat("hi", { user: "someone" }), { ...bearer(key), "sec-gpc": "1" }), 429);
    const { data } = await get("/v1/audit?what=refused", key);
    assert.deepEqual(data.map(({ user, alias }) => [user, alias]), [[null, ""], [null, ""]]);
    await assertError(await post(edge, chat("hi", { user: "another" }), bearer(key)), 429);
    assert.deepEqual((await get("/v1/audit?what=refused", key)).data.at(-1).user, "another", "who says nothing is named");

  });

  test("names nobody when its Worker dies", async () => {
    await withEdge({}, async (own) => {
      const slow = await make({ tenant: "dying", budget: { day: { hard_micro_dollars: 1_000_000 } } }, own);
      const reserve = { ask: "reserve", id: "r", key: slow.id, managed: true, user: "someone", unkept: true, model: "m", tokens: 1, cost: 1, lease_ms: 1 };
      assert.equal((await askLedger(own, "dying", reserve)).word, "granted");
      await eventually(async () => (await get("/v1/usage", slow.key, own)).total.lost === 1, "the reservation is lost");
      assert.equal((await get("/v1/users/someone/export", slow.key, own)).alias, null);
    });
  });

  test("still counts for a limit of its end user, and is forgotten with it", async () => {
    const { key } = await make({ tenant: "bounded", limits: [{ requests: 2, window: "1h", per: "user" }] });
    const asked = () => post(edge, chat("hi", { user: "someone", store: false }), bearer(key));
    for (const status of [200, 200, 429]) assert.equal((await asked()).status, status);
    await counted(key, 2);
    const known = await get("/v1/users/someone/export", key);
    assert.deepEqual([known.usage, known.audit, known.limits.map(({ used }) => used)], [[], [], [2]]);
    await erase("someone", key);
    assert.equal((await asked()).status, 200);
  });

  test("`store: true` is Cerebras's to judge", async () => {
    await ask(KEY, fresh({ store: true }));
    assert.equal(JSON.parse((await standIn.last()).body).store, true);
    await ask(KEY, `{"model":"gpt-oss-120b","store":false,"messages":[{"role":"user","content":"\\"store\\":false"}]}`);
    const { body } = await standIn.last();
    assert.match(body, /"content":"\\"store\\":false"/);
    assert.ok(!/"store":false,/.test(body), body);
  });
});

describe("the audit", () => {
  const WORDS = ["Zanzibar", "quagmire"];

  test("tells of acts, refusals, erasures, configurations and calls, and never a text or a key", async () => {
    await withStorage(async (storage) => {
      const secrets = [...WORDS, ADMIN_SECRET, EDGE_SECRET, "csk-e2e"];
      const run = async (own) => {
        const made = await make({ tenant: "told", name: "web" }, own);
        secrets.push(made.key);
        await policy("told", { audit_calls: true }, own);
        const { key, id } = await json(await admin("POST", `/admin/keys/${made.id}/rotate`, { overlap: "1h" }, own), 201);
        secrets.push(key);
        await json(await admin("PATCH", `/admin/keys/${id}`, { models: ["gpt-oss-120b"] }, own));
        const asked = JSON.stringify(chat(`${WORDS.join(" ")} [[words=80]]`, { temperature: 0, user: "ann" }));
        const { text } = await ask(key, asked, { "x-request-id": "traced-1" }, own);
        secrets.push(...text.match(/[A-Za-z]{9,}/g).filter((word) => !/prediction|completion|reasoning|fingerprint|assistant/.test(word)));
        await eventually(async () => (await ask(key, asked, { "x-request-id": "traced-2" }, own)).hit, "a hit");
        const stream = { ...JSON.parse(asked), stream: true, temperature: 1, stream_options: { include_usage: true } };
        await ask(key, stream, { "x-request-id": "traced-3" }, own);
        await ask(key, { ...JSON.parse(asked), messages: [{ role: "user", content: `${WORDS[0]} [[status=400]]` }] }, { "x-request-id": "traced-4" }, own);
        await assertError(await post(own, chat(WORDS[0], { model: "qwen-3.8-27b" }), bearer(key)), 403, "model_not_allowed");
        await assertError(await post(own, chat(WORDS[0]), bearer(key), "/t/acme/v1/chat/completions"), 403, "wrong_tenant");
        await erase("ben", key, own);
        const page = await eventually(async () => {
          const { data } = await get("/v1/audit?limit=1000", key, own);
          const calls = data.some(({ details }) => details.request_id === "traced-4");
          return calls && data.some(({ what }) => what === "refused") && data;
        }, "all is told");
        return { key, id, page, asked, text };
      };
      const { key, id, page, asked, text } = await withEdge({ storage }, run);
      const whats = page.map(({ what }) => what);
      for (const what of ["tenant_changed", "key_created", "key_rotated", "key_changed", "call", "refused", "user_erased"]) {
        assert.ok(whats.includes(what), `${what} in ${whats}`);
      }
      assert.deepEqual(page.map(({ number }) => number), page.map((_, at) => at + 1));

      // Every call: sizes and digests, which whoever has the texts can check, and no text.
      const call = (request) => page.find(({ what, details }) => what === "call" && details.request_id === request);
      const digest = (text) => createHash("sha256").update(text).digest("hex");
      for (const request of ["traced-1", "traced-2"]) {
        const { details, who, user } = call(request);
        assert.deepEqual([who, user, details.status, details.model], [id, "ann", 200, "gpt-oss-120b"]);
        assert.deepEqual([details.request_bytes, details.request_sha256], [Buffer.byteLength(asked), digest(asked)]);
        assert.deepEqual([details.answer_bytes, details.answer_sha256], [Buffer.byteLength(text), digest(text)]);
      }
      assert.ok(call("traced-3").details.answer_bytes > 0 && call("traced-3").details.completion_tokens > 0);
      assert.equal(call("traced-4").details.status, 400);
      assert.ok(secrets.length >= 10, String(secrets));

      await withEdge({ storage, vars: { CACHE_TTL_SECONDS: 120, ADMIN_SECRET: `${ADMIN_SECRET}.2` } }, async (own) => {
        const changes = async () => {
          const response = await fetch(`${own.url}/v1/audit?tenant=_gateway&what=configuration_changed`, { headers: bearer(`${ADMIN_SECRET}.2`) });
          return (await json(response)).data;
        };
        const told = await eventually(async () => (await changes()).length === 2 && changes(), "the configuration is told");
        assert.notEqual(told[0].details.sha256, told[1].details.sha256);
        assert.deepEqual(told[1].details.secrets.toSorted(), ["ADMIN_SECRET", "CEREBRAS_API_KEY", "EDGE_SECRET", "GATEWAY_KEYS"]);

        // Pages and filters lead through the same entries.
        const all = [];
        for (let after = 0; after !== null; ) {
          const { data, next } = await get(`/v1/audit?limit=3&after=${after}`, key, own);
          assert.ok(data.length <= 3);
          all.push(...data);
          after = next;
        }
        assert.deepEqual(all.slice(0, page.length), page);
        const filtered = async (query) => (await get(`/v1/audit?limit=1000&${query}`, key, own)).data;
        assert.deepEqual(await filtered("what=call"), all.filter(({ what }) => what === "call"));
        assert.deepEqual(await filtered("who=admin"), all.filter(({ who }) => who === "admin"));
        assert.deepEqual(await filtered("user=ann"), all.filter(({ user }) => user === "ann"));
        assert.deepEqual(await filtered(`from_ms=${all[3].at_ms}&to_ms=${all[5].at_ms}`), all.filter(({ at_ms: at }) => at >= all[3].at_ms && at <= all[5].at_ms));
        const lines = await (await fetch(`${own.url}/v1/audit?format=ndjson&what=call`, { headers: bearer(key) })).text();
        assert.deepEqual(lines.trim().split("\n").map((line) => JSON.parse(line)), await filtered("what=call"));
        assert.equal((await get("/v1/audit/verify", key, own)).whole, true);
        await withoutTexts(own);
      });

      async function withoutTexts(own) {
        assert.ok(own.logs.every((line) => !secrets.some((secret) => line.includes(secret))));
      }
      const stored = rows(storage);
      const files = fs.readdirSync(storage, { recursive: true }).map((name) => path.join(storage, name));
      const raw = files.filter((file) => fs.statSync(file).isFile()).map((file) => [file, fs.readFileSync(file)]);
      assert.ok(stored.includes(id) && raw.some(([, bytes]) => bytes.includes(id)), "the search finds what is there");
      for (const secret of secrets) {
        assert.ok(!stored.includes(secret), `a row has ${secret}`);
        for (const [file, bytes] of raw) assert.ok(!bytes.includes(secret), `${file} has ${secret}`);
      }
    });
  });

  /** A ledger with an audit of ten entries and more, whose rows somebody changes; the verdict on it. */
  const verdictOn = (tampering) =>
    withStorage(async (storage) => {
      const { key } = await withEdge({ storage }, async (own) => {
        const made = await make({ tenant: "tampered" }, own);
        for (let at = 0; at < 10; at++) await json(await admin("PATCH", `/admin/keys/${made.id}`, { name: `name ${at}` }, own));
        assert.equal((await get("/v1/audit/verify", made.key, own)).whole, true);
        return made;
      });
      for (const file of ledgerFiles(storage)) {
        const database = new DatabaseSync(file);
        const [{ known }] = database.prepare("SELECT COUNT(*) AS known FROM audit WHERE details LIKE '%name 9%'").all();
        if (known > 0) tampering(database);
        database.close();
      }
      return withEdge({ storage }, (own) => get("/v1/audit/verify", key, own));
    });

  const attacks = {
    "an entry that was changed": ["UPDATE audit SET details = replace(details, 'name 4', 'name x') WHERE number = 7", [[7, "changed"]]],
    "an entry that was removed": ["DELETE FROM audit WHERE number = 6", [[6, "missing"]]],
    "the last entry, removed": ["DELETE FROM audit WHERE number = (SELECT MAX(number) FROM audit)", [["last", "missing"]]],
    "the first entry, removed": ["DELETE FROM audit WHERE number = 1", [[1, "missing"]]],
    "an entry that was added": [
      "INSERT INTO audit SELECT number + 1, at_ms, what, who, alias, details, hash, hash FROM audit ORDER BY number DESC LIMIT 1",
      [["last + 1", "added"]],
    ],
    "a time that was changed": ["UPDATE audit SET at_ms = at_ms - 1 WHERE number = 3", [[3, "changed"]]],
    "who did it": ["UPDATE audit SET who = 'nobody' WHERE number = 5", [[5, "changed"]]],
  };

  for (const [what, [sql, expected]] of Object.entries(attacks)) {
    test(`names ${what} in the database behind the gateway's back`, async () => {
      let last;
      const verdict = await verdictOn((database) => {
        [{ last }] = database.prepare("SELECT MAX(number) AS last FROM audit").all();
        database.exec(sql);
      });
      const place = { last, "last + 1": last + 1 };
      assert.equal(verdict.whole, false);
      assert.deepEqual(verdict.broken, expected.map(([number, why]) => ({ number: place[number] ?? number, why })));
    });
  }

  test("names an entry that was changed and hashed anew, by the one behind it", async () => {
    const verdict = await verdictOn((database) => {
      const entry = database.prepare("SELECT * FROM audit WHERE number = 4").get();
      entry.who = "nobody";
      const hash = createHash("sha256");
      for (const part of ["audit/1", String(entry.number), String(entry.at_ms), entry.what, entry.who, entry.alias, entry.details, entry.previous]) {
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(Buffer.byteLength(part)));
        hash.update(length).update(part);
      }
      database.prepare("UPDATE audit SET who = ?, hash = ? WHERE number = 4").run(entry.who, hash.digest("hex"));
    });
    assert.equal(verdict.whole, false);
    assert.deepEqual(verdict.broken, [{ number: 4, why: "changed" }]);
  });
});

describe("the ledger of a tenant", () => {
  test("in the European Union is asked for there, and no other is", async () => {
    const european = await make({ tenant: "brussels", region: "eu" });
    await seen(edge);
    await ask(european.key, fresh({ user: "ann" }));
    await get("/v1/usage", european.key);
    await get("/v1/audit", european.key);
    await get("/v1/users/ann/export", european.key);
    await erase("ann", european.key);
    await json(await admin("PATCH", `/admin/keys/${european.id}`, { name: "x" }));
    const there = await seen(edge);
    const own = there.ledgers.filter((name) => name === "brussels").length;
    assert.ok(own >= 8, String(own));
    assert.deepEqual(there.jurisdictions, Array(own).fill("eu"), "each time, and for this tenant alone");

    const elsewhere = await make({ tenant: "anywhere" });
    await ask(elsewhere.key, fresh());
    await ask(KEY, fresh());
    await get("/v1/usage", elsewhere.key);
    const here = await seen(edge);
    assert.ok(here.ledgers.includes("anywhere") && here.ledgers.includes("acme"));
    assert.deepEqual(here.jurisdictions, []);
  });

  test("is asked for in its region by a key that is younger than the tenant's calls", async () => {
    const configured = "e2e: a configured key in the European Union";
    const GATEWAY_KEYS = [{ sha256: sha256(configured), tenant: "rome", region: "eu" }];
    await withEdge({ prelude: WATCHING, vars: { GATEWAY_KEYS } }, async (own) => {
      // From now on this isolate, and its location, know that the tenant has no record.
      assert.equal((await ask(configured, fresh(), {}, own)).status, 200);
      const { key } = await make({ tenant: "rome" }, own);
      await seen(own);
      assert.equal((await ask(key, fresh(), {}, own)).status, 200);
      await passes(own, 21_000);
      assert.equal((await ask(key, fresh(), {}, own)).status, 200);
      await get("/v1/usage", key, own);
      const { ledgers, jurisdictions } = await seen(own);
      assert.deepEqual(jurisdictions, ledgers.map(() => "eu"));
    });
  });

  test("is never looked for elsewhere when its region has failed", async () => {
    const failing = WATCHING.replace("return real.jurisdiction(place);", 'throw new Error("the jurisdiction is down");');
    assert.notEqual(failing, WATCHING);
    await withEdge({ prelude: failing, vars: { LEDGER_FAILURE: "refuse" } }, async (own) => {
      await assertError(await admin("POST", "/admin/keys", { tenant: "brussels", region: "eu" }, own), 503, "ledger_unreachable");
      const asked = await seen(own);
      assert.ok(!asked.ledgers.includes("brussels"), String(asked.ledgers));
    });
  });
});
