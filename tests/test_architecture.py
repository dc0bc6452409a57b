"""Imports point downward, other people's vocabularies stay at home, randomness has one birthplace, files stay small."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the bottom up: a package may import those before it, never one behind it. ARCHITECTURE.md says what each is for.
STOREYS = {
    "the ground": ("system", "numerics", "kernels"),
    "the science": ("data", "codecs", "models", "networks", "tasks", "training", "mechanism"),
    "proof and pictures": ("statistics", "plots"),
    "the work": ("tracking", "config", "testing", "runs", "sweeps"),
    "the answer": ("comparison", "report", "microscope"),
    "the commands": ("commands", "api"),
}
PACKAGES = tuple(package for storey in STOREYS.values() for package in storey)
COMMANDS = {
    "__main__",
    "compare",
    "explain",
    "predict",
    "sync",
    "ui",
}  # modules in the root of seqexp/; nothing else lies there
FRONT = (*(f"seqexp.{name}" for name in ("config", "sweeps", "comparison", *sorted(COMMANDS))), "hydra_plugins")
HOMES = {  # third-party vocabulary -> the only modules that may speak it
    "mlflow": ("seqexp.tracking",),
    "pandas": (
        "seqexp.runs.tables",
        "seqexp.sweeps",
        "seqexp.plots",
        "seqexp.report",
        "seqexp.tracking.outputs",
        "seqexp.api",
    ),
    "scipy.stats": ("seqexp.statistics",),
    "matplotlib": ("seqexp.plots",),
    "optuna": ("seqexp.sweeps",),
    "ray": ("seqexp.sweeps",),
    "submitit": ("seqexp.sweeps",),
    "hydra": FRONT,
    "omegaconf": FRONT,
}
# A second of start-up: import in functions.
LATE = ("mlflow", "pandas", "matplotlib", "sklearn", "pooch", "scipy.stats", "optuna", "ray", "submitit")

FILE_LINES, FUNCTION_LINES = 300, 50
LONG_FILES: dict[str, str] = {}  # path -> the reason it may be longer
LONG_FUNCTIONS: dict[str, str] = {}  # module.function -> the reason


@cache
def sources() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    found = {}
    for path in [*ROOT.glob("seqexp/**/*.py"), *ROOT.glob("hydra_plugins/**/*.py")]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(sources()[module].read_text(encoding="utf-8"))


def within(name: str, home: str) -> bool:
    return name == home or name.startswith(home + ".")


def floor(module: str) -> int | None:
    """The place of a module's package in PACKAGES; None of one that is not there."""
    if module == "seqexp":  # the package's own __init__, which everybody imports
        return 0
    if within(module, "hydra_plugins") or module.removeprefix("seqexp.") in COMMANDS:
        return PACKAGES.index("commands")
    name = module.split(".")[1]
    return PACKAGES.index(name) if name in PACKAGES else None


def imports(module: str, nodes: ast.AST | None = None) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of everything the module imports, at its top or in a function; `from a import b` is a.b."""
    package = module if sources()[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(nodes or tree(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def own_imports(module: str) -> Iterator[tuple[str, int]]:
    """The project's modules among the imports: a.b where b is a module, a where b is a name in it."""
    for name, line in imports(module):
        if within(name, "seqexp") or within(name, "hydra_plugins"):
            yield (name if name in sources() else name.rpartition(".")[0]), line


