// What `/v1/analytics` tells, as series for charts. Nothing is asked or shown here.

const STEP_S = { minute: 60, hour: 3600, day: 86_400 };

/**
 * Times of a range in seconds, and the rows that belong to them. A time without a row had no requests: that is known, and so it is 0 for
 * counts, while its latency is unknown. The time that is running is not yet whole.
 */
export function laidOut({ from, to, interval, data }) {
  const step = STEP_S[interval];
  const begin = (text) => Math.floor(Date.parse(text) / 1000 / step) * step;
  const rows = new Map(data.map((row) => [begin(row.at), row]));
  const times = [];
  for (let at = begin(from); at * 1000 < Date.parse(to); at += step) times.push(at);
  return { times, rows: times.map((at) => rows.get(at) ?? null) };
}

export const counts = (rows, of) => rows.map((row) => (row === null ? 0 : (of(row) ?? 0)));
export const measures = (rows, of) => rows.map((row) => (row === null ? null : (of(row) ?? null)));

/** How much of a budget is used, and which mark is passed. Null where there is none. */
export function against({ spent_micro_dollars: spent, soft_micro_dollars: soft, hard_micro_dollars: hard }) {
  const most = hard ?? soft;
  if (most === null) return null;
  return { most, part: most > 0 ? spent / most : 1, state: hard !== null && spent >= hard ? "over" : soft !== null && spent >= soft ? "soft" : "within" };
}
