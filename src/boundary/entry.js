// The Worker's entry, in place of the one that worker-build generates, which builds a class instance behind a proxy for every
// request.
//
// It keeps what that entry is for. A panic in wasm leaves the instance in an unknown state, so after one the next request begins on
// a fresh instance; and the request that met it gets an answer.
import * as worker from "worker-wasm";
import { Call } from "./call.js";
import { blame, renew } from "./instance.js";
import { Job } from "./job.js";

export { TenantLedger } from "./ledger.js";
export { TenantStore } from "./store.js";
export { Telemetry } from "./telemetry.js";

const broken =
  '{"message":"The gateway failed. Try again.","type":"server_error","param":"","code":"internal_error",' +
  '"error":{"message":"The gateway failed. Try again.","type":"server_error","param":"","code":"internal_error"}}';

/** A step into wasm. If it fails, whoever waits for `answer` has one. */
const guardedBy = (answer) => (step) => (given, text, bytes) => {
  try {
    step(given, text, bytes);
  } catch (error) {
    blame(error);
    console.error(error);
    answer(new Response(broken, { status: 500, headers: { "content-type": "application/json" } }));
  }
};

/** Work that no caller waits for: whether it was done. */
async function work(text, env, context) {
  const response = await new Promise((answer) => {
    const guarded = guardedBy(answer);
    const begin = (call, key, answer) => guardedBy(answer)(worker.line)(call, key);
    renew();
    guarded(worker.work)(new Job(env, context, answer, guarded(worker.resume), guarded(worker.forget), begin), text);
  });
  return response.ok;
}

export default {
  fetch(request, env, context) {
    return new Promise((answer) => {
      const guarded = guardedBy(answer);
      renew();
      guarded(worker.fetch)(new Call(request, env, context, answer, guarded(worker.resume), guarded(worker.forget)));
    });
  },

  /** Parts of batches, one after the other: an invocation has six connections. */
  async queue(batch, env, context) {
    for (const message of batch.messages) {
      if (await work(JSON.stringify(message.body), env, context)) message.ack();
      else message.retry({ delaySeconds: 10 });
    }
  },

  async scheduled(event, env, context) {
    await work("", env, context);
  },
};
