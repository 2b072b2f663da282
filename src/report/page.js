"use strict";
// What a chart says of the place that is pointed at, or that is reached with the arrow keys.
const marks = JSON.parse(document.getElementById("marks").textContent);
for (const chart of document.querySelectorAll(".chart")) {
  const tip = document.createElement("div");
  const dot = document.createElement("div");
  tip.className = "tip";
  dot.className = "dot";
  tip.setAttribute("role", "status");
  tip.hidden = dot.hidden = true;
  chart.append(dot, tip);
  for (const svg of chart.querySelectorAll("svg")) {
    const own = (marks[chart.id] || {})[svg.classList.contains("narrow") ? "narrow" : "wide"] || [];
    let at = -1;
    const show = (nth) => {
      at = nth;
      const box = svg.getBoundingClientRect();
      const scale = box.width / svg.viewBox.baseVal.width;
      const [x, y, text] = own[nth];
      tip.hidden = dot.hidden = false;
      tip.textContent = text;
      dot.style.left = x * scale + "px";
      dot.style.top = y * scale + "px";
      // Beside the place, on the side that has room; never outside the chart.
      const right = x * scale + 14 + tip.offsetWidth <= chart.clientWidth;
      const left = right ? x * scale + 14 : x * scale - 14 - tip.offsetWidth;
      tip.style.left = Math.max(0, Math.min(left, chart.clientWidth - tip.offsetWidth)) + "px";
      tip.style.top = Math.max(0, y * scale - tip.offsetHeight - 8) + "px";
    };
    const hide = () => {
      at = -1;
      tip.hidden = dot.hidden = true;
    };
    const point = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale;
      const y = (event.clientY - box.top) * scale;
      let nearest = -1;
      let least = 60 ** 2;
      own.forEach(([markX, markY], nth) => {
        const far = (markX - x) ** 2 + (markY - y) ** 2;
        // Of what lies in one place, what is drawn last and so on top.
        if (far <= least) {
          least = far;
          nearest = nth;
        }
      });
      if (nearest < 0) hide();
      else show(nearest);
    };
    if (!own.length) continue;
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    // A finger that is lifted leaves in sight what it pointed at, until it touches something else.
    svg.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") hide();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!chart.contains(event.target)) hide();
    });
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") hide();
      if (!step) return;
      event.preventDefault();
      show((at + step + own.length + (at < 0 && step < 0 ? 1 : 0)) % own.length);
    });
  }
}
