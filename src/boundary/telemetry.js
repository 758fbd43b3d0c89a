// The Durable Object of telemetry: what isolates have counted. As in ledger.js, what a message means and what is written is decided in Rust, in
// one turn.
import { Telemetry as Archive } from "worker-wasm";
import { Resident } from "./ledger.js";

export class Telemetry extends Resident {
  open(database) {
    return Archive.open(database);
  }

  /** Carries out a message: `{text}`. */
  act(message, bytes) {
    return this.within((archive) => ({ text: archive.act(Date.now(), message, bytes) }));
  }

  alarm() {
    this.within((archive) => archive.alarm(Date.now()));
  }
}
