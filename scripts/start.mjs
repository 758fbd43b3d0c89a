// `npm start`: sets up what is missing, builds, and serves the Worker on this machine; in front of Cerebras when there is a key for
// it, else in front of the local stand-in.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { ensure, main, root, SetupError, standIn } from "./toolchain.mjs";

const port = Number(process.env.PORT || 8787);
const LOCAL_KEY = "maya-local";
const LOCAL_ADMIN_SECRET = "maya-local-admin";

/** The variables of `.dev.vars`, which wrangler reads by itself. */
function devVars() {
  const file = path.join(root, ".dev.vars");
  if (!fs.existsSync(file)) return {};
  const lines = fs.readFileSync(file, "utf8").matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value.replace(/^(["'`])(.*)\1$/, "$2")]));
}

function startStandIn(program) {
  const child = spawn(program, ["--port", "0", "--with-parent"], { stdio: ["pipe", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new SetupError(`the stand-in for Cerebras ended with exit code ${code}`)));
    readline.createInterface({ input: child.stdout }).once("line", (line) => resolve(line.split(" ").at(-1)));
  });
}

/** Waits until the Worker answers; null when wrangler has ended before. */
async function ready(url, wrangler) {
  while (wrangler.exitCode === null) {
    const answer = await fetch(`${url}/v1/tcp_warming`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
    if (answer?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}

await main(async () => {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new SetupError(`PORT must be a port's number, not ${process.env.PORT}`);
  const env = ensure();
  const file = devVars();
  const set = { ...file, ...process.env };
  const variables = [];
  let upstream = "Forwarding to Cerebras with your CEREBRAS_API_KEY.";
  if (!set.CEREBRAS_API_KEY) {
    const url = await startStandIn(standIn(env));
    variables.push("--var", `CEREBRAS_BASE_URL:${url}`, "--var", "CEREBRAS_API_KEY:csk-stand-in");
    upstream = `No CEREBRAS_API_KEY is set: answers come from the local stand-in for Cerebras at ${url}, not from a model.`;
  }
  // wrangler reads .dev.vars by itself; what stands in the environment alone is handed over.
  const own = ["GATEWAY_KEYS", "ADMIN_SECRET", "EDGE_SECRET", "EDGE_SECRET_PREVIOUS", "OTLP_ENDPOINT", "OTLP_HEADERS"];
  const known = set.CEREBRAS_API_KEY ? ["CEREBRAS_API_KEY", "CEREBRAS_BASE_URL", ...own] : own;
  for (const name of known) {
    if (process.env[name] && !file[name]) variables.push("--var", `${name}:${process.env[name]}`);
  }
  const wrangler = spawn("wrangler", ["dev", "--ip", "127.0.0.1", "--port", String(port), "--show-interactive-dev-session=false", ...variables], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => wrangler.kill(signal));
  wrangler.on("exit", (code) => process.exit(code ?? 0));
  const url = `http://127.0.0.1:${port}`;
  if (!(await ready(url, wrangler))) return;
  const keys = Boolean(set.GATEWAY_KEYS);
  const key = keys ? "<one of your keys>" : LOCAL_KEY;
  console.log(`
maya-edge is at ${url}
${upstream}
Key: ${keys ? "one of those in GATEWAY_KEYS" : `${LOCAL_KEY} (on this machine only)`}
Administration: ${set.ADMIN_SECRET ? "your ADMIN_SECRET" : `${LOCAL_ADMIN_SECRET} (on this machine only)`}

  curl ${url}/v1/chat/completions -H "authorization: Bearer ${key}" -H "content-type: application/json" -d '{"model":"fast","messages":[{"role":"user","content":"Say hello in five words."}]}'

OpenAI SDK:   base URL ${url}/v1
Cerebras SDK: base URL ${url}
From a page:  ${url}/browser/
`);
});
