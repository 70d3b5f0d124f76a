(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = Array.from(document.querySelectorAll(".plot"));
  const config = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: false };
  const drawn = new Map();

  function draw(plot) {
    if (drawn.has(plot)) return;
    const { data, layout } = figures[plot.dataset.panel];
    drawn.set(plot, plot.clientWidth);
    Plotly.newPlot(plot, data, { ...layout, width: plot.clientWidth }, config);
  }

  function fit(plot) {
    const width = plot.clientWidth;
    if (width === 0 || drawn.get(plot) === width) return;
    drawn.set(plot, width);
    Plotly.relayout(plot, { width });
  }

  // One at a time, so that the page can be read and scrolled meanwhile.
  function drawFrom(i) {
    if (i === plots.length) {
      document.documentElement.dataset.drawn = "true";
      const observer = new ResizeObserver((entries) => {
        if (!document.documentElement.classList.contains("paper")) {
          entries.forEach((entry) => fit(entry.target));
        }
      });
      plots.forEach((plot) => observer.observe(plot));
      return;
    }
    draw(plots[i]);
    setTimeout(() => drawFrom(i + 1), 0);
  }

  // The page is laid out for paper only after this event: .paper gives it paper's width already.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    document.documentElement.classList.add("paper");
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach((details) => (details.open = true));
    plots.forEach(draw);
    plots.forEach(fit);
  });
  window.addEventListener("afterprint", () => {
    document.documentElement.classList.remove("paper");
    opened.forEach((details) => (details.open = false));
    plots.forEach(fit);
  });

  drawFrom(0);
})();
