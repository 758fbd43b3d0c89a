// Finds or makes a Rust toolchain that can build for wasm32, and the pinned tools around it.
//
// Two worlds, chosen without asking:
//   A. an ordinary machine: `rustup target add` brings the standard library for wasm32;
//   B. a machine that reaches only package registries: Debian's own rustc carries the library's sources, so the library is
//      built once and installed beside Debian's compiler as a real target.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const TARGET = "wasm32-unknown-unknown";
const WORKER_BUILD = "0.8.7";
export const root = path.resolve(import.meta.dirname, "..");

/** Where tools live that outlast a clone: building them takes minutes, so clones share them. */
const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), ".cache"), "maya-edge");

const say = (line) => console.log(`[setup] ${line}`);

/** A failure that the reader can act on: printed without a stack. */
export class SetupError extends Error {}

/** Runs a command and returns its trimmed standard output, or null when it cannot be run or fails. */
function ask(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], ...options });
  return status === 0 ? stdout.trim() : null;
}

/** Runs a command in the open; a failure stops the set-up and names the command. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], cwd: root, ...options });
  if (status !== 0) throw new SetupError(`\`${command} ${args.join(" ")}\` failed${error ? `: ${error.message}` : ` with exit code ${status}`}`);
}

const hasWasmStd = (sysroot) => {
  const lib = sysroot && path.join(sysroot, "lib/rustlib", TARGET, "lib");
  return Boolean(lib) && fs.existsSync(lib) && fs.readdirSync(lib).some((file) => /^libstd-.*\.rlib$/.test(file));
};

const sysrootOf = (rustc, env) => ask(rustc, ["--print", "sysroot"], { cwd: root, env: { ...process.env, ...env } });

/** The environment that selects Debian's toolchain, with the linker that comes with it. */
function debianEnvironment() {
  const linker = ["/usr/bin/rust-lld", "/usr/bin/wasm-ld-22"].find((file) => fs.existsSync(file));
  if (!linker) throw new SetupError("no linker for wasm: install Debian's lld-22");
  return { RUSTUP_TOOLCHAIN: "debian", CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker };
}

/** Runs a command that changes the machine. */
function asRoot(...command) {
  const [program, ...args] = [...(process.getuid?.() === 0 ? [] : ["sudo"]), ...command];
  run(program, args, { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
}

function installDebianToolchain() {
  if (!ask("apt-get", ["--version"])) {
    throw new SetupError(
      `the standard library for ${TARGET} is missing, \`rustup target add ${TARGET}\` failed, and this is not a Debian machine. ` +
        `Install that target for your Rust toolchain, then run this again.`,
    );
  }
  // The linker is lld-22: rust-web-llvm only recommends it, and its own rust-lld is a link to it.
  const packages = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "rust-web-clippy", "lld-22"];
  if (ask("dpkg", ["-s", ...packages]) === null) {
    say("Debian's Rust with library sources (apt-get)");
    asRoot("apt-get", "update", "-qq");
    asRoot("apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages);
  }
  if (!hasWasmStd("/usr")) {
    say(`standard library for ${TARGET}, built from Debian's sources (about two minutes)`);
    const work = fs.mkdtempSync(path.join(os.tmpdir(), "maya-edge-std-"));
    try {
      fs.mkdirSync(path.join(work, "src"));
      fs.writeFileSync(path.join(work, "Cargo.toml"), '[package]\nname = "carrier"\nversion = "0.0.0"\nedition = "2021"\n');
      fs.writeFileSync(path.join(work, "src/lib.rs"), "");
      // Bitcode must be embedded, or link-time optimization of the Worker cannot read the library.
      run("/usr/bin/cargo", ["build", "--quiet", "--release", "--target", TARGET, "-Z", "build-std=std,panic_abort,test"], {
        cwd: work,
        env: {
          ...process.env,
          ...debianEnvironment(),
          CARGO_TARGET_DIR: path.join(work, "target"),
          RUSTC: "/usr/bin/rustc",
          RUSTC_BOOTSTRAP: "1",
          RUSTFLAGS: "-Cembed-bitcode=yes",
        },
      });
      const deps = path.join(work, "target", TARGET, "release/deps");
      const rlibs = fs.readdirSync(deps).filter((file) => file.endsWith(".rlib") && !file.startsWith("libcarrier-"));
      const home = `/usr/lib/rustlib/${TARGET}/lib`;
      asRoot("mkdir", "-p", home);
      asRoot("cp", ...rlibs.map((file) => path.join(deps, file)), home);
    } finally {
      fs.rmSync(work, { recursive: true, force: true });
    }
  }
  const linked = ask("rustup", ["toolchain", "list"]);
  if (linked !== null && !/^debian\b/m.test(linked)) run("rustup", ["toolchain", "link", "debian", "/usr"]);
}

/** The environment for cargo: empty when the default toolchain can build for wasm32, else Debian's. */
function rustEnvironment() {
  if (!ask("cargo", ["--version"]) && !fs.existsSync("/usr/bin/apt-get")) {
    throw new SetupError("Rust is missing: install it with rustup, then run this again.");
  }
  if (hasWasmStd(sysrootOf("rustc"))) return {};
  const debianReady = () => hasWasmStd("/usr") && (ask("rustup", ["--version"]) === null || /^debian\b/m.test(ask("rustup", ["toolchain", "list"]) ?? ""));
  if (debianReady()) return debianEnvironment();
  say(`Rust target ${TARGET} (rustup)`);
  if (ask("rustup", ["target", "add", TARGET], { timeout: 300_000 }) !== null && hasWasmStd(sysrootOf("rustc"))) return {};
  say("rustup cannot bring the target here; using Debian's compiler instead");
  installDebianToolchain();
  return debianEnvironment();
}

/** The version of wasm-bindgen that Cargo.lock holds: the command-line tool must be of the same one. */
function wasmBindgenVersion() {
  const lock = fs.readFileSync(path.join(root, "Cargo.lock"), "utf8");
  const found = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock);
  if (!found) throw new SetupError("Cargo.lock names no wasm-bindgen");
  return found[1];
}

/** Installs a command-line tool from crates.io at a version, once, and returns the folder of its programs. */
export function cargoTool(crate, version, env, flags = []) {
  const home = path.join(cache, `${crate}-${version}`);
  const bin = path.join(home, "bin");
  if (!fs.existsSync(path.join(home, ".crates.toml"))) {
    say(`${crate} ${version} (cargo install, some minutes)`);
    run("cargo", ["install", crate, "--version", version, "--locked", "--quiet", "--root", home, ...flags], {
      // Outside of the project, so that no setting of it reaches the tool's build.
      cwd: os.tmpdir(),
      env: { ...process.env, ...env, CARGO_TARGET_DIR: path.join(cache, "target") },
    });
    fs.rmSync(path.join(cache, "target"), { recursive: true, force: true });
  }
  return bin;
}

function installNodePackages() {
  const stamp = path.join(root, "node_modules/.package-lock.json");
  const lock = path.join(root, "package-lock.json");
  if (!fs.existsSync(stamp) || fs.statSync(stamp).mtimeMs < fs.statSync(lock).mtimeMs) {
    say("Node packages (npm install)");
    // Not `npm ci`: it fails when the lock file lacks the binary package of a platform that its writer's registry did not have, even
    // where that platform is not this one. `--no-save` keeps to the lock file just as well and leaves it as it is.
    run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], { shell: process.platform === "win32" });
  }
}

