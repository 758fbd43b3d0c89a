// What the gateway tells of itself: exact under load, a tenant's own alone, in the forms of its API and of Prometheus.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { ADMIN_SECRET, KEY, OTHER_KEY, administer, chat, eventually, leavable, pause, post, startEdge, startStandIn } from "./edge.mjs";

let standIn;
let edge;

before(async () => {
  standIn = await startStandIn();
  edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TELEMETRY_MS: 300 } });
});

after(async () => {
  await edge?.stop();
  standIn?.stop();
});

async function analytics(query = "", key = ADMIN_SECRET, at = edge) {
  const response = await fetch(`${at.url}/v1/analytics?${query}`, { headers: { authorization: `Bearer ${key}` } });
  const text = await response.text();
  return { status: response.status, ...JSON.parse(text) };
}

/** The samples of a page for Prometheus: `name{labels}` to its value. Anything that is not of the format fails. */
function samples(page) {
  const read = new Map();
  const types = new Map();
  for (const line of page.trimEnd().split("\n")) {
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      assert.ok(!types.has(type[1]), `${type[1]} is described once`);
      types.set(type[1], type[2]);
      continue;
    }
    if (/^# HELP [a-zA-Z_:][a-zA-Z0-9_:]* \S/.test(line)) continue;
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"(?:,(?=[a-zA-Z_])|(?=\})))+\})? (-?\d+(?:\.\d+)?)$/.exec(line);
    assert.ok(sample, `a sample: ${line}`);
    const family = sample[1].replace(/_(bucket|sum|count)$/, "");
    assert.ok(types.has(sample[1]) || types.get(family) === "histogram", `${sample[1]} has a type`);
    if (types.get(sample[1]) === "counter") assert.match(sample[1], /_total$/);
    const name = sample[1] + (sample[2] ?? "");
    assert.ok(!read.has(name), `${name} stands once`);
    read.set(name, Number(sample[3]));
  }
  return read;
}

const metrics = async () => {
  const response = await administer(edge, "GET", "/metrics");
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
  return response.text();
};

describe("analytics", () => {
  test("tell misses, hits, streams and errors apart, with what they used, cost and saved", async () => {
    const body = chat("How are you?", { temperature: 0 });
    const first = await (await post(edge, body)).json();
    await (await post(edge, body)).text();
    await (await post(edge, chat("Go on [[words=50]]", { stream: true }))).text();
    assert.equal((await post(edge, { model: "gpt-oss-120b", messages: "none" })).status, 400);
    assert.equal((await post(edge, chat("No [[status=400]]"))).status, 400);
    const told = await analytics("group_by=model,endpoint,source,tenant");
    assert.equal(told.object, "analytics");
    assert.equal(told.interval, "minute");
    assert.deepEqual(told.group_by, ["model", "endpoint", "source", "tenant"]);
    const { totals } = told;
    assert.equal(totals.requests, 5);
    assert.equal(totals.errors, 2);
    assert.equal(Object.values(totals.errors_by_type).reduce((sum, count) => sum + count, 0), 2);
    assert.equal(totals.errors_by_type.upstream_400, 1);
    assert.deepEqual(totals.by_source, { cache: 1, edge: 0, cloud: 2 });
    assert.ok(totals.prompt_tokens > first.usage.prompt_tokens && totals.cost_micro_dollars > 0);
    assert.ok(totals.saved_micro_dollars.cache > 0);
    assert.equal(totals.saved_micro_dollars.routing, 0);
    for (const name of ["latency_ms", "first_byte_ms", "upstream_ms"]) {
      const { p50, p95, p99 } = totals[name];
      assert.ok(p50 >= 0 && p50 <= p95 && p95 <= p99, `${name}: ${p50}, ${p95}, ${p99}`);
    }
    // Unknown is null.
    assert.equal(totals.quality.score.mean, null);
    assert.equal(totals.business.cost_per_piece_micro_dollars, null);
    assert.equal(totals.business.engagement, null);
    const hit = told.data.find(({ group }) => group.source === "cache");
    assert.deepEqual(hit.group, { model: "gpt-oss-120b", endpoint: "chat", source: "cache", tenant: "acme" });
    assert.match(hit.at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/);
    assert.equal(hit.upstream_ms.p50, null);
  });

  test("show a key its own tenant alone, and who administers everything or one tenant", async () => {
    await (await post(edge, chat("Hi"), { authorization: `Bearer ${OTHER_KEY}` })).text();
    const [all, acme, other] = [await analytics(), await analytics("", KEY), await analytics("", OTHER_KEY)];
    assert.equal(other.totals.requests, 1);
    assert.equal(acme.totals.requests + other.totals.requests, all.totals.requests);
    assert.deepEqual((await analytics("tenant=other")).totals, other.totals);
    const refused = await analytics("tenant=other", KEY);
    assert.equal(refused.status, 403);
    assert.equal(refused.code, "wrong_tenant");
    assert.equal((await analytics("", "wrong")).status, 401);
    assert.equal((await fetch(`${edge.url}/metrics`, { headers: { authorization: `Bearer ${KEY}` } })).status, 401);
  });

  test("are asked with words that they know", async () => {
    for (const [query, param] of [
      ["interval=week", "interval"],
      ["group_by=model,model", "group_by"],
      ["group_by=user", "group_by"],
      ["from=yesterday", "from"],
      ["from=2026-01-02&to=2026-01-01", "from"],
      ["from=2026-01-01&to=2026-03-01&interval=minute", "from"],
      ["user=ana", "user"],
    ]) {
      const { status, param: named } = await analytics(query);
      assert.deepEqual([query, status, named], [query, 400, param]);
    }
    for (const interval of ["minute", "hour", "day"]) {
      const told = await analytics(`interval=${interval}`);
      assert.equal(told.status, 200);
      assert.ok(told.totals.requests >= 6, `${interval}: ${told.totals.requests}`);
    }
  });

  test("count a caller that goes away and that nobody follows, with a ledger or without", async () => {
    for (const ledger of [false, true]) {
      const both = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TELEMETRY_MS: 100, LEDGER_FAILURE: "allow" }, twin: true, ledger });
      try {
        const call = leavable(both, chat("Wait [[latency=3000]]"));
        await pause(800);
        call.leave();
        // The other isolate is asked: the one that was called must tell by itself.
        const totals = async () => (await analytics("", ADMIN_SECRET, both.twin)).totals;
        await eventually(async () => (await totals()).requests === 1, `the request is counted, ledger: ${ledger}`);
        assert.deepEqual((await totals()).errors_by_type, { [ledger ? "caller_gone" : "client_closed_request"]: 1 });
      } finally {
        await both.stop();
      }
    }
  });

  test("count a caller that goes away", async () => {
    const { totals } = await analytics();
    const call = leavable(edge, chat("Wait [[latency=2000]]"));
    await pause(300);
    call.leave();
    await eventually(async () => (await analytics()).totals.requests === totals.requests + 1, "the request is counted");
  });
});

