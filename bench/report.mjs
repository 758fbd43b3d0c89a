// BENCHMARKS.md: the text around the figures is written by hand, what stands between the two markers by the benchmark.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "../scripts/toolchain.mjs";
import { pinned } from "./children.mjs";
import { fixed, table } from "./figures.mjs";

const OPEN = "<!-- figures -->";
const CLOSE = "<!-- /figures -->";
const file = path.join(root, "BENCHMARKS.md");

const frame = `# Benchmarks

\`npm run bench -- --write\` measures and fills in everything between the two markers below.

Compared are Workers in raw \`workerd\`, each in a process of its own with the same compatibility date, behind the same fast native
upstream: **pass-js**, the least that a Worker in front of an API can do in JavaScript, and the yardstick of every ratio; **hello-js**,
which answers without an upstream; **parse-js**, the pass-through that also parses request and answer; **kv-js**, the least that a cache in
KV can do; and **maya-edge**, all features on as \`wrangler.toml\` has them.

Only ratios and differences carry over to another machine. Rounds are interleaved, ratios are taken round by round and given as the
median with the interval that holds it with 95 %. CPU is the server process's own, from /proc. Server on one core, upstream and load on the
other. KV and Durable Objects are local and in memory: what Cloudflare's storage takes is not in these figures. Hits and misses are proven
by the upstream's own count of its calls. CPU ratios resolve about 5 %, requests a second and p99 less; instructions per request repeat to
a few tenths of a percent, so they are what to compare between commits.

${OPEN}
${CLOSE}
`;

/** The figure that BENCHMARKS.md keeps in the second column of the row with this label; none when it has no such row. */
export function kept(label) {
  const lines = fs.existsSync(file) ? fs.readFileSync(file, "utf8").split("\n") : [];
  const row = lines.map((line) => line.split("|").map((cell) => cell.trim())).find((cells) => cells[1] === label);
  const figure = Number(row?.[2]?.replaceAll(",", ""));
  return Number.isFinite(figure) ? figure : undefined;
}

/** Goals beside what was measured. */
export function goals(sections) {
  const all = sections.flatMap((section) => section.goals);
  if (all.length === 0) return [];
  const rows = all.map(({ what, value, limit }) => [what, fixed(value, 2), `≤ ${limit}`, value <= limit ? "yes" : "**no**"]);
  return [{ title: "Goals", text: table(["", "measured", "goal", "reached"], rows), goals: [] }];
}

/** Which machine and versions the figures are of. */
export function conditions({ quick, contender }) {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, "node_modules/workerd/package.json"), "utf8"));
  const parts = [
    new Date().toISOString().slice(0, 10),
    `workerd ${version}`,
    `${os.cpus()[0]?.model.trim() ?? "unknown processor"}, ${os.availableParallelism()} cores`,
    pinned ? "server and load on a core each" : "**cores not assigned**: taskset or a second core is missing",
  ];
  if (quick) parts.push("**quick run**: fewer rounds, wider intervals");
  if (contender !== "maya-edge") parts.push(`**${contender} in the place of maya-edge**`);
  return `Measured on ${parts.join("; ")}.`;
}

export const print = ({ title, text }) => `### ${title}\n\n${text}\n`;

/** Puts the sections between the markers, and makes the file when it is missing. */
export function write(text) {
  const old = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : frame;
  const [before, rest] = old.split(OPEN);
  const after = rest?.split(CLOSE)[1];
  if (after === undefined) throw new Error(`BENCHMARKS.md has no \`${OPEN}\` … \`${CLOSE}\``);
  fs.writeFileSync(file, `${before}${OPEN}\n\n${text}\n${CLOSE}${after}`);
}
