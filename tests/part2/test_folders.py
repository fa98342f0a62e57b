"""Trainings as commands: apart from what is published, one process at a time, killed, resumed, out of space."""

import json
import os
import resource
import signal
import time
from functools import partial

import pytest
import torch
from common import ROOT, Command, forked, python
from conftest import copied

import artifacts
import my_gan
import recipes
from checkpoint import Folder, unseal
from gan_study import trainings

TINY = ("--dataset", "digits", "--n_epochs", "1", "--save_interval", "10")
FLAGS = ("--dataset", "digits", "--n_epochs", "5", "--save_interval", "40")


def out_of(part2):
    (out,) = (path for path in (part2 / "runs").iterdir() if path.is_dir())
    return out


def record(out):
    return json.loads((out / "training.jsonl").read_text())


def start(part2, *flags):
    """The command, once it trains."""
    process = Command("my_gan.py", *flags, cwd=part2)
    assert any("training on" in line for line in process.stdout)
    return process


@pytest.mark.slow
def test_a_try_is_apart_from_what_is_published_and_is_not_repeated(part2):
    done = forked("my_gan.py", *TINY, cwd=part2)
    assert done.returncode == 0, done.stderr
    out = out_of(part2)
    assert {path.name for path in out.iterdir()} == {".lock", "training.jsonl", "images", "mnist_generator.pt"}
    assert {path.name for path in (out / "images").iterdir()} == {f"{n}.png" for n in (1, 10, 11, 20, 23)}
    assert not any((part2 / name).exists() for name in ("images", "results", "mnist_generator.pt"))
    my_gan.Generator().load_state_dict(torch.load(out / "mnist_generator.pt", weights_only=True))
    assert str(out / "mnist_generator.pt") in done.stdout and "epoch 1/1" in done.stdout
    (out / "notes.txt").write_text("mine")
    (out / "checkpoint.pt").write_bytes(b"left by a process that was killed when it had finished")
    again = forked("my_gan.py", *TINY, cwd=part2)
    assert again.returncode == 0 and "epoch 1/1" not in again.stdout and not (out / "checkpoint.pt").exists()
    assert "epoch 1/1" in forked("my_gan.py", *TINY, "--retrain", cwd=part2).stdout
    assert (out / "notes.txt").read_text() == "mine"  # what is the user's stays
    (out / "mnist_generator.pt").write_bytes(b"damaged")
    assert "epoch 1/1" in forked("my_gan.py", *TINY, cwd=part2).stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted training's folder."""
    part2 = copied(tmp_path_factory.mktemp("whole"))
    done = forked("my_gan.py", *FLAGS, cwd=part2)
    assert done.returncode == 0, done.stderr
    return out_of(part2)


def is_the_same(out, whole):
    """Whether two trainings ended in the same generator, bit for bit, the same pictures and the same curves."""
    a, b = (torch.load(folder / "mnist_generator.pt", weights_only=True) for folder in (out, whole))
    pictures = [sorted((folder / "images").iterdir()) for folder in (out, whole)]
    curves = [record(folder)["history"] for folder in (out, whole)]
    assert not (out / "checkpoint.pt").exists()
    return (
        a.keys() == b.keys()
        and all(torch.equal(a[name], b[name]) for name in a)
        and [path.read_bytes() for path in pictures[0]] == [path.read_bytes() for path in pictures[1]]
        and all(curves[0][name] == curves[1][name] for name in ("batches_done", "loss_D", "loss_G", "D_x", "D_G_z"))
    )


@pytest.mark.slow
def test_three_kills_change_nothing(part2, whole):
    """kill -9 at once, while a checkpoint is being written, and a while after one; then to the end."""
    out = part2 / "runs" / whole.name
    for kill in ("at once", "in the middle of writing", "later"):
        process = start(part2, *FLAGS, "--resume")
        if kill == "in the middle of writing":
            while process.poll() is None and not list(out.glob(".checkpoint-*")):
                time.sleep(0.0005)
        elif kill == "later":
            while process.poll() is None and not (out / "checkpoint.pt").exists():
                time.sleep(0.01)
            time.sleep(0.3)
        process.kill()
        process.communicate()
        if (out / "checkpoint.pt").exists():
            unseal(out / "checkpoint.pt")  # never half-written
    refused = forked("my_gan.py", *FLAGS, cwd=part2)  # neither --resume nor --retrain: nothing is thrown away
    assert refused.returncode != 0 and "--resume continues it" in refused.stderr
    done = forked("my_gan.py", *FLAGS, "--resume", cwd=part2)
    assert done.returncode == 0, done.stderr
    assert is_the_same(out, whole) and [path.name for path in out.glob(".*")] == [".lock"]


