// `npm run eval -- [DIR]`: how good the Worker's own models are, against models/quality.json; with DIR, on the public data sets there too.
import path from "node:path";
import { ensure, main, root, run } from "./toolchain.mjs";

await main(() => {
  const [given, ...rest] = process.argv.slice(2);
  // Cargo runs from the project's folder, so a folder that the caller names is told in full.
  const folder = given && !given.startsWith("-") && !["train", "few"].includes(given) ? [path.resolve(process.env.INIT_CWD ?? process.cwd(), given)] : given ? [given] : [];
  run("cargo", ["run", "--quiet", "--release", "-p", "edge-eval", "--", ...folder, ...rest], { cwd: root, env: ensure() });
});
