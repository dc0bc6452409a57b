"""Files and their hashes, tables, and text as ids."""

import gzip
import hashlib
import io
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import rich.console

from seqexp.data import fetch, labelled_files, sources, splits, text
from seqexp.data.labelled_files import Columns
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError

CONTENT = b"a good film .\n" * 5000
COLUMNS = Columns("text", "label")
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/good, /wrong (other bytes), /half (closes early), /silent (never answers), anything else 404."""

    release = threading.Event()

    def do_GET(self):
        if self.path == "/silent":
            self.release.wait(10)
        elif self.path in ("/good", "/wrong", "/half"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            body = CONTENT.replace(b"good", b"evil") if self.path == "/wrong" else CONTENT
            self.wfile.write(body[: len(body) // 2] if self.path == "/half" else body)
        else:
            self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Handler.release.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def publish(monkeypatch):
    """Puts toy/toy.txt into the catalogue at the given address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetch, "TIMEOUT_SECONDS", 0.5)
    return lambda url: monkeypatch.setitem(sources.FILES, "toy", {"toy.txt": sources.Source(url, SHA256)})


def test_downloads_a_missing_file_once(server, publish, tmp_path):
    publish(server + "/good")
    path = fetch.locate(tmp_path / "new", "toy", "toy.txt")
    assert path == tmp_path / "new" / "toy" / "toy.txt"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    publish("http://127.0.0.1:9/unused")
    assert fetch.locate(str(tmp_path / "new"), "toy", "toy.txt") == path


def test_the_bar_of_a_download_is_gone_from_the_terminal_afterwards(server, publish, tmp_path, monkeypatch):
    publish(server + "/good")
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    console = rich.console.Console(file=terminal, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(rich.console, "Console", lambda stderr: console)
    fetch.locate(tmp_path, "toy", "toy.txt")
    shown, erased, behind = terminal.getvalue().rpartition("\x1b[1A\x1b[2K")  # a line up, and empty it
    assert "good" in shown
    assert "70.0/70.0 kB" in shown
    assert erased
    assert not behind


@pytest.mark.parametrize(
    ("page", "said"),
    [("/wrong", SHA256), ("/half", "failed"), ("/silent", "failed"), ("/gone", "404")],
)
def test_a_failed_download_says_what_to_put_where(server, publish, tmp_path, page, said):
    publish(server + page)
    with pytest.raises(UserError) as caught:
        fetch.locate(tmp_path, "toy", "toy.txt")
    message = str(caught.value)
    assert "\n" not in message
    assert server + page in message
    assert str(tmp_path / "toy" / "toy.txt") in message
    assert said in message
    assert list((tmp_path / "toy").iterdir()) == []  # not even half a file


def test_offline(publish, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        publish(f"http://127.0.0.1:{unused.getsockname()[1]}/toy.txt")
        with pytest.raises(UserError, match=r"toy\.txt failed .*put it at exactly that path"):
            fetch.locate(tmp_path, "toy", "toy.txt")


def test_a_data_dir_that_cannot_be_written_to(publish, tmp_path):
    publish("http://127.0.0.1:9/toy.txt")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"data_dir: .*SEQEXP_DATA_DIR"):
        fetch.locate(tmp_path / "file", "toy", "toy.txt")


def test_hashes_a_file_once_but_notices_a_change(publish, tmp_path, monkeypatch):
    publish("http://127.0.0.1:9/toy.txt")
    path = tmp_path / "toy" / "toy.txt"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    hashed = []
    sha256 = fetch.sha256

    def counted(path):
        hashed.append(path)
        return sha256(path)

    monkeypatch.setattr(fetch, "sha256", counted)
    for _ in range(3):
        fetch.locate(tmp_path, "toy", "toy.txt")
    assert hashed == [path]
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match=rf"toy\.txt: expected SHA-256 {SHA256}, got {sha256(path)}"):
        fetch.locate(tmp_path, "toy", "toy.txt")


def test_a_plain_file_is_kept_compressed(server, publish, tmp_path, monkeypatch):
    publish(server + "/good")
    source = sources.Source(server + "/good", SHA256, gzipped=True)
    monkeypatch.setitem(sources.FILES, "toy", {"toy.txt.gz": source})
    path = fetch.locate(tmp_path, "toy", "toy.txt.gz")
    assert gzip.decompress(path.read_bytes()) == CONTENT
    for other in (gzip.compress(b"other"), b"no gzip", gzip.compress(CONTENT)[:-9]):
        path.write_bytes(other)
        with pytest.raises(UserError, match=f"expected SHA-256 {SHA256} inside the gzip, got"):
            fetch.locate(tmp_path, "toy", "toy.txt.gz")


