"""Small mistakes, put into the code one at a time: which of them would the tests notice?

``python -m scripts.long.mutation statistics training`` lets mutmut make the mistakes in a copy of the checkout below
``build/mutation``, draws some of each module with a seed, runs the tests of the package on each, and prints the score
of each module. Typed again, it goes on: only what has no answer yet is run. ``--again`` runs the survivors again, for
instance with better tests. What survives is written to ``build/mutation/<package>.txt``.

mutmut (https://mutmut.readthedocs.io) notes which tests reach a function, runs these alone, and forks a process that
has imported everything, so that a mistake costs a fraction of a second; cosmic-ray starts pytest anew for each, which
takes seconds. The price: mutmut leaves decorated functions (properties, cached ones) and what is outside of functions
as they are.
"""

import argparse
import ast
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutation"
COPIED = ("seqexp", "conf", "hydra_plugins", "scripts", "tests", "docs", "pyproject.toml", "README.md")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")

# What is mutated, and the tests that concern it.
TESTS = {
    "statistics": ["tests/statistics", "tests/plots/test_memory_horizon.py"],
    "comparison": ["tests/comparison", "tests/commands/test_compare_input.py"],
    "training": ["tests/training", "tests/networks/test_networks.py"],
    "tasks": ["tests/tasks", "tests/codecs"],
    "data": ["tests/data", "tests/tasks", "tests/codecs", "tests/mechanism/test_counting.py"],
    "networks": ["tests/networks"],
    "models": ["tests/models", "tests/mechanism/test_directions.py", "tests/mechanism/test_trees.py"],
    "config": [
        "tests/config",
        "tests/networks/test_tree.py",
        "tests/commands/test_command_line.py",
        "tests/commands/test_compare_input.py",
    ],
    "runs": [
        "tests/runs",
        "tests/codecs/test_codecs.py",
        "tests/comparison/test_which_runs.py",
        "tests/comparison/test_query.py",
        "tests/tracking/test_passwords.py",
    ],
    "tracking": [
        "tests/tracking",
        "tests/commands/test_ui.py",
        "tests/runs/test_page.py",
        "tests/sweeps/test_parent_run.py",
    ],
}
LEFT_OUT = (  # they start processes, which mutmut does not follow, or train for a second and more
    "tests/commands/test_command_line.py::test_a_file_with_an_equals_sign_in_its_name",
    "tests/commands/test_command_line.py::test_a_folder_of_ones_own_after_other_words",
    "tests/commands/test_command_line.py::test_such_a_line_ends_the_program_and_leaves_nothing",
    "tests/commands/test_command_line.py::test_every_command_has_its_name_as_a_first_word",
    "tests/commands/test_command_line.py::test_the_version_is_ours",
    "tests/commands/test_ui.py::test_ctrl_c_ends_it_although_a_browser_holds_a_connection",
    "tests/plots/test_memory_horizon.py::test_a_sweep_ends_with_its_horizons",
    "tests/plots/test_memory_horizon.py::test_a_task_without_distances_is_refused",
    "tests/runs/test_bounds.py",
    "tests/runs/test_cases.py::test_hydras_change_of_folder_moves_nothing",
    "tests/runs/test_disks.py",
    "tests/runs/test_ends.py::test_a_run_that_is_stopped_says_how_it_goes_on",
    "tests/runs/test_interrupted.py",
    "tests/runs/test_earlier_versions.py::test_a_killed_run_goes_on",
    "tests/runs/test_earlier_versions.py::test_runs_are_compared",
    "tests/runs/test_probes.py::test_the_command_line_of_explain",
    "tests/runs/test_probes.py::test_a_probed_run_is_the_same_run",
    "tests/runs/test_progress.py::test_a_sweep_shows_no_block_of_samples_for_each_job",
    "tests/runs/test_progress.py::test_a_terminal_that_becomes_narrower_keeps_no_pieces_of_the_bar",
    "tests/runs/test_progress.py::test_the_jobs_of_a_search_are_numbered_once",
    "tests/runs/test_resume.py::test_every_optimizer_goes_on_from_its_state",
    "tests/runs/test_resume.py::test_training_to_60_equals_training_to_25_and_going_on",
    "tests/tasks/test_contract.py",
    "tests/tasks/test_labelled_texts.py::test_hate_offensive",
    "tests/tasks/test_sentiment.py::test_a_batch_is_a_pure_function_of_its_arguments",
    "tests/tasks/test_sentiment.py::test_counting_words_does_not_decide",
    "tests/tasks/test_translate.py::test_tatoeba",
    "tests/tracking/test_environment.py::test_runs_go_there_and_the_first_line_says_so",
    "tests/tracking/test_environment.py::test_what_is_said_of_a_deleted_experiment_works_as_typed",
    "tests/tracking/test_passwords.py::test_no_file_and_no_line_of_a_sweep_has_the_password",
    "tests/tracking/test_sqlite_file.py::test_the_database_of_a_strange_folder_is_in_it",
    "tests/tracking/test_tracker.py::test_a_broken_database_is_one_line",
    "tests/tracking/test_tracker.py::test_continuing_and_replaying_change_nothing",
    "tests/tracking/test_tracker.py::test_off_keeps_nothing_and_imports_nothing",
)
KILLED = {1, 3, 36, 24, -24, 152, -11, -9}  # pytest's failure, its internal error, mutmut's timeouts, crashes
# No answer: pytest did not find a test. A fork collects them a second time, and pytest then escapes once more what
# ``ids=`` says, so that such names must be of ASCII letters and without backslashes.
NOT_RUN = 255


