// The dashboard: every part asks for itself, and says by itself what it could not get.
import { ask, at, count, dollars, element, inWords, milliseconds, say, session, share, signIn, swap, table } from "/shared/page.js";
import { chart, clear } from "./charts.js";
import { against, counts, laidOut, measures } from "./series.js";

/** How often the figures are renewed while somebody looks, in ms. */
const RENEW_MS = 10_000;
const RANGES_MS = { "15m": 15 * 60e3, "1h": 3600e3, "24h": 24 * 3600e3, "7d": 7 * 24 * 3600e3, "30d": 30 * 24 * 3600e3 };
/** So many tenants' budgets are asked for at once; each is a question to a ledger. */
const MOST_TENANTS = 20;
/** So many entries of the audit are shown. */
const NEWEST = 25;

const CHARTS = ["throughput", "latency", "failures", "money"];
const PARTS = ["errors", "budgets", "models", "content", "experiments", "audit"];

let administers = false;
let tenants = [];
/** Which session this is: what comes for an earlier one is dropped, for it may be another tenant's. */
let epoch = 0;

const query = (fields) => {
  const given = Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
};
const tenant = () => (administers ? at("tenant").value : "");
const tag = (text, kind) => element("span", { class: `tag ${kind}`, text });
const moment = (ms) => new Date(ms).toLocaleString("en-GB");
const note = (text) => element("p", { class: "hint", text });

async function check(key) {
  // This answers both, and tells which: a wrong secret would count as one, and be in the audit.
  const { tenant: own } = await ask("/v1/analytics", { key });
  administers = own === null;
  tenants = administers ? (await ask("/admin/tenants", { key })).data : [];
  at("tenant").replaceChildren(element("option", { value: "", text: "All tenants" }), ...tenants.map((one) => element("option", { value: one.tenant, text: one.tenant })));
  at("tenant-choice").hidden = !administers;
  return administers ? "Signed in as administrator." : `Signed in with a key of ${own}: these are its own figures.`;
}

// Parts

function tiles(totals) {
  // What the gateway answers by itself could be no hit: hits are a share of what else Cerebras would have been asked.
  const asked = totals.by_source.cache + totals.by_source.cloud;
  const saved = (totals.saved_micro_dollars.cache ?? 0) + (totals.saved_micro_dollars.routing ?? 0);
  const told = [
    ["Requests", count(totals.requests)],
    ["Error rate", share(totals.errors, totals.requests)],
    ["Latency p50", milliseconds(totals.latency_ms.p50)],
    ["Latency p95", milliseconds(totals.latency_ms.p95)],
    ["Latency p99", milliseconds(totals.latency_ms.p99)],
    ["Cache hits", share(totals.by_source.cache, asked)],
    ["Spent", totals.unpriced > 0 ? `≥ ${dollars(totals.cost_micro_dollars)}` : dollars(totals.cost_micro_dollars)],
    ["Saved", dollars(saved)],
  ];
  at("tiles").replaceChildren(...told.map(([name, value]) => element("div", {}, element("dt", { text: name }), element("dd", { text: value }))));
}

async function overview(range, asked) {
  const told = await ask(`/v1/analytics${query({ ...range, tenant: tenant() })}`);
  if (asked !== epoch) return;
  tiles(told.totals);
  const { times, rows } = laidOut(told);
  const lines = (of, show, ...names) => names.map(([name, field]) => ({ name, values: of(rows, field), show }));
  chart(at("throughput"), `Requests by source, by ${told.interval}`, times, lines(counts, count, ["Cloud", (row) => row.by_source.cloud], ["Cache", (row) => row.by_source.cache], ["Edge", (row) => row.by_source.edge]));
  chart(at("latency"), "Latency", times, lines(measures, milliseconds, ["p50", (row) => row.latency_ms.p50], ["p95", (row) => row.latency_ms.p95], ["p99", (row) => row.latency_ms.p99]));
  chart(at("failures"), `Errors, by ${told.interval}`, times, lines(counts, count, ["Errors", (row) => row.errors]));
  chart(at("money"), `Spent and saved, by ${told.interval}`, times, lines(counts, dollars, ["Spent", (row) => row.cost_micro_dollars], ["Saved by the cache", (row) => row.saved_micro_dollars.cache], ["Saved by routing", (row) => row.saved_micro_dollars.routing]));
  swap(at("content"), ...content(told.totals));
  const types = Object.entries(told.totals.errors_by_type).sort(([, one], [, other]) => other - one);
  swap(at("errors"), types.length === 0 ? note("No errors in this range.") : table("Errors by type", ["Type", "Errors", "Of all requests"], types.map(([type, number]) => [type, count(number), share(number, told.totals.requests)]), [1, 2]));
}