def test_where_data_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQEXP_DATA_DIR", str(tmp_path))
    assert fetch.default_data_dir() == tmp_path
    monkeypatch.setenv("SEQEXP_DATA_DIR", "")
    assert "seqexp" in fetch.default_data_dir().parts


def test_the_catalogue_is_that_of_the_files(data_dir):
    for dataset, files in sources.FILES.items():
        for file, source in files.items():
            assert fetch.locate(data_dir, dataset, file).parts[-2:] == (dataset, file)
            assert source.url.startswith("https://")


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'id,text,label\n1,"well, good",yes\n\n2,"so ""so""\nbad",no\n3, fine ,maybe\n'),
        ("t.csv", '\ufeffid,text,label\r\n1,"well, good",yes\r\n2,"so ""so""\nbad",no\r\n3,fine,maybe\r\n'),
        (
            "t.jsonl",
            '{"text": "well, good", "label": "yes"}\n\n{"label": "no", "text": "so \\"so\\"\\nbad", "n": []}\n'
            '{"text": "fine", "label": "maybe"}',
        ),
    ],
)
def test_reads_tables(tmp_path, name, content):
    table = labelled_files.read(written(tmp_path, name, content), COLUMNS)
    assert table.texts == ("well, good", 'so "so"\nbad', "fine")
    assert table.labels == ("yes", "no", "maybe")


def test_labels_of_json_may_be_any_scalar(tmp_path):
    path = written(tmp_path, "t.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": false}\n')
    assert labelled_files.read(path, COLUMNS).labels == ("1", "false")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "id,review,label\n1,a,x\n", r"t\.csv:1: .*'text' \(task\.text_column\).* 'id', 'review', 'label'"),
        ("t.csv", "text,stars\na,x\n", r"t\.csv:1: .*'label' \(task\.label_column\).* 'text', 'stars'"),
        ("t.csv", "text,label,text\na,x,b\n", r"t\.csv:1: .*'text' is there 2 times"),
        ("t.csv", "", r"t\.csv: expected rows"),
        ("t.csv", "text,label\n", r"t\.csv: expected rows"),
        ("t.csv", b"text,label\nfine,x\nna\xefve,y\n", r"t\.csv:3: expected UTF-8; byte 20 of the file, 0xef"),
        ("t.csv", b"\xef\xbb\xbftext,label\nna\xefve,y\n", r"t\.csv:2: expected UTF-8; byte 16 of the file, 0xef"),
        ("t.csv", 'text,label\n"a\nb",x\nc,d,y\n', r"t\.csv:4: malformed row, expected 2 fields .*, got 3"),
        ("t.csv", 'text,label\na,x\n"b,y\nc,x\n', r"t\.csv:3: malformed row .*quotation mark"),
        ("t.csv", "text,label\na,x\n" + "b" * 1_000_001 + ",y\n", r"t\.csv:3: malformed row .*field larger"),
        ("t.csv", "text,label\na,x\n ,y\n", r"t\.csv:3: expected a text in column 'text', got nothing"),
        ("t.csv", "text,label\na,x\nb,\n", r"t\.csv:3: expected a label in column 'label', got nothing"),
        ("t.jsonl", '{"text": "a", "label": "x"}\n{"text": "b"}\n', r"t\.jsonl:2: .*'label'.* there are 'text'"),
        ("t.jsonl", '{"text": "a", "label": "x"}\n{"text": \n', r"t\.jsonl:2: malformed row, expected one JSON"),
        ("t.jsonl", '["a", {"text": "a", "label": 1}]\n', r"t\.jsonl: item 1: malformed row, .* got a JSON str"),
        ("t.jsonl", '"a"\n', r"t\.jsonl:1: malformed row, expected a JSON object; got a JSON str"),
        ("t.jsonl", '{"text": "a", "label": ["x"]}\n', r"t\.jsonl:1: expected one label.*JSON list"),
        ("t.jsonl", '{"text": "a", "label": null}\n', r"t\.jsonl:1: expected a label"),
        ("t.jsonl", "[" * 100_000, r"t\.jsonl: expected one JSON array of objects"),
        ("t.jsonl", '{"a":' * 100_000, r"t\.jsonl:1: malformed row"),
    ],
)
def test_bad_tables_are_named_with_their_line(tmp_path, name, content, said):
    with pytest.raises(UserError, match=said) as caught:
        labelled_files.read(written(tmp_path, name, content), COLUMNS)
    assert "\n" not in str(caught.value)


