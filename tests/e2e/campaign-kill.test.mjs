// The Worker is killed in the middle of a campaign (SIGKILL: nothing is told to anybody), and started again upon the same storage. The local
// queue is in memory, so its messages are gone too.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, test } from "node:test";
import { KEY, pause, startStandIn } from "./edge.mjs";

const DAYS = 30;
const PLATFORMS = ["x", "bluesky", "threads"];
/** A post is written again when the lease of its dead Worker has ended: TOTAL_MS and ten seconds. */
const TOTAL_MS = 3_000;

let storage;
let standIn;
before(async () => {
  storage = fs.mkdtempSync(path.join(os.tmpdir(), "maya-edge-campaign-"));
  standIn = await startStandIn("--tier", "none");
});
after(() => {
  standIn?.stop();
  fs.rmSync(storage, { recursive: true, force: true });
});

const slotsOf = ({ posts }) => Object.values(posts).flatMap((dates) => Object.values(dates).flat());

/** The Worker in a process group of its own, so that all of it can be killed at once. */
async function startGroup() {
  const code = `
    import { startEdge } from ${JSON.stringify(path.join(import.meta.dirname, "edge.mjs"))};
    const edge = await startEdge({ storage: ${JSON.stringify(storage)}, vars: { CEREBRAS_BASE_URL: ${JSON.stringify(standIn.url)}, TOTAL_MS: ${TOTAL_MS} } });
    console.log("at " + edge.url);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], { detached: true, stdio: ["ignore", "pipe", "inherit"], cwd: import.meta.dirname });
  const url = await new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the Worker's process ended with ${code}`)));
    readline.createInterface({ input: child.stdout }).on("line", (line) => line.startsWith("at ") && resolve(line.slice(3)));
  });
  const ask = async (path, body) => {
    const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
    const response = await fetch(`${url}/v1/${path}`, { headers, ...(body && { method: "POST", body: JSON.stringify(body) }) });
    assert.ok(response.ok, String(response.status));
    return response.json();
  };
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const kill = async () => {
    process.kill(-child.pid, "SIGKILL");
    await gone;
  };
  return { ask, url, kill };
}

test("a campaign whose Worker is killed twice in its middle has every post exactly once, and its events without a gap", { timeout: 240_000 }, async () => {
  const timeline = Array.from({ length: DAYS }, (_, day) => `2026-12-${String(day + 1).padStart(2, "0")}`);
  const total = DAYS * PLATFORMS.length;
  let edge = await startGroup();
  try {
    const { id } = await edge.ask("campaigns", { brief: "A new bakery [[latency=100]]", platforms: PLATFORMS, timeline, budget: 50 });
    const early = new Map();
    for (const share of [0.2, 0.6]) {
      for (;;) {
        const campaign = await edge.ask(`campaigns/${id}`);
        assert.ok(!["completed", "failed"].includes(campaign.status), "killed in the middle");
        for (const slot of slotsOf(campaign)) if (slot.post) early.set(slot.slot, slot.post.text);
        if (campaign.counts.ready >= total * share) break;
        await pause(20);
      }
      await edge.kill();
      edge = await startGroup();
      const { counts, status } = await edge.ask(`campaigns/${id}`);
      assert.deepEqual([status, counts.total, counts.ready < total], ["running", total, true]);
    }
    let campaign;
    do {
      await pause(250);
      campaign = await edge.ask(`campaigns/${id}`);
    } while (campaign.status === "running");
    assert.deepEqual([campaign.status, campaign.counts.ready, campaign.reserved_micro_dollars], ["completed", total, 0]);
    assert.ok(campaign.spent_micro_dollars <= campaign.budget_micro_dollars);
    for (const slot of slotsOf(campaign)) {
      assert.ok(slot.post.text !== "" && slot.tries <= 3, JSON.stringify(slot));
      // What was kept before a kill is what there is after it, unless it was written anew for saying what another says.
      if (early.has(slot.slot) && !slot.rewritten) assert.equal(slot.post.text, early.get(slot.slot));
    }
    const stream = await (await fetch(`${edge.url}/v1/campaigns/${id}/events`, { headers: { authorization: `Bearer ${KEY}` } })).text();
    const numbers = [...stream.matchAll(/^id: (\d+)$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(numbers, numbers.map((_, at) => at + 1));
    const first = new Set([...stream.matchAll(/^data: (\{.*"type":"post".*)$/gm)].map(([, data]) => JSON.parse(data).slot));
    assert.equal(first.size, total);
  } finally {
    await edge.kill();
  }
});
