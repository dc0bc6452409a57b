"""The digits task, the IDX format, and files that are rebuilt from a larger one upstream."""

import gzip
import hashlib
import http.server
import struct
import threading

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data import fetch, idx, sources
from seqexp.data.batch import Batch, Split
from seqexp.numerics.rng import Purpose, stream
from seqexp.plots import artifacts
from seqexp.system.errors import UserError
from seqexp.tasks._pictures import mnist_splits
from seqexp.tasks.artifacts import ConfusionMatrix, Images

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def make(**changes):
    settings = {"source": "scikit-learn", "order": "rows", "permuted": False, "split_seed": 0}
    return tasks.create("digits", **(settings | changes))


@pytest.mark.parametrize("order, width", [("rows", 8), ("pixels", 1)])
@pytest.mark.parametrize("permuted", [False, True])
def test_a_batch_shows_the_pictures(order, width, permuted):
    from sklearn.datasets import load_digits

    task = make(order=order, permuted=permuted)
    batch = task.batch(0, "train", 3, 5)
    assert task.shape == tasks.Shape(width, False, 10, "last", "softmax")
    assert (batch.x.shape, batch.x.dtype, batch.target.shape) == ((64 // width, width, 5), np.float32, (5,))
    known = {picture.tobytes(): digit for picture, digit in zip(*load_digits(return_X_y=True), strict=True)}
    for picture, digit in zip(task.picture(batch.x), batch.target, strict=True):
        assert known[(picture * 16).astype(float).ravel().tobytes()] == digit
    flat = batch.x.reshape(64, 5)[:, 0]
    assert np.array_equal(flat, task.picture(batch.x)[0].ravel()) == (not permuted)


def test_pure_and_disjoint():
    one, other = make(), make()
    parts = {}
    for split in SPLITS:
        batches = [one.batch(0, split, index, 64) for index in range(one.batches(split, 64))]
        parts[split] = {picture.tobytes() for batch in batches for picture in one.picture(batch.x)}
        assert len(parts[split]) == sum(batch.size for batch in batches)
        other.batch(1, split, 0, 32)
        assert np.array_equal(batches[1].x, other.batch(0, split, 1, 64).x)
    assert [len(part) for part in parts.values()] == [1439, 179, 179]
    assert len(parts["train"] | parts["val"] | parts["test"]) == 1797
    assert not np.array_equal(one.batch(0, "train", 0, 64).x, one.batch(1, "train", 0, 64).x)
    assert not np.array_equal(one.batch(0, "train", 0, 64).x, one.batch(0, "train", 23, 64).x)  # the next epoch
    with pytest.raises(IndexError, match="digits: test has 3 batches"):
        one.batch(0, "test", 3, 64)


def test_baselines_need_no_memory():
    plain, permuted = make().baselines(), make(permuted=True).baselines()
    assert plain["majority"] == pytest.approx(0.1, abs=0.01)
    assert 0.4 < plain["last row"] < 0.6
    assert 0.3 < permuted["last row"] < 0.8
    assert make(order="pixels").baselines() == plain
    assert (make().primary_metric, make().direction, len(make().fingerprint())) == ("accuracy", "max", 64)


def test_wrong_digits_are_shown_upright(tmp_path):
    task = make(permuted=True)
    scorer = task.scorer()
    for index in range(2):
        batch = task.batch(0, "test", index, 60)
        answers = batch.target.copy()
        answers[::2] = (answers[::2] + 1) % 10
        scorer.add(batch, np.eye(10)[:, answers])
    matrix, images = scorer.artifacts()
    assert isinstance(matrix, ConfusionMatrix)
    assert isinstance(images, Images)
    assert images.pictures.shape == (48, 8, 8)
    first = task.batch(0, "test", 0, 60)
    assert images.captions[0] == f"{first.target[0]} taken for {(first.target[0] + 1) % 10}"
    assert np.array_equal(images.pictures[0], task.picture(first.x)[0])
    assert images.title == "60 of 120 answers are wrong; the first 48"
    assert artifacts.draw(images, tmp_path / images.name).stat().st_size > 5000
    perfect = task.scorer()
    perfect.add(first, np.eye(10)[:, first.target])
    assert [type(artifact) for artifact in perfect.artifacts()] == [ConfusionMatrix]


def test_mnist(data_dir):
    task = make(source="mnist-small", data_dir=str(data_dir))
    assert task.fingerprint() == sources.fingerprint("mnist-small")
    sizes = {split: sum(task.batch(0, split, i, 500).size for i in range(task.batches(split, 500))) for split in SPLITS}
    assert sizes == {"train": 18_000, "val": 2_000, "test": 10_000}
    batch = task.batch(0, "test", 0, 10_000)
    assert batch.x.shape == (28, 28, 10_000)
    assert (batch.x.min(), batch.x.max()) == (0, 1)
    assert np.mean(batch.target == 1) == 0.1135  # the published count of ones: the majority


def idx_file(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_validation_is_the_end_of_the_training_pictures():
    pictures = stream(0, Purpose.DATA).integers(256, size=(2100, 4, 4), dtype=np.uint8)
    digits = np.arange(2100) % 10
    whole, labels, splits, fingerprint = mnist_splits(pictures, digits, pictures[:30], digits[:30], "f")
    assert [splits[split][[0, -1]].tolist() for split in SPLITS] == [[0, 99], [100, 2099], [2100, 2129]]
    assert (len(whole), len(labels), fingerprint) == (2130, 2130, "f")
    with pytest.raises(UserError, match="as many labels as pictures"):
        mnist_splits(pictures, digits[:-1], pictures[:30], digits[:30], "f")


def test_idx_files(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx_file(array)))
    assert np.array_equal(idx.read(path), array)
    assert idx.first(idx_file(array), 3) == idx_file(array[:3])
    assert idx.first(idx_file(array), 9) == idx_file(array)
    for content in (b"", b"\0\0\x0d\x01" + bytes(8), idx_file(array)[:-1], idx_file(array)[:9]):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(UserError, match=r"a\.gz: expected a gzipped IDX file"):
            idx.read(path)
    path.write_bytes(b"no gzip")
    with pytest.raises(UserError, match=r"a\.gz: expected a gzipped IDX file"):
        idx.read(path)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serves one file on this machine; the catalogue says that ``mini/first2.gz`` is its first two records."""
    array = np.arange(40, dtype=np.uint8).reshape(5, 8)
    reply = {"body": gzip.compress(idx_file(array))}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply["body"])))
            self.end_headers()
            self.wfile.write(reply["body"])

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    source = sources.Rebuilt(
        f"http://127.0.0.1:{server.server_port}/all.gz",
        hashlib.sha256(idx_file(array[:2])).hexdigest(),
        upstream_sha256=hashlib.sha256(idx_file(array)).hexdigest(),
        records=2,
    )
    monkeypatch.setitem(sources.FILES, "mini", {"first2.gz": source})
    yield array, reply, tmp_path
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_file_is_rebuilt_from_the_one_upstream(served):
    array, reply, folder = served
    path = fetch.locate(folder, "mini", "first2.gz")
    assert np.array_equal(idx.read(path), array[:2])
    reply["body"] = b""  # nobody asks again
    path.write_bytes(gzip.compress(idx_file(array[:2]), compresslevel=1))  # packed by another: the same content
    assert fetch.locate(folder, "mini", "first2.gz") == path
    path.write_bytes(gzip.compress(idx_file(array[:3])))
    with pytest.raises(UserError, match=r"expected SHA-256 .*; delete the file"):
        fetch.locate(folder, "mini", "first2.gz")


@pytest.mark.parametrize("spoil", [lambda body: body[:-9], lambda body: b"no gzip", lambda body: gzip.compress(b"x")])
def test_a_wrong_upstream_file_leaves_nothing(served, spoil):
    _, reply, folder = served
    reply["body"] = spoil(reply["body"])
    with pytest.raises(UserError, match="has a wrong SHA-256"):
        fetch.locate(folder, "mini", "first2.gz")
    assert not list(folder.glob("mini/*"))


def test_scores_of_an_unmasked_batch_count_every_column():
    scorer = make().scorer()
    scorer.add(Batch(np.zeros((8, 8, 3), np.float32), np.array([1, 2, 3])), np.eye(10)[:, [1, 2, 4]])
    assert scorer.metrics()["accuracy"] == pytest.approx(2 / 3)
