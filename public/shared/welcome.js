// The first page: the addresses that programs use, and whether the gateway is up.
import { GATEWAY, inWords, reach, say } from "/shared/page.js";

say("openai", `${GATEWAY}/v1`);
say("cerebras", GATEWAY);

try {
  const { ok, status } = await reach(`${GATEWAY}/healthz`, { cache: "no-store" });
  say("health", ok ? "It is up." : `It answers with status ${status}: /healthz says why.`);
} catch (error) {
  say("health", inWords(error));
}
