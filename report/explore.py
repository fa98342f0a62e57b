"""The page that needs nothing: both trained networks, live, in one file that opens by a double click.

    python report/explore.py            writes report/explore.html
    python report/explore.py --check    exit status 1, with the command, if that file is missing or stale

report/explore/ holds the readable sources. Here the trained weights are put into them, and some sample grids of the
GAN's training, the table of results and a figure. Weights are rounded to float16, and BatchNorm is folded into the
generator's matrices. The largest matrices of the classifier are rounded to 8 bits with a scale for each row, as all of
it would not fit in float16. The same inputs give the same bytes.
"""

import argparse
import base64
import html
import itertools
import json
import re
from pathlib import Path

import numpy as np
import torch

import artifacts
import readme

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OUTPUT, SOURCES, GENERATED = HERE / "explore.html", HERE / "explore", HERE / "generated"
RECURRENT = {  # name of the weights: title, and what to look for in its pictures
    "lstm_bistable": (
        "LSTM, bistable",
        "Before training, each cell is set up to hold a sign, plus or minus, for good. In tanh(c), the rows take their "
        "colours within the first digits and keep them; the forget gate f stays at 1.",
    ),
    "lstm_chrono": (
        "LSTM, chrono",
        "Before training, the forget gates get time spans of many lengths. In f and tanh(c), some rows hold a value "
        "through all digits, while others come and go.",
    ),
    "rnn_identity": (
        "Plain RNN, identity",
        "It has no gates. Before training, its state h is that of the step before, plus the new digit. Rows of a "
        "steady colour carry the first digit; others follow the latest one.",
    ),
}
WEIGHTS = ROOT / "Part1" / "results"  # of the three recurrent networks
GENERATOR = ROOT / "Part2" / "mnist_generator.pt"
CLASSIFIER = ROOT / "Part2" / "results" / "classifier_reporting.pt"
GRIDS = ROOT / "Part2" / "images"
FIGURE = GENERATED / "part1" / "lengths.svg"  # accuracy against T; its caption is in readme.json beside it
SCRIPTS = ("networks.js", "lstm.js", "gan.js")
COMMAND = "python report/explore.py"
LIMIT = 6_000_000  # bytes
FRAMES = 24  # of the film
EIGHT_BITS = ("down2.W", "a2.W", "b2.W")  # seven tenths of the classifier's weights; rounding others changes more
BN_EPS = 1e-5


def load(path):
    """The tensors of a .pt file as float64 NumPy arrays; ArtifactError if it cannot be read."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        return {name: tensor.double().numpy() for name, tensor in state.items()}
    except Exception as error:  # torch.load raises many kinds
        raise artifacts.ArtifactError(f"{path} cannot be read ({error!r:.200}); ./run_all.sh makes it") from error


def folded_generator(state):
    """{"W0": ..., "b0": ..., ...}: five linear layers. In eval mode BatchNorm is one too: s (W x + b - mean) + beta."""
    layers = {}
    for number, (linear, norm) in enumerate(((0, None), (2, 3), (5, 6), (8, 9), (11, None))):
        W, b = state[f"net.{linear}.weight"], state[f"net.{linear}.bias"]
        if norm:
            scale, shift = affine(state, f"net.{norm}")
            W, b = W * scale[:, None], b * scale + shift
        layers |= {f"W{number}": W, f"b{number}": b}
    return layers


def affine(state, norm):
    """(scale, shift) of a BatchNorm layer in eval mode."""
    scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + BN_EPS)
    return scale, state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale


def flat_classifier(state):
    """The residual classifier's tensors under the page's names; convolutions as matrices, channels innermost."""
    found = {"head.W": state["head.weight"], "head.b": state["head.bias"]}
    found["last.scale"], found["last.shift"] = affine(state, "body.6")

    def convolution(name, layer):
        W = state[f"{layer}.weight"]  # (out, in, rows, columns)
        found[f"{name}.W"] = W.transpose(0, 2, 3, 1).reshape(len(W), -1)
        found[f"{name}.b"] = state.get(f"{layer}.bias", np.zeros(len(W)))

    for stage in range(3):
        convolution(f"down{stage}", f"body.{2 * stage}")
        for half, norm in (("a", 0), ("b", 3)):
            block = f"body.{2 * stage + 1}.net"
            found[f"{half}{stage}.scale"], found[f"{half}{stage}.shift"] = affine(state, f"{block}.{norm}")
            convolution(f"{half}{stage}", f"{block}.{norm + 2}")
    return found


def pack(name, tensors, eight_bits=(), **data):
    """The tensors as an element that networks.js unpacks: their names, sizes and kinds, and the numbers in base64."""
    described, content = [], b""
    for key, tensor in tensors.items():
        matrix = tensor.reshape(len(tensor), -1)
        small = key in eight_bits
        described.append([key, *matrix.shape, "int8" if small else "float16"])
        if small:
            scale = (np.abs(matrix).max(1) / 127).astype("<f2")
            content += scale.tobytes()
            matrix = np.clip(np.rint(matrix / scale.astype(float)[:, None]), -127, 127).astype("i1")
        else:
            matrix = matrix.astype("<f2")
            if not np.isfinite(matrix).all():
                raise artifacts.ArtifactError(f"{name}: {key} does not fit into float16")
        content += matrix.tobytes()
    return element(name, encode(content), tensors=json.dumps(described, separators=(",", ":")), **data)


def element(name, text, **data):
    """A text that the scripts read, as an element of the page, `data` being its attributes."""
    attributes = "".join(f' data-{key}="{html.escape(str(value))}"' for key, value in data.items())
    return f'<script type="text/plain" id="pack-{name}"{attributes}>{text}</script>'


def encode(content):
    return base64.b64encode(content).decode()


def recurrent(name):
    """The pack of a recurrent network, and with it the palindromes' length T in its training."""
    title, about = RECURRENT[name]
    weights = load(WEIGHTS / f"{name}.pt")
    shipped = artifacts.Results(WEIGHTS, {}, "python -m lstm_study {}").records("shipped")
    if name not in shipped:
        raise artifacts.ArtifactError(f"no result in {WEIGHTS} is of {name}.pt; make it with: ./run_all.sh part1")
    return pack(name, weights, trained=shipped[name]["config"]["T"], title=title, about=about)