describe("metrics", () => {
  test("are of the text format of Prometheus, and add up", async () => {
    const page = await metrics();
    const read = samples(page);
    const sum = (name) => [...read].filter(([sample]) => sample.startsWith(`${name}{`)).reduce((sum, [, value]) => sum + value, 0);
    const { totals } = await analytics();
    assert.equal(sum("maya_edge_requests_total"), totals.requests);
    assert.equal(sum("maya_edge_errors_total"), totals.errors);
    assert.equal(sum("maya_edge_cost_micro_dollars_total"), totals.cost_micro_dollars);
    assert.equal(sum("maya_edge_request_duration_seconds_count"), totals.requests);
    assert.ok(sum("gen_ai_server_request_duration_seconds_count") > 0);
    assert.match(page, /^gen_ai_client_operation_duration_seconds_count\{.*gen_ai_provider_name="cerebras".*error_type="upstream_400"\} 1$/m);
    assert.equal(read.get("maya_edge_telemetry_lost_total"), 0);
    const names = ["gen_ai_client_operation_duration_seconds", "gen_ai_client_token_usage", "gen_ai_server_time_to_first_token_seconds"];
    for (const name of names) assert.ok(sum(`${name}_count`) > 0, name);
    // Buckets grow, and the last is the count.
    const buckets = [...read].filter(([sample]) => /^gen_ai_client_operation_duration_seconds_bucket.*"chat".*model="gpt-oss-120b".*"cloud"/.test(sample));
    const counts = buckets.map(([, count]) => count);
    assert.equal(counts.length, 15);
    assert.deepEqual(counts, counts.toSorted((one, other) => one - other));
  });

  test("pass promtool", (t) => checked(t, "promtool", ["check", "metrics"]));

  test("are read by Prometheus's own client for Python", (t) =>
    checked(t, process.env.OTLP_PYTHON ?? "python3", ["-c", "import sys\nfrom prometheus_client.parser import text_string_to_metric_families as read\nassert len(list(read(sys.stdin.read()))) > 10"], ["-c", "import prometheus_client"]));

  /** Gives the page to a program; skips where the program is not. */
  async function checked(t, program, given, probe = ["--version"]) {
    if (spawnSync(program, probe).status !== 0) {
      t.skip(`NOT CHECKED: ${program} ${probe.join(" ")} does not run here; apt-get install prometheus, pip install prometheus-client`);
      return;
    }
    const page = await metrics();
    const { status, stdout, stderr } = spawnSync(program, given, { input: page, encoding: "utf8" });
    assert.equal(status, 0, `${stdout}${stderr}`);
  }
});

describe("failed attempts", () => {
  test("are told under their model, also where a repetition made them good, and a caller's own mistake is none", async () => {
    const failures = async () => {
      const { data } = await analytics("group_by=model");
      return data.filter(({ group }) => group.model === "gpt-oss-120b").reduce((sum, row) => sum + row.failed_attempts, 0);
    };
    const before = await failures();
    for (const [words, status] of [["Made good [[once=503]]", 200], ["Wrong [[status=400]]", 400], ["Too many [[status=429]]", 429]]) {
      const response = await post(edge, chat(words));
      await response.text();
      assert.equal(response.status, status, words);
    }
    await eventually(async () => (await failures()) === before + 2, "two failures");
    assert.match(await metrics(), /^maya_edge_model_failures_total\{.*model="gpt-oss-120b".*\} [1-9]/m);
  });
});