@dataclass(frozen=True)
class Mutant:
    """One mistake. ``key`` is mutmut's name for it; ``code`` is its exit code, None where it was not tried yet."""

    key: str
    module: str
    code: int | None
    changed: str  # the lines in which it differs

    @property
    def killed(self) -> bool:
        return self.code in KILLED


def prepare(package: str) -> Path:
    """A copy of the checkout with mutmut's settings for a package."""
    folder = WORK / package
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "tests", ignore_errors=True)
    shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder / name)
    settings = {
        "source_paths": ["seqexp"],
        "only_mutate": [f"seqexp/{package}/*"],
        "also_copy": [name for name in COPIED if name not in ("seqexp", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": [name for name in TESTS[package] if (ROOT / name).exists()],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", *(f"--deselect={name}" for name in LEFT_OUT)],
        "process_isolation": "forkserver",
        "use_git_change_detection": False,
        "timeout_multiplier": 10.0,
        "timeout_constant": 5.0,
        "use_setproctitle": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text("\n".join([text, "[tool.mutmut]", *lines, ""]), encoding="utf-8")
    return folder


def mutmut(folder: Path, names: Sequence[str], workers: int) -> None:
    """Let mutmut try these mistakes; its last words where there was nothing to try."""
    words = [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers), *names]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    log = folder / "mutmut.log"
    with log.open("w") as out:
        subprocess.run(words, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False)
    if not any(folder.glob("mutants/seqexp/**/*.meta")):
        sys.exit(f"mutmut made nothing; it said:\n{log.read_text()[-3000:]}\nInstalled? pip install mutmut")


def found(folder: Path, package: str) -> Iterator[Mutant]:
    """Every mistake that mutmut made in a package but those that only change the words of a message."""
    for meta in sorted(folder.glob(f"mutants/seqexp/{package}/**/*.meta")):
        codes = json.loads(meta.read_text())["exit_code_by_key"]
        file = meta.with_suffix("")
        functions = {
            node.name: node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)
        }
        for key, code in codes.items():
            module, _, name = key.rpartition(".")
            stem, _, _ = name.rpartition("__mutmut_")
            before, after = functions.get(f"{stem}__mutmut_orig"), functions.get(name)
            if before is not None and after is not None and not _words_alone(before, after):
                known = None if code == NOT_RUN else code
                yield Mutant(key, module.removeprefix("seqexp."), known, _changed(stem, before, after))


def _words_alone(before: ast.FunctionDef, after: ast.FunctionDef) -> bool:
    """Whether two functions differ in sentences alone. A test of each word would be a copy of the message."""
    pairs = list(zip(ast.walk(before), ast.walk(after), strict=False))
    if any(type(one) is not type(other) for one, other in pairs):
        return False
    unlike = [
        one.value for one, other in pairs if isinstance(one, ast.Constant) and one.value != getattr(other, "value", 0)
    ]
    sentences = bool(unlike) and all(isinstance(value, str) and " " in value.strip() for value in unlike)
    return sentences and ast.dump(_without_text(before)) == ast.dump(_without_text(after))


