// Campaigns: a brief, platforms and a timeline become posts, in the background, whatever the model says and whatever they cost.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { createParser } from "eventsource-parser";
import { KEY, KEYS, OTHER_KEY, administer, assertError, eventually, makeKey, pause, post, sha256, startEdge, startStandIn, usageOf } from "./edge.mjs";
import { validator } from "./openapi.mjs";

const BLIND_KEY = "e2e: a key without content";
const NARROW_KEY = "e2e: a key for another model";
const KEYS_HERE = [
  ...KEYS,
  { sha256: sha256(BLIND_KEY), tenant: "acme", name: "blind", scopes: ["completions", "batches"] },
  { sha256: sha256(NARROW_KEY), tenant: "acme", name: "narrow", models: ["fast"] },
];
const BRIEF = "Our bakery opens a second shop in Harbour Street";
const TIMELINE = ["2026-12-01", "2026-12-03T18:30:00+01:00", "2026-12-05"];
const AT = ["2026-12-01T09:00:00Z", "2026-12-03T17:30:00Z", "2026-12-05T09:00:00Z"];
const openapi = validator(JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../../public/openapi.json"), "utf8")));

let standIn;
let edge;
before(async () => {
  standIn = await startStandIn("--tier", "none");
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, GATEWAY_KEYS: KEYS_HERE } });
});
after(async () => {
  await edge?.stop();
  standIn?.stop();
});

const bearer = (key) => ({ authorization: `Bearer ${key}` });
const get = (what, { key = KEY, headers = {}, method = "GET" } = {}) => fetch(`${edge.url}/v1/${what}`, { method, headers: { ...bearer(key), ...headers } });
/** What the model says to everything, whatever it was asked. */
const says = (content) => `[[hex=${Buffer.from(JSON.stringify(content)).toString("hex")}]]`;

async function json(response, status, method, path) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  const body = JSON.parse(text);
  openapi.check(method, path, status, body);
  return body;
}
const begin = async (more = {}, { key = KEY, headers = {}, status = 202 } = {}) =>
  json(await post(edge, { brief: BRIEF, platforms: ["x", "linkedin"], timeline: TIMELINE, ...more }, { ...bearer(key), ...headers }, "/v1/campaigns"), status, "post", "/v1/campaigns");
const show = async (id) => json(await get(`campaigns/${id}`), 200, "get", "/v1/campaigns/{id}");
const isFinal = ({ status }) => ["completed", "failed", "cancelled"].includes(status);
async function ended(id) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await pause(50)) {
    const campaign = await show(id);
    if (isFinal(campaign)) return campaign;
  }
  assert.fail("never ended");
}
const slotsOf = ({ posts }) => Object.values(posts).flatMap((dates) => Object.values(dates).flat()).sort((a, b) => a.slot - b.slot);
/** The events of a stream, read by a client of the standard, until it ends or `enough` says so. */
async function follow(id, { last, query = "", enough = () => false } = {}) {
  const response = await get(`campaigns/${id}/events${query}`, { headers: last === undefined ? {} : { "last-event-id": String(last) } });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  const events = [];
  const parser = createParser({ onEvent: ({ id, event, data }) => events.push({ id: Number(id), event, data: JSON.parse(data) }) });
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    if (enough(events)) break;
  }
  return events;
}