def at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """The statements that run when the module is imported: no function bodies, no `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import_time(child)


def test_every_module_belongs_to_a_package():
    homeless = [module for module in sources() if floor(module) is None]
    assert not homeless, f"{homeless} are in no package of STOREYS: add them there and to ARCHITECTURE.md"
    vague = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert not [module for module in sources() if set(module.split(".")) & vague], "a module is named for its secret"


def test_imports_point_downward():
    upward = []
    for module in sources():
        own = len(PACKAGES) if module == "seqexp" else floor(module)  # it names what the top has
        above = [(name, line) for name, line in own_imports(module) if (floor(name) or 0) > (own or 0)]
        upward += [f"{module}, line {line}: {name}" for name, line in above]
    assert not upward, f"imports from above: {'; '.join(upward)}"


def test_imports_are_acyclic():
    # A package's __init__ runs before its modules; that edge is Python's, not ours.
    graph = {m: {name for name, _ in own_imports(m)} - {m, "seqexp"} for m in sources()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("modules import each other: " + " -> ".join(reversed(error.args[1])))


def test_third_party_vocabularies_stay_at_home():
    strays = [
        f"{module}, line {line}: {name} belongs in {', '.join(homes)}"
        for module in sources()
        for name, line in imports(module)
        for vocabulary, homes in HOMES.items()
        if within(name, vocabulary) and not any(within(module, home) for home in homes)
    ]
    assert not strays, "; ".join(strays)


def test_heavy_packages_are_imported_late():
    early = [
        f"{module}, line {line}: {name}"
        for module in sources()
        if not within(module, "seqexp.report")  # itself imported late
        for statement in at_import_time(tree(module))
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for name, line in imports(module, statement)
        if any(within(name, heavy) for heavy in LATE)
    ]
    assert not early, f"everybody waits for {'; '.join(early)}; import it in the function that needs it"


def test_what_windows_lacks_is_used_behind_a_question():
    """``if sys.platform …`` asks first."""
    lacking = {"fcntl", "grp", "pwd", "resource", "termios", "os.sysconf", "os.O_DIRECTORY"}
    found = {module: used for module in sources() if (used := unasked(module) & lacking)}
    assert not found


def unasked(module: str) -> set[str]:
    """What the module imports, and the attributes it names, when it is imported, without looking at the platform."""
    asked = [node for node in ast.walk(tree(module)) if isinstance(node, ast.If) and "platform" in ast.unparse(node)]
    behind = {id(each) for node in asked for each in ast.walk(node)}
    early = [node for node in at_import_time(tree(module)) if id(node) not in behind]
    imported = [each for each in early if isinstance(each, ast.Import | ast.ImportFrom)]
    used = {name for each in imported for name, _ in imports(module, each)}
    return used | {ast.unparse(each) for each in early if isinstance(each, ast.Attribute)}


def test_randomness_has_one_birthplace():
    used = []
    for module in sources():
        allowed = {"default_rng", "Generator"} if module == "seqexp.numerics.rng" else {"Generator"}
        used += [
            f"{module}, line {node.lineno}: {ast.unparse(node)}"
            for node in ast.walk(tree(module))
            if isinstance(node, ast.Attribute)
            and ast.unparse(node.value) in ("np.random", "numpy.random")
            and node.attr not in allowed
        ]
        taken = [
            (name, line) for name, line in imports(module) if within(name, "numpy.random") or within(name, "random")
        ]
        used += [f"{module}, line {line}: {name}" for name, line in taken]
    assert not used, f"generators come from numerics.rng.stream: {'; '.join(used)}"


def test_files_are_small():
    files = [p for folder in ("seqexp", "hydra_plugins", "scripts", "tests") for p in (ROOT / folder).glob("**/*.py")]
    lines = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8").count("\n") for p in files}
    long = {name: count for name, count in lines.items() if count > FILE_LINES and name not in LONG_FILES}
    assert not long, f"over {FILE_LINES} lines: {long}; split by secret, or give the reason in LONG_FILES"
    assert not [name for name in LONG_FILES if lines.get(name, 0) <= FILE_LINES], "LONG_FILES excuses what is short"


def test_functions_are_small():
    lengths = {}
    for module in sources():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
                lengths[f"{module}.{node.name}"] = (node.end_lineno or 0) - body[0].lineno + 1
    long = {name: count for name, count in lengths.items() if count > FUNCTION_LINES and name not in LONG_FUNCTIONS}
    assert not long, f"over {FUNCTION_LINES} lines without the docstring: {long}"
    assert not [name for name in LONG_FUNCTIONS if lengths.get(name, 0) <= FUNCTION_LINES], "excuses what is short"


def test_no_module_hides_a_function_of_its_package():
    """A module ``tasks/names.py`` would replace the function ``tasks.names`` once it is imported."""
    from seqexp import models, tasks

    for package in (models, tasks):
        package.names()
        hidden = [name for name in ("names", "lookup", "create", "register") if not callable(getattr(package, name))]
        assert not hidden, f"{package.__name__}: rename the modules {hidden}"
