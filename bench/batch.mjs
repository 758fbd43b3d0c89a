// How fast the lines of a batch are worked off. The local queue works on one part at a time, so this is one invocation's pace.
import { toFile } from "openai";
import OpenAI from "openai";
import { KEY, startEdge, startStandIn } from "../tests/e2e/edge.mjs";
import { fixed, table } from "./figures.mjs";
import { scenarios } from "./scenarios.mjs";

const GOAL = 1_000;

/** Makes a batch of so many different posts, and tells how long it took in ms, and how many calls the stand-in had. */
async function run(tier, lines) {
  const standIn = await startStandIn("--tier", tier);
  const edge = await startEdge({ vars: { CEREBRAS_BASE_URL: standIn.url, HEALTH: undefined } });
  try {
    const openai = new OpenAI({ baseURL: `${edge.url}/v1`, apiKey: KEY });
    const line = (at) => {
      const { messages, ...body } = JSON.parse(scenarios.miss.body);
      messages[1].content += ` ${at}`;
      return JSON.stringify({ custom_id: `post-${at}`, method: "POST", url: "/v1/chat/completions", body: { ...body, messages } });
    };
    const text = Array.from({ length: lines }, (_, at) => line(at)).join("\n");
    const file = await openai.files.create({ file: await toFile(Buffer.from(text), "posts.jsonl"), purpose: "batch" });
    const started = performance.now();
    let batch = await openai.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
    while (["validating", "in_progress", "finalizing"].includes(batch.status)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      batch = await openai.batches.retrieve(batch.id);
    }
    const ms = performance.now() - started;
    const { total, completed } = batch.request_counts;
    if (batch.status !== "completed" || completed !== lines || total !== lines) throw new Error(`the batch ended so: ${JSON.stringify(batch)}`);
    return { ms, calls: (await standIn.stats()).completions };
  } finally {
    await edge.stop();
    standIn.stop();
  }
}

export async function batch({ quick }) {
  const rows = [];
  const perMinute = {};
  // A bucket that is full at the beginning gives a thousand requests at once: what comes behind them shows the pace that lasts.
  for (const [tier, lines] of [["developer", quick ? 1_500 : 3_000], ["none", quick ? 1_500 : 5_000]]) {
    const { ms, calls } = await run(tier, lines);
    perMinute[tier] = (lines * 60_000) / ms;
    rows.push([tier === "none" ? "no limits" : "1,000 requests and 1,000,000 tokens a minute", lines, fixed(ms / 1000, 1), fixed(perMinute[tier], 0), calls]);
  }
  return {
    title: "A batch of posts",
    text: table(["limits of the upstream", "lines", "s", "lines a minute", "calls"], rows),
    goals: [{ what: `${GOAL} lines of a batch at a developer's limits, minutes`, value: GOAL / perMinute.developer, limit: 1 }],
  };
}
