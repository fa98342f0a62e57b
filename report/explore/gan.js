// Section 2: the generator draws, the classifier looks.
const SURE = 0.99, IMAGES = 9; // as in the report: how sure the classifier is of a path's ends; images of a path
const NAMES = ["from", "to"], ends = []; // the noise vectors A and B
let G, C, samples = [], next = 0, playing = 0;

const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const noise = (n) => Float32Array.from({ length: 100 * n }, normal);
const grey = (pixels) => picture(28, 28, (k) => Array(3).fill(127.5 * (pixels[k] + 1)));
const size = (z) => Math.hypot(...z);

/** A list of images: the noise z, the pixels, and a button that shows them and what the classifier says. */
function draw(z) {
  const pixels = generate(G, z);
  return Array.from({ length: z.length / 100 }, (_, k) => {
    const own = pixels.subarray(784 * k, 784 * k + 784), says = make("span", {}, "…");
    return { z: z.slice(100 * k, 100 * k + 100), pixels: own, button: make("button", {}, grey(own), says) };
  });
}

/** What the classifier sees in an image: ten probabilities, the likeliest digit and how sure it is. */
function look({ pixels, button }) {
  const p = softmax(classify(C, pixels)), digit = likeliest(p), sure = p[digit];
  button.lastChild.textContent = `${digit}\n${percent(sure)}`;
  button.ariaLabel = `a ${digit}, ${percent(sure)} sure`;
  return { p, digit, sure };
}

/** 25 new images; a pressed one becomes A, the next B, and so on. */
async function newGrid() {
  const started = performance.now(), mine = (samples = draw(noise(25)));
  $("grid").replaceChildren(...mine.map(({ button }) => button));
  $("noise-text").textContent = `25 images in ${Math.round(performance.now() - started)} ms`;
  for (const { z, button } of mine)
    button.onclick = () => {
      [ends[next], $(NAMES[next]).value, next] = [z, "picked", 1 - next];
      drawPath();
    };
  for (const image of mine) if (samples === mine) look(image, await pause());
}

/** Draws noise until the wanted digits come up and the classifier is sure of them. */
async function findEnds() {
  $("path-text").textContent = "Looking for images …";
  for (const [end, name] of NAMES.entries())
    for (let wanted = Number($(name).value); wanted === Number($(name).value); await pause()) { // never if "picked"
      const [image] = draw(noise(1)), { digit, sure } = look(image);
      if (digit === wanted && sure >= SURE) [ends[end], wanted] = [image.z, "found"];
    }
  drawPath();
}

/** The noise at `alpha` between A (0) and B (1). */
function between(alpha) {
  const [a, b] = ends, cosine = a.reduce((sum, value, k) => sum + value * b[k], 0) / size(a) / size(b);
  const omega = Math.acos(Math.min(1, cosine)), straight = $("linear").checked || omega < 1e-3;
  const [u, v] = [1 - alpha, alpha].map((part) => (straight ? part : Math.sin(part * omega) / Math.sin(omega)));
  return a.map((value, k) => u * value + v * b[k]);
}

/** The nine images of the path, and the one at alpha. */
function drawPath() {
  if (!ends[0] || !ends[1]) return;
  for (const { z, button } of samples) button.dataset.end = z === ends[0] ? "A" : z === ends[1] ? "B" : "";
  const all = Array.from({ length: IMAGES }, (_, k) => [...between(k / (IMAGES - 1))]).flat();
  $("strip").replaceChildren(...draw(Float32Array.from(all)).map((image, k) => {
    image.button.lastChild.textContent = look(image).digit;
    image.button.onclick = () => drawBetween(($("alpha").value = k / (IMAGES - 1)));
    return image.button;
  }));
  drawBetween();
}

function drawBetween() {
  const alpha = Number($("alpha").value), [image] = draw(between(alpha)), { p, digit, sure } = look(image);
  $("large").replaceChildren(grey(image.pixels));
  drawBars($("verdict"), p);
  $("alpha-value").value = alpha.toFixed(2);
  const length = `This z has length ${size(image.z).toFixed(1)}; random ones have about 10.`;
  $("path-text").textContent = `The classifier sees a ${digit} (${percent(sure)}). ${length}`;
  [...$("strip").children].forEach((each, k) => (each.ariaCurrent = Math.round(alpha * (IMAGES - 1)) === k));
}

/** The film of the training: a picture of 25 images for each of some batches. */
function startFilm() {
  const film = JSON.parse($("pack-film").textContent), last = film.length - 1, { middle } = $("pack-film").dataset;
  const marks = { start: 0, middle: film.findIndex(([batch]) => batch === Number(middle)), end: last };
  const show = (moment) => {
    const [batch, png] = film[moment], mark = Object.keys(marks).find((name) => marks[name] === moment);
    $("frame").src = `data:image/png;base64,${png}`;
    $("moment").value = moment;
    $("moment-value").value = `batch ${batch.toLocaleString("en")}${mark ? `, the ${mark}` : ""}`;
    $("moment").ariaValueText = $("frame").alt = `25 images after ${$("moment-value").value}`;
  };
  $("play").onclick = () => {
    const forward = () => show((Number($("moment").value) + 1) % film.length);
    playing = playing ? clearInterval(playing) : setInterval(forward, 350);
    $("play").textContent = playing ? "Pause" : "Play";
  };
  $("moment").max = last;
  $("moment").oninput = () => show(Number($("moment").value));
  for (const mark in marks) $("marks").append(make("button", { onclick: () => show(marks[mark]) }, mark));
  show(last);
}

async function startDrawing() {
  for (const [end, name] of NAMES.entries()) {
    $(name).append(...["picked", ...Array(10).keys()].map((value) => make("option", { value }, `${value}`)));
    Object.assign($(name), { value: [3, 8][end], onchange: findEnds });
  }
  startFilm();
  await pause();
  [G, C] = [unpack("generator"), unpack("classifier")];
  $("noise").disabled = $("again").disabled = false;
  [$("noise").onclick, $("again").onclick] = [newGrid, findEnds];
  await newGrid();
  await findEnds();
  $("alpha").oninput = drawBetween;
  $("linear").onchange = $("spherical").onchange = drawPath;
}
startDrawing();
