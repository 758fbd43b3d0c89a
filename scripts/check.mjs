// `npm run check`: formatting, lints, dependencies. Fast, and the same on every machine.
import { compare } from "./vendored.mjs";
import { cargoTool, ensure, main, run } from "./toolchain.mjs";

await main(() => {
  const env = ensure();
  compare();
  // Formatting and lints come from the default toolchain; only compiling for wasm may need another.
  const { RUSTUP_TOOLCHAIN: _, ...lint } = env;
  run("cargo", ["fmt", "--all", "--check"], { env: lint });
  run("cargo", ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"], { env });
  run("cargo", ["clippy", "--quiet", "--target", "wasm32-unknown-unknown", "--lib", "--", "-D", "warnings"], { env });
  const deny = cargoTool("cargo-deny", "0.20.2", env);
  // Licences, sources and duplicates are told by the lock file alone; advisories would need a database from elsewhere.
  run(`${deny}/cargo-deny`, ["--offline", "check", "bans", "licenses", "sources"], { env });
});
