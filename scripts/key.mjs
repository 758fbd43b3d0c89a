// `npm run key -- <tenant> [name]`: makes a gateway key. The key is shown once; the Worker gets only its SHA-256.
import { createHash, randomBytes } from "node:crypto";

const [tenant, name = "key"] = process.argv.slice(2);
if (!tenant) {
  console.error("usage: npm run key -- <tenant> [name]");
  process.exit(2);
}
// What the administration asks of a name, too: a ledger of a tenant called `_gateway` would be the gateway's own.
if (!/^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/.test(tenant)) {
  console.error("A tenant's name is 1 to 64 letters, digits, - and _, and does not begin with _.");
  process.exit(2);
}
const key = `maya_${randomBytes(32).toString("base64url")}`;
const entry = { sha256: createHash("sha256").update(key).digest("hex"), tenant, name };
console.log(`Key, shown this once:\n\n  ${key}\n\nIts entry; GATEWAY_KEYS is a JSON list of such:\n\n  ${JSON.stringify([entry])}\n`);
console.log("Set it with `npx wrangler secret put GATEWAY_KEYS`, or in .dev.vars for this machine.");
