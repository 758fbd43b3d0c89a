// A page's browser token: how it is given, and what is wrong with it.
//
// The gateway is where the page came from. To use a page elsewhere, change GATEWAY and the `connect-src` of its policy.
export const GATEWAY = location.origin;

export const at = (id) => document.getElementById(id);
export const say = (id, text) => {
  at(id).textContent = text;
};

/** What a token says of itself; null when it is none. Only the gateway can tell whether it is true. */
export function claimsOf(token) {
  try {
    const text = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0))));
    return typeof claims.exp === "number" ? claims : null;
  } catch {
    return null;
  }
}

/** Kept in memory alone: a token that is stored outlives the page. */
export const token = () => at("token").value.trim();

function describeToken() {
  const claims = claimsOf(token());
  let state = "No token yet.";
  if (token() !== "" && claims === null) state = "This is not a browser token. Never paste a key into a page.";
  else if (claims && claims.origin !== location.origin) state = `This token is for pages of ${claims.origin}, not of ${location.origin}.`;
  else if (claims && claims.exp * 1000 <= Date.now()) state = "This token has expired. Issue a new one.";
  else if (claims) state = `For ${claims.tenant}${claims.sub ? `, user ${claims.sub}` : ""}; expires at ${new Date(claims.exp * 1000).toLocaleTimeString()}.`;
  // Written only when it changes, because each writing is announced.
  if (at("token-state").textContent !== state) say("token-state", state);
}

/** A link may bring a token behind `#token=`, which no server and no log sees. It leaves the address bar at once. */
function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  at("token").value = given;
  history.replaceState(null, "", location.pathname + location.search);
}

/** Sets the field and the command up; `order` is what the token is to say beside its origin. `changed` hears of each new token. */
export function tokenField(order, changed = () => {}) {
  const body = JSON.stringify({ origin: location.origin, ttl: "15m", ...order });
  const command = `curl ${GATEWAY}/v1/tokens -H "authorization: Bearer $MAYA_KEY" -H "content-type: application/json" -d '${body}'`;
  say("command", command);
  at("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
      say("copied", "Copied.");
    } catch {
      say("copied", "Select it and copy it by hand.");
    }
  });
  at("token").addEventListener("input", () => {
    describeToken();
    changed();
  });
  at("token-form").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => {
    takeTokenFromAddress();
    describeToken();
    changed();
  });
  takeTokenFromAddress();
  describeToken();
  setInterval(describeToken, 1000);
}

/** What went wrong, in the gateway's words and with what to do here. */
export class Refused extends Error {
  constructor(error, status) {
    const next = {
      token_expired: "Issue a new token with the command above and paste it.",
      token_wrong_origin: `Issue a token for ${location.origin} with the command above.`,
      wrong_api_key: "Paste a browser token in step 1.",
    }[error?.code];
    super([error?.message ?? `The gateway answered with status ${status}.`, next].filter(Boolean).join(" "));
  }
}
