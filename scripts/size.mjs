// `npm run size`: the gate on what is uploaded. Compressed as Cloudflare counts it.
import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "./toolchain.mjs";

// 2.2 MB, of the 3 that every plan allows: the models with routing and guardrails are 1.5 of it; posts, batches and campaigns, telemetry,
// feedback and experiments the rest.
const LIMIT = 2_200_000;
const files = ["build/index.js", "build/index_bg.wasm"];
const sizes = files.map((file) => gzipSync(fs.readFileSync(path.join(root, file)), { level: 9 }).length);
const total = sizes.reduce((sum, size) => sum + size, 0);
files.forEach((file, index) => console.log(`${file}: ${(sizes[index] / 1000).toFixed(1)} kB compressed`));
console.log(`bundle: ${(total / 1000).toFixed(1)} kB compressed, ${LIMIT / 1000} kB allowed`);
if (total > LIMIT) {
  console.error("The bundle is too large. `npx twiggy top` or `wasm-objdump -h` tell what grew.");
  process.exit(1);
}
