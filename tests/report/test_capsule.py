"""A comparison's capsule is checked by making its runs again; a changed or hostile one is refused in one line."""

import hashlib
import json
import stat
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from seqexp.report.capsule_reading import read
from seqexp.runs.location import Location
from seqexp.runs.run import run
from seqexp.system.errors import UserError
from tests.runs.small import checked

SMALL = (
    "task=adding",
    "task.length=4",
    "task.steps_per_epoch=8",
    "task.examples=8",
    "training.epochs=1",
    "probes=false",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The capsule of two models with two runs each."""
    from seqexp.compare import exit_code

    folder = tmp_path_factory.mktemp("made")
    for model in ("rnn", "lstm"):
        for seed in (0, 1):
            words = (*SMALL, f"model={model}", "model.hidden_size=3", f"seed={seed}", "figures=none", "tracking=off")
            run(checked(*words), Location(root=folder / "runs", in_sweep=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("points", "claims", "learning", "cost"):
            patch.setattr(f"seqexp.report.figures.{name}", lambda contest, path: False)
        patch.setattr("seqexp.report.mechanism.read", lambda contest: [])
        assert exit_code(["a=rnn", "b=lstm", "task=adding", "tracking=off"]) == 0
    return folder / "runs" / "compare" / "adding_rnn_lstm" / "capsule.zip"


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """The command in an empty folder: its exit code, what it said, its error."""
    from seqexp.compare import exit_code

    def call(*words):
        monkeypatch.chdir(tmp_path)
        code = exit_code([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def changed(capsule: Path, copy: Path, change) -> Path:
    """A copy of the capsule whose files ``change`` gives from those there were."""
    with ZipFile(capsule) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with ZipFile(copy, "w", ZIP_DEFLATED) as new:
        for name, content in change(files).items():
            new.writestr(name, content)
    return copy


def with_score(files, factor, *, hashed):
    """One run's score times ``factor``; ``hashed``: and the list of hashes fitted to it."""
    name = next(name for name in sorted(files) if name.endswith("result.json"))
    result = json.loads(files[name])
    result["metrics"]["test/mse"] *= factor
    files = {**files, name: json.dumps(result).encode()}
    if hashed:
        about = json.loads(files["capsule.json"])
        about["files"][name] = hashlib.sha256(files[name]).hexdigest()
        files["capsule.json"] = json.dumps(about).encode()
    return files


def test_a_capsule_is_verified_where_nothing_else_is(made, command, tmp_path):
    code, said, error = command(f"capsule={made}", "verify=true")
    assert code == 0, error
    assert said.count(": the same\n") == 4
    assert said.endswith("verified: 4 runs made again, every score is the same\n")
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_what_it_says_is_told_without_running_anything(made, command):
    code, said, error = command(f"capsule={made}")
    assert code == 0, error
    assert said.startswith("rnn against lstm on adding: not resolved\n")
    assert "verify=true makes its 4 runs again" in said


def test_a_capsule_holds_what_a_comparison_rests_on(made):
    held = read(made)
    assert {name.rpartition("/")[2] for name in held.files} >= {
        *("config.yaml", "result.json", "report.md", "comparison.csv", "runs.csv", "commands.sh", "packages.txt"),
    }
    assert b"numpy==" in held.files["packages.txt"]
    assert len(held.about.runs) == 4


@pytest.mark.parametrize(
    ("hashed", "words", "says"),
    [
        (False, [], "result.json' is not the file that capsule.json lists"),
        (True, [], "as {} says; its runs give"),
        (True, ["verify=true"], "as {} says; its runs give"),
    ],
)
def test_one_changed_number_is_refused(made, command, tmp_path, hashed, words, says):
    copy = changed(made, tmp_path / "copy.zip", lambda files: with_score(files, 1.001, hashed=hashed))
    code, _, error = command(f"capsule={copy}", *words)
    assert (code, error.count("\n")) == (2, 1)
    assert says.format(copy) in error


def test_a_number_that_was_changed_with_all_that_follows_from_it_is_refused_by_the_run_itself(
    made, command, tmp_path, monkeypatch
):
    copy = changed(made, tmp_path / "copy.zip", lambda files: with_score(files, 1.001, hashed=True))
    monkeypatch.setattr("seqexp.report.verification._same", lambda told, found, exact: True)  # as if claims had been
    code, _, error = command(f"capsule={copy}", "verify=true")
    assert (code, error.count("\n")) == (2, 1)
    assert "expected test/mse " in error
    assert "as the capsule says; made again it is " in error


# -- a stranger's file -----------------------------------------------------------------------------------------------


def hostile(path: Path, name: str, content: bytes = b"x", *, kind: int = 0, packed: int = ZIP_DEFLATED) -> Path:
    info = ZipInfo(name)
    info.external_attr = kind << 16
    with ZipFile(path, "w") as zipped:
        zipped.writestr(info, content, packed)
    return path


@pytest.mark.parametrize(
    "name",
    ["/etc/x.txt", "../x.txt", "runs/../../x.json", "runs/a/b/../x.json", "C:/x.txt", "a\\b.txt", "runs/a/b/c/d/x.json",
     "runs/.a/b/c/x.json", "x", ".hidden.txt", "runs/a/b/c/"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="holds what no capsule does"):
        read(hostile(tmp_path / "x.zip", name))


def test_links_and_other_packings_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds what no capsule does"):
        read(hostile(tmp_path / "x.zip", "claim.json", b"/etc/passwd", kind=stat.S_IFLNK | 0o777))
    with pytest.raises(UserError, match="packed in a way that no capsule is"):
        read(hostile(tmp_path / "x.zip", "claim.json", packed=ZIP_BZIP2))


def test_a_file_that_unpacks_to_more_than_it_may_is_refused_whatever_size_it_claims(tmp_path):
    bomb = hostile(tmp_path / "x.zip", "claim.json", bytes(20_000_000))
    assert bomb.stat().st_size < 50_000
    with pytest.raises(UserError, match="unpacks to more than a capsule may hold"):
        read(bomb)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip file at all", None])
def test_what_is_no_capsule_is_refused_in_one_line(tmp_path, command, content):
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(content)
    code, _, error = command(f"capsule={path}")
    assert (code, error.count("\n")) == (2, 1)


def test_a_zip_file_without_its_list_is_refused(made, tmp_path):
    def without(files):
        return {name: content for name, content in files.items() if name != "capsule.json"}

    with pytest.raises(UserError, match="missing or damaged"):
        read(changed(made, tmp_path / "x.zip", without))
    with pytest.raises(UserError, match="is not the file that"):
        read(changed(made, tmp_path / "x.zip", lambda files: {**files, "extra.txt": b"x"}))


@pytest.mark.parametrize(("words", "says"), [
    (["verify=true"], "expected capsule=<file> beside it"),
    (["capsule=x", "verify=perhaps"], "verify: expected"),
    (["capsule=x", "task=adding"], "task: expected"),
])  # fmt: skip
def test_words_that_do_not_belong_beside_a_capsule_are_refused(command, words, says):
    code, _, error = command(*words)
    assert (code, error.count("\n")) == (2, 1)
    assert says in error
