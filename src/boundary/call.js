// One request of a caller, and what belongs to it on both sides of the gateway: all that wasm asks of the Workers runtime.
//
// Every method does one thing with the runtime and decides nothing: what to send, what to keep, when to give up and what an answer
// means is decided in Rust. A call from wasm costs as much as reading a hundred bytes, and each object that wasm holds costs a slot
// in a table; so a method takes all that its step needs, and what it brings back goes into wasm by one call, `resume`, as a text
// with a line an item and as bytes.

/** What `prepare` has been given: names of headers in Rust's order, and headers that are the same for every request. */
let readHeaders = [];
let readDown = [];
let passingDown = [];
let towardsCaller = {};
let towardsUpstream = {};

// How an attempt upstream ended; Rust's `failure` has the same numbers.
const ARRIVED = 0;
const LOST = 1;
const FIRST_BYTE_LATE = 2;
const TOTAL_LATE = 3;
const GONE = 4;

const NOTHING = new Uint8Array(0);

/** How many bytes of a body that comes in pieces are gathered before they go into wasm. */
const PIECE = 262_144;

/** What stands before the 32 bytes of a seed in a private key for Ed25519 (PKCS#8, RFC 8410 section 7). */
const PRIVATE_KEY = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

/** `name: value` lines as a record: the runtime takes a record of headers at a quarter of what an array of pairs costs it. */
function record(lines) {
  const headers = {};
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(": ", at);
    const end = lines.indexOf("\n", colon);
    headers[lines.slice(at, colon)] = lines.slice(colon + 2, end);
    at = end + 1;
  }
  return headers;
}

/** Reads a stream into `chunks` to its end, or until it holds more than `limit` bytes: then false. */
async function collect(stream, chunks, limit = Infinity) {
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return true;
    size += value.byteLength;
    if (size > limit) {
      reader.cancel().catch(() => {});
      return false;
    }
    chunks.push(value);
  }
}

function joined(chunks) {
  if (chunks.length === 1) return chunks[0];
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** Keys for AES-GCM by their ids in hexadecimal digits, imported once an isolate. */
const cipherKeys = new Map();
const encoder = new TextEncoder();

/** A seal: eight bytes that name the key, and the key. */
const SEAL = 40;
const SEAL_ID = 8;
const IV = 12;
/** The first byte of what is encrypted: the layout `id, initialization vector, ciphertext and tag` behind it. */
const LAYOUT = 1;

async function cipher(seal, context, iv) {
  const id = Array.from(seal.subarray(0, SEAL_ID), (byte) => byte.toString(16).padStart(2, "0")).join("");
  let key = cipherKeys.get(id);
  if (key === undefined) {
    key = await crypto.subtle.importKey("raw", seal.subarray(SEAL_ID), "AES-GCM", false, ["encrypt", "decrypt"]);
    // Tenants come and go, and each erasure makes a new key.
    if (cipherKeys.size >= 1000) cipherKeys.clear();
    cipherKeys.set(id, key);
  }
  return [{ name: "AES-GCM", iv, additionalData: encoder.encode(`${context}\n${id}`) }, key];
}

async function sealed(value, seal, context) {
  const iv = crypto.getRandomValues(new Uint8Array(IV));
  const [algorithm, key] = await cipher(seal, context, iv);
  const secret = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, value));
  const stored = new Uint8Array(1 + SEAL_ID + IV + secret.byteLength);
  stored[0] = LAYOUT;
  stored.set(seal.subarray(0, SEAL_ID), 1);
  stored.set(iv, 1 + SEAL_ID);
  stored.set(secret, 1 + SEAL_ID + IV);
  return stored;
}

/** What was encrypted under one of the seals; null when it was not, or when the tag does not fit. */
async function opened(value, seals, context) {
  const stored = new Uint8Array(value);
  for (let at = 0; at < seals.byteLength && stored[0] === LAYOUT; at += SEAL) {
    const seal = seals.subarray(at, at + SEAL);
    if (!seal.subarray(0, SEAL_ID).every((byte, place) => byte === stored[1 + place])) continue;
    const [algorithm, key] = await cipher(seal, context, stored.subarray(1 + SEAL_ID, 1 + SEAL_ID + IV));
    return await crypto.subtle.decrypt(algorithm, key, stored.subarray(1 + SEAL_ID + IV)).catch(() => null);
  }
  return null;
}

