// The Worker is killed in the middle of a batch (SIGKILL: nothing is told to anybody), and started again upon the same storage. The local
// queue is in memory, so its messages are gone too.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { after, before, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { KEY, chat, pause, startStandIn } from "./edge.mjs";

const LINES = 400;
/** A part is taken again when the lease of its dead Worker has ended: TOTAL_MS and ten seconds. */
const TOTAL_MS = 3_000;

let storage;
let standIn;
before(async () => {
  storage = fs.mkdtempSync(path.join(os.tmpdir(), "maya-edge-batch-"));
  standIn = await startStandIn("--tier", "none");
});
after(() => {
  standIn?.stop();
  fs.rmSync(storage, { recursive: true, force: true });
});

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
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: KEY, maxRetries: 0 });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const kill = async () => {
    process.kill(-child.pid, "SIGKILL");
    await gone;
  };
  return { openai, kill };
}

test("a batch whose Worker is killed twice in its middle answers every line exactly once", { timeout: 180_000 }, async () => {
  const ids = Array.from({ length: LINES }, (_, at) => `line-${at}`);
  const lines = ids.map((id) => JSON.stringify({ custom_id: id, method: "POST", url: "/v1/chat/completions", body: chat(`[[echo]][[latency=20]] ${id}`, { max_completion_tokens: 50 }) }));
  let edge = await startGroup();
  try {
    const file = await edge.openai.files.create({ file: await toFile(Buffer.from(lines.join("\n")), "lines.jsonl"), purpose: "batch" });
    const { id } = await edge.openai.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
    for (const share of [0.2, 0.6]) {
      for (;;) {
        const { request_counts: counts, status } = await edge.openai.batches.retrieve(id);
        assert.notEqual(status, "completed", "killed in the middle");
        if (counts.completed >= LINES * share) break;
        await pause(20);
      }
      await edge.kill();
      edge = await startGroup();
      const { request_counts: counts, status } = await edge.openai.batches.retrieve(id);
      assert.deepEqual([status, counts.total, counts.completed < LINES], ["in_progress", LINES, true]);
    }
    let batch;
    do {
      await pause(250);
      batch = await edge.openai.batches.retrieve(id);
    } while (batch.status !== "completed");
    assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 });
    const output = (await (await edge.openai.files.content(batch.output_file_id)).text()).trim().split("\n").map((text) => JSON.parse(text));
    assert.deepEqual(output.map(({ custom_id }) => custom_id), ids);
    for (const { custom_id, response } of output) assert.ok(response.body.choices[0].message.content.includes(custom_id), custom_id);
    // What was asked when the Worker died was asked again, and nothing else: five lines at the same time, twice.
    const { completions } = await standIn.stats();
    assert.ok(completions >= LINES && completions <= LINES + 2 * 5 * 2, `${completions} calls`);
  } finally {
    await edge.kill();
  }
});