/** Does all the set-up that is missing and returns the environment that every later step runs in. */
export function ensure() {
  installNodePackages();
  const rust = rustEnvironment();
  const workerBuild = cargoTool("worker-build", WORKER_BUILD, rust);
  const bindgen = cargoTool("wasm-bindgen-cli", wasmBindgenVersion(), rust);
  const bin = path.join(root, "node_modules/.bin");
  return {
    ...process.env,
    ...rust,
    // The Node that wrangler needs comes from npm and stands first, whatever the system's is.
    PATH: [bin, workerBuild, bindgen, process.env.PATH].join(path.delimiter),
    WASM_BINDGEN_BIN: path.join(bindgen, "wasm-bindgen"),
    WASM_OPT_BIN: path.join(root, "node_modules/binaryen/bin/wasm-opt"),
    ESBUILD_BIN: path.join(root, "scripts/bundle.mjs"),
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: path.join(bindgen, "wasm-bindgen-test-runner"),
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
  };
}

/**
 * A Chromium for the tests of pages: the one that CHROMIUM names, one that is there, or Debian's, which is installed. Null where none can be
 * had; those tests are skipped then, and say so.
 */
export function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const found = () => process.env.CHROMIUM || names.map((name) => ask("sh", ["-c", `command -v ${name}`])).find(Boolean) || null;
  if (found() || ask("apt-get", ["--version"]) === null) return found();
  say("Chromium (apt-get)");
  try {
    asRoot("apt-get", "update", "-qq");
    asRoot("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium");
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`without Chromium: ${error.message}`);
  }
  return found();
}

/**
 * What telemetry is read with in tests: OpenTelemetry's Protobuf definitions, Rotel, a collector whose wheel holds its program, and
 * Prometheus's client.
 */
const COLLECTOR = ["opentelemetry-proto", "prometheus-client", "rotel==0.0.1a15"];

/**
 * A Python that has what telemetry is read with: the one that OTLP_PYTHON names, one that is there, or one of its own, which is set up. Null
 * where none can be had; the tests with it are skipped then, and say so.
 */
export function otlpPython() {
  const own = path.join(cache, "otlp-python", "bin", "python");
  const has = (python) => Boolean(python) && ask(python, ["-c", "import opentelemetry.proto.collector.trace.v1.trace_service_pb2, prometheus_client, rotel"]) !== null;
  const found = () => [process.env.OTLP_PYTHON, own, "python3"].find(has) ?? null;
  if (found() || ask("python3", ["--version"]) === null) return found();
  say(`${COLLECTOR.join(", ")} (pip)`);
  const made = ask("python3", ["-m", "venv", path.dirname(path.dirname(own))]) !== null;
  if (!made || ask(own, ["-m", "pip", "install", "--quiet", ...COLLECTOR]) === null) say("without a collector: Python could not install it");
  return found();
}

/** Prometheus's own check of metrics: promtool, installed from Debian's packages where that can be. Without it that test is skipped, and says so. */
export function promtool() {
  if (ask("sh", ["-c", "command -v promtool"]) !== null || ask("apt-get", ["--version"]) === null) return;
  say("promtool (apt-get)");
  try {
    asRoot("apt-get", "update", "-qq");
    asRoot("apt-get", "install", "-y", "-qq", "--no-install-recommends", "prometheus");
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`without promtool: ${error.message}`);
  }
}

/** Builds the stand-in for Cerebras and returns its program. */
export function standIn(env) {
  run("cargo", ["build", "--release", "--quiet", "-p", "cerebras-stand-in"], { env });
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "release/cerebras-stand-in");
}

/** Runs a script's main function; a set-up failure ends it with one line instead of a stack. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`[setup] ${error.message}`);
    process.exit(1);
  }
}
