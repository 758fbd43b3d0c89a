// Files of `public/` beside the Worker, at one origin, as Cloudflare has them: with the headers of `_headers`, and the Worker behind what
// is no file. And Chromium, in which they are looked at.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { chromium } from "playwright-core";

const folder = path.resolve(import.meta.dirname, "../../public");
const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

/** What tests say when there is no Chromium, else false. */
export const skip = fs.existsSync(program) ? false : "no Chromium: name one in CHROMIUM";

/** The rules of `_headers`: a prefix of paths, and the headers that it gives. */
const rules = fs
  .readFileSync(path.join(folder, "_headers"), "utf8")
  .split(/\n(?=\/)/)
  .map((rule) => {
    const [pattern, ...lines] = rule.trim().split("\n");
    return { prefix: pattern.replace(/\*$/, ""), headers: lines.map((line) => [line.slice(2, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]) };
  });

/** The file of a path, if it is one: a folder is its `index.html`. */
function fileOf(pathname) {
  const file = path.join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname);
  return file.startsWith(folder) && !path.basename(file).startsWith("_") && fs.existsSync(file) && fs.statSync(file).isFile() ? file : null;
}

/** Serves both; `url` is the origin. */
export function house(edge) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://house");
    const file = fileOf(pathname);
    if (file) {
      const headers = rules.filter(({ prefix }) => pathname.startsWith(prefix)).flatMap((rule) => rule.headers);
      response.writeHead(200, [...headers, ["content-type", TYPES[path.extname(file)] ?? "application/octet-stream"]].flat());
      return response.end(fs.readFileSync(file));
    }
    const { host, port } = new URL(edge.url);
    const passed = http.request({ host: host.split(":")[0], port, method: request.method, path: request.url, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    // A page that stops to listen is a caller that has gone away.
    response.on("close", () => passed.destroy());
    request.pipe(passed);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve({ url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() })));
}

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
export const browse = () => chromium.launch({ executablePath: program, args: FLAGS });

/** Faults of a page, as they come: exceptions, and what its console calls an error, a breach of its policy among them. */
export function faultsOf(page) {
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  return faults;
}