/**
 * The namespace's part in a jurisdiction. The local runtime has none, and says so in these words; where there are jurisdictions, no
 * failure leads around them.
 */
function within(namespace, jurisdiction) {
  try {
    return namespace.jurisdiction(jurisdiction);
  } catch (error) {
    if (/not implemented in workerd/.test(error?.message)) return namespace;
    throw error;
  }
}

export class Call {
  /**
   * `answer` takes the response; `resume` goes on in wasm with what a method has brought, and `forget` ends there what waits for
   * something that will never come, and tells what it was with a call.
   */
  constructor(request, env, context, answer, resume, forget) {
    this.request = request;
    this.env = env;
    this.context = context;
    this.answer = answer;
    this.resume = resume;
    this.forget = forget;
    this.slot = 0;
    this.controller = null;
    this.ending = LOST;
    this.body = null;
    this.passing = null;
    this.earlier = [];
    this.whole = null;
    this.stream = null;
    this.reader = null;
    this.aside = null;
    this.inquiry = null;
    this.pieces = null;
    this.gone = false;
    this.known = false;
    this.step = null;
    // A caller that goes away takes everything that waits with it. Only what its tenant's ledger knows of comes to its end, cut short,
    // so that the ledger hears of that too. Of the rest it is told that it was: a new task does that with this call.
    request.signal.onabort = () => {
      this.gone = true;
      this.controller?.abort();
      this.aside?.abort();
      this.body = null;
      if (this.known) context.waitUntil(this.step);
      else forget(this.slot, this);
    };
  }

  /** The values of the variables, as JSON; once an isolate. */
  settings(names) {
    const values = {};
    for (const name of names.split("\n")) {
      if (this.env[name] !== undefined) values[name] = this.env[name];
    }
    // Set by the build for `wrangler dev` alone: what is deployed has no default key.
    if (globalThis.MAYA_EDGE_LOCAL === true) values.LOCAL = true;
    return JSON.stringify(values);
  }

  /**
   * What stays the same from now on, once an isolate: the request headers to read, the upstream's headers to read and those to pass
   * on to the caller, and the headers of every response and of every request upstream.
   */
  prepare(read, down, passing, caller, upstream) {
    readHeaders = read.split("\n");
    readDown = down.split("\n");
    passingDown = passing.split("\n");
    towardsCaller = record(caller);
    towardsUpstream = record(upstream);
  }

  /** Whether a name is bound to something. */
  binds(name) {
    return this.env[name] !== undefined;
  }

  /** The time, method, address and read headers, a line each; from now on the call is known under `slot`. */
  head(slot) {
    this.slot = slot;
    const { method, url, headers } = this.request;
    let text = `${Date.now()}\n${method}\n${url}`;
    for (let i = 0; i < readHeaders.length; i++) {
      text += "\n";
      const value = headers.get(readHeaders[i]);
      if (value !== null) text += value;
    }
    return text;
  }

  /** A header that few requests are asked for. */
  header(name) {
    return this.request.headers.get(name) ?? "";
  }

  /** The body's bytes, decompressed when `gzip`: "body", "large" when they are more than `limit`, "broken" when they end early. */
  async read(slot, limit, gzip) {
    let said = "broken";
    let bytes = NOTHING;
    try {
      const { body, headers } = this.request;
      const length = headers.get("content-length");
      if (body === null) {
        said = "body";
      } else if (length !== null && Number(length) > limit) {
        said = "large";
      } else if (length !== null && !gzip) {
        // A declared length is enforced by the runtime; without one, or behind a compression, bytes are counted as they come.
        bytes = new Uint8Array(await this.request.arrayBuffer());
        said = "body";
      } else {
        const chunks = [];
        const fits = await collect(gzip ? body.pipeThrough(new DecompressionStream("gzip")) : body, chunks, limit);
        said = fits ? "body" : "large";
        if (fits) bytes = joined(chunks);
      }
    } catch {
      // Said: "broken".
    }
    this.body = bytes;
    this.resume(slot, said, bytes);
  }

  /** The next bytes of the body, some hundred thousand at once: "more" with them, "end", or "broken". */
  async piece(slot) {
    let said = "broken";
    const chunks = [];
    try {
      this.pieces ??= (this.request.body ?? new Blob([]).stream()).getReader();
      let size = 0;
      let done = false;
      while (!done && size < PIECE) {
        const read = await this.pieces.read();
        done = read.done;
        if (!done) size += chunks.push(read.value) && read.value.byteLength;
      }
      said = size > 0 ? "more" : "end";
    } catch {
      // Said: "broken".
    }
    this.resume(slot, said, said === "more" ? joined(chunks) : NOTHING);
  }

