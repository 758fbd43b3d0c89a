// Medians, intervals and tables.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The interval that holds the true median with at least 95 %, from order alone; the whole range when there are too few values. */
export function interval(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  // How many values may be cut at either end: the largest k with P(Binomial(n, ½) < k) ≤ 2.5 %.
  let cut = 0;
  let term = 0.5 ** count;
  for (let tail = term; tail <= 0.025; tail += term) {
    cut += 1;
    term = (term * (count - cut + 1)) / cut;
  }
  const skip = Math.max(cut - 1, 0);
  return [sorted[skip], sorted[count - 1 - skip]];
}

/** Ratios round by round: what both sides of a round share (a busy neighbour, a warm cache) cancels. */
export const ratios = (above, below) => above.map((value, round) => value / below[round]);

export const differences = (above, below) => above.map((value, round) => value - below[round]);

export const fixed = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",") : "–");

/** `1.23 [1.20, 1.26]` */
export function spread(values, digits = 2) {
  const [low, high] = interval(values);
  return `${fixed(median(values), digits)} [${fixed(low, digits)}, ${fixed(high, digits)}]`;
}

/** A Markdown table that is also readable in a terminal; the first column is text, the others figures. */
export function table(head, rows) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column ? `${"-".repeat(width + 1)}:` : "-".repeat(width + 2))).join("|")}|`;
  return [line(all[0]), rule, ...all.slice(1).map(line)].join("\n");
}
