"use strict";
// The forward passes: typed arrays and plain loops. A batch is one array, item after item.

const H = 128; // units of each recurrent network
const $ = (id) => document.getElementById(id);
const FLOAT16 = Float32Array.from({ length: 65536 }, (_, bits) => { // the number that 16 bits stand for
  const exponent = (bits >> 10) & 31, fraction = (bits & 1023) + (exponent ? 1024 : 0);
  return (bits >> 15 ? -1 : 1) * fraction * 2 ** (Math.max(exponent, 1) - 25);
});

/** The tensors of a pack: {name: Float32Array}. One of 8-bit integers has a float16 scale for each row in front. */
function unpack(id) {
  const { dataset, textContent } = $(`pack-${id}`), text = atob(textContent), bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  let at = 0, tensors = {};
  for (const [name, rows, columns, kind] of JSON.parse(dataset.tensors)) {
    const size = rows * columns, scaled = kind === "int8";
    const floats = new Uint16Array(bytes.buffer, at, scaled ? rows : size);
    const integers = new Int8Array(bytes.buffer, at + floats.byteLength, scaled ? size : 0);
    const value = (k) => (scaled ? integers[k] * FLOAT16[floats[Math.floor(k / columns)]] : FLOAT16[floats[k]]);
    tensors[name] = new Float32Array(size).map((_, k) => value(k));
    at += floats.byteLength + integers.byteLength;
  }
  return tensors;
}

/** W x + b for each of n items, five at a time: each weight that is fetched serves five products. */
function linear(W, b, x, n) {
  const rows = b.length, columns = x.length / n, out = new Float32Array(n * rows);
  if (n === 1) return linear(x, new Float32Array(1), W, rows).map((sum, row) => sum + b[row]); // the rows as items
  for (let item = 0; item < n; item += 5) {
    const [p, q, r, s, t] = [0, 1, 2, 3, 4].map((k) => Math.min(item + k, n - 1) * columns); // the last one may repeat
    for (let row = 0, from = 0; row < rows; row++, from += columns) {
      let P = b[row], Q = P, R = P, S = P, T = P;
      for (let k = 0; k < columns; k++) {
        const w = W[from + k];
        P += w * x[p + k], Q += w * x[q + k], R += w * x[r + k], S += w * x[s + k], T += w * x[t + k];
      }
      const at = item * rows + row; // beyond the end, a typed array ignores what is written
      out[at] = P, out[at + rows] = Q, out[at + 2 * rows] = R, out[at + 3 * rows] = S, out[at + 4 * rows] = T;
    }
  }
  return out;
}

function softmax(logits) {
  const powers = Array.from(logits, (p) => Math.exp(p - Math.max(...logits)));
  return powers.map((p) => p / powers.reduce((a, b) => a + b));
}

/** Yields {h} of an RNN, {g, i, f, o, c, h} of an LSTM, after each digit of n rows of digits of one length. */
function* steps(net, digits) {
  const n = digits.length, sigmoid = (a) => 1 / (1 + Math.exp(-a));
  let h = new Float32Array(n * H), c = new Float32Array(n * H); // h(0) = c(0) = 0
  for (let t = 0; t < digits[0].length; t++) {
    const input = (gate) => linear(net[`W_${gate}h`], net[`b_${gate}`], h, n)
      .map((a, k) => a + net[`W_${gate}x`][10 * (k % H) + digits[Math.floor(k / H)][t]]); // a one-hot x picks a column
    if (!net.W_gh) yield { h: (h = input("h").map(Math.tanh)) };
    else {
      const g = input("g").map(Math.tanh), [i, f, o] = [..."ifo"].map((gate) => input(gate).map(sigmoid)); // (1)-(4)
      c = c.map((before, k) => g[k] * i[k] + before * f[k]); // (5)
      h = c.map((now, k) => Math.tanh(now) * o[k]); // (6)
      yield { g, i, f, o, c, h };
    }
  }
}

const readout = (net, h) => linear(net.W_ph, net.b_p, h, h.length / H); // (7)

/** z, n vectors of 100 numbers -> n images of 784 pixels in [-1, 1]. BatchNorm is folded into the weights. */
function generate(G, z) {
  let x = z;
  for (let layer = 0; layer < 5; layer++) {
    x = linear(G[`W${layer}`], G[`b${layer}`], x, z.length / 100);
    x = x.map(layer === 4 ? Math.tanh : (a) => (a > 0 ? a : 0.2 * a));
  }
  return x;
}

/** A convolution with padding as one matrix product: an item a place, channels innermost. */
function convolve(C, name, x, side, size, stride) {
  const channels = x.length / side ** 2, width = Math.ceil(side / stride), pad = size >> 1;
  const patches = new Float32Array(width ** 2 * size ** 2 * channels);
  for (let place = 0, to = 0; place < width ** 2; place++)
    for (let tap = 0; tap < size ** 2; tap++, to += channels) {
      const row = Math.floor(place / width) * stride + Math.floor(tap / size) - pad;
      const column = (place % width) * stride + (tap % size) - pad;
      if (Math.min(row, column) < 0 || Math.max(row, column) >= side) continue;
      for (let k = 0; k < channels; k++) patches[to + k] = x[(row * side + column) * channels + k];
    }
  return linear(C[`${name}.W`], C[`${name}.b`], patches, width ** 2);
}

/** GELU of scale x + shift, in its usual approximation by tanh (Hendrycks and Gimpel 2016). */
function gelu(C, name, x) {
  const scale = C[`${name}.scale`], shift = C[`${name}.shift`];
  return x.map((value, k) => {
    const a = value * scale[k % scale.length] + shift[k % scale.length];
    return 0.5 * a * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a ** 3)));
  });
}

/** An image of 784 pixels -> the ten logits of the report's classifier, a residual network. */
function classify(C, image) {
  let x = image, side = 28;
  for (const [stage, size] of [5, 5, 3].entries()) {
    x = convolve(C, `down${stage}`, x, side, size, 2);
    side = Math.ceil(side / 2);
    const added = ["a", "b"].reduce((y, half) => convolve(C, half + stage, gelu(C, half + stage, y), side, 3, 1), x);
    x = x.map((value, k) => value + added[k]);
  }
  const mean = new Float32Array(128);
  gelu(C, "last", x).forEach((value, k) => (mean[k % 128] += value / side ** 2));
  return linear(C["head.W"], C["head.b"], mean, 1);
}
