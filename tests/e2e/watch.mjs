// What a Worker asks of its surroundings, seen from outside, and a clock that a test can move.
//
// `WATCHING` stands before the Worker's own code. It notes each read of KV, each call of a ledger, each jurisdiction and each address
// upstream; and it gives the namespace KEYS what the local one lacks: a location's cache, which may answer with what it has read
// before for as long as `cacheTtl` says.
export const WATCHING = `
{
  let seen = { reads: [], ledgers: [], jurisdictions: [], upstream: [] };
  let ahead = 0;
  const { now } = Date;
  Date.now = () => now() + ahead;

  const { fetch } = globalThis;
  globalThis.fetch = (address, options) => {
    seen.upstream.push(String(address?.url ?? address));
    return fetch(address, options);
  };

  const copies = new Map();
  const namespace = (name, real) => ({
    async get(key, options) {
      seen.reads.push(name + " " + key);
      if (name !== "KEYS") return real.get(key, options);
      const copy = copies.get(key);
      if (copy !== undefined && Date.now() - copy.at < 1000 * (options.cacheTtl ?? 60)) return copy.value?.slice(0) ?? null;
      const value = await real.get(key, options);
      copies.set(key, { value: value?.slice(0), at: Date.now() });
      return value;
    },
    put: (...given) => real.put(...given),
  });
  const ledgers = (real) => ({
    jurisdiction(place) {
      seen.jurisdictions.push(place);
      return real.jurisdiction(place);
    },
    idFromName(name) {
      seen.ledgers.push(name);
      return real.idFromName(name);
    },
    get: (id) => real.get(id),
  });
  const watched = new WeakMap();
  const surroundings = (env) => {
    if (!watched.has(env)) {
      const own = { ...env };
      for (const name of ["CACHE", "KEYS"]) if (own[name]) own[name] = namespace(name, own[name]);
      if (own.LEDGER) own.LEDGER = ledgers(own.LEDGER);
      watched.set(env, own);
    }
    return watched.get(env);
  };

  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (module, imports) {
    const { exports } = new Instance(module, imports);
    return { exports: { ...exports, fetch(call) {
      const { pathname, searchParams } = new URL(call.request.url);
      if (pathname === "/_watch") {
        ahead += Number(searchParams.get("ahead") ?? 0);
        const told = seen;
        seen = { reads: [], ledgers: [], jurisdictions: [], upstream: [] };
        return call.answer(Response.json(told));
      }
      call.env = surroundings(call.env);
      return exports.fetch(call);
    } } };
  };
}
`;

/** What the Worker has asked since this was last asked. */
export const seen = async (edge) => (await fetch(`${edge.url}/_watch`)).json();

/** Makes time pass in the Worker, and in its ledgers. */
export const passes = (edge, ms) => fetch(`${edge.url}/_watch?ahead=${ms}`);
