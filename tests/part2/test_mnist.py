"""MNIST's download and verification, against a server on this machine that holds four small files in MNIST's format."""

import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest

from dataset import mnist


def idx(array):
    """An array in MNIST's IDX format."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def files(monkeypatch):
    """name -> content of the four files; mnist.py and torchvision are told their checksums."""
    rng = np.random.default_rng(0)
    files = {}
    for stem, n in (("train", 20), ("t10k", 10)):
        files[f"{stem}-images-idx3-ubyte"] = idx(rng.integers(0, 256, (n, 28, 28)))
        files[f"{stem}-labels-idx1-ubyte"] = idx(rng.integers(0, 10, n))
    monkeypatch.setattr(mnist, "MD5", {name: hashlib.md5(content).hexdigest() for name, content in files.items()})
    packed = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]
    monkeypatch.setattr(mnist.MNIST, "resources", resources)
    return files


@pytest.fixture
def server(files, monkeypatch):
    """A local server of the packed files; `behaviour` may be "serve", "truncate" or "hang"; `asked` lists requests."""
    packed = {f"/{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}
    released = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        behaviour, asked = "serve", []

        def do_GET(self):
            self.asked.append(self.path)
            if self.behaviour == "hang":
                released.wait(30)
                return
            content = packed[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if self.behaviour == "truncate" else content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        monkeypatch.setattr(mnist.MNIST, "mirrors", [f"http://127.0.0.1:{running.server_port}/"])
        Handler.url = f"http://127.0.0.1:{running.server_port}/"
        yield Handler
        released.set()
        running.shutdown()


def raw(root):
    return root / "MNIST" / "raw"


def test_download_verifies_and_loads(tmp_path, files, server):
    images, labels = mnist.load("mnist", "train", tmp_path)
    assert images.numpy().tobytes() == files["train-images-idx3-ubyte"][16:] and images.shape == (20, 28, 28)
    assert labels.numpy().astype(np.uint8).tobytes() == files["train-labels-idx1-ubyte"][8:]
    assert len(mnist.load("mnist", "test", tmp_path)[0]) == 10
    assert sorted(path.name for path in raw(tmp_path).iterdir()) == sorted(files)
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]  # no debris
    n_requests = len(server.asked)
    mnist.download(tmp_path)
    assert len(server.asked) == n_requests  # nothing is asked for once all is there


@pytest.mark.parametrize("content", [b"", b"not MNIST", None])
def test_a_wrong_or_missing_file_is_replaced_and_the_right_ones_are_kept(tmp_path, files, server, content, capsys):
    raw(tmp_path).mkdir(parents=True)
    for name, right in files.items():
        (raw(tmp_path) / name).write_bytes(right)
    kept, bad = raw(tmp_path) / "train-images-idx3-ubyte", raw(tmp_path) / "t10k-labels-idx1-ubyte"
    then = kept.stat().st_mtime_ns
    bad.unlink() if content is None else bad.write_bytes(content)
    mnist.download(tmp_path)
    assert bad.read_bytes() == files[bad.name] and kept.stat().st_mtime_ns == then
    said = capsys.readouterr().out
    assert bad.name in said and ("missing" if content is None else hashlib.md5(content).hexdigest()) in said


def fails(tmp_path, files):
    """The message of the DataError that the download ends with; nothing half-written is left."""
    with pytest.raises(mnist.DataError) as error:
        mnist.load("mnist", "train", tmp_path)
    message = str(error.value)
    assert all(name in message for name in files) and all(md5 in message for md5 in mnist.MD5.values())
    assert str(raw(tmp_path)) in message and "--data_root" in message and "--dataset digits" in message
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    return message


def test_a_truncated_download_is_refused(tmp_path, files, server):
    server.behaviour = "truncate"
    fails(tmp_path, files)


def test_a_hanging_server_is_given_up(tmp_path, files, server, monkeypatch):
    server.behaviour = "hang"
    monkeypatch.setattr(mnist, "TIMEOUT", 0.5)
    fails(tmp_path, files)


def test_no_network_says_what_to_do(tmp_path, files, monkeypatch):
    monkeypatch.setattr(mnist.MNIST, "mirrors", ["http://127.0.0.1:9/"])  # nobody listens there
    assert "refused" in fails(tmp_path, files)


def test_files_that_a_server_changed_are_refused(tmp_path, files, server, monkeypatch):
    monkeypatch.setattr(mnist, "MD5", dict.fromkeys(mnist.MD5, "0" * 32))
    assert "not MNIST's" in fails(tmp_path, files)


def test_a_data_root_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(mnist.DataError, match=r"--data_root .*nowhere is not a folder"):
        mnist.load("mnist", "train", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_digits_need_no_download(monkeypatch):
    monkeypatch.setattr(mnist, "download", None)
    images, labels = mnist.load("digits", "train")
    assert images.shape == (1500, 28, 28) and str(images.dtype) == "torch.uint8" and int(images.max()) == 255
    assert sorted(set(labels.tolist())) == list(range(10))
    assert len(mnist.load("digits", "test")[0]) == 297
