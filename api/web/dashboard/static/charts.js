// Draws every element with `data-chart`, and draws it again when its data or the theme changes.
"use strict";
(() => {
  const drawn = new WeakMap();
  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };

  const formats = {
    count: (v) => (v === null || v === undefined ? "–" : Number(v).toLocaleString("en", { maximumFractionDigits: 1 })),
    seconds: (v) => {
      if (v === null || v === undefined) return "–";
      if (v < 100) return `${Number(v).toFixed(v < 10 ? 1 : 0)} s`;
      return v < 3600 ? `${Math.round(v / 60)} min` : `${(v / 3600).toFixed(1)} h`;
    },
    dollars: (v) => (v === null || v === undefined ? "–" : `$${Number(v).toFixed(v && v < 1 ? 3 : 2)}`),
  };

  function options(plot, chart) {
    const line = colour("--line"), dim = colour("--dim");
    const hues = [colour("--accent"), colour("--series-2"), colour("--bad")];
    const format = formats[chart.unit] ?? formats.count;
    const axis = { stroke: dim, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const day = chart.step >= 86400;
    const time = (seconds) => {
      const iso = new Date(seconds * 1000).toISOString();
      return day ? iso.slice(5, 10) : iso.slice(11, 16);
    };
    return {
      width: plot.clientWidth,
      height: plot.clientHeight - 26,
      cursor: { drag: { x: false, y: false }, points: { size: 6 } },
      legend: { live: true },
      scales: { x: { time: true }, y: { range: (_u, _low, high) => [0, Math.max(high || 0, chart.min_scale) * 1.08] } },
      axes: [
        { ...axis, values: (_u, ticks) => ticks.map(time), space: 62, size: 26 },
        { ...axis, values: (_u, ticks) => ticks.map(format), size: 50, space: 34, incrs: chart.unit === "count" ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000] : undefined },
      ],
      series: [
        { label: "UTC", value: (_u, v) => (v === null || v === undefined ? "–" : time(v)) },
        ...chart.series.map((name, n) => ({
          label: name,
          stroke: hues[n % hues.length],
          width: chart.bars ? 0 : 1.75,
          fill: n === 0 && !chart.bars ? hues[0].replace("rgb(", "rgba(").replace(")", ", 0.10)") : chart.bars ? hues[n] : undefined,
          paths: chart.bars ? uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
          points: { show: false },
          value: (_u, v) => format(v),
        })),
      ],
    };
  }

  function draw(plot, force) {
    const text = plot.dataset.chart;
    const known = drawn.get(plot);
    if (known && !force && known.text === text) return;
    const chart = JSON.parse(text);
    if (known && !force && known.names === chart.series.join()) {
      known.text = text;
      known.minScale = chart.min_scale;
      known.plot.setData(chart.data);
      return;
    }
    known?.plot.destroy();
    plot.replaceChildren();
    const plotted = new uPlot(options(plot, chart), chart.data, plot);
    drawn.set(plot, { plot: plotted, text, names: chart.series.join() });
  }

  const all = (force) => document.querySelectorAll("[data-chart]").forEach((plot) => draw(plot, force));
  let width = 0;
  const resized = () => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    all(true);
  };
  document.addEventListener("DOMContentLoaded", () => { width = document.body.clientWidth; all(false); });
  document.addEventListener("htmx:after:swap", () => all(false));
  window.addEventListener("resize", resized);
  document.addEventListener("bottega:theme", () => all(true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(true));
})();
