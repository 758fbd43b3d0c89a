// The wasm instance that all requests and ledgers of an isolate share. A panic leaves it in an unknown state, so after one the next
// step begins on a fresh instance.
import * as worker from "worker-wasm";

let poisoned = false;

/** How often the instance was replaced: what an earlier one gave out is no longer valid. */
export let generation = 0;

/** Replaces the instance if it has panicked. */
export function renew() {
  if (!poisoned) return;
  worker.__wbg_reset_state();
  poisoned = false;
  generation += 1;
}

/** Notes what a step into wasm has thrown. */
export function blame(error) {
  poisoned ||= error instanceof WebAssembly.RuntimeError;
}
