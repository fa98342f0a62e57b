"""The notebook's widget: it answers to digits, draws palindromes, and has a message for what is none."""

import pytest
import torch

from lstm_study import experiments, widgets


@pytest.mark.parametrize("T", [3, 4, 21, 200])
def test_what_is_drawn_can_be_read(T):
    text = widgets.draw(T, seed=1)
    digits = widgets.read(text)
    assert len(digits) == T - 1 and [*digits, digits[0]] == [*digits, digits[0]][::-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12a", "is not a row of digits"),
        ("", "is not a row of digits"),
        ("٣٤", "is not a row of digits"),
        ("1", "expected 2 to 200"),
        ("1" * 201, "expected 2 to 200"),
        ("1234", "no digit after 1234 makes it a palindrome"),
    ],
)
def test_bad_input_gets_a_message(text, message):
    with pytest.raises(ValueError, match=message):
        widgets.read(text)


@pytest.mark.results
def test_the_widget_opens_with_a_palindrome_that_tells_lstm_and_rnn_apart():
    digits = widgets.read(widgets.telling(30))
    said = [experiments.network(name)[0](torch.tensor([digits])).argmax() for name in ("lstm_bistable", "rnn_identity")]
    assert said[0] == digits[0] != said[1]


def test_the_widget_shows_a_picture_for_digits_and_a_message_for_the_rest(recorded, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(widgets, "display", shown.append)
    box = widgets.explorer()
    field = box.children[0].children[0]
    assert len(shown) == 1
    field.value = "72127"[:-1]
    assert len(shown) == 2 and shown[0] is not shown[1]
    field.value = "12x"
    assert len(shown) == 2 and "is not a row of digits" in capsys.readouterr().out
    box.children[1].children[1].click()  # random palindrome
    assert len(shown) == 3 and len(field.value) == 19