/** Posts and what became of them. A figure of which nothing is known is told as unknown. */
function content({ quality, business }) {
  if (quality.posts === 0) return [note("No posts in this range.")];
  const rows = [
    ["Posts", count(quality.posts)],
    ["Within their platform's rules", share(quality.valid, quality.posts)],
    ["Made by rule, because no model could", share(quality.degraded, quality.posts)],
    ["Score, mean", count(quality.score.mean)],
    ["Gain by humanizing, mean", count(quality.humanizing_gain.mean)],
    ["Ratings", quality.ratings.count > 0 ? `${count(quality.ratings.mean)} on average of ${count(quality.ratings.count)}` : "none"],
    ["Cost of a post", dollars(business.cost_per_piece_micro_dollars)],
    ["Time to publish, p50", milliseconds(business.time_to_publish_ms.p50)],
    ...Object.entries(business.engagement ?? {}).map(([name, value]) => [`Engagement: ${name}`, count(value)]),
  ];
  return [table("Posts in this range", ["Figure", "Value"], rows, [1])];
}

async function budgets() {
  const names = administers ? tenants.map((one) => one.tenant).filter((name) => tenant() === "" || name === tenant()) : [undefined];
  const rows = await Promise.all(
    names.slice(0, MOST_TENANTS).map(async (name) => {
      const { budgets } = await ask(`/v1/usage${query({ tenant: name })}`);
      return budgets.map((budget) => [name ?? "this tenant", budget.period, dollars(budget.spent_micro_dollars), ...shown(name ?? "this tenant", budget.period, against(budget))]);
    }),
  );
  const parts = [table("Spent and reserved by tenant, in UTC days and months, against budgets of whole tenants", ["Tenant", "This", "Spent", "Budget", "Used"], rows.flat(), [2, 3])];
  if (names.length > MOST_TENANTS) parts.push(note(`The first ${MOST_TENANTS} of ${names.length} tenants. Choose one to see it.`));
  return parts;
}

function shown(name, period, held) {
  if (held === null) return ["none", "–"];
  const { most, part, state } = held;
  const bar = element("meter", { min: 0, max: 1, value: Math.min(1, part), low: 0.8, high: 0.95, optimum: 0, "aria-label": `${name}, ${period}` });
  const words = state === "over" ? tag("spent", "bad") : state === "soft" ? tag("soft mark passed", "bad") : element("span", { text: share(part, 1) });
  return [dollars(most), element("span", { class: "row" }, bar, words)];
}

async function models(range) {
  const parts = [];
  const { data } = await ask(`/v1/analytics${query({ ...range, tenant: tenant(), group_by: "model" })}`);
  // One row a model, over all times. Counts add up; quantiles do not, so there are none here.
  const sums = new Map();
  for (const row of data) {
    const name = row.group.model ?? "no model";
    const sum = sums.get(name) ?? { requests: 0, errors: 0, failed: 0, prompt: 0, completion: 0, cost: 0 };
    sum.requests += row.requests;
    sum.errors += row.errors;
    sum.failed += row.failed_attempts;
    sum.prompt += row.prompt_tokens;
    sum.completion += row.completion_tokens;
    sum.cost += row.cost_micro_dollars ?? 0;
    sums.set(name, sum);
  }
  const all = [...sums.values()].reduce((sum, one) => sum + one.requests, 0);
  const used = [...sums].sort(([, one], [, other]) => other.requests - one.requests);
  parts.push(used.length === 0 ? note("No model answered in this range.") : table("What models did in this range", ["Model", "Requests", "Share", "Errors", "Failed attempts", "Tokens in", "Tokens out", "Cost"], used.map(([name, sum]) => [name, count(sum.requests), share(sum.requests, all), count(sum.errors), count(sum.failed), count(sum.prompt), count(sum.completion), dollars(sum.cost)]), [1, 2, 3, 4, 5, 6, 7]));
  if (!administers) return parts;
  const health = await ask("/admin/health");
  const kinds = { closed: ["well", "good"], half_open: ["being tried", "plain"], open: ["not asked", "bad"] };
  const quota = (limits) => limits.map((one) => `${count(one.left)} of ${count(one.limit)} ${one.of} a ${one.window}`).join(", ") || "not told yet";
  parts.push(table("How models are now, as this place sees them", ["Model", "State", "Calls", "Failed", "Slow", "Quota left"], health.data.map((one) => [one.model, tag(...(kinds[one.state] ?? [one.state, "plain"])), count(one.calls), count(one.failures), count(one.slow), quota(one.limits)]), [2, 3, 4]));
  return parts;
}