test("ten thousand requests at once are ten thousand in the counts, in one isolate and in two", async () => {
  const both = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TELEMETRY_MS: 300 }, twin: true });
  try {
    const body = chat("Again and again", { temperature: 0 });
    await (await post(both, body)).text();
    let left = 9_999;
    const work = async (url) => {
      while (left-- > 0) await (await post({ url }, body)).text();
    };
    await Promise.all(Array.from({ length: 64 }, (_, place) => work(place % 2 ? both.url : both.twin.url)));
    // Nothing is asked that would make them tell: they do by themselves.
    await pause(1500);
    const of = async (at) => (await analytics("interval=hour", ADMIN_SECRET, at)).totals;
    const totals = await of(both);
    assert.equal(totals.requests, 10_000);
    assert.deepEqual(totals.by_source, { cache: 9_999, edge: 0, cloud: 1 });
    assert.equal(totals.errors, 0);
    assert.deepEqual(totals.telemetry, { overflowed: 0, lost: 0 });
    assert.deepEqual(await of({ url: both.twin.url }), totals);
  } finally {
    await both.stop();
  }
});

describe("posts", () => {
  test("are counted by platform, with their scores, their validity and what each has cost", async () => {
    const answer = await post(edge, { instruction: "Announce our new brand kit", platforms: ["x", "linkedin"] }, {}, "/v1/posts");
    const made = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(made));
    const told = await analytics("group_by=platform,endpoint");
    const of = (platform) => told.data.filter(({ group }) => group.endpoint === "posts" && group.platform === platform);
    for (const { platform, score, degraded } of made.posts) {
      const [row] = of(platform);
      assert.equal(row.quality.posts, 1);
      assert.equal(row.quality.valid, 1);
      assert.equal(row.quality.degraded, degraded ? 1 : 0);
      if (score !== null) assert.ok(Math.abs(row.quality.score.mean - score) < 0.01);
    }
    const cost = of("x").concat(of("linkedin")).reduce((sum, row) => sum + row.business.cost_per_piece_micro_dollars, 0);
    assert.equal(cost, made.usage.cost_micro_dollars);
    assert.equal(of(null)[0].requests, 1);
  });

  test("are reported against assumptions that all stand in the report", async () => {
    const report = async (query = "") => (await fetch(`${edge.url}/v1/analytics/roi?${query}`, { headers: { authorization: `Bearer ${KEY}` } })).json();
    const usual = await report();
    assert.equal(usual.object, "return_on_investment");
    assert.deepEqual(Object.keys(usual.assumptions), ["minutes_by_hand", "minutes_of_review", "hourly_wage_micro_dollars", "fixed_cost_micro_dollars"]);
    for (const { stated, is, value, default: given } of Object.values(usual.assumptions)) assert.deepEqual([stated, is, value], [false, "an assumption, not a measurement", given]);
    const { pieces } = usual.counted;
    assert.equal(usual.labour.minutes_saved, pieces * 25);
    const other = await report("minutes_by_hand=65&hourly_wage_micro_dollars=60000000&fixed_cost_micro_dollars=1000000");
    assert.equal(other.labour.saved_micro_dollars, pieces * 60 * 1_000_000);
    assert.equal(other.cost_micro_dollars, other.counted.models_micro_dollars + 1_000_000);
    assert.equal(other.net_micro_dollars, other.labour.saved_micro_dollars - other.cost_micro_dollars);
    assert.equal(other.assumptions.minutes_by_hand.stated, true);
    assert.equal((await report("minutes_by_hand=few")).param, "minutes_by_hand");
  });

  test("bring the ratings and the engagement that feedback tells", async () => {
    const { posts: [{ id }] } = await (await post(edge, { instruction: "Announce our rye", platforms: ["bluesky"] }, {}, "/v1/posts")).json();
    const say = async (body) => assert.ok((await post(edge, { id, ...body }, {}, "/v1/feedback")).ok);
    await say({ rating: 5, published: {}, engagement: { impressions: 100, likes: 4 } });
    await say({ engagement: { impressions: 150, likes: 6, shares: 1 } });
    await say({ engagement: { impressions: 150, likes: 6, shares: 1 } });
    const { data } = await analytics("group_by=platform,endpoint");
    const { quality, business } = data.find(({ group }) => group.endpoint === "feedback" && group.platform === "bluesky");
    assert.deepEqual(quality.ratings, { count: 1, mean: 1 });
    assert.deepEqual(business.engagement, { reports: 2, impressions: 150, likes: 6, comments: 0, shares: 1, clicks: 0 });
    assert.equal(business.published, 1);
    assert.ok(business.time_to_publish_ms.p50 >= 0);
  });
});
