// The crossings between wasm and the Workers runtime on a request's path, and nothing else.
//
// Every method here does one thing with the runtime and decides nothing: what to send, what to keep, when to give up and what an
// answer means is decided in Rust. Each call from wasm costs about as much as parsing a hundred bytes, and each object that wasm
// holds costs a slot in a table, so a method takes and gives everything that its step needs at once: texts with a line an item, and
// bytes behind a text that describes them.

const encoder = new TextEncoder();

/** The request headers that the gateway reads, in the order in which Rust reads them. */
let readHeaders = [];

/** Hands over the configuration, once an isolate: names are the variables that the gateway knows. */
export function settings(env, names, headers) {
  readHeaders = headers.split("\n");
  const values = {};
  for (const name of names.split("\n")) {
    if (env[name] !== undefined) values[name] = env[name];
  }
  // Set by the build for `wrangler dev` alone: what is deployed has no default key.
  if (globalThis.MAYA_EDGE_LOCAL === true) values.LOCAL = true;
  return JSON.stringify(values);
}

// How an attempt upstream ended; Rust's `Ending` has the same numbers.
const ARRIVED = 0;
const LOST = 1;
const FIRST_BYTE_LATE = 2;
const TOTAL_LATE = 3;

/** One buffer of a described body: the length of the description (four bytes, little endian), the description, the body. */
function described(text, body) {
  const size = body === undefined ? 0 : body.byteLength;
  // A UTF-16 unit takes three bytes in UTF-8 at the most; descriptions are short.
  const packed = new Uint8Array(4 + text.length * 3 + size);
  const { written } = encoder.encodeInto(text, packed.subarray(4));
  new DataView(packed.buffer).setUint32(0, written, true);
  if (size === 0) return packed.subarray(0, 4 + written);
  packed.set(body, 4 + written);
  return packed.subarray(0, 4 + written + size);
}

/** `name: value` lines, as pairs. */
function pairs(lines) {
  const list = [];
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(": ", at);
    const end = lines.indexOf("\n", colon);
    list.push([lines.slice(at, colon), lines.slice(colon + 2, end)]);
    at = end + 1;
  }
  return list;
}

/** Reads a stream to its end, or until it holds more than `limit` bytes: then null. What came before a failure is kept in `chunks`. */
async function collect(stream, limit, chunks = []) {
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return joined(chunks);
    size += value.byteLength;
    if (size > limit) {
      reader.cancel().catch(() => {});
      return null;
    }
    chunks.push(value);
  }
}

