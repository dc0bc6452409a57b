"""Each model with each task that carries its data, once in this process and once in a joblib worker: the same bytes.

``python -m scripts.long.determinism`` runs two workers at a time. It compares weights, metrics and results, without the
times in them.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.long.killing import composed, every_pair, left, sizes


def run(words: list[str], root: Path) -> Path:
    """One run without figures; its directory."""
    from seqexp.runs import run as run_module
    from seqexp.runs.location import Location

    vars(run_module)["draw"] = lambda *given: None  # most of a small run's time
    result = run_module.run(composed(words), Location(root=root, in_sweep=True))
    assert result.result.status == "FINISHED", result.result.error
    return result.directory


def differing(pairs: list[tuple[str, str]]) -> list[str]:
    """The pairs of model and task whose runs left different files here and in a worker."""
    from joblib import Parallel, delayed

    words = [[f"model={m}", f"task={t}", "tracking=off", *sizes(t), "training.epochs=3"] for m, t in pairs]
    with tempfile.TemporaryDirectory(prefix="determinism_") as folder:
        here, there = Path(folder, "here"), Path(folder, "there")
        workers = Parallel(n_jobs=2)(delayed(run)(each, there) for each in words)
        alone = [run(each, here) for each in words]
        return [
            f"{model} on {task}"
            for (model, task), one, other in zip(pairs, alone, workers, strict=True)
            if left(one) != left(other)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.long.determinism", description=__doc__.splitlines()[0])
    parser.parse_args()
    pairs = every_pair()
    found = differing(pairs)
    print(*found, f"{len(found)} of {len(pairs)} pairs of model and task differ", sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
