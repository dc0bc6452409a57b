"""What the pages name exists: links, files, commands, Python; and the picture of the packages shows their imports."""

import ast
import importlib
import importlib.util
import re
from itertools import combinations

import pytest

import seqexp
from scripts.tables import architecture, catalogue
from seqexp.sweeps.job_record import read_records
from tests.fabricated import job_records
from tests.test_architecture import PACKAGES, ROOT

TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
PAGES = [*(ROOT / name for name in TOP), *sorted(ROOT.glob("docs/**/*.md"))]
PLACES = ("seqexp", "tests", "scripts", "conf", "docs", "hydra_plugins", *PACKAGES)
PUBLIC = [["seqexp", name] for name in dir(seqexp)]  # functions, such as seqexp.run
PENDING: set[str] = set()  # named before they are there
PATH = re.compile(r"[\w./-]*")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text(page):
    return page.read_text(encoding="utf-8")


def code(page):
    """What stands in backticks or in a fenced block, without the command's output."""
    blocks = re.findall(r"```(?:sh|python)\n(.*?)```", text(page), re.DOTALL)
    return [*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text(page), flags=re.DOTALL))]


def exists(name):
    """Whether a file is there, as seen from the root or from seqexp/; one without a folder may lie anywhere."""
    if "/" not in name:
        return any(any(ROOT.glob(f"{place}/**/{name}")) for place in ("seqexp", "tests", "scripts"))
    return (ROOT / name).exists() or (ROOT / "seqexp" / name).exists()


def anchor(heading):
    """The name that a heading has in a link."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@every_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if target.startswith(("http://", "https://")):
            continue
        name, _, place = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name} links to {target}, which is not there"
        if place:
            assert place in map(anchor, HEADING.findall(text(file))), f"{page.name} links to {target}: no such heading"


@every_page
def test_files_that_are_named_exist(page):
    words = [word.strip("(),;:'\"") for part in code(page) for word in part.split()]
    named = [word for word in words if PATH.fullmatch(word) and ("/" in word or word.endswith(".py"))]
    ours = [word for word in named if word.split("/")[0] in PLACES or word.endswith(".py")]
    ours = [
        word for word in ours if not word.startswith("runs/") or word.endswith(".py")
    ]  # runs/ is also what runs leave
    missing = [word for word in ours if not exists(word) and word not in PENDING]
    assert not missing, f"{page.name} names what is not there: {missing}"


@every_page
def test_modules_that_are_named_exist(page):
    for name in re.findall(r"(?:python -m |[`(])((?:seqexp|scripts)\.[\w.]+)", text(page)):
        if name in PENDING:
            continue
        parts = name.rstrip(".").split(".")
        found = [ROOT.joinpath(*parts[:end]) for end in range(len(parts), 1, -1)]
        there = any(path.is_dir() or path.with_suffix(".py").exists() for path in found)
        assert there or parts[:2] in PUBLIC, f"{page.name} names {name}"


@every_page
def test_python_that_is_shown_can_be_imported(page):
    for block in re.findall(r"```python\n(.*?)```", text(page), re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "seqexp":
                module = importlib.import_module(node.module)
                for alias in node.names:
                    there = hasattr(module, alias.name) or importlib.util.find_spec(f"{node.module}.{alias.name}")
                    assert there, f"{page.name} imports {alias.name} from {node.module}"


def test_nothing_is_pending_that_is_there():
    done = [name for name in PENDING if exists(name.replace(".", "/")) or exists(f"{name.replace('.', '/')}.py")]
    assert not done, f"remove {done} from PENDING"


def test_the_walks_name_what_is_in_the_files():
    steps = re.findall(r"\]\((seqexp/[\w/]+\.py)\) `(\w+)`", text(architecture.PAGE))
    assert len(steps) > 40
    for file, name in steps:
        defined = {
            node.name
            for node in ast.walk(ast.parse(text(ROOT / file)))
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        assert name in defined, f"ARCHITECTURE.md says that {file} has {name}"


def test_the_picture_and_the_table_of_the_packages_show_their_imports():
    assert not architecture.out_of_date(), "run python -m scripts.tables.architecture, and look at the picture"


def test_nothing_in_the_picture_overlaps():
    placed, bands = architecture.boxes()
    for (one, a), (other, b) in combinations(placed.items(), 2):
        apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= (a.height + b.height) / 2
        assert apart, f"{one} and {other} overlap"
    edges = [edge for band in bands.values() for edge in band]
    assert edges == sorted(edges), "the storeys overlap"
    for (upper, lower), points in architecture.routes(placed).items():  # ValueError where an arrow meets a box
        assert points[0, 1] > points[-1, 1], f"the arrow from {upper} to {lower} points upward"


def test_a_row_of_the_catalogue_is_what_a_sweeps_job_left(tmp_path):
    scored = {"metrics": {"test/mse": 0.25}, "baseline": {"mean": 0.5}, "best_baseline": "mean", "params": 9}
    (record,) = job_records([scored | {"embedding_params": 2, "seconds": 1.5, "hidden_size": 3}])
    record.write(tmp_path)
    (result,) = (record.result for record in read_records(tmp_path))
    assert result is not None
    row = catalogue.as_row("adding", result)
    assert set(row) == set(catalogue.COLUMNS)
    assert (row["value"], row["direction"], row["counted"], row["baseline_value"]) == (0.25, "min", 7, 0.5)
