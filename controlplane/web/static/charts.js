// Charts: uPlot over the data that stands in the page. Colours come from the style sheet, gaps stay gaps.
(() => {
  "use strict";
  if (!window.uPlot) return;

  const REFRESH = 15000;
  const made = new Map();

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const trim = (value, digits) => String(Number(value.toFixed(digits)));

  const big = (value) => {
    if (Math.abs(value) >= 1e6) return `${trim(value / 1e6, 1)} M`;
    if (Math.abs(value) >= 1e4) return `${trim(value / 1e3, 1)} k`;
    return trim(value, Math.abs(value) < 10 ? 1 : 0);
  };
  const seconds = (value) => {
    if (value !== 0 && value < 1) return `${trim(value * 1000, 0)} ms`;
    return value < 120 ? `${trim(value, 1)} s` : `${trim(value / 60, 1)} min`;
  };
  const units = {
    count: (v) => trim(v, 1),
    ratio: (v) => `${trim(v * 100, 0)} %`,
    seconds,
    per_second: (v) => `${trim(v, 2)} /s`,
    tokens: big,
    tokens_per_second: big,
    bytes: (v) => `${trim(v / 2 ** 30, 1)} GiB`,
    dollars_per_hour: (v) => `$${v.toFixed(2)}`,
    dollars_per_million_tokens: (v) => `$${v.toFixed(2)}`,
  };
  const say = (unit, value) => (value == null ? "unknown" : units[unit](value));

  // A finding is a shade behind the lines; a limit runs across; a change is a mark with its words.
  const backdrop = (spec) => (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = css("warn-weak");
    for (const [begin, end] of spec.shades) {
      const left = plot.valToPos(begin, "x", true);
      ctx.fillRect(left, bbox.top, Math.max(plot.valToPos(end, "x", true) - left, 2), bbox.height);
    }
    ctx.restore();
  };

  const words = (ctx, said, x, y, colour, align) => {
    ctx.font = `${10.5 * devicePixelRatio}px ${css("sans")}`;
    ctx.textAlign = align;
    ctx.textBaseline = "alphabetic";
    ctx.lineJoin = "round";
    ctx.lineWidth = 3 * devicePixelRatio;
    ctx.strokeStyle = css("panel");
    ctx.strokeText(said, x, y);
    ctx.fillStyle = colour;
    ctx.fillText(said, x, y);
  };

  const foreground = (spec) => (plot) => {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const right = bbox.left + bbox.width;
    ctx.save();
    ctx.lineWidth = ratio;
    for (const [value, said, tone] of spec.across) {
      const y = plot.valToPos(value, "y", true);
      if (y < bbox.top || y > bbox.top + bbox.height) continue;
      ctx.strokeStyle = css(tone);
      ctx.lineWidth = ratio;
      ctx.setLineDash([4 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(right, y);
      ctx.stroke();
      ctx.setLineDash([]);
      const under = y - bbox.top < 14 * ratio;
      words(ctx, said, right, y + (under ? 12 : -4) * ratio, css(tone), "right");
    }
    for (const [at, said] of spec.marks) {
      const x = plot.valToPos(at, "x", true);
      if (x < bbox.left || x > right) continue;
      ctx.strokeStyle = css("accent");
      ctx.setLineDash([]);
      ctx.lineWidth = 1.5 * ratio;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const flip = x - bbox.left < 60 * ratio;
      words(ctx, said, x + (flip ? 4 : -4) * ratio, bbox.top + 10 * ratio, css("accent"), flip ? "left" : "right");
    }
    ctx.restore();
  };

  const series = (line) => ({
    label: line.label,
    stroke: () => css(line.colour),
    width: 1.6,
    dash: line.dash ? [2, 3] : undefined,
    paths: line.step ? uPlot.paths.stepped({ align: 1 }) : undefined,
    spanGaps: false,
    points: { show: (plot, i, from, to) => to - from < 3, size: 4 },
  });

  const top = (spec) => (_plot, _low, high) => {
    if (spec.top) return [0, spec.top];
    const reach = Math.max(high ?? 0, ...spec.across.filter(([, , tone]) => tone === "bad").map(([value]) => value));
    return [0, reach > 0 ? reach * 1.12 : 1];
  };

  const axis = () => ({
    stroke: () => css("ink-3"),
    font: `10.5px ${css("sans")}`,
    grid: { stroke: () => css("line"), width: 1 },
    ticks: { show: false },
  });

  const hhmm = (at) => at.toISOString().slice(11, 16);
  const time = (_plot, splits) => splits.map((at, i) => {
    const date = new Date(at * 1000);
    const before = i ? new Date(splits[i - 1] * 1000) : date;
    if (date.getUTCDate() !== before.getUTCDate() || (i && at - splits[i - 1] >= 86400)) {
      return `${date.getUTCDate()} ${date.toLocaleString("en", { month: "short", timeZone: "UTC" })}`;
    }
    return hhmm(date);
  });

  // The legend shows the newest values, or those under the cursor.
  const follow = (box, spec) => (plot) => {
    const cells = document.querySelectorAll(`#legend-${CSS.escape(box.dataset.chart)} b`);
    const at = plot.cursor.idx;
    cells.forEach((cell, i) => {
      cell.textContent = at == null ? spec.legend[i] : say(spec.unit, plot.data[i + 1][at]);
    });
  };

  const draw = (box, spec) => {
    box.replaceChildren();
    const height = box.clientHeight;
    const options = {
      width: box.clientWidth,
      height,
      padding: [8, 14, 0, 0],
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: {
        sync: { key: "page" },
        drag: { x: false, y: false },
        y: false,
        points: { size: 6 },
      },
      scales: { x: { time: true, range: () => spec.span }, y: { range: top(spec) } },
      axes: [
        { ...axis(), grid: { show: false }, size: 24, gap: 4, space: 70, values: time },
        { ...axis(), size: 50, gap: 6, space: 32, values: (_plot, splits) => splits.map((v) => say(spec.unit, v)) },
      ],
      series: [{}, ...spec.lines.map(series)],
      hooks: { drawClear: [backdrop(spec)], draw: [foreground(spec)], setCursor: [follow(box, spec)] },
    };
    return new uPlot(options, [spec.at, ...spec.lines.map((line) => line.values)], box);
  };

  const known = (spec) => spec.lines.some((line) => line.values.some((value) => value != null));
  const legendOf = (id) => [...document.querySelectorAll(`#legend-${CSS.escape(id)} b`)].map((cell) => cell.textContent);

  const show = (box, spec) => {
    made.get(box)?.destroy();
    made.set(box, draw(box, spec));
    box.spec = spec;
  };

  const boxes = () => document.querySelectorAll("[data-chart]");
  const start = () => {
    for (const box of boxes()) {
      const id = box.dataset.chart;
      const spec = JSON.parse(document.getElementById(`data-${id}`).textContent);
      spec.legend = legendOf(id);
      if (known(spec)) show(box, spec);
    }
  };

  const again = () => { for (const [box] of made) show(box, box.spec); };

  const refresh = async () => {
    const source = document.querySelector("[data-series]")?.dataset.series;
    if (!source || document.hidden) return;
    try {
      const answer = await fetch(source, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const fresh = await answer.json();
      for (const box of boxes()) {
        const spec = fresh[box.dataset.chart];
        if (!spec || !known(spec) || box.matches(":hover")) continue;
        document.querySelectorAll(`#legend-${CSS.escape(spec.id)} b`).forEach((cell, i) => {
          cell.textContent = spec.legend[i];
        });
        show(box, spec);
      }
    } catch { /* the frame says that the service does not answer */ }
  };

  start();
  document.fonts?.ready.then(again);
  new ResizeObserver(() => {
    for (const [box, plot] of made) {
      if (plot.width !== box.clientWidth) plot.setSize({ width: box.clientWidth, height: box.clientHeight });
    }
  }).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  setInterval(refresh, REFRESH);
})();
