// What browser.py tells of a page.
const box = (element) => element.getBoundingClientRect();
const shown = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility === "visible";
const all = (css, root = document) => [...root.querySelectorAll(css)];
const count = (css) => all(css).length;

const svg = (one) => {
  const frame = box(one);
  const outside = (text) => {
    const { left, top, right, bottom } = box(text);
    return left < frame.left - 1 || top < frame.top - 1 || right > frame.right + 1 || bottom > frame.bottom + 1;
  };
  const texts = all("text", one);
  return {
    narrow: one.classList.contains("narrow"),
    shown: shown(one),
    width: frame.width,
    height: frame.height,
    label: one.getAttribute("aria-label"),
    texts: texts.map((text) => text.textContent),
    outside: shown(one) ? texts.filter(outside).map((text) => text.textContent) : [],
  };
};

// Colours, and how well a text stands out from what lies under it (WCAG 2).
const rgba = (colour) => {
  const parts = colour.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
  return colour === "none" ? [0, 0, 0, 0] : [...parts.slice(0, 3), parts[3] ?? 1];
};
const over = (top, bottom) => bottom.map((part, at) => top[at] * top[3] + part * (1 - top[3]));
const luminance = (colour) => {
  const [r, g, b] = colour.map((part) => ((part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const fill = (element) => {
  const style = getComputedStyle(element);
  if (!(element instanceof SVGElement)) return rgba(style.backgroundColor);
  if (element.tagName !== "rect") return [0, 0, 0, 0];
  const colour = rgba(style.fill);
  colour[3] *= style.opacity * style.fillOpacity;
  return colour;
};
const contrast = (text, range) => {
  const owner = text.parentElement;
  const { left, top, width, height } = range.getBoundingClientRect();
  // What has been scrolled out of a box lies on whatever its parents are.
  const ancestors = [];
  for (let element = owner; element; element = element.parentElement) ancestors.push(element);
  const here = document.elementsFromPoint(left + width / 2, top + height / 2);
  const layers = (here.includes(owner) ? here.slice(here.indexOf(owner)) : ancestors).map(fill);
  const paper = layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  const style = getComputedStyle(owner);
  const ink = over(rgba(owner instanceof SVGElement ? style.fill : style.color), paper);
  const [darker, lighter] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
  return { text: text.data.trim().slice(0, 80), ratio: (lighter + 0.05) / (darker + 0.05), ink, paper };
};
const contrasts = () => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    if (walk.currentNode.data.trim() && range.getClientRects().length && shown(walk.currentNode.parentElement)) {
      found.push(contrast(walk.currentNode, range));
    }
  }
  return found.sort((a, b) => a.ratio - b.ratio);
};

const root = document.documentElement;
const ways = contrasts();
const scrolls = (element) => element && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
return {
  title: document.title,
  headings: all("h1, h2, h3").map((heading) => heading.textContent),
  charts: all(".chart").map((chart) => ({
    id: chart.id,
    svgs: all("svg", chart).map(svg),
    caption: chart.parentElement.querySelector("figcaption")?.textContent,
  })),
  tables: all("table").map((table) => all("tr", table).map((row) => all("th, td", row).map((cell) => cell.textContent.trim()))),
  lists: all("li").map((item) => item.textContent),
  pre: all("pre").map((text) => text.textContent),
  text: document.body.innerText,
  width: { scroll: document.scrollingElement.scrollWidth, client: root.clientWidth, inner: innerWidth },
  sticking_out: all("main *").filter((e) => shown(e) && box(e).right > root.clientWidth + 1 && !scrolls(e.parentElement)).map((e) => `${e.tagName}.${e.className?.baseVal ?? e.className}`),
  scrolled: all(".wide").filter((e) => shown(e) && e.scrollWidth > e.clientWidth + 1).map((e) => [e.textContent.slice(0, 40), e.scrollWidth, e.clientWidth]),
  elements: Object.fromEntries([...new Set(all("*").map((e) => e.tagName.toLowerCase()))].map((name) => [name, count(name)])),
  handlers: all("*").flatMap((e) => e.getAttributeNames()).filter((name) => name.startsWith("on")),
  pwned: typeof window.pwned !== "undefined",
  ids: all("[id]").map((element) => element.id),
  texts: ways.length,
  faint: ways.slice(0, 5),
  paper: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.body).color,
  entries: performance.getEntriesByType("resource").map((entry) => entry.name),
};
