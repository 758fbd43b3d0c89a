// Builds the Worker into build/: what `[build]` in wrangler.toml runs, so that `wrangler dev` and `wrangler deploy` need no more.
import fs from "node:fs";
import path from "node:path";
import { ensure, main, root, run } from "./toolchain.mjs";

export function build(env) {
  run("worker-build", ["--release"], {
    env: { ...env, RUSTFLAGS: `${env.RUSTFLAGS ?? ""} -Ctarget-feature=+simd128`.trim() },
  });
  // `wrangler dev` may use the default key of local development. What `wrangler deploy` uploads is built without this line.
  if (env.WRANGLER_COMMAND === "dev") {
    const index = path.join(root, "build/index.js");
    console.log("On this machine the gateway's key is maya-local, unless GATEWAY_KEYS is set.");
    fs.writeFileSync(index, `globalThis.MAYA_EDGE_LOCAL = true;\n${fs.readFileSync(index, "utf8")}`);
  }
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  await main(() => build(ensure()));
}