async function experiments() {
  if (administers && tenant() === "") return [note("Experiments are a tenant's. Choose one above.")];
  let data;
  try {
    ({ data } = await ask(`/v1/experiments${query({ tenant: tenant() })}`));
  } catch (error) {
    if (error.status === 404) return [note("This gateway has no experiments.")];
    throw error;
  }
  if (data.length === 0) return [note("None yet.")];
  return data.flatMap(({ id, definition, results }) => {
    const rows = results.arms.map((arm) => {
      const { gain, interval, certain } = arm.lift ?? {};
      const lift = arm.lift ? `${count(gain)}${interval ? ` (${interval.map((end) => end.toFixed(3)).join(" to ")})` : ""}${certain ? ", certain" : ""}` : arm.name === results.control ? "control" : "not known yet";
      return [arm.name, share(arm.share, 1), count(arm.subjects), share(arm.probability_best, 1), lift];
    });
    const state = results.ended ? tag(`ended: ${results.ended.arm}`, "plain") : tag("running", "good");
    const heading = element("h3", {}, element("span", { class: "row" }, element("span", { text: id }), state, ...(results.sample_ratio.mismatch ? [tag("sample ratio is off", "bad")] : [])));
    const goal = typeof definition.goal === "string" ? definition.goal : (definition.goal?.metric ?? "its goal");
    return [heading, table(`Arms of ${id}, by ${goal}`, ["Arm", "Share", "Subjects", "Best with probability", "Lift"], rows, [1, 2, 3])];
  });
}

/** The last check of each tenant's chain. A check reads the whole chain, so it is made when one comes or asks, not with every renewal. */
let checked = new Map();

async function audit() {
  if (administers && tenant() === "") return [note("An audit is a tenant's. Choose one above.")];
  const now = epoch;
  const verdict = checked.get(tenant()) ?? (await ask(`/v1/audit/verify${query({ tenant: tenant() })}`));
  if (now === epoch) checked.set(tenant(), verdict);
  const { data } = await ask(`/v1/audit${query({ tenant: tenant(), after: String(Math.max(0, verdict.last - NEWEST)), limit: "1000" })}`);
  const words = verdict.whole ? tag("chain verified", "good") : tag(`chain broken at ${count(verdict.broken.length)} entries`, "bad");
  const parts = [element("p", { class: "row" }, words, element("span", { class: "hint", text: `${count(verdict.entries)} ${verdict.entries === 1 ? "entry" : "entries"} when it was checked` }))];
  if (data.length === 0) return [...parts, note("No entries yet.")];
  const rows = data.slice(-NEWEST).reverse();
  return [...parts, table("The newest entries", ["When", "What", "Who", "Number"], rows.map((entry) => [moment(entry.at_ms), entry.what, entry.who ?? "–", String(entry.number)]), [3])];
}

// Renewing

let renewing = false;
/** Whether another view was chosen while the last was still being asked for. */
let again = false;
let timer;

async function part(id, work) {
  const asked = epoch;
  try {
    const made = await work;
    if (asked === epoch) swap(at(id), ...made);
    return true;
  } catch (error) {
    if (refused(error, asked)) return false;
    // The same words are not said again with every renewal.
    if (at(id).textContent !== inWords(error)) at(id).replaceChildren(element("p", { role: "alert", text: inWords(error) }));
    return false;
  }
}

/** Whether nothing more is to be said of an error: it is of an earlier session, or the key has ended, and asking again would be a wrong key's. */
function refused(error, asked) {
  if (asked !== epoch) return true;
  if (error.status !== 401) return false;
  signOut(`The key is not accepted any more. ${inWords(error)}`);
  return true;
}

async function renew() {
  clearTimeout(timer);
  if (session.key === "" || at("signed-in").hidden) return;
  again = renewing;
  if (renewing) return;
  renewing = true;
  const asked = epoch;
  const now = Date.now();
  const instant = (ms) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const range = { from: instant(now - RANGES_MS[at("range").value]), to: instant(now + 1000) };
  const whole = overview(range, asked).then(
    () => {
      at("overview-error").hidden = true;
      return true;
    },
    (error) => {
      if (refused(error, asked)) return false;
      say("overview-error", inWords(error));
      at("overview-error").hidden = false;
      return false;
    },
  );
  const parts = await Promise.all([whole, part("budgets", budgets()), part("models", models(range)), part("experiments", experiments()), part("audit", audit())]);
  const failed = parts.filter((went) => !went).length;
  at("fresh").textContent = `As of ${new Date().toLocaleTimeString("en-GB")}${failed > 0 ? `; ${failed} of ${parts.length} parts could not be had` : ""}.`;
  renewing = false;
  if (again || asked !== epoch) renew();
  else plan();
}

const live = () => at("live").getAttribute("aria-pressed") === "true";

function plan() {
  clearTimeout(timer);
  if (live() && !document.hidden) timer = setTimeout(renew, RENEW_MS);
}

at("live").addEventListener("click", () => {
  at("live").setAttribute("aria-pressed", String(!live()));
  at("live").textContent = live() ? "Live: on" : "Live: off";
  if (live()) renew();
  else clearTimeout(timer);
});
at("refresh").addEventListener("click", () => {
  checked = new Map();
  renew();
});
for (const id of ["range", "tenant"]) at(id).addEventListener("change", renew);
at("view").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : live() && renew()));

const signOut = signIn(check, (signedIn) => {
  epoch++;
  checked = new Map();
  for (const id of CHARTS) clear(at(id));
  for (const id of ["tiles", ...PARTS]) at(id).replaceChildren();
  at("overview-error").hidden = true;
  say("fresh", "");
  if (signedIn) renew();
  else clearTimeout(timer);
});