  /**
   * One attempt upstream, at `url`: sends `body`, or what was sent before, or the caller's own bytes, and waits for the answer (its first
   * bytes when an event stream is wanted and comes, else the whole). The first byte may take so many ms, and the whole until a time.
   */
  async send(slot, method, url, headers, body, streaming, firstByteMs, untilMs) {
    const started = Date.now();
    this.earlier.push(this.passing);
    this.passing = null;
    if (this.gone || started >= untilMs) {
      this.resume(slot, `${this.gone ? GONE : TOTAL_LATE}\n0\n${started}\n`, NOTHING);
      return;
    }
    if (body !== undefined) this.body = body;
    this.whole = null;
    this.watch(firstByteMs, untilMs - started);
    let text;
    try {
      const response = await fetch(url, {
        method,
        headers: { ...towardsUpstream, ...record(headers) },
        body: method === "GET" ? undefined : this.body,
        signal: this.controller.signal,
        redirect: "manual",
      });
      text = `${response.status}\n`;
      for (let i = 0; i < readDown.length; i++) {
        text += `${response.headers.get(readDown[i]) ?? ""}\n`;
      }
      this.passing = {};
      for (let i = 0; i < passingDown.length; i++) {
        const value = response.headers.get(passingDown[i]);
        if (value === null) continue;
        this.passing[passingDown[i]] = value;
        text += `${i} ${value}\n`;
      }
      if (streaming && response.status === 200 && /^text\/event-stream/i.test(response.headers.get("content-type"))) {
        const reader = response.body.getReader();
        const { value, done } = await reader.read();
        reader.releaseLock();
        if (done) throw new Error("an empty stream");
        this.first = value;
        this.stream = response.body;
      } else {
        // A whole answer is one piece to its caller, so its first byte is its last.
        this.whole = new Uint8Array(await response.arrayBuffer());
        clearTimeout(this.timer);
      }
      this.waiting = false;
    } catch {
      clearTimeout(this.timer);
      const now = Date.now();
      this.resume(slot, `${this.gone ? GONE : this.ending}\n${now - started}\n${now}\n`, NOTHING);
      return;
    }
    const form = this.stream === null ? "whole" : "stream";
    const now = Date.now();
    this.resume(slot, `${ARRIVED}\n${now - started}\n${now}\n${form}\n${text}`, this.whole ?? NOTHING);
  }