def frames():
    """The batches whose sample grids are shown: the first, halfway and last, others at geometric steps between."""
    saved = sorted(int(path.stem) for path in GRIDS.glob("*.png"))
    if len(saved) < 3:
        raise artifacts.ArtifactError(f"{GRIDS} holds {len(saved)} sample grids; make them with: ./run_all.sh part2")
    wanted = np.geomspace(saved[1], saved[-1], FRAMES - 2)
    return sorted({saved[0], saved[-1] // 2} | {min(saved, key=lambda batch: abs(batch - at)) for at in wanted})


def film():
    """The sample grids as they are shipped: [[batch, PNG in base64], ...]."""
    pictures = [[batch, encode((GRIDS / f"{batch}.png").read_bytes())] for batch in frames()]
    return element("film", json.dumps(pictures), middle=pictures[-1][0] // 2)


def rows():
    """The main results, [[measured, result], ...]: each Part's own, or what README.md shows of them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if all((GENERATED / part / "readme.json").exists() for part in ("part1", "part2")):
        text = "\n" + readme.results(GENERATED)
    lines = itertools.takewhile(lambda line: line.startswith("|"), text.partition("\n| measured |")[2].splitlines()[2:])
    return [[cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def inline(text):
    """A cell's few marks, of Markdown and of mathematics, as HTML."""
    text = html.escape(text, quote=False)
    for pattern, tag in ((r"\*\*(.+?)\*\*", "b"), (r"\*(.+?)\*", "em"), (r"`(.+?)`", "code"), (r"\$(.+?)\$", "i")):
        text = re.sub(pattern, rf"<{tag}>\1</{tag}>", text)
    return text


def table():
    lines = [f'<tr><th scope="row">{inline(what)}</th><td>{inline(result)}</td></tr>' for what, result in rows()]
    return "\n".join(lines)


def figure():
    """Accuracy against T as SVG inside the page; without the file, as the page has it now; empty if neither."""
    if not FIGURE.exists():
        old = OUTPUT.read_text(encoding="utf-8") if OUTPUT.exists() else ""
        found = re.search(r"<!-- figure -->\n(.*?)\n<!-- end of figure -->", old, re.DOTALL)
        return found[1] if found else ""
    svg = FIGURE.read_text(encoding="utf-8")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL).strip()
    svg = svg.replace("<svg", '<svg role="img" aria-labelledby="race-caption"', 1)
    caption = json.loads(FIGURE.with_name("readme.json").read_text(encoding="utf-8"))["figure"]
    return f'<figure>{svg}<figcaption id="race-caption">{caption}</figcaption></figure>'


def build():
    """The whole page; ArtifactError if an input is missing or the page too large."""
    page = (SOURCES / "page.html").read_text(encoding="utf-8")
    classifier = pack("classifier", flat_classifier(load(CLASSIFIER)), EIGHT_BITS)
    weights = [*map(recurrent, RECURRENT), film(), pack("generator", folded_generator(load(GENERATOR))), classifier]
    parts = {
        "/* style */": (SOURCES / "style.css").read_text(encoding="utf-8"),
        "/* script */": "".join((SOURCES / name).read_text(encoding="utf-8") for name in SCRIPTS),
        "<!-- weights -->": "\n".join(weights),
        "<!-- table -->": table(),
        "<!-- figure -->": f"<!-- figure -->\n{figure()}\n<!-- end of figure -->",
    }
    for mark, content in parts.items():
        if page.count(mark) != 1:
            raise artifacts.ArtifactError(f"{SOURCES / 'page.html'} has {mark} {page.count(mark)} times; expected once")
        page = page.replace(mark, content)
    if len(page.encode()) > LIMIT:
        raise artifacts.ArtifactError(f"{OUTPUT.name} would have {len(page.encode()):,} bytes; at most {LIMIT:,}")
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether explore.html is up to date")
    args = parser.parse_args()
    page = build()
    if not args.check:
        with artifacts.atomic(OUTPUT) as temporary:
            temporary.write_text(page, encoding="utf-8")
        print(f"wrote {OUTPUT}, {len(page.encode()):,} bytes")
    elif OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == page:
        print(f"{OUTPUT} is up to date")
    else:
        raise artifacts.ArtifactError(f"{OUTPUT} is missing or stale; make it with: {COMMAND}")


if __name__ == "__main__":
    artifacts.script(main, "explore.py")
