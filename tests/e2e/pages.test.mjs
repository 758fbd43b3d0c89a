// The example pages in Chromium, served as they are and with their policy, in front of the built Worker.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { KEY, startEdge, startStandIn } from "./edge.mjs";
import { browse, faultsOf, house, skip } from "./house.mjs";

describe("the page where a post is composed", { skip }, () => {
  let standIn, edge, home, browser, page, faults;

  before(async () => {
    standIn = await startStandIn();
    edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url } });
    home = await house(edge);
    const issued = await fetch(`${edge.url}/v1/tokens`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ origin: home.url, scopes: ["content"] }),
    });
    const { token } = await issued.json();
    assert.ok(token, `a token (${issued.status})`);
    browser = await browse();
    page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    faults = faultsOf(page);
    await page.goto(`${home.url}/browser/compose.html#token=${token}`);
  });

  after(async () => {
    await browser?.close();
    home?.stop();
    await edge?.stop();
    standIn?.stop();
  });

  const count = (platform) => page.locator(`#post-${platform} .count`);
  /** Waits until the page says it. */
  const comes = (locator, text) => locator.filter({ hasText: text }).first().waitFor({ timeout: 10_000 });

  test("takes the token from the address, and the address forgets it", async () => {
    assert.ok(!page.url().includes("token="));
    await comes(page.locator("#token-state"), "For acme");
  });

  test("counts as each platform does, while one types", async () => {
    // A family is one emoji of seven code points; the link counts 23 on X.
    await page.fill("#text", "👨‍👩‍👧‍👦 https://example.com/a/long/way/to/somewhere/else");
    await comes(count("x"), "26 / 280");
    await comes(count("bluesky"), "50 / 300");
  });

  test("tells what is too long, and shows what fits", async () => {
    await page.fill("#text", "This sentence has words in it. ".repeat(12).trim());
    await comes(count("x"), "371 / 280");
    assert.ok(await count("x").evaluate((element) => element.classList.contains("over")));
    assert.ok((await page.locator("#post-x li").count()) > 0, "a fault is told");
    for (const text of await page.locator("#post-x .text").allTextContents()) assert.ok(text.length <= 280, text);
    assert.ok(!(await count("linkedin").evaluate((element) => element.classList.contains("over"))));
  });

  test("shows the platforms that are chosen", async () => {
    await page.check("#on-sms");
    await comes(count("sms"), "371 /");
    await page.uncheck("#on-sms");
    await page.locator("#post-sms").waitFor({ state: "detached" });
  });

  test("shows markup as the text that it is", async () => {
    await page.fill("#text", "<img src=x onerror=alert(1)> & <b>bold</b>");
    await comes(page.locator("#post-x .text"), "<img src=x onerror=alert(1)> & <b>bold</b>");
    assert.equal(await page.locator("#posts img").count(), 0);
  });

  test("says what reads as a machine's", async () => {
    await page.fill("#text", "In today's fast-paced world, it's important to note that our tool is a game-changer. Let's dive in!");
    await page.locator("#hits li").first().waitFor();
  });

  test("adapts for each platform, by keyboard, and no post is over its limit", async () => {
    await page.fill("#text", "We open on 3 May at 9:30 in Lyon. " + "There is coffee for everybody who comes. ".repeat(9));
    await page.press("#text", "Control+Enter");
    await comes(page.locator("#state"), "Adapted");
    for (const platform of ["x", "bluesky", "threads", "linkedin"]) {
      const [length, limit] = (await count(platform).textContent()).split(" / ").map(Number);
      assert.ok(length > 0 && length <= limit, `${platform}: ${length} of ${limit}`);
    }
  });

  test("fits a narrow screen, and has no fault of its own", async () => {
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    assert.deepEqual(faults, []);
  });
});
