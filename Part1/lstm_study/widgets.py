"""A widget for the notebook: type digits, or draw a random palindrome, and see what LSTM and RNN answer."""

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display

from lstm_study import experiments, inside_figures

LONGEST = 200  # digits; more would only make the picture unreadable


def read(text):
    """The digits of a palindrome without its last, from what was typed; ValueError if it cannot be one."""
    text = "".join(text.split())
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is not a row of digits 0 to 9")
    if not 2 <= len(text) <= LONGEST:
        raise ValueError(f"{len(text)} digit(s) were given; expected 2 to {LONGEST}")
    if text[1:] != text[1:][::-1]:
        raise ValueError(
            f"no digit after {text} makes it a palindrome: without the first digit, it must read the same backwards"
        )
    return [int(digit) for digit in text]


def draw(T, seed=None):
    """A random palindrome of T digits without its last, as text."""
    half = np.random.default_rng(seed).integers(0, 10, (T + 1) // 2).tolist()
    return "".join(map(str, [*half, *half[::-1][T % 2 :]][:-1]))


@torch.no_grad()
def telling(T):
    """The first palindrome a b b ... b a of T digits, without its last, that the shipped LSTM gets right and the RNN
    wrong; a random one if there is none.
    """
    digits = torch.tensor([[a] + [b] * (T - 2) for a in range(10) for b in range(10)])
    lstm, rnn = (experiments.network(name)[0](digits).argmax(1) for name in ("lstm_bistable", "rnn_identity"))
    told = digits[(lstm == digits[:, 0]) & (rnn != digits[:, 0])].tolist()
    return "".join(map(str, told[0])) if told else draw(T, seed=0)


def explorer():
    """The widget: a text field, a button and a length for random palindromes, and the picture or a message."""
    field = widgets.Text(telling(30), description="digits", continuous_update=False, layout={"width": "60%"})
    length = widgets.IntSlider(20, 3, LONGEST + 1, description="T")
    button = widgets.Button(description="random palindrome")
    output = widgets.Output()

    def show(_):
        output.clear_output(wait=True)
        with output:
            try:
                fig = inside_figures.answer(read(field.value))
            except ValueError as error:
                print(error)
                return
            display(fig)
            plt.close(fig)

    field.observe(show, "value")
    button.on_click(lambda _: setattr(field, "value", draw(length.value)))
    show(None)
    return widgets.VBox([widgets.HBox([field]), widgets.HBox([length, button]), output])
