// Fuzzes with libFuzzer on stable Rust: `npm run fuzz -- [target] [seconds]`; all targets, ten seconds each, unless told.
//
// cargo-fuzz wants nightly for the address sanitizer, which code without `unsafe` can do without. What libFuzzer needs is coverage,
// and that is a pass of LLVM that stable has as well. The layout is cargo-fuzz's own: `cargo +nightly fuzz run body` works too.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { ensure, main, root, run, SetupError } from "./toolchain.mjs";

const COVERAGE = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  // The pass makes sections that a linker's clean-up would drop.
  "-Ccodegen-units=1",
  "-Clink-dead-code",
  "--cfg=fuzzing",
];

await main(async () => {
  const fuzz = path.join(root, "fuzz");
  const targets = fs.readdirSync(path.join(fuzz, "seeds")).sort();
  const [target, seconds = "10"] = process.argv.slice(2);
  if ((target && !targets.includes(target)) || !/^\d+$/.test(seconds)) {
    throw new SetupError(`usage: npm run fuzz -- [${targets.join("|")}] [seconds]`);
  }
  const env = ensure();
  const host = /host: (.*)/.exec(spawnSync("rustc", ["-vV"], { encoding: "utf8", env }).stdout)[1];
  const built = path.join(env.CARGO_TARGET_DIR || path.join(fuzz, "target"), host, "release");
  // A target is named so that the flags reach the program alone, and no build script or macro.
  run("cargo", ["build", "--quiet", "--release", "--target", host, ...(target ? ["--bin", target] : [])], {
    cwd: fuzz,
    env: { ...env, RUSTFLAGS: COVERAGE.join(" ") },
  });
  for (const name of target ? [target] : targets) {
    const [corpus, artifacts] = ["corpus", "artifacts"].map((folder) => path.join(fuzz, folder, name));
    fs.mkdirSync(corpus, { recursive: true });
    fs.mkdirSync(artifacts, { recursive: true });
    console.log(`[fuzz] ${name}, ${seconds} s`);
    const limits = [`-max_total_time=${seconds}`, "-timeout=10", "-max_len=4096", "-verbosity=0", "-print_final_stats=1"];
    run(path.join(built, name), [...limits, `-artifact_prefix=${artifacts}/`, corpus, path.join(fuzz, "seeds", name)], { cwd: fuzz, env });
  }
});
