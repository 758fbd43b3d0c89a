// An event that no caller waits for: a message of the queue, or a time of cron. It is a call, for all that wasm asks of the runtime, and can
// make further calls through the gateway's own door.
import { Call } from "./call.js";

export class Job extends Call {
  /** `begin` hands such a further call to wasm, with the digest of the key that it is made with. */
  constructor(env, context, answer, resume, forget, begin) {
    super(new Request("https://batches.invalid/"), env, context, answer, resume, forget);
    this.enter = begin;
    this.landings = [];
    this.notice = null;
  }

  /** Makes a call in the background; `landed` tells of its end. */
  line(number, path, id, body, key) {
    const request = new Request(`https://batches.invalid${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": id },
      body,
    });
    const answered = new Promise((answer) => {
      this.enter(new Call(request, this.env, this.context, answer, this.resume, this.forget), key, answer);
    });
    answered
      .then(async (response) => [response.status, [...response.headers], new Uint8Array(await response.arrayBuffer())])
      // An answer that breaks off is none.
      .catch(() => [502, [], new Uint8Array(0)])
      .then(([status, headers, bytes]) => {
        this.landings.push([[number, status, bytes.byteLength, headers], bytes]);
        this.notice?.();
      });
  }

  /** Waits until a call has ended, and brings all that have: `[[number, status, bytes, [[name, value], …]], …]`, and their bytes. */
  async landed(slot) {
    if (this.landings.length === 0) await new Promise((notice) => (this.notice = notice));
    this.notice = null;
    const landings = this.landings;
    this.landings = [];
    const bytes = new Uint8Array(await new Blob(landings.map(([, bytes]) => bytes)).arrayBuffer());
    this.resume(slot, JSON.stringify(landings.map(([told]) => told)), bytes);
  }
}
