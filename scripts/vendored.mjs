// The chart library in `public/vendor` is that of the package, byte for byte: `npm run check` compares them, and `node scripts/vendored.mjs
// --write` copies them after a change of version.
import fs from "node:fs";
import path from "node:path";
import { root } from "./toolchain.mjs";

/** Each file, and where the package has it. */
const FILES = { "uPlot.esm.js": "dist/uPlot.esm.js", "uPlot.min.css": "dist/uPlot.min.css", LICENSE: "LICENSE" };

export function compare({ write = false } = {}) {
  for (const [name, source] of Object.entries(FILES)) {
    const [here, there] = [path.join(root, "public/vendor/uplot", name), path.join(root, "node_modules/uplot", source)];
    if (write) fs.copyFileSync(there, here);
    else if (!fs.readFileSync(here).equals(fs.readFileSync(there))) throw new Error(`public/vendor/uplot/${name} is not that of the package uplot. Run node scripts/vendored.mjs --write.`);
  }
}

if (process.argv[1] === import.meta.filename) compare({ write: process.argv.includes("--write") });
