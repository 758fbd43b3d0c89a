// Runs what README.md and the files in docs/ tell their reader to run: starts the Worker with `npm start` on a port of its own, and then
// every block of commands that is marked with `<!-- ci -->`. A block that fails, or says nothing, fails the check.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { root } from "./toolchain.mjs";

const PORT = "8799";
const PATIENCE_MS = 30 * 60_000;
const more = fs.readdirSync(path.join(root, "docs")).filter((name) => name.endsWith(".md"));
const documents = ["README.md", ...more.sort().map((name) => `docs/${name}`)];
const blocks = documents.flatMap((document) => {
  const text = fs.readFileSync(path.join(root, document), "utf8");
  const marked = [...text.matchAll(/<!-- ci -->\n```sh\n([\s\S]*?)```/g)];
  if (marked.length === 0) throw new Error(`${document} marks no block of commands with <!-- ci -->`);
  return marked.map(([, block]) => ({ document, block }));
});

// What stands in the reader's own environment would take the place of the local key and secrets.
const env = { ...process.env };
for (const name of ["CEREBRAS_API_KEY", "GATEWAY_KEYS", "ADMIN_SECRET", "EDGE_SECRET", "EDGE_SECRET_PREVIOUS"]) delete env[name];
const start = spawn("npm", ["start", "--silent"], { cwd: root, env: { ...env, PORT }, stdio: ["ignore", "pipe", "inherit"], detached: true });
const stop = () => {
  try {
    // The whole group: npm, wrangler, workerd and the stand-in.
    process.kill(-start.pid);
  } catch {
    // It has ended by itself.
  }
};
process.on("exit", stop);

let said = "";
const printed = await new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`npm start was not ready after ${PATIENCE_MS} ms`)), PATIENCE_MS).unref();
  start.on("exit", (code) => reject(new Error(`npm start ended with exit code ${code}`)));
  start.stdout.on("data", (piece) => {
    said += piece;
    process.stdout.write(piece);
    const curl = /^\s*(curl .*)$/m.exec(said);
    if (curl && said.includes("Cerebras SDK:")) resolve(`${curl[1].replace(/^curl /, "curl -sS ")}`);
  });
});

// The command that `npm start` prints has to work as printed, too.
let failed = 0;
for (const { document, block } of [{ document: "npm start", block: printed }, ...blocks]) {
  const commands = block.replaceAll("127.0.0.1:8787", `127.0.0.1:${PORT}`);
  const { status, stdout } = spawnSync("bash", ["-euo", "pipefail", "-c", commands], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const ok = status === 0 && stdout.trim() !== "" && !/"error":/.test(stdout);
  if (!ok) failed++;
  console.log(`[readme] ${ok ? "works" : "FAILS"}: ${document}: ${commands.trim().split("\n")[0]}\n${ok ? "" : stdout}`);
}
process.exit(failed === 0 ? 0 : 1);
