// Builds the Worker into build/: what `[build]` in wrangler.toml runs, so that `wrangler dev` and `wrangler deploy` need no more.
import fs from "node:fs";
import path from "node:path";
import { ensure, main, root, run } from "./toolchain.mjs";

/** Drops the names of functions, a twentieth of what is uploaded: a panic tells its file and line by itself. */
function withoutNames(wasm) {
  const kept = [wasm.subarray(0, 8)];
  for (let at = 8; at < wasm.length; ) {
    const number = (from) => {
      // LEB128, as sections have their sizes.
      let [value, next] = [0, from];
      for (let shift = 0; ; shift += 7) {
        value += (wasm[next] & 0x7f) * 2 ** shift;
        if (wasm[next++] < 0x80) return [value, next];
      }
    };
    const [size, start] = number(at + 1);
    const named = () => {
      const [length, name] = number(start);
      return wasm.subarray(name, name + length).toString() === "name";
    };
    if (wasm[at] !== 0 || !named()) kept.push(wasm.subarray(at, start + size));
    at = start + size;
  }
  return Buffer.concat(kept);
}

export function build(env) {
  run("worker-build", ["--release"], {
    env: { ...env, RUSTFLAGS: `${env.RUSTFLAGS ?? ""} -Ctarget-feature=+simd128`.trim() },
  });
  const module = path.join(root, "build/index_bg.wasm");
  fs.writeFileSync(module, withoutNames(fs.readFileSync(module)));
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