function joined(chunks) {
  if (chunks.length === 1) return chunks[0];
  let size = 0;
  for (const chunk of chunks) size += chunk.byteLength;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** One request of a caller, and what belongs to it on both sides of the gateway. */
export class Call {
  constructor(request) {
    this.request = request;
    this.body = null;
    this.ending = LOST;
  }

  /** The time, method, address and read headers, a line each. */
  head() {
    const { method, url, headers } = this.request;
    let text = `${Date.now()}\n${method}\n${url}`;
    for (let i = 0; i < readHeaders.length; i++) {
      text += "\n";
      const value = headers.get(readHeaders[i]);
      if (value !== null) text += value;
    }
    return text;
  }

  /** The body's bytes, decompressed when `gzip`; null when they are more than `limit`. */
  async read(limit, gzip) {
    const { body, headers } = this.request;
    if (body === null) return (this.body = new Uint8Array(0));
    const length = headers.get("content-length");
    if (length !== null && Number(length) > limit) return null;
    // A declared length is enforced by the runtime; without one, or behind a compression, bytes are counted as they come.
    if (length !== null && !gzip) return (this.body = new Uint8Array(await this.request.arrayBuffer()));
    return (this.body = await collect(gzip ? body.pipeThrough(new DecompressionStream("gzip")) : body, limit));
  }

  /**
   * One attempt upstream: sends the caller's own bytes, or `body` in their place, and waits for the answer (its first bytes, when
   * an event stream is wanted and comes; else the whole). Both deadlines are in ms from now. Never throws.
   */
  async send(method, url, headers, body, streaming, firstByteMs, totalMs) {
    const controller = (this.controller = new AbortController());
    const started = Date.now();
    let waiting = true;
    const give = (ending) => {
      this.ending = ending;
      controller.abort();
    };
    const first = Math.min(firstByteMs, totalMs);
    this.ending = LOST;
    this.timer = setTimeout(() => {
      if (waiting) give(first < totalMs ? FIRST_BYTE_LATE : TOTAL_LATE);
      else this.timer = setTimeout(give, totalMs - first, TOTAL_LATE);
    }, first);
    this.request.signal.onabort = () => controller.abort();
    let text;
    let content;
    try {
      const response = await fetch(url, {
        method,
        headers: pairs(headers),
        body: method === "GET" ? undefined : (body ?? this.body),
        signal: controller.signal,
        redirect: "manual",
      });
      text = `${response.status}\n`;
      for (const [name, value] of response.headers) text += `${name}: ${value}\n`;
      if (streaming && response.status === 200 && response.body !== null && /^text\/event-stream/i.test(response.headers.get("content-type"))) {
        const reader = response.body.getReader();
        const { value, done } = await reader.read();
        reader.releaseLock();
        if (done) throw new Error("an empty stream");
        this.first = value;
        this.stream = response.body;
      } else {
        waiting = first < totalMs ? false : waiting;
        this.answer = content = new Uint8Array(await response.arrayBuffer());
        this.settle();
      }
      waiting = false;
    } catch {
      this.settle();
      return described(`${this.ending}\n${Date.now() - started}\n`);
    }
    return described(`${ARRIVED}\n${Date.now() - started}\n${this.stream === undefined ? "whole" : "stream"}\n${text}`, content);
  }

  /** Ends the watch over an attempt. */
  settle() {
    clearTimeout(this.timer);
    this.request.signal.onabort = null;
  }

  /** A response with a body of the gateway's own. */
  respond(status, headers, body) {
    // The bytes stand in wasm's memory, which moves on: they are copied.
    return new Response(body === undefined ? null : body.slice(), { status, headers: pairs(headers) });
  }

  /** A response with the upstream's body as it came. */
  pass(status, headers) {
    return new Response(this.answer, { status, headers: pairs(headers) });
  }

  /** A response with the upstream's stream, pumped by the runtime; `relayed` tells when the pump has ended. */
  relay(status, headers) {
    const { readable, writable } = new IdentityTransformStream();
    const [toCaller, toGateway] = this.stream.tee();
    this.toGateway = toGateway;
    this.writable = writable;
    this.pumped = this.pump(toCaller, writable);
    return new Response(readable, { status, headers: pairs(headers) });
  }

  async pump(toCaller, writable) {
    const writer = writable.getWriter();
    await writer.write(this.first);
    writer.releaseLock();
    await toCaller.pipeTo(writable, { preventClose: true, preventAbort: true });
  }

  /** Waits for the end of the pump, then gives how it ended and all bytes of the stream in one buffer. */
  async relayed() {
    let ending = ARRIVED;
    const chunks = [this.first];
    try {
      await this.pumped;
      await collect(this.toGateway, Infinity, chunks);
    } catch {
      ending = this.ending;
      // What had come before the failure still tells where in an event the stream was cut.
      await collect(this.toGateway, Infinity, chunks).catch(() => {});
    }
    this.settle();
    return described(`${ending}\n`, joined(chunks));
  }

  /** Ends the caller's stream, behind a last frame when there is one. */
  async end(frame) {
    const writer = this.writable.getWriter();
    try {
      if (frame !== undefined) await writer.write(frame.slice());
      await writer.close();
    } catch {
      // The caller has gone; nobody is left to tell.
    }
  }
}

/** A cached answer, or null. */
export async function look(kv, key) {
  const found = await kv.get(key, "arrayBuffer");
  return found === null ? null : new Uint8Array(found);
}

/** Stores an answer for `ttl` seconds. */
export async function keep(kv, key, entry, ttl) {
  return kv.put(key, entry.slice(), { expirationTtl: ttl });
}

/** Waits. */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function log(line) {
  console.error(line);
}

export function uniqueId() {
  return crypto.randomUUID();
}

/** A binding of the environment, or undefined. */
export function binding(env, name) {
  return env[name];
}