def _without_text(function: ast.FunctionDef) -> ast.AST:
    copied = ast.parse(ast.unparse(function)).body[0]
    assert isinstance(copied, ast.FunctionDef)
    copied.name = ""
    for node in ast.walk(copied):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return copied


def _changed(stem: str, before: ast.FunctionDef, after: ast.FunctionDef) -> str:
    """The lines in which they differ, under the function's name."""
    lines = [ast.unparse(each).splitlines()[1:] if each.body else [] for each in (before, after)]
    heads = [ast.unparse(each.args) for each in (before, after)]
    old, new = ([f"({head})", *body] for head, body in zip(heads, lines, strict=True))
    told = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
    name = stem.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return "\n".join([name, *(f"{line[0]} {line[2:].strip()}" for line in told)])


def drawn(mutants: Sequence[Mutant], each: int, seed: int) -> list[Mutant]:
    """At most ``each`` of every module."""
    chosen = []
    for module in sorted({mutant.module for mutant in mutants}):
        own = sorted((mutant for mutant in mutants if mutant.module == module), key=lambda mutant: mutant.key)
        chosen += random.Random(f"{seed} {module}").sample(own, min(each, len(own)))
    return chosen


def equivalents() -> dict[tuple[str, str], str]:
    """(module, changed lines) -> the reason why no test can notice."""
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.is_file() else []
    return {(one["module"], one["changed"].strip()): one["why"] for one in listed or []}


def told(package: str, chosen: Sequence[Mutant]) -> str:
    """Rows of the table, a module each and the package last; the survivors go to a file."""
    reasons = equivalents()
    tried = [mutant for mutant in chosen if mutant.code is not None]
    alive = [mutant for mutant in tried if not mutant.killed]
    same = [mutant for mutant in alive if (mutant.module, mutant.changed) in reasons]
    left = [mutant for mutant in alive if mutant not in same]
    WORK.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(f"{mutant.key} (exit code {mutant.code})\n{mutant.changed}" for mutant in left)
    (WORK / f"{package}.txt").write_text(text + "\n", encoding="utf-8")
    rows = []
    for name in [*sorted({mutant.module for mutant in tried}), f"all of {package}"]:
        count = Counter[str]()
        for mutant in tried:
            if name in (mutant.module, f"all of {package}"):
                count["killed" if mutant.killed else "equivalent" if mutant in same else "survived"] += 1
        matter = count["killed"] + count["survived"]
        score = f"{count['killed'] / matter:.0%}" if matter else "-"
        rows.append(f"| {name} | {count.total()} | {count['killed']} | {count['equivalent']} | {score} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.long.mutation", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("packages", nargs="*", default=list(TESTS), metavar="package", help=", ".join(TESTS))
    parser.add_argument("--each", type=int, default=25, help="mistakes drawn of each module (25)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (0)")
    parser.add_argument("--workers", type=int, default=1, choices=(1, 2), help="processes at a time (1)")
    parser.add_argument("--again", action="store_true", help="run the survivors again")
    parser.add_argument("--table", action="store_true", help="run nothing: show what is known")
    given = parser.parse_args()
    unknown = [package for package in given.packages if package not in TESTS]
    if unknown:
        parser.error(f"expected packages of {', '.join(TESTS)}; got {unknown[0]}")
    print("| module | mistakes | killed | equivalent | score |\n|---|--:|--:|--:|--:|", flush=True)
    for package in given.packages:
        folder = WORK / package
        if not given.table:
            prepare(package)
            mutmut(folder, ["no mutant has this name"], given.workers)  # makes them, and notes what tests reach
        chosen = drawn(list(found(folder, package)), given.each, given.seed)
        wanted = [m.key for m in chosen if m.code is None or (given.again and not m.killed)]
        if wanted and not given.table:
            mutmut(folder, wanted, given.workers)
            chosen = drawn(list(found(folder, package)), given.each, given.seed)
        print(told(package, chosen), flush=True)


if __name__ == "__main__":
    main()
