// `npm test`: native tests, wasm tests, and end-to-end tests in workerd. The last line is `N passed, N failed`.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { build } from "./build.mjs";
import { chromium, ensure, main, otlpPython, promtool, root, run, standIn } from "./toolchain.mjs";

const counted = { passed: 0, failed: 0 };

/** Runs a command in the open, and counts what its closing lines tell. A command that fails without a failed test counts as one. */
function test(title, command, args, env) {
  console.log(`\n== ${title}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (piece) => {
      text += piece;
      process.stdout.write(piece);
    });
    child.on("close", (code) => {
      const sum = (pattern) => [...text.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0);
      const passed = sum(/^test result: .*? (\d+) passed/gm) + sum(/^# pass (\d+)$/gm);
      const failed = sum(/^test result: .*? (\d+) failed/gm) + sum(/^# fail (\d+)$/gm) + sum(/^# cancelled (\d+)$/gm);
      counted.passed += passed;
      counted.failed += code === 0 ? failed : Math.max(failed, 1);
      resolve();
    });
  });
}

await main(async () => {
  const env = ensure();
  build(env);
  standIn(env);
  const browser = chromium();
  const python = otlpPython();
  promtool();
  await test("native tests", "cargo", ["test", "--quiet", "--workspace", "--no-fail-fast"], env);
  await test("wasm tests", "cargo", ["test", "--target", "wasm32-unknown-unknown", "--test", "wasm"], env);
  const folder = path.join(root, "tests/e2e");
  const files = fs.readdirSync(folder).filter((file) => file.endsWith(".test.mjs"));
  const node = ["--test", "--test-reporter=tap", "--test-concurrency=2", ...files.map((file) => path.join(folder, file))];
  await test("end-to-end tests in workerd", path.join(root, "node_modules/.bin/node"), node, { ...env, ...(browser && { CHROMIUM: browser }), ...(python && { OTLP_PYTHON: python }) });
  console.log(`\n${counted.passed} passed, ${counted.failed} failed`);
  process.exitCode = counted.failed === 0 && counted.passed > 0 ? 0 : 1;
});