def test_text_and_label_are_different_columns(tmp_path):
    with pytest.raises(UserError, match=r"task\.label_column"):
        labelled_files.read(written(tmp_path, "t.csv", "text\na\n"), Columns("text", "text"))


def test_a_stratified_split_has_every_row_once_and_every_class_in_each_part():
    classes = np.repeat([0, 1, 2], [100, 37, 3])
    parts = splits.stratified(classes, 0)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(140))
    assert [np.bincount(classes[part]).tolist() for part in parts] == [[80, 29, 1], [10, 4, 1], [10, 4, 1]]
    assert all(np.array_equal(part, again) for part, again in zip(parts, splits.stratified(classes, 0), strict=True))
    assert not np.array_equal(parts[2], splits.stratified(classes, 1)[2])
    with pytest.raises(ValueError, match="class 1 has 2 rows"):
        splits.stratified(np.array([0, 0, 0, 1, 1]), 0)


def test_words():
    assert text.words("Don't go! It’s 5-4 (Große_Ü).") == ["don't", "go", "!", "it’s", *"5-4(", "große_ü", ")", "."]


def test_a_vocabulary_counts_and_maps_the_rest_to_unk():
    vocabulary = text.Vocabulary.build([["b", "a", "b"], ["c", "a", "<unk>", "<unk>"]], min_count=2)
    assert vocabulary.tokens == ("<unk>", "a", "b")
    ids = vocabulary.encode(["b", "c", "a", "never seen", "<unk>"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [2, 0, 1, 0, 0]
    assert vocabulary.decode(ids) == ["b", "<unk>", "a", "<unk>", "<unk>"]
    assert len(vocabulary) == 3
    with pytest.raises(ValueError, match=r"start with <unk>, got \('a', 'b', 'c', 'd', 'e'\)…$"):
        text.Vocabulary(tuple("abcdefgh"))
    with pytest.raises(ValueError, match="tokens must be distinct"):
        text.Vocabulary(("<unk>", "a", "a"))


def test_padding_goes_behind_and_lengths_tell_it():
    ragged = text.Ragged.of([np.array([1, 2, 3]), np.array([], int), np.array([4])])
    x, lengths = ragged.padded(np.array([2, 0, 1]))
    assert x.tolist() == [[4, 1, 0], [0, 2, 0], [0, 3, 0]]  # (T, B)
    assert lengths.tolist() == [1, 3, 0]
    assert [x.dtype, lengths.dtype] == [np.dtype(np.int32), np.dtype(np.int64)]
    assert [ragged[row].tolist() for row in range(len(ragged))] == [[1, 2, 3], [], [4]]
    taken = ragged.take(np.array([2, 1, 0, 0]))
    assert taken.flat.tolist() == [4, 1, 2, 3, 1, 2, 3]
    assert taken.lengths.tolist() == [1, 0, 3, 3]
    assert ragged.padded(np.array([1]))[0].shape == (0, 1)
    with pytest.raises(ValueError, match="flat must be"):
        text.Ragged(np.zeros(3), np.array([1, 1]))


@pytest.mark.parametrize("batch_size", [1, 7, 32, 5000])
def test_buckets_hold_every_row_once_in_batches_of_nearly_one_size(batch_size):
    lengths = stream(0, Purpose.DATA).integers(1, 60, 1000)
    for rng in (None, stream(0, Purpose.ORDER)):
        batches = text.buckets(lengths, batch_size, rng)
        sizes = {len(rows) for rows in batches}
        assert len(batches) == -(-1000 // batch_size)
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1
        assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(1000))
        assert all((np.diff(lengths[rows]) <= 0).all() for rows in batches)
        assert batch_size > 32 or text.padding(lengths, batches) < 0.1


def test_buckets_mix_anew_each_time():
    lengths = stream(0, Purpose.DATA).integers(1, 60, 1000)
    first, again, other = (text.buckets(lengths, 32, stream(0, Purpose.ORDER, epoch)) for epoch in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    company = [{frozenset(rows.tolist()) for rows in batches} for batches in (first, other)]
    assert len(company[0] & company[1]) < 3  # hardly any batch has the same rows again
    assert text.buckets(np.empty(0, int), 32, None) == []
