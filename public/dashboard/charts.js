// A line chart and its table. The table is not a lesser copy: it is how the same figures are read without seeing them.
import uPlot from "/vendor/uplot/uPlot.esm.js";
import { element, swap, table } from "/shared/page.js";

const HEIGHT = 210;
const charts = new Map();

/** The colour that a class has in the theme of now: canvases know no variables. */
function colour(name) {
  const probe = element("span", { class: name, hidden: true });
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeStyle: "short" });
const hour = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** Marks on the axis of times, as far apart as `step` seconds: the day where a new one begins, else the hour. */
const marks = (_, ticks, __, ___, step) => {
  let last;
  return ticks.map((tick) => {
    const date = day.format(tick * 1000);
    const fresh = date !== last;
    last = date;
    if (step >= 86_400) return date;
    return fresh ? `${hour.format(tick * 1000)}\n${date}` : hour.format(tick * 1000);
  });
};

/**
 * Shows series in the element `home`. `times` are seconds since 1970; `series` has a `name`, `values` and `show`, which writes a value.
 * What was shown there before is replaced; a table that was open stays open.
 */
export function chart(home, title, times, series) {
  const open = home.querySelector("details")?.open ?? false;
  charts.get(home)?.drop();
  const plot = element("div", { class: "plot", role: "img", "aria-label": `${title}, as a chart. The table below has the same figures.` });
  const rows = times.map((at, place) => [clock.format(at * 1000), ...series.map(({ values, show }) => show(values[place]))]).reverse();
  const heads = ["Time", ...series.map(({ name }) => name)];
  const details = element("details", {}, element("summary", { text: "As a table" }), table(title, heads, rows, series.map((_, place) => place + 1)));
  details.open = open;
  swap(home, plot, details);
  if (times.length === 0) {
    plot.replaceWith(element("p", { class: "hint", text: "Nothing in this range." }));
    return;
  }
  let drawn;
  const draw = () => {
    drawn?.destroy();
    const axis = { stroke: colour("ink"), grid: { stroke: colour("rule"), width: 1 }, ticks: { stroke: colour("rule"), width: 1 } };
    const lines = series.map(({ name, values, show }, place) => ({
      label: name,
      stroke: colour(`series-${place + 1}`),
      width: 2,
      // Form tells series apart where colour does not.
      dash: [[], [6, 3], [2, 3], [9, 3, 2, 3]][place],
      // A value between unknown ones has no line: it needs its point.
      points: { show: values.filter((value) => value !== null).length < 40, size: 5 },
      value: (_, value) => (value === null || value === undefined ? "–" : show(value)),
    }));
    const labels = (_, ticks) => ticks.map((tick) => series[0].show(tick));
    const options = {
      width: Math.max(240, plot.clientWidth),
      height: HEIGHT,
      scales: { y: { range: (_, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
      series: [{ label: "Time", value: (_, at) => (at === null ? "–" : clock.format(at * 1000)) }, ...lines],
      axes: [{ ...axis, values: marks }, { ...axis, values: labels, size: 68 }],
    };
    drawn = new uPlot(options, [times, ...series.map(({ values: own }) => own)], plot);
  };
  draw();
  const sized = new ResizeObserver(() => {
    if (plot.clientWidth > 0) drawn.setSize({ width: Math.max(240, plot.clientWidth), height: HEIGHT });
  });
  sized.observe(plot);
  charts.set(home, {
    draw,
    drop: () => {
      sized.disconnect();
      drawn.destroy();
    },
  });
}

/** Takes a chart away. */
export function clear(home) {
  charts.get(home)?.drop();
  charts.delete(home);
  home.replaceChildren();
}

const redraw = () => charts.forEach(({ draw }) => draw());
addEventListener("theme", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
