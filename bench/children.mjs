// Every process and folder that the benchmark makes, so that none outlasts it, however it ends.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const children = new Set();
const folders = new Set();

function clean() {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
}
process.on("exit", clean);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

/** Server and load do not share a core, or the one would be measured in the other's shade. */
export const pinned = os.availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** Starts a program, on one core when that is possible. `taskset` becomes the program, so the process id is the program's. */
export function start(command, args, { core, ...options } = {}) {
  const pin = pinned && core !== undefined ? ["taskset", "-c", String(core)] : [];
  const [program, ...rest] = [...pin, command, ...args];
  const child = spawn(program, rest, options);
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Asks a child to end and waits for it; one that does not listen is killed. */
export function stop(child, patience = 5_000) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill("SIGKILL"), patience);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

export function temporaryFolder(name, parent = os.tmpdir()) {
  const folder = fs.mkdtempSync(path.join(parent, `maya-edge-${name}-`));
  folders.add(folder);
  return folder;
}

/** The first line of a stream that `wanted` turns into something; the stream's end or the time limit is a failure. */
export function lineOf(stream, wanted, patience, what) {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`${what}: nothing within ${patience} ms`)), patience);
    const settle = (result, value) => {
      clearTimeout(timer);
      result(value);
    };
    stream.setEncoding("utf8");
    stream.on("data", (piece) => {
      text += piece;
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines) {
        const found = wanted(line);
        if (found !== undefined) settle(resolve, found);
      }
    });
    stream.once("end", () => settle(reject, new Error(`${what}: ended before it was ready`)));
  });
}