@pytest.mark.slow
@pytest.mark.parametrize(("stop", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_keeps_what_was_trained_and_says_how_to_go_on(part2, whole, stop, word):
    out = part2 / "runs" / whole.name
    process = start(part2, *FLAGS)
    assert any("epoch 1/" in line for line in process.stdout)
    process.send_signal(stop)
    _, error = process.communicate()
    assert process.returncode != 0 and word in error and "--resume continues it" in error
    assert len(error.strip().splitlines()) == 1 and str(out) in error
    assert forked("my_gan.py", *FLAGS, "--resume", cwd=part2).returncode == 0
    assert is_the_same(out, whole)


@pytest.mark.slow
def test_a_second_process_is_told_that_the_first_is_running(part2):
    endless = ("--dataset", "digits", "--n_epochs", "100000")
    process = start(part2, *endless)
    try:
        second = forked("my_gan.py", *endless, cwd=part2)
    finally:
        process.kill()
        process.communicate()
    assert second.returncode != 0 and "another process is running this training" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_changed_discriminator_is_not_resumed(part2):
    """Interrupted, then resumed after a change of a recipe's own network: refused, as the code is another."""
    process = start(part2, *FLAGS)
    assert any("epoch 1/" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    process.communicate()
    networks = part2 / "gan_study" / "networks.py"
    networks.write_text(networks.read_text().replace("images + 1)", "images + 2)"))
    resumed = forked("my_gan.py", *FLAGS, "--resume", cwd=part2)
    assert resumed.returncode != 0 and "made with other settings or other code" in resumed.stderr
    assert "--retrain starts it over" in resumed.stderr and (out_of(part2) / "checkpoint.pt").exists()


@pytest.mark.slow
def test_a_nan_leaves_the_last_good_state(part2):
    """Images that turn NaN in the third epoch: one message, and the checkpoint of the second is kept."""
    broken = """
import sys, my_gan
from checkpoint import artifacts
ask, calls = my_gan.mnist.normalise, [0]
def normalise(images):
    calls[0] += 1
    return ask(images) * (float('nan') if calls[0] > 60 else 1)
my_gan.mnist.normalise = normalise
artifacts.script(lambda: my_gan.main(['--dataset', 'digits', '--n_epochs', '5']), 'my_gan.py')
"""
    done = forked("-c", broken, cwd=part2)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "not finite" in done.stderr and "the state after the last whole epoch is kept in" in done.stderr
    state = unseal(out_of(part2) / "checkpoint.pt")
    assert state["at"]["epoch"] == 2 and all(value.isfinite().all() for value in state["G"].values())


@pytest.mark.slow
def test_a_divergence_in_the_first_epoch_does_not_promise_a_state(part2):
    done = forked("my_gan.py", *TINY, "--lr", "1e30", cwd=part2)
    assert done.returncode == 1 and "nothing is kept" in done.stderr and "Traceback" not in done.stderr
    assert not (out_of(part2) / "checkpoint.pt").exists()


@pytest.mark.slow
def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(part2):
    """A limit on the size of files stands for the full disk."""
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (2**20, 2**20))
    done = forked("my_gan.py", *TINY, cwd=part2, prepare=limit)
    assert done.returncode == 1 and done.stderr.startswith("my_gan.py: ") and "Traceback" not in done.stderr
    assert {path.name for path in out_of(part2).iterdir()} == {"images", ".lock"}


def test_strangers_among_the_images_are_left_alone(tmp_path):
    work = Folder(tmp_path, recipes.asdict(recipes.OURS), my_gan.perform)
    for name in ("images/1.png", "images/holiday.png", "checkpoint.pt", "mnist_generator.pt", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    work.clear()
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"images/holiday.png", "notes.txt"}


@pytest.mark.slow
@pytest.mark.results
def test_toys_never_replace_what_is_published():
    before = {path: path.stat().st_mtime_ns for path in (ROOT / "Part2" / "results").iterdir()}
    smoke = os.environ | {"SMOKE": "1"}
    for command in (("my_gan.py", "--retrain"), ("-m", "gan_study", "all")):
        done = forked(*command, cwd=ROOT / "Part2", env=smoke)
        assert done.returncode != 0 and "holds real results, which SMOKE=1 would replace" in done.stderr, command
        assert "training on" not in done.stdout and "Traceback" not in done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (ROOT / "Part2" / "results").iterdir()}


@pytest.mark.results
def test_three_lines_say_what_is_published():
    done = python("my_gan.py", cwd=ROOT / "Part2")
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0 and len(lines) == 3, done.stderr
    assert "mnist_generator.pt" in lines[0] and "images/" in lines[0] and "python -m gan_study interpolate" in lines[1]
    assert "--retrain (it took" in lines[2] and "--n_epochs 5" in lines[2]


@pytest.mark.results
def test_a_resumed_command_with_nothing_to_resume_trains_nothing_and_an_unfinished_training_is_said(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(recipes, "HERE", tmp_path)
    my_gan.main(["--resume"])
    assert "up to date" in capsys.readouterr().out
    out = recipes.folder(recipes.OURS)
    out.mkdir(parents=True)
    (out / "checkpoint.pt").touch()
    my_gan.main([])
    assert f"it is being trained again in {out}: python my_gan.py --resume" in capsys.readouterr().out


@pytest.mark.results
@pytest.mark.parametrize("content", [None, b"half of it"])
def test_a_damaged_generator_is_an_error_and_no_reason_to_train(monkeypatch, tmp_path, content):
    for path in (ROOT / "Part2").glob("images/*.png"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "published.jsonl").write_bytes((ROOT / "Part2/results/published.jsonl").read_bytes())
    if content:
        (tmp_path / "mnist_generator.pt").write_bytes(content)
    there = artifacts.Results(tmp_path / "results", trainings.RESULTS.experiments, "python -m gan_study {}")
    monkeypatch.setattr(trainings, "RESULTS", there)
    with pytest.raises(artifacts.ArtifactError, match=r"mnist_generator\.pt.*git checkout.*my_gan\.py --retrain"):
        my_gan.main([])
    (tmp_path / "mnist_generator.pt").write_bytes((ROOT / "Part2/mnist_generator.pt").read_bytes())
    assert trainings.is_published()


@pytest.mark.slow
def test_an_edited_result_is_refused(part2):
    assert forked("my_gan.py", *TINY, cwd=part2).returncode == 0
    path = out_of(part2) / "training.jsonl"
    path.write_text(path.read_text().replace('"batches_done": [23]', '"batches_done": [24]'))
    done = forked("my_gan.py", *TINY, cwd=part2)
    assert done.returncode != 0 and "was changed after it was written" in done.stderr
    with pytest.raises(artifacts.ArtifactError, match="restore the file"):
        Folder(path.parent, recipes.asdict(recipes.OURS), my_gan.perform).finished()
