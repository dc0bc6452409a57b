"""Random overrides: each ends as a checked experiment or as one line that says what is wrong, never otherwise.

``python -m scripts.fuzzing --cases 20000``, in one process; a share of them must get past Hydra's composition.
"""

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

KEYS = [
    *("seed", "dtype", "threads", "resume", "retry_failed", "data_dir", "model.hidden_size", "model.param_budget"),
    "probes",
    *("model.name", "model.dropout", "model.embedding_size", "model.recurrent_scale", "optimizer.learning_rate"),
    *("optimizer.schedule", "optimizer.beta1", "optimizer.name", "training.epochs", "training.batch_size"),
    *("training.clip_norm", "training.patience", "training.max_seconds", "training.checkpoint_every"),
    *("task.split_seed", "task.name", "tracking.uri", "tracking.name", "tracking.experiment_name"),
]
GROUPS = {
    "model": ["rnn", "stacked_rnn", "lstm"],
    "task": ["adding", "hello", "sentiment"],
    "optimizer": ["sgd", "adam"],
}
VALUES = [
    *(
        "0",
        "1",
        "-1",
        "7",
        "0.5",
        "1e400",
        "1e308",
        "nan",
        "inf",
        "-inf",
        "true",
        "null",
        "''",
        "abc",
        "[1,2]",
        "{a: 1}",
    ),
    *(
        "[]",
        "{}",
        "30s",
        "0s",
        "9" * 40,
        "9" * 5000,
        "../../etc/passwd",
        "/dev/zero",
        "${seed}",
        "${nothing}",
        "float64",
    ),
    *("${oc.env:HOME}", "${model}", "${unless:1,2}", "'a b'", "a=b", "{_target_: os.system}", "(", '"', "é", "\x00"),
]


def words(rng: random.Random) -> list[str]:
    """A few overrides, some of them well formed."""
    chosen = [f"{group}={rng.choice(names)}" for group, names in GROUPS.items() if rng.random() < 0.5]
    for _ in range(rng.randint(1, 3)):
        prefix = rng.choice(["", "", "", "+", "++", "~"])
        key = (
            rng.choice(KEYS)
            if rng.random() < 0.9
            else rng.choice(["sed", "model", "task", "a.b.c", "model._target_", ""])
        )
        chosen.append(f"{prefix}{key}={rng.choice(VALUES)}")
    return chosen


def fuzz(cases: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How the cases ended, and those that ended badly."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from seqexp import config
    from seqexp.errors import UserError
    from seqexp.place import Place, choose

    config.register_resolvers()
    rng, ended = random.Random(seed), Counter[str]()
    bad: list[str] = []
    with initialize_config_dir(str(config.conf_directory()), version_base="1.3"):
        for _ in range(cases):
            given, stage = words(rng), "refused by composition"
            try:
                cfg = compose("config", given)
                stage = "refused by the check"
                choose(config.check(cfg), Place(root=Path("nowhere")))
                stage = "accepted"
            except (UserError, HydraException, OmegaConfBaseException) as error:
                if "\n" in config.one_line(error, given):
                    bad.append(f"{given}: more than one line")
            except Exception as error:
                if stage == "refused by composition":  # as the command line does
                    bad += [f"{given}: more than one line"] if "\n" in config.one_line(error, given) else []
                    continue
                bad.append(f"{given}: {type(error).__name__}: {error}")
            finally:
                ended[stage] += 1
    return ended, bad


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzzing", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    ended, bad = fuzz(given.cases, given.seed)
    print(dict(ended), f"{len(bad)} ended badly")
    print(*bad[:20], sep="\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
