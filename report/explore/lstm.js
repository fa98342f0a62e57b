// Section 1: three recurrent networks read a palindrome.
const LONGEST = 60, FARTHEST = 960, TRIES = 50; // T of what is typed, and of what "Longer" makes; palindromes tried
const MAPS = { i: "i, input gate: what to write", f: "f, forget gate: what to keep", o: "o, output gate: what to show",
  g: "g, the candidate to write", c: "tanh(c), the memory", h: "h, what is shown" };
const MINUS = [0, 114, 178], ZERO = 247, PLUS = [213, 94, 0], OPEN = [0, 71, 58]; // colours
const NETWORKS = ["lstm_bistable", "lstm_chrono", "rnn_identity"], packOf = (id) => $(`pack-${id}`).dataset;
const networks = {}, traces = {}; // traces: what happened at each step, and the answer p after it
let half = "", text = "", order = [], step = 1, unit = 19; // text: what is read, the palindrome without its last digit

const pause = () => new Promise((done) => setTimeout(() => done(performance.now())));
const percent = (p) => (p < 0.995 ? `${Math.round(100 * p)}%` : ">99%");
const likeliest = (p) => p.indexOf(Math.max(...p));
const random = (n) => Array.from({ length: n }, () => Math.floor(10 * Math.random())).join("");
const mirrored = (left, T) => (left + [...left].reverse().join("").slice(T % 2)).slice(0, -1); // an odd T has a middle
const chosen = () => document.querySelector("[name=network]:checked").value;

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A canvas of so many pixels; `colour` gives red, green and blue of the k-th, row by row. */
function picture(width, height, colour) {
  const image = new ImageData(width, height), canvas = make("canvas", { width, height });
  for (let k = 0; k < width * height; k++) image.data.set([...colour(k), 255], 4 * k);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Ten bars; returns the highest. `right` is the true digit if there is one. */
function drawBars(element, p, right) {
  const top = likeliest(p), kind = right === undefined ? "top" : top === right ? "top right" : "top wrong";
  element.replaceChildren(...p.map((height, digit) =>
    make("span", { className: digit === top ? kind : "" }, make("i", { style: `--p: ${height}` }), `${digit}`)));
  element.ariaLabel = `Probabilities: ${p.map((height, digit) => `${digit} ${percent(height)}`).join(", ")}`;
  return top;
}

/** Lets the networks read a palindrome, given its first half; a message says what is wrong with that. */
function read(typed, limit = LONGEST / 2, T = 0) {
  const all = typed.replace(/\s/g, ""), bad = all.match(/[^0-9]/u), cut = all.length > limit;
  $("message").textContent = bad ? `“${bad[0]}” is not a digit: use 0 to 9. The page keeps the digits below.`
    : cut ? `Cut: only the first ${limit} of ${all.length.toLocaleString("en")} digits are used.`
    : all ? "" : "Type a digit. The page keeps those below.";
  $("digits").ariaInvalid = Boolean(bad || !all);
  if (bad || !all) return;
  $("digits").value = half = all.slice(0, limit);
  text = mirrored(half, T || 2 * half.length);
  for (const id of NETWORKS) {
    traces[id] = [...steps(networks[id], [[...text].map(Number)])];
    for (const now of traces[id]) now.p = softmax(readout(networks[id], now.h));
  }
  $("length").value = $("length-value").value = text.length + 1;
  $("longer").disabled = text.length + 1 >= FARTHEST;
  $("step").max = step = text.length;
  drawMaps();
}

/** Shows the moment after `at` digits, and the values of the unit in row `row` of the pictures. */
function moveTo(at, row) {
  [step, unit, $("step").value, $("unit").value] = [at, row, at, row + 1];
  $("step-value").value = `${step} of ${text.length}`;
  const right = Number(text[0]), first = Math.max(0, Math.min(step - 30, text.length - 59)); // 59 digits fit
  $("tape").replaceChildren(text.slice(first, step - 1), make("mark", {}, text[step - 1]),
    make("span", {}, text.slice(step, first + 59)), make("b", {}, `${right}`));
  for (const id of NETWORKS) {
    const { p } = traces[id][step - 1], top = drawBars($(`bars-${id}`), p, right), good = top === right;
    const [className, verdict] = good ? ["right", "right ✓"] : ["wrong", `wrong ✗, it is ${right}`];
    $(`says-${id}`).replaceChildren(`answers ${top} (${percent(p[top])}), `, make("b", { className }, verdict));
  }
  $("maps").style = `--t: ${(step - 0.5) / text.length}; --u: ${(unit + 0.5) / H}`;
  const { p, ...values } = traces[chosen()][step - 1], show = (value) => value.toFixed(2).replace("-", "−");
  $("values").value = `Step ${step} reads ${text[step - 1]}. Row ${unit + 1} of ${H}: `
    + Object.keys(values).map((name) => `${name} = ${show(values[name][order[unit]])}`).join(", ");
}

/** A picture of each quantity of the chosen network: a column a step, a row a unit. */
function drawMaps() {
  const trace = traces[chosen()], { c, h } = trace.at(-1), last = c ?? h, T = trace.length;
  order = [...last.keys()].sort((a, b) => last[b] - last[a]);
  $("inside-text").textContent = packOf(chosen()).about;
  $("maps").replaceChildren(...[...(c ? "ifogch" : "h")].map((name) => {
    const gate = "ifo".includes(name), canvas = picture(T, H, (k) => {
      const value = trace[k % T][name][order[Math.floor(k / T)]], v = name === "c" ? Math.tanh(value) : value;
      return (gate ? OPEN : v < 0 ? MINUS : PLUS).map((end) => ZERO + (end - ZERO) * Math.abs(v));
    });
    const part = (offset, size, n) => Math.max(0, Math.min(n - 1, Math.floor((offset / size) * n)));
    canvas.onpointerdown = canvas.onpointermove = ({ offsetX, offsetY }) =>
      moveTo(1 + part(offsetX, canvas.clientWidth, T), part(offsetY, canvas.clientHeight, H));
    const scale = make("span", { className: gate ? "scale gate" : "scale" }, gate ? "0" : "−1", make("i"), "1");
    return make("div", {}, make("p", {}, MAPS[name], scale), make("div", { className: "plot" }, canvas));
  }));
  moveTo(step, unit);
}

/** Doubles the palindrome, and tries the networks on others of the new length; the page can move meanwhile. */
async function longer() {
  const T = Math.min(FARTHEST, 2 * text.length + 2), { rows } = $("survey").tBodies[0];
  read(half.slice(0, T / 2) + random(T / 2 - half.length), T / 2);
  const row = $("survey").tBodies[0].appendChild(make("tr", {}, make("th", { scope: "row" }, `${T}`)));
  for (const id of NETWORKS) {
    let right = 0, since = performance.now(), last;
    for (let tried = 0; tried < TRIES; tried += 5) {
      const five = Array.from({ length: 5 }, () => [...mirrored(random(T / 2), T)].map(Number));
      for (last of steps(networks[id], five)) if (performance.now() - since > 12) since = await pause();
      const p = readout(networks[id], last.h), answer = (k) => likeliest(p.subarray(10 * k, 10 * k + 10));
      right += five.filter((digits, k) => answer(k) === digits[0]).length;
    }
    const [mark, className] = right === TRIES ? ["✓", "right"] : ["✗", "wrong"];
    row.append(make("td", { className }, `${right} ${mark}`));
  }
  const failed = [...rows].find((each) => each.cells[3]?.className === "wrong")?.cells[0].textContent;
  $("survey-text").textContent = failed ? `The plain RNN begins to fail at T = ${failed}.`
    : "The plain RNN has made no mistake so far. Press Longer again.";
}

for (const id of NETWORKS) {
  networks[id] = unpack(id);
  const radio = { type: "radio", name: "network", value: id, checked: id === NETWORKS[0], onchange: drawMaps };
  const trained = make("small", {}, `trained at T = ${packOf(id).trained}`), says = make("span", { id: `says-${id}` });
  const bars = make("div", { id: `bars-${id}`, className: "bars", role: "img" }), { title } = packOf(id);
  $("cards").append(make("label", { className: "card" }, make("input", radio), ` ${title}`, trained, bars, says));
  $("survey").tHead.rows[0].append(make("th", { scope: "col" }, title));
}
$("digits").oninput = () => read($("digits").value);
$("length").oninput = $("random").onclick = () => read(random(Math.ceil($("length").value / 2)), 30, $("length").value);
$("longer").onclick = longer;
$("step").oninput = $("unit").oninput = () => moveTo(Number($("step").value), Number($("unit").value) - 1);
$("random").click();