  /**
   * One attempt upstream with a question of the gateway's own: sends `body`, or what the inquiry before it sent, and gives the whole
   * answer. What `send` was given and has brought stays as it is, so an inquiry may come before it, behind it and between its attempts.
   */
  async inquire(slot, url, headers, body, firstByteMs, untilMs) {
    const started = Date.now();
    if (this.gone || started >= untilMs) {
      this.resume(slot, `${this.gone ? GONE : TOTAL_LATE}\n0\n${started}\n`, NOTHING);
      return;
    }
    if (body !== undefined) this.inquiry = body;
    const controller = new AbortController();
    this.aside = controller;
    let ending = LOST;
    const timer = setTimeout(() => {
      ending = firstByteMs < untilMs - started ? FIRST_BYTE_LATE : TOTAL_LATE;
      controller.abort();
    }, Math.min(firstByteMs, untilMs - started));
    let text;
    let bytes = NOTHING;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { ...towardsUpstream, ...record(headers) },
        body: this.inquiry,
        signal: controller.signal,
        redirect: "manual",
      });
      text = `whole\n${response.status}\n`;
      for (let i = 0; i < readDown.length; i++) {
        text += `${response.headers.get(readDown[i]) ?? ""}\n`;
      }
      for (let i = 0; i < passingDown.length; i++) {
        const value = response.headers.get(passingDown[i]);
        if (value !== null) text += `${i} ${value}\n`;
      }
      bytes = new Uint8Array(await response.arrayBuffer());
      ending = ARRIVED;
    } catch {
      if (this.gone) ending = GONE;
      text = "";
    }
    clearTimeout(timer);
    const now = Date.now();
    this.resume(slot, `${ending}\n${now - started}\n${now}\n${text}`, bytes);
  }

  /** Aborts an attempt whose first byte, or whose end, comes too late. */
  watch(firstByteMs, totalMs) {
    const controller = new AbortController();
    this.controller = controller;
    this.ending = LOST;
    this.waiting = true;
    const give = (ending) => {
      this.ending = ending;
      controller.abort();
    };
    const first = Math.min(firstByteMs, totalMs);
    this.timer = setTimeout(() => {
      if (this.waiting) give(first < totalMs ? FIRST_BYTE_LATE : TOTAL_LATE);
      else this.timer = setTimeout(give, totalMs - first, TOTAL_LATE);
    }, first);
  }

  /** Answers with a body of the gateway's own, or none. */
  respond(status, headers, body) {
    this.answer(new Response(body ?? null, { status, headers: { ...towardsCaller, ...record(headers) } }));
  }

  /**
   * Answers with what came from upstream: its passing headers (those of the attempt so many before the last), and its body or `body` in
   * that one's place.
   */
  pass(status, headers, body, back) {
    const passing = back > 0 ? this.earlier.at(-back) : this.passing;
    this.answer(new Response(body ?? this.whole, { status, headers: { ...towardsCaller, ...passing, ...record(headers) } }));
  }

  /** Answers with the upstream's stream, pumped by the runtime, and waits for the end of the pump; then gives all its bytes. */
  async relay(slot, status, headers) {
    const { readable, writable } = new IdentityTransformStream();
    const [toCaller, toGateway] = this.stream.tee();
    this.writable = writable;
    this.answer(new Response(readable, { status, headers: { ...towardsCaller, ...this.passing, ...record(headers) } }));
    // What is kept at work after the answer is not ended with its caller.
    this.known = true;
    const chunks = [this.first];
    let ending = ARRIVED;
    try {
      const writer = writable.getWriter();
      const written = writer.write(this.first);
      writer.releaseLock();
      await written;
      await toCaller.pipeTo(writable, { preventClose: true, preventAbort: true });
      // All of it lies ready now, and the runtime gathers it in one step.
      chunks.push(new Uint8Array(await new Response(toGateway).arrayBuffer()));
    } catch {
      ending = this.gone ? GONE : this.ending;
      // Whoever failed, caller or upstream: nobody needs more of the stream than what had come, which tells where it was cut.
      this.controller.abort();
      await collect(toGateway, chunks).catch(() => {});
    }
    clearTimeout(this.timer);
    this.resume(slot, `${ending}\n0\n${Date.now()}\n`, joined(chunks));
  }

  /** Answers with a stream that `chunk` fills. */
  begin(status, headers) {
    const { readable, writable } = new IdentityTransformStream();
    this.writable = writable;
    this.reader = this.stream.getReader();
    this.answer(new Response(readable, { status, headers: { ...towardsCaller, ...this.passing, ...record(headers) } }));
    // What is kept at work after the answer is not ended with its caller.
    this.known = true;
  }

  /** Answers with a stream that `write` fills. */
  open(status, headers) {
    const { readable, writable } = new IdentityTransformStream();
    this.writable = writable;
    this.answer(new Response(readable, { status, headers: { ...towardsCaller, ...record(headers) } }));
    // What is kept at work after the answer is not ended with its caller.
    this.known = true;
  }

  /** Gives the caller some bytes: "given", or "gone" when nobody takes them any more. */
  async write(slot, bytes) {
    let said = "given";
    try {
      const writer = this.writable.getWriter();
      const written = writer.write(bytes);
      writer.releaseLock();
      await written;
    } catch {
      said = "gone";
    }
    this.resume(slot, said, NOTHING);
  }

  /** Gives the caller some bytes, if there are any, and brings the next that come from upstream: "more" or "end". */
  async chunk(slot, given) {
    let ending = ARRIVED;
    let said = "end";
    let bytes = NOTHING;
    try {
      if (given !== undefined) {
        const writer = this.writable.getWriter();
        const written = writer.write(given);
        writer.releaseLock();
        await written;
      }
      const first = this.first;
      this.first = undefined;
      const { value, done } = first === undefined ? await this.reader.read() : { value: first, done: false };
      if (!done) {
        said = "more";
        bytes = value;
      }
    } catch {
      ending = this.gone ? GONE : this.ending;
      this.controller.abort();
    }
    if (said === "end") clearTimeout(this.timer);
    this.resume(slot, said === "end" ? `${ending}\n${said}\n${Date.now()}` : `${ending}\n${said}`, bytes);
  }

  /** Gives up what is still to come from upstream. */
  abandon() {
    clearTimeout(this.timer);
    this.controller.abort();
  }

  /** Ends the caller's stream, behind a last frame when there is one: in good order, or by a `cut` of the connection. */
  async end(slot, frame, cut) {
    const writer = this.writable.getWriter();
    try {
      if (frame !== undefined) await writer.write(frame);
      await (cut ? writer.abort(new Error("a broken stream")) : writer.close());
    } catch {
      // The caller has gone; nobody is left to tell.
    }
    this.resume(slot, "", NOTHING);
  }

  /**
   * A value of a KV namespace, which may be so many seconds old: "found", "missing" or "failed". With `seals`, what is found was
   * encrypted under one of them for this context; what was not, or is damaged, is missing.
   */
  async look(slot, namespace, key, cacheTtl, seals, context) {
    let said = "failed";
    let value = null;
    // What wasm lends is a view of its memory, good until the next step.
    seals = seals?.slice();
    try {
      value = await this.env[namespace].get(key, { type: "arrayBuffer", cacheTtl });
      if (value !== null && seals !== undefined) value = await opened(value, seals, `${context}\n${key}`);
      said = value === null ? "missing" : "found";
    } catch {
      // Said: "failed".
    }
    this.resume(slot, said, value === null ? NOTHING : new Uint8Array(value));
  }

  /** Stores a value for `ttl` seconds, or for good, encrypted when there is a seal: "kept" or "failed". */
  async keep(slot, namespace, key, value, ttl, seal, context) {
    let said = "kept";
    seal = seal?.slice();
    try {
      if (seal !== undefined) value = await sealed(value, seal, `${context}\n${key}`);
      await this.env[namespace].put(key, value, { expirationTtl: ttl });
    } catch {
      said = "failed";
    }
    this.resume(slot, said, NOTHING);
  }

  /** Encrypts a value, or opens one that was encrypted: its bytes, or none. */
  async seal(slot, value, seals, context, open) {
    let bytes = NOTHING;
    seals = seals.slice();
    try {
      const made = open ? await opened(value, seals, context) : await sealed(value, seals, context);
      if (made !== null) bytes = new Uint8Array(made);
    } catch {
      // Said by no bytes.
    }
    this.resume(slot, "", bytes);
  }

  /**
   * Encrypts, or opens, many values that lie one behind the other: `layout` has for each its bytes, a space and its name, a line each.
   * Brings the bytes of each that was made, a line each, and the bytes; no bytes of any when one of them failed.
   */
  async sealAll(slot, values, layout, seals, context, open) {
    let said = "failed";
    let bytes = NOTHING;
    seals = seals.slice();
    try {
      const made = [];
      let at = 0;
      for (const line of layout.split("\n")) {
        const space = line.indexOf(" ");
        const value = values.slice(at, (at += Number(line.slice(0, space))));
        const whose = `${context}\n${line.slice(space + 1)}`;
        made.push(open ? opened(value, seals, whose) : sealed(value, seals, whose));
      }
      const all = await Promise.all(made);
      if (!all.includes(null)) {
        const views = all.map((value) => new Uint8Array(value));
        bytes = joined(views);
        said = views.map((view) => view.byteLength).join("\n");
      }
    } catch {
      // Said: "failed".
    }
    this.resume(slot, said, bytes);
  }

  /** Asks the ledger of a tenant, as `object` does. */
  async ledger(slot, tenant, jurisdiction, message, bytes, withinMs) {
    await this.object("LEDGER", slot, tenant, jurisdiction, message, bytes, withinMs);
  }

  /** Asks the store of a tenant, as `object` does. */
  async store(slot, tenant, jurisdiction, message, bytes, withinMs) {
    await this.object("STORE", slot, tenant, jurisdiction, message, bytes, withinMs);
  }

  /** Asks the archive of telemetry, as `object` does: there is one. */
  async telemetry(slot, message, bytes, withinMs) {
    await this.object("TELEMETRY", slot, "gateway", undefined, message, bytes, withinMs);
  }

  /**
   * Asks a tenant's object of a namespace, in its jurisdiction if it has one: "said", a line end and the reply; or "failed", also when it
   * takes longer than `withinMs`.
   */
  async object(binding, slot, tenant, jurisdiction, message, bytes, withinMs) {
    this.known = true;
    let said = "failed";
    let given = NOTHING;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.resume(slot, said, given);
    }, withinMs);
    try {
      const namespace = jurisdiction === undefined ? this.env[binding] : within(this.env[binding], jurisdiction);
      const reply = await namespace.get(namespace.idFromName(tenant)).act(message, bytes);
      said = `said\n${reply.text}`;
      given = reply.bytes ?? NOTHING;
    } catch (error) {
      console.error(`{"level":"error","failed":"${binding.toLowerCase()}","doing":"call","error":${JSON.stringify(error?.name ?? "Error")}}`);
    }
    clearTimeout(timer);
    if (!late) this.resume(slot, said, given);
  }

  /** Whether a rate limit's binding lets one more of this key pass: "yes" or "no". Fails open: it only spares the look-ups behind it. */
  async limit(slot, name, key) {
    let said = "yes";
    try {
      const { success } = await this.env[name].limit({ key });
      said = success ? "yes" : "no";
    } catch {
      // Said: "yes".
    }
    this.resume(slot, said, NOTHING);
  }

  /** Waits with something that is still to be done when the caller has gone. */
  async linger(slot, ms) {
    this.known = true;
    await new Promise((over) => setTimeout(over, ms));
    this.resume(slot, "", NOTHING);
  }

  /** Waits. */
  async pause(slot, ms) {
    await new Promise((over) => setTimeout(over, ms));
    this.resume(slot, "", NOTHING);
  }

  now() {
    return Date.now();
  }

  random() {
    return Math.random();
  }

  uniqueId() {
    return crypto.randomUUID();
  }

  /** So many bytes that nobody can guess. */
  secretBytes(count) {
    return crypto.getRandomValues(new Uint8Array(count));
  }

  /** An Ed25519 signature of a message under the private key of a seed, and the public key behind it; no bytes when that failed. */
  async sign(slot, seed, message) {
    let bytes = NOTHING;
    try {
      const secret = joined([PRIVATE_KEY, seed]);
      const key = await crypto.subtle.importKey("pkcs8", secret, "Ed25519", true, ["sign"]);
      const { x } = await crypto.subtle.exportKey("jwk", key);
      const open = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
      const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", key, message));
      bytes = joined([signature, Uint8Array.from(open, (letter) => letter.charCodeAt(0))]);
    } catch (error) {
      console.error(`{"level":"error","failed":"sign","doing":"sign","error":${JSON.stringify(error?.name ?? "Error")}}`);
    }
    this.resume(slot, "", bytes);
  }

  log(line) {
    console.error(line);
  }

  print(line) {
    console.log(line);
  }

  /** Writes a data point, `blobs` a line each; the runtime sends it by itself. */
  point(index, blobs, doubles) {
    try {
      this.env.ANALYTICS.writeDataPoint({ indexes: [index], blobs: blobs.split("\n"), doubles: Array.from(doubles) });
    } catch (error) {
      console.error(`{"level":"error","failed":"analytics","doing":"write","error":${JSON.stringify(error?.name ?? "Error")}}`);
    }
  }

  /** Sends a message to a collector of telemetry: the status of its answer, its `Retry-After`, the time; and the body. No answer, no status. */
  async export(slot, url, headers, body, withinMs) {
    this.known = true;
    let said = "\n";
    let bytes = NOTHING;
    try {
      const response = await fetch(url, { method: "POST", headers: record(headers), body, redirect: "manual", signal: AbortSignal.timeout(withinMs) });
      bytes = new Uint8Array(await response.arrayBuffer());
      said = `${response.status}\n${response.headers.get("retry-after") ?? ""}`;
    } catch {
      // Said: no status.
    }
    this.resume(slot, `${said}\n${Date.now()}`, bytes);
  }
}

// What may go on after the answer keeps the isolate at work for the request until it has ended. The next step begins within
// `resume`, before the one that calls it has ended, so the chain is never let go.
for (const name of ["relay", "chunk", "write", "end", "keep", "ledger", "store", "telemetry", "export", "linger"]) {
  const step = Call.prototype[name];
  Call.prototype[name] = function (...given) {
    this.step = step.apply(this, given);
    this.context.waitUntil(this.step);
  };
}
// What may go on without its caller, if the ledger knows of it.
for (const name of ["look", "send", "inquire", "pause", "piece", "seal", "sealAll", "sign"]) {
  const step = Call.prototype[name];
  Call.prototype[name] = function (...given) {
    this.step = step.apply(this, given);
  };
}
