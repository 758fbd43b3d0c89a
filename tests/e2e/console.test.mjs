// The console in Chromium: first page, playground, dashboard and reference, served with their policy in front of the built Worker.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ADMIN_SECRET, KEY, startEdge, startStandIn } from "./edge.mjs";
import { browse, faultsOf, house, skip } from "./house.mjs";

const root = path.resolve(import.meta.dirname, "../..");
const axe = fs.readFileSync(path.join(root, "node_modules/axe-core/axe.min.js"), "utf8");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** Where screenshots go, for people: no test looks at them. */
const pictures = process.env.SCREENSHOTS;
let standIn, edge, home, browser;

describe("the console", { skip }, () => {
  before(async () => {
    standIn = await startStandIn("--tier", "none");
    edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, TELEMETRY_MS: 100 } });
    home = await house(edge);
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    home?.stop();
    await edge?.stop();
    standIn?.stop();
  });

  const comes = (locator, text) => locator.filter({ hasText: text }).first().waitFor({ timeout: 10_000 });
  const text = (page, id) => page.locator(`#${id}`).textContent();

  async function open(address, { width = 1280, scheme = "light" } = {}) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme, reducedMotion: "reduce" });
    const faults = faultsOf(page);
    const outside = [];
    page.on("request", (request) => !request.url().startsWith(home.url) && outside.push(request.url()));
    await page.goto(home.url + address);
    return { page, faults, outside };
  }

  async function signIn(page, key) {
    await page.fill("#key", key);
    await page.press("#key", "Enter");
    await page.locator("#signed-in").waitFor({ timeout: 10_000 });
  }

  /** What axe-core finds. It is put in past the policy, as an extension is. */
  async function accessible(page, what) {
    await page.evaluate(axe);
    const found = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), WCAG);
    const said = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html.slice(0, 160)} (${node.failureSummary?.slice(0, 200)})`).join(" | ")}`);
    assert.deepEqual(said, [], what);
    assert.ok(found.passes.length > 10, "axe-core has looked");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what}: nothing is wider than the page`);
    if (pictures) await page.screenshot({ path: path.join(pictures, `${what.replaceAll(" ", "-")}.png`), fullPage: true });
  }

  test("the first page tells the addresses for SDKs, leads to the others, and says whether the gateway is up", async () => {
    for (const [width, scheme] of [[1280, "light"], [360, "dark"]]) {
      const { page, faults, outside } = await open("/", { width, scheme });
      await comes(page.locator("#health"), "It is up.");
      assert.equal(await text(page, "openai"), `${home.url}/v1`);
      assert.equal(await text(page, "cerebras"), home.url);
      const links = await page.locator("main a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
      for (const link of links) assert.equal((await fetch(home.url + link)).status, 200, link);
      await accessible(page, `first page ${scheme}`);
      assert.deepEqual([...faults, ...outside], []);
      await page.close();
    }
  });

  describe("the playground", () => {
    test("refuses a key that is none, and keeps nothing of it", async () => {
      const { page } = await open("/playground/");
      await page.fill("#key", "no-such-key");
      await page.press("#key", "Enter");
      await comes(page.locator("#sign-in-error"), "(wrong_api_key)");
      await page.fill("#key", "schlüssel");
      await page.press("#key", "Enter");
      await comes(page.locator("#sign-in-error"), "plain letters");
      assert.equal(await page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage })), "{}");
      assert.equal(await page.inputValue("#key"), "");
      await page.close();
    });

    test("streams an answer from the cloud, then has the same from the cache, and says why", async () => {
      const { page, faults, outside } = await open("/playground/");
      await signIn(page, KEY);
      await page.fill("#prompt", "Tell me about the playground. [[chunk=20]]");
      await page.press("#prompt", "Control+Enter");
      await comes(page.locator("#state"), "Answered: Cloud.");
      const first = await text(page, "answer");
      assert.ok(first.length > 20, first);
      assert.equal(await text(page, "place"), "Cloud");
      assert.match(await text(page, "why"), /Cerebras was asked/);
      assert.equal(await text(page, "answered-by"), "gpt-oss-120b");
      assert.match(await text(page, "tokens"), /^\d+ \/ \d+$/);
      assert.match(await text(page, "cost"), /^\$0\.0\d+$/);
      assert.match(await text(page, "first"), / (ms|s)$/);

      // The pump writes the entry once the stream has ended.
      await page.waitForTimeout(300);
      await page.click("#send");
      await comes(page.locator("#state"), "Answered: Cache.");
      assert.equal(await text(page, "answer"), first);
      assert.match(await text(page, "why"), /A stored answer.*Cerebras was not asked/);
      assert.equal(await text(page, "cost"), "$0.00");
      assert.match(await text(page, "cost-note"), /would have cost \$0\.0\d+/);

      await page.selectOption("#cache", "no-store");
      await page.uncheck("#stream");
      await page.click("#send");
      await comes(page.locator("#state"), "Answered: Cloud.");
      await page.click("#headers summary");
      await comes(page.locator("#header-table"), "cache-status");
      await accessible(page, "playground light");
      assert.deepEqual(faults, []);
      assert.deepEqual(outside, []);
      await page.close();
    });

    test("tells what small models know of a text, at the edge or from the cloud, and why", async () => {
      const { page, faults } = await open("/playground/");
      await signIn(page, KEY);
      await page.selectOption("#what", "sentiments");
      assert.ok(!(await page.locator("#model").isVisible()), "a model is none of the reader's business here");
      await page.fill("#prompt", "I love this place!");
      await page.click("#send");
      await comes(page.locator("#state"), "Answered: Edge.");
      assert.match(await text(page, "answer"), /"label": "positive"/);
      assert.match(await text(page, "why"), /Cerebras was not asked/);
      assert.equal(await text(page, "cost"), "$0.00");
      await accessible(page, "playground edge");
      await page.selectOption("#what", "intents");
      await page.fill("#prompt", "qwertzu asdfgh yxcvb");
      await page.click("#send");
      await page.locator("#state").filter({ hasText: "Answered: " }).waitFor();
      await comes(page.locator("#why"), "Confidence");
      await page.click("#copy");
      assert.match(await text(page, "command"), /v1\/intents.*"input":"qwertzu asdfgh yxcvb"/s);
      await page.selectOption("#what", "");
      assert.ok(await page.locator("#model").isVisible());
      assert.deepEqual(faults, []);
      await page.close();
    });

    test("stops a stream, and shows the gateway's own error for what it refuses", async () => {
      const { page } = await open("/playground/", { width: 360, scheme: "dark" });
      await signIn(page, KEY);
      await page.fill("#prompt", "A long one. [[chunk=100]] [[chunks=100]]");
      await page.click("#send");
      await page.locator("#answer").filter({ hasText: /\w/ }).waitFor();
      await page.click("#stop");
      await comes(page.locator("#state"), "Stopped.");
      assert.equal(await page.evaluate(() => document.activeElement.id), "send", "the focus is not lost");

      await page.fill("#prompt", "Something that nobody has asked.");
      await page.selectOption("#cache", "only-if-cached");
      await page.click("#send");
      await comes(page.locator("#error"), "(not_cached)");
      assert.equal(await text(page, "place"), "Refused");
      await accessible(page, "playground dark 360");
      await page.close();
    });

    test("copies the request as a command that works, without the key", async () => {
      const { page } = await open("/playground/");
      await signIn(page, KEY);
      await page.fill("#prompt", "It's \"quoted\"");
      await page.click("#copy");
      const command = await text(page, "command");
      assert.ok(!command.includes(KEY) && command.includes("$MAYA_KEY"));
      assert.ok(command.includes(`'\\''s`), command);
      await page.close();
    });

    test("keeps the key for the tab until one signs out, and never in an address", async () => {
      const { page } = await open("/playground/");
      await signIn(page, KEY);
      await page.reload();
      await page.locator("#signed-in").waitFor();
      assert.ok(!page.url().includes(KEY));
      assert.equal(await page.evaluate(() => Object.values(localStorage).join()), "");
      await page.click("#sign-out");
      assert.equal(await page.evaluate(() => sessionStorage.length), 0);
      await accessible(page, "playground signed out");
      await page.close();
    });
  });

  describe("the dashboard", () => {
    const ask = (prompt, more = {}) =>
      fetch(`${edge.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "fast", temperature: 0, messages: [{ role: "user", content: prompt }], ...more }),
      }).then((response) => response.text());
    const analytics = async () => (await fetch(`${edge.url}/v1/analytics?tenant=acme`, { headers: { authorization: `Bearer ${ADMIN_SECRET}` } })).json();
    const tile = (page, name) => page.locator("#tiles > div", { has: page.locator("dt", { hasText: new RegExp(`^${name}$`) }) }).locator("dd");

    test("shows the figures of a known load to who administers", async () => {
      await fetch(`${edge.url}/admin/tenants/acme`, {
        method: "PATCH",
        headers: { authorization: `Bearer ${ADMIN_SECRET}`, "content-type": "application/json" },
        body: JSON.stringify({ budget: { day: { soft_micro_dollars: 1, hard_micro_dollars: 1_000_000_000 } } }),
      });
      for (let place = 0; place < 6; place++) await ask(`A known load, number ${place}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
      for (let place = 0; place < 6; place++) await ask(`A known load, number ${place}`);
      for (let place = 0; place < 2; place++) await ask(`Refused ${place} [[status=400]]`);
      const { totals } = await analytics();
      assert.ok(totals.requests >= 14 && totals.by_source.cache >= 6 && totals.errors >= 2, JSON.stringify(totals));

      const { page, faults, outside } = await open("/dashboard/");
      await signIn(page, ADMIN_SECRET);
      await comes(page.locator("#who"), "administrator");
      await page.selectOption("#tenant", "acme");
      await comes(tile(page, "Requests"), String(totals.requests));
      assert.equal(await tile(page, "Error rate").textContent(), `${Math.round((1000 * totals.errors) / totals.requests) / 10} %`);
      const asked = totals.by_source.cache + totals.by_source.cloud;
      assert.equal(await tile(page, "Cache hits").textContent(), `${Math.round((1000 * totals.by_source.cache) / asked) / 10} %`);
      assert.notEqual(await tile(page, "Saved").textContent(), "$0.00");

      for (const id of ["throughput", "latency", "failures", "money"]) await page.locator(`#${id} canvas`).waitFor();
      await page.click("#throughput summary");
      const rows = await page.locator("#throughput details tbody tr").evaluateAll((all) => all.map((row) => [...row.children].slice(1).map((cell) => Number(cell.textContent))));
      const sum = (column) => rows.reduce((so_far, row) => so_far + row[column], 0);
      assert.deepEqual([sum(0), sum(1), sum(2)], [totals.by_source.cloud, totals.by_source.cache, totals.by_source.edge], "the table has what the chart has");

      for (const code of Object.keys(totals.errors_by_type)) await comes(page.locator("#errors tbody"), code);
      await comes(page.locator("#budgets"), "soft mark passed");
      await comes(page.locator("#models"), "gpt-oss-120b");
      await comes(page.locator("#models"), "well");
      await comes(page.locator("#audit"), "chain verified");
      await comes(page.locator("#audit"), "tenant_changed");
      await accessible(page, "dashboard light");
      assert.deepEqual(faults, []);
      assert.deepEqual(outside, []);
      await page.close();
    });

    test("shows experiments with their arms", async () => {
      const definition = { arms: [{ name: "usual", model: "quality" }, { name: "short", model: "fast" }], goal: "thumbs_up" };
      const response = await fetch(`${edge.url}/v1/experiments/length`, {
        method: "PUT",
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
        body: JSON.stringify(definition),
      });
      assert.ok(response.ok, await response.text());
      const { page } = await open("/dashboard/");
      await signIn(page, KEY);
      await comes(page.locator("#experiments"), "running");
      const arms = await page.locator("#experiments tbody tr").evaluateAll((all) => all.map((row) => [0, 1, 4].map((place) => row.cells[place].textContent)));
      assert.deepEqual(arms, [["usual", "50 %", "control"], ["short", "50 %", "not known yet"]]);
      await accessible(page, "dashboard experiments");
      await page.close();
    });

    test("shows a tenant's key its own figures alone", async () => {
      const { page } = await open("/dashboard/", { width: 360, scheme: "dark" });
      await signIn(page, KEY);
      await comes(page.locator("#who"), "a key of acme");
      assert.ok(!(await page.locator("#tenant-choice").isVisible()));
      await comes(page.locator("#budgets"), "soft mark passed");
      await comes(page.locator("#fresh"), "As of");
      await accessible(page, "dashboard dark 360");
      await page.close();
    });

    test("says which part could not be had, and shows the others", async () => {
      const { page } = await open("/dashboard/");
      await signIn(page, ADMIN_SECRET);
      await comes(page.locator("#fresh"), "As of");
      await page.route("**/v1/analytics*", (route) => route.fulfill({ status: 503, json: { message: "What was counted cannot be reached.", code: "telemetry_unreachable" } }));
      await page.click("#refresh");
      await comes(page.locator("#overview-error"), "telemetry_unreachable");
      await comes(page.locator("#budgets"), "acme");
      await comes(page.locator("#fresh"), "2 of 5 parts could not be had");
      await page.close();
    });

    test("leaves who uses the keyboard where they are when it renews itself", async () => {
      const { page } = await open("/dashboard/");
      await signIn(page, ADMIN_SECRET);
      await comes(page.locator("#fresh"), "As of");
      await page.focus("#latency summary");
      await page.keyboard.press("Enter");
      const before = await page.locator("#latency canvas").elementHandle();
      await page.evaluate(() => document.getElementById("refresh").click());
      await before.evaluate((canvas) => new Promise((resolve) => new MutationObserver(() => canvas.isConnected || resolve()).observe(document.body, { childList: true, subtree: true })));
      assert.equal(await page.evaluate(() => document.activeElement.closest("section").querySelector("h2").textContent), "Latency");
      assert.ok(await page.locator("#latency details").evaluate((details) => details.open));
      await page.close();
    });

    test("shows nothing of one tenant to the next who signs in, and asks no more once its key has ended", async () => {
      const other = await (
        await fetch(`${edge.url}/admin/keys`, {
          method: "POST",
          headers: { authorization: `Bearer ${ADMIN_SECRET}`, "content-type": "application/json" },
          body: JSON.stringify({ tenant: "beta", name: "console" }),
        })
      ).json();
      const { page } = await open("/dashboard/");
      await signIn(page, KEY);
      await comes(page.locator("#audit"), "tenant_changed");
      await page.click("#sign-out");
      for (const id of ["tiles", "throughput", "errors", "budgets", "models", "content", "experiments", "audit"]) assert.equal(await text(page, id), "", id);
      await signIn(page, other.key);
      await comes(page.locator("#who"), "a key of beta");
      await comes(page.locator("#audit"), "key_created");
      assert.ok(!(await text(page, "audit")).includes("document_put"), "what acme has written down");

      await fetch(`${edge.url}/admin/keys/${other.id}`, { method: "DELETE", headers: { authorization: `Bearer ${ADMIN_SECRET}` } });
      await page.waitForTimeout(100);
      let asked = 0;
      page.on("request", (request) => request.url().includes("/v1/") && asked++);
      // An isolate may remember the key for a while: here the gateway's word is brought forward.
      await page.route("**/v1/**", (route) => route.fulfill({ status: 401, json: { message: "The key is wrong.", code: "wrong_api_key" } }));
      await page.click("#refresh");
      await comes(page.locator("#sign-in-error"), "not accepted any more");
      assert.ok(await page.locator("#sign-in").isVisible());
      const then = asked;
      await page.waitForTimeout(11_000);
      assert.equal(asked, then, "a page that is open is no flood of wrong keys");
      await page.close();
    });

    test("counts a key that signs in as no wrong secret", async () => {
      const audit = async () => (await (await fetch(`${edge.url}/v1/audit?tenant=_gateway`, { headers: { authorization: `Bearer ${ADMIN_SECRET}` } })).json()).data?.length ?? 0;
      const before = await audit();
      const { page } = await open("/dashboard/");
      await signIn(page, KEY);
      await comes(page.locator("#fresh"), "As of");
      assert.equal(await audit(), before);
      await page.close();
    });

    test("rests while nobody looks, and while it is told to", async () => {
      const { page } = await open("/dashboard/");
      await signIn(page, ADMIN_SECRET);
      await comes(page.locator("#fresh"), "As of");
      await page.clock.install();
      let asked = 0;
      page.on("request", (request) => request.url().includes("/v1/analytics") && asked++);
      await page.click("#live");
      await page.clock.runFor(60_000);
      assert.equal(asked, 0);
      await page.click("#live");
      await comes(page.locator("#live"), "Live: on");
      await page.waitForTimeout(300);
      assert.ok(asked > 0, "it goes on when it is told to");
      await page.close();
    });
  });

  describe("the reference", () => {
    const document = JSON.parse(fs.readFileSync(path.join(root, "public/openapi.json"), "utf8"));
    const all = Object.values(document.paths).reduce((sum, methods) => sum + Object.keys(methods).filter((name) => name !== "parameters").length, 0);

    test("shows every operation of the document, and finds them by words", async () => {
      const { page, faults, outside } = await open("/docs/");
      await comes(page.locator("#found"), `${all} operations`);
      assert.equal(await page.locator(".operation").count(), all);
      await page.keyboard.press("Control+k");
      await page.keyboard.type("adapt");
      await comes(page.locator("#found"), ` of ${all} operations`);
      assert.ok((await page.locator(".operation:visible").count()) < all);
      assert.ok(await page.locator("#post-v1-posts-adapt").isVisible());
      await page.fill("#search", "");
      await accessible(page, "reference light");
      assert.deepEqual(faults, []);
      assert.deepEqual(outside, []);
      await page.close();
    });

    test("opens where an address points, in the dark and on a narrow screen", async () => {
      const { page } = await open("/docs/#post-v1-posts-score", { width: 360, scheme: "dark" });
      await comes(page.locator("#found"), "operations");
      const box = await page.locator("#post-v1-posts-score").boundingBox();
      assert.ok(box.y > -50 && box.y < 900, `at ${box.y}`);
      await page.click("#theme");
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
      await accessible(page, "reference 360");
      await page.close();
    });
  });

  test("the chart library is that of the package", () => {
    for (const name of ["uPlot.esm.js", "uPlot.min.css"]) {
      assert.ok(fs.readFileSync(path.join(root, "public/vendor/uplot", name)).equals(fs.readFileSync(path.join(root, "node_modules/uplot/dist", name))), name);
    }
  });
});
