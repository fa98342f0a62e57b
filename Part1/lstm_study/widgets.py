"""A widget for the notebook: type digits, or draw a random palindrome, and see what LSTM and RNN answer."""

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

from lstm_study import inside_figures

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


def explorer(text=None):
    """The widget: a text field, a button and a length for random palindromes, and the picture or a message."""
    text = draw(20, seed=0) if text is None else text
    field = widgets.Text(text, description="digits", continuous_update=False, layout={"width": "60%"})
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
