#!/usr/bin/env node
// worker-build's last step, as its ESBUILD_BIN: bundles the project's own entry in the place of the generated one.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const entry = path.join(root, "src/boundary/entry.js");
fs.writeFileSync("shim.js", `export * from ${JSON.stringify(entry)};\nexport { default } from ${JSON.stringify(entry)};\n`);
const flags = [...process.argv.slice(2), `--alias:worker-wasm=${path.resolve("index.js")}`, "--log-level=warning"];
process.exit(spawnSync(path.join(root, "node_modules/.bin/esbuild"), flags, { stdio: "inherit" }).status ?? 1);
