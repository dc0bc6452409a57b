"""A built wheel works by itself: pip install it, then `python -m seqexp` from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import seqexp


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """The command's stdout; fails with all it said."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    run(sys.executable, *build, project_root, cwd=folder)
    return folder / f"seqexp-{seqexp.__version__}-py3-none-any.whl"


def test_wheel_holds_the_package_and_its_configs_and_nothing_else(wheel: Path, project_root: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    configs = {f"seqexp/{p.relative_to(project_root).as_posix()}" for p in project_root.glob("conf/**/*.yaml")}
    files = [*project_root.glob("seqexp/**/*.py"), *project_root.glob("hydra_plugins/**/*.py")]
    modules = {p.relative_to(project_root).as_posix() for p in files}
    assert "hydra_plugins/__init__.py" not in modules, "a namespace, which others' plugins share"
    assert "seqexp/conf/config.yaml" in names
    assert configs | modules <= names
    strays = {name for name in names if not name.startswith(("seqexp/", "hydra_plugins/", "seqexp-"))}
    assert not strays, "only the package: no tests, no data, no runs"
    assert not {name for name in names if "/tests/" in name or name.endswith((".csv", ".gz", ".mat", ".db"))}


def test_wheel_declares_the_command(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    info = f"seqexp-{seqexp.__version__}.dist-info"
    assert "seqexp = seqexp.__main__:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert f"{info}/licenses/LICENSE" in archive.namelist()


def test_installed_wheel_runs_from_any_folder(wheel: Path, tmp_path: Path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    run(sys.executable, "-m", "pip", "install", *quiet, "--target", site, wheel, cwd=elsewhere)

    where = run(sys.executable, "-c", "import seqexp; print(seqexp.__file__)", cwd=elsewhere, PYTHONPATH=str(site))
    assert Path(where.strip()).is_relative_to(site), "the wheel's copy has to be the one that runs"
    text = run(sys.executable, "-m", "seqexp", "--help", cwd=elsewhere, PYTHONPATH=str(site))
    assert "lstm" in text
    assert "sentiment" in text
    code = "from hydra.core.plugins import Plugins; print([one.__module__ for one in Plugins.instance().discover()])"
    found = run(sys.executable, "-c", code, cwd=elsewhere, PYTHONPATH=str(site))
    assert "hydra_plugins.seqexp_optuna" in found, "Hydra finds the wheel's sweeper"
    assert not list(elsewhere.iterdir()), "--help leaves nothing behind"


def test_the_citation_names_the_version_that_is_here(project_root: Path):
    citation = yaml.safe_load((project_root / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == seqexp.__version__
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