/** A table by RFC 4180. */
function table(text) {
  const rows = [[]];
  let field = "";
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (quoted && text[at] === '"' && text[at + 1] === '"') (field += '"'), at++;
    else if (text[at] === '"') quoted = !quoted;
    else if (!quoted && text[at] === ",") rows.at(-1).push(field), (field = "");
    else if (!quoted && text.startsWith("\r\n", at)) rows.at(-1).push(field), (field = ""), rows.push([]), at++;
    else field += text[at];
  }
  assert.ok(!quoted && field === "");
  const [head, ...rest] = rows.slice(0, -1);
  return rest.map((row) => (assert.equal(row.length, head.length), Object.fromEntries(head.map((name, place) => [name, row[place]]))));
}
/** The events of a calendar by RFC 5545. */
function calendar(text) {
  assert.ok(text.startsWith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n") && text.endsWith("END:VCALENDAR\r\n"));
  assert.ok(text.split("\r\n").every((line) => Buffer.byteLength(line) <= 75 && !line.includes("\n")));
  const unescaped = (value) => value.replaceAll(/\\(.)/g, (_, one) => (one === "n" ? "\n" : one));
  return text.replaceAll("\r\n ", "").split("BEGIN:VEVENT\r\n").slice(1).map((block) =>
    Object.fromEntries(block.split("END:VEVENT")[0].trim().split("\r\n").map((line) => [line.slice(0, line.indexOf(":")), unescaped(line.slice(line.indexOf(":") + 1))])));
}

describe("a campaign", () => {
  let campaign;
  let followed;

  test("is queued at once, and ends with a post for every platform at every time", async () => {
    const made = await begin({ name: "Second shop", audience: "neighbours", tone: "friendly" });
    assert.match(made.id, /^campaign_[0-9a-f]{24}$/);
    assert.deepEqual([made.object, made.status, made.counts.total], ["campaign", "queued", 6]);
    followed = follow(made.id);
    campaign = await ended(made.id);
    assert.equal(campaign.status, "completed");
    assert.deepEqual([campaign.counts.ready, campaign.counts.failed, campaign.counts.skipped, campaign.counts.queued], [6, 0, 0, 0]);
    assert.deepEqual(campaign.timeline, AT);
    assert.deepEqual(Object.keys(campaign.posts), ["x", "linkedin"]);
    assert.deepEqual(Object.keys(campaign.posts.x), ["2026-12-01", "2026-12-03", "2026-12-05"]);
    for (const [place, { slot, status, at, post, theme, error, tries }] of slotsOf(campaign).entries()) {
      assert.deepEqual([slot, status, at, error], [place, "ready", AT[Math.floor(place / 2)], null]);
      assert.ok(post.text !== "" && post.length <= post.limit && theme !== "" && tries >= 1);
    }
    assert.deepEqual([campaign.strategy.degraded, campaign.strategy.themes.map(({ at }) => at)], [false, AT]);
    assert.ok(campaign.spent_micro_dollars > 0 && campaign.reserved_micro_dollars === 0 && campaign.budget_micro_dollars === null);
    assert.deepEqual([campaign.eta_ms, campaign.phase], [0, null]);
  });

  test("tells what happens as a stream, with the time that is left, and ends it", async () => {
    const events = await followed;
    assert.deepEqual(events.map(({ id }) => id), events.map((_, at) => at + 1));
    const named = (name) => events.filter(({ event }) => event === name);
    assert.deepEqual(named("status").map(({ data }) => data.status), ["queued", "running", "completed"]);
    assert.equal(events.at(-1).data.status, "completed");
    assert.equal(named("strategy")[0].data.themes.length, 3);
    const first = new Map(named("post").map(({ data }) => [data.slot, data]));
    assert.equal(first.size, 6);
    for (const { platform, at, post } of first.values()) assert.ok(["x", "linkedin"].includes(platform) && AT.includes(at) && post.text !== "");
    const progress = named("progress").map(({ data }) => data);
    assert.ok(progress.every(({ eta_ms, done, of }) => eta_ms >= 0 && done <= of && of === 6));
    for (const { event, data } of events) assert.equal(data.type, event);
  });

  test("resumes its stream behind the last event, by header and by query, and says when there is no more", async () => {
    const all = await follow(campaign.id);
    const part = await follow(campaign.id, { enough: (events) => events.length >= 3 });
    const last = part[2].id;
    assert.deepEqual(await follow(campaign.id, { last }), all.slice(3));
    assert.deepEqual(await follow(campaign.id, { query: `?last_event_id=${last}` }), all.slice(3));
    assert.equal((await get(`campaigns/${campaign.id}/events`, { headers: { "last-event-id": String(all.at(-1).id) } })).status, 204);
    await assertError(await get(`campaigns/${campaign.id}/events`, { headers: { "last-event-id": "x" } }), 400, "wrong_value");
  });

  test("comes as a calendar and as a table", async () => {
    const slots = slotsOf(campaign);
    const ics = await get(`campaigns/${campaign.id}/calendar.ics`);
    assert.match(ics.headers.get("content-type"), /^text\/calendar/);
    const text = await ics.text();
    assert.match(text, /X-WR-CALNAME:Second shop\r\n/);
    const entries = calendar(text);
    assert.deepEqual(entries.map(({ DTSTART }) => DTSTART), slots.map(({ at }) => at.replaceAll(/[-:]/g, "")));
    assert.deepEqual(entries.map(({ DESCRIPTION }) => DESCRIPTION), slots.map(({ post }) => post.text));
    const csv = await get(`campaigns/${campaign.id}/posts.csv`);
    assert.match(csv.headers.get("content-type"), /^text\/csv/);
    const rows = table(await csv.text());
    assert.deepEqual(rows.map(({ platform, date, status }) => [platform, date, status]), slots.map(({ platform, at, duplicate_of }) => [platform, at.slice(0, 10), duplicate_of === null ? "ready" : "duplicate"]));
    assert.deepEqual(rows.map(({ text }) => text.replace(/^'(?=[=+\-@])/, "")), slots.map(({ post }) => post.text));
  });

  test("is listed, belongs to its tenant alone, and is removed by DELETE when it has ended", async () => {
    const list = await json(await get("campaigns?limit=1"), 200, "get", "/v1/campaigns");
    assert.deepEqual([list.data.length, list.data[0].id, "posts" in list.data[0]], [1, campaign.id, false]);
    for (const what of ["", "/events", "/calendar.ics", "/posts.csv"]) {
      await assertError(await get(`campaigns/${campaign.id}${what}`, { key: OTHER_KEY }), 404, "campaign_not_found");
    }
    await assertError(await get(`campaigns/${campaign.id}`, { key: OTHER_KEY, method: "DELETE" }), 404, "campaign_not_found");
    await assertError(await get(`campaigns/${campaign.id}`, { key: BLIND_KEY }), 403, "scope_missing");
    assert.deepEqual(await (await get(`campaigns/${campaign.id}`, { method: "DELETE" })).json(), { id: campaign.id, object: "campaign", deleted: true });
    await assertError(await get(`campaigns/${campaign.id}`), 404, "campaign_not_found");
    await assertError(await get(`campaigns/${campaign.id}`, { method: "DELETE" }), 404, "campaign_not_found");
  });

  test("is made once by an Idempotency-Key", async () => {
    const headers = { "idempotency-key": "autumn-1" };
    const made = await begin({ platforms: ["x"], timeline: ["2026-12-01"] }, { headers });
    const again = await begin({ platforms: ["x"], timeline: ["2026-12-01"] }, { headers, status: 200 });
    assert.equal(again.id, made.id);
    await assertError(await post(edge, { brief: "Another", platforms: ["x"], timeline: ["2026-12-01"] }, { ...bearer(KEY), ...headers }, "/v1/campaigns"), 422, "idempotency_key_reused");
    await ended(made.id);
  });

  test("is refused with the field named", async () => {
    const refused = async (more, status, code, key = KEY) =>
      assertError(await post(edge, { brief: BRIEF, platforms: ["x"], timeline: ["2026-12-01"], ...more }, bearer(key), "/v1/campaigns"), status, code);
    assert.equal((await refused({ timeline: ["2026-12-01", "soon"] }, 400, "wrong_value")).param, "timeline[1]");
    assert.equal((await refused({ brief: undefined }, 400, "missing_field")).param, "brief");
    assert.equal((await refused({ stream: true }, 400, "unknown_field")).param, "stream");
    assert.equal((await refused({ brand: "nobody" }, 404, "unknown_brand")).param, "brand");
    assert.equal((await refused({ budget: 0.000001 }, 400, "budget_too_small")).param, "budget");
    await refused({ budget: 5, model: "a-model-without-a-price" }, 402, "unknown_price");
    await refused({}, 403, "model_not_allowed", NARROW_KEY);
    await refused({}, 403, "scope_missing", BLIND_KEY);
    await assertError(await get("campaigns/campaign_0000"), 404, "campaign_not_found");
    await assertError(await get("campaigns/strategy"), 405, "method_not_allowed");
  });

  test("has a strategy that can be asked for alone", async () => {
    const answer = await json(await post(edge, { brief: BRIEF, platforms: ["x"], timeline: TIMELINE }, bearer(KEY), "/v1/campaigns/strategy"), 200, "post", "/v1/campaigns/strategy");
    assert.deepEqual([answer.object, answer.degraded, answer.themes.length], ["strategy", false, 3]);
    const body = JSON.parse((await standIn.last()).body);
    assert.equal(body.response_format.json_schema.strict, true);
    assert.ok(!body.messages[0].content.includes("Harbour"));
    const bad = await json(await post(edge, { brief: `${BRIEF} [[garbage]]`, platforms: ["x"], timeline: TIMELINE }, bearer(KEY), "/v1/campaigns/strategy"), 200, "post", "/v1/campaigns/strategy");
    assert.deepEqual([bad.degraded, bad.themes.length], [true, 3]);
  });
});

describe("what goes wrong in a campaign", () => {
  test("is tried again and then told: failed posts stand beside those that could be written, and what says the same is marked", async () => {
    // To every question the model says this: no strategy, the same post for X each time, and none for LinkedIn.
    const made = await begin({ brief: `${BRIEF} ${says({ x_1: { text: "Fresh rye from a second oven, in Harbour Street.", hashtags: [] }, note: "no more" })}` });
    const done = await ended(made.id);
    assert.equal(done.status, "completed");
    assert.deepEqual([done.counts.ready, done.counts.failed, done.counts.duplicates], [3, 3, 2]);
    assert.equal(done.strategy.degraded, true);
    for (const { platform, status, error, tries, post, duplicate_of, slot } of slotsOf(done)) {
      if (platform === "x") {
        assert.deepEqual([status, error, duplicate_of], ["ready", null, slot === 0 ? null : 0]);
      } else {
        assert.deepEqual([status, error.code, tries, post], ["failed", "missing", 3, null]);
      }
    }
    const events = await follow(made.id);
    assert.deepEqual(events.filter(({ event }) => event === "slot_failed").map(({ data }) => [data.platform, data.code]), Array(3).fill(["linkedin", "missing"]));
    assert.equal(calendar(await (await get(`campaigns/${made.id}/calendar.ics`)).text()).length, 3);
    assert.deepEqual(table(await (await get(`campaigns/${made.id}/posts.csv`)).text()).map(({ status }) => status), ["ready", "failed", "duplicate", "failed", "duplicate", "failed"]);
  });

  test("fails it when nothing can be written", async () => {
    const made = await begin({ brief: `${BRIEF} [[status=500]]`, platforms: ["x"], timeline: ["2026-12-01"] });
    const done = await ended(made.id);
    assert.deepEqual([done.status, done.error.code, done.counts.failed], ["failed", "nothing_written", 1]);
    assert.match(slotsOf(done)[0].error.code, /^upstream_/);
  });

  test("ends it when its key is revoked", async () => {
    const key = await makeKey(edge, { tenant: "acme", name: "short-lived" });
    const made = await begin({ brief: `${BRIEF} [[latency=800]]`, platforms: ["x"] }, { key: key.key });
    await pause(300);
    assert.equal((await administer(edge, "DELETE", `/admin/keys/${key.id}`)).status, 200);
    const done = await ended(made.id);
    assert.deepEqual([done.status, done.error.code], ["failed", "key_not_accepted"]);
  });

  test("ends with DELETE while it runs: what was written stays, and nothing more is asked", async () => {
    const made = await begin({ brief: `${BRIEF} [[latency=400]]`, timeline: Array.from({ length: 20 }, (_, day) => `2026-12-${String(day + 1).padStart(2, "0")}`) });
    await eventually(async () => (await show(made.id)).counts.ready > 0, "a post");
    const cancelled = await (await get(`campaigns/${made.id}`, { method: "DELETE" })).json();
    assert.equal(cancelled.status, "cancelled");
    assert.ok(cancelled.counts.ready > 0 && cancelled.counts.cancelled > 0 && cancelled.counts.queued + cancelled.counts.running === 0);
    assert.ok(slotsOf(cancelled).every(({ status, post, error }) => (status === "ready" ? post !== null : error.code === "cancelled")));
    assert.equal((await follow(made.id)).at(-1).data.status, "cancelled");
    await eventually(async () => (await show(made.id)).reserved_micro_dollars === 0, "what was under way is settled");
    const { completions } = await standIn.stats();
    await pause(1500);
    assert.equal((await standIn.stats()).completions, completions);
    assert.equal((await show(made.id)).counts.ready, cancelled.counts.ready);
  });

  test("waits for room in Cerebras's limits, and goes on", async () => {
    const made = await begin({ brief: `${BRIEF} [[rate-requests]]`, platforms: ["x"], timeline: ["2026-12-01"] });
    await eventually(async () => (await show(made.id)).status === "running", "running");
    await pause(4000);
    const waiting = await show(made.id);
    assert.deepEqual([waiting.status, waiting.counts.failed], ["running", 0]);
    await get(`campaigns/${made.id}`, { method: "DELETE" });
  });
});

describe("a budget", () => {
  test("is never passed, and what no longer fits is skipped and told", async () => {
    // Answers that cost nothing: what a post costs is then near to what is held for it.
    const row = { input_micro_dollars_per_million: 1_000_000, output_micro_dollars_per_million: 0, capabilities: ["structured_outputs"] };
    const dear = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, MODELS: { "gpt-oss-120b": row, "qwen-3.8-27b": row } } });
    try {
      const order = { brief: BRIEF, platforms: ["x", "bluesky"], timeline: Array.from({ length: 15 }, (_, day) => `2026-12-${String(day + 1).padStart(2, "0")}`) };
      const make = (budget) => post(dear, { ...order, budget_micro_dollars: budget }, bearer(KEY), "/v1/campaigns");
      const refused = await assertError(await make(1), 400, "budget_too_small");
      const least = Number(/may cost (\d+)/.exec(refused.message)[1]);
      const { id } = await (await make(least)).json();
      let done;
      do {
        await pause(50);
        done = await (await fetch(`${dear.url}/v1/campaigns/${id}`, { headers: bearer(KEY) })).json();
        assert.ok(done.spent_micro_dollars + done.reserved_micro_dollars <= least, "at every moment");
      } while (!isFinal(done));
      assert.equal(done.status, "completed");
      assert.ok(done.counts.ready > 0 && done.counts.skipped > 0, JSON.stringify(done.counts));
      assert.equal(done.counts.ready + done.counts.skipped, 30);
      for (const { status, error } of slotsOf(done)) assert.equal(error?.code ?? null, status === "ready" ? null : "budget");
      assert.equal((await usageOf(dear, "acme")).total.cost_micro_dollars <= least, true);
    } finally {
      await dear.stop();
    }
  });

  test("is what the ledger counts, to the micro-dollar", async () => {
    const spent = async () => (await usageOf(edge, "other")).total.cost_micro_dollars;
    const made = await begin({ budget: 2, platforms: ["x"] }, { key: OTHER_KEY });
    const done = await eventually(async () => {
      const campaign = await (await get(`campaigns/${made.id}`, { key: OTHER_KEY })).json();
      return isFinal(campaign) && campaign;
    }, "ended");
    assert.equal(done.status, "completed");
    await eventually(async () => (await spent()) === done.spent_micro_dollars, `the ledger has ${await spent()} of ${done.spent_micro_dollars}`);
  });

  test("of an order for posts holds too", async () => {
    const order = { instruction: "Write a post about buns", platforms: ["x"], steps: { intent: false } };
    await assertError(await post(edge, { ...order, most_micro_dollars: 1 }, bearer(KEY), "/v1/posts"), 402, "order_beyond_most");
    const answer = await (await post(edge, { ...order, most_micro_dollars: 100_000 }, bearer(KEY), "/v1/posts")).json();
    assert.ok(answer.usage.cost_micro_dollars <= 100_000 && answer.posts[0].text !== "");
  });
});

test("posts of campaigns are encrypted in the store, and go with an erasure", async () => {
  const made = await begin({ platforms: ["x"], timeline: ["2026-12-01"] });
  await ended(made.id);
  const response = await administer(edge, "DELETE", "/v1/users/somebody?tenant=acme");
  const proof = await response.json();
  assert.equal(response.status, 200, JSON.stringify(proof));
  assert.ok(proof.removed_from_store.posts > 0);
  const { posts, brief, status } = await show(made.id);
  assert.deepEqual([posts, brief, status], [{}, null, "completed"]);
});
