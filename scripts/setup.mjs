// `npm run setup`: everything that building and testing need, and nothing that is already there.
import { ensure, main } from "./toolchain.mjs";

await main(() => {
  ensure();
  console.log("[setup] ready");
});
