// The Worker's entry, in place of the one that worker-build generates, which builds a class instance behind a proxy for every
// request.
//
// It keeps what that entry is for. A panic in wasm leaves the instance in an unknown state, so after one the next request begins on
// a fresh instance; and the request that met it gets an answer.
import * as worker from "worker-wasm";
import { Call } from "./call.js";
import { blame, renew } from "./instance.js";

export { TenantLedger } from "./ledger.js";

const broken =
  '{"message":"The gateway failed. Try again.","type":"server_error","param":"","code":"internal_error",' +
  '"error":{"message":"The gateway failed. Try again.","type":"server_error","param":"","code":"internal_error"}}';

export default {
  fetch(request, env, context) {
    return new Promise((answer) => {
      const guarded = (step) => (given, text, bytes) => {
        try {
          step(given, text, bytes);
        } catch (error) {
          blame(error);
          console.error(error);
          answer(new Response(broken, { status: 500, headers: { "content-type": "application/json" } }));
        }
      };
      renew();
      guarded(worker.fetch)(new Call(request, env, context, answer, guarded(worker.resume), guarded(worker.forget)));
    });
  },
};
