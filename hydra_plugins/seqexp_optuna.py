"""The sweeper ``hydra/sweeper=optuna``: Hydra's words and launchers on one side, sweeps.study's on the other.

Hydra imports this module at every start, so it imports little itself.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from seqexp.system.errors import UserError

if TYPE_CHECKING:
    from seqexp.config.run_config import RunConfig
    from seqexp.sweeps.launch import Launch
    from seqexp.sweeps.search_space import Choice, Range
    from seqexp.sweeps.study import Budget, Study

PLAIN = (ValueType.SIMPLE_CHOICE_SWEEP, ValueType.GLOB_CHOICE_SWEEP)  # a,b,c and glob(*)
APART = ("model", "task", "experiment", "tracking")  # never searched: what it finds is said for each
OWN = {  # words that the sweeper gives its runs itself
    "seed": "trials run with hydra.sweeper.tuning_seed, winners with the seeds below hydra.sweeper.seeds",
    "test": "trials never see the test set, winners do",
}


class OptunaSweeper(Sweeper):
    """A study for each of the sweep's plainly listed values, all alike; then the winners on fresh seeds.

    Every launch has the next batch of each study. The arguments are those of conf/hydra/sweeper/optuna.yaml.
    """

    hydra_context: HydraContext
    config: DictConfig
    launcher: Launcher

    def __init__(
        self, space: Mapping[str, Any] | None = None, params: Mapping[str, Any] | None = None, **settings: Any
    ) -> None:
        self.swept, self.settings = {**(space or {}), **(params or {})}, settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from hydra.core.plugins import Plugins

        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run all studies and their winners. UserError before anything is run where a study's config is wrong."""
        from seqexp.runs.location import Location
        from seqexp.runs.progress import configure_logging
        from seqexp.sweeps.launch import Launch
        from seqexp.sweeps.study import check_budget, leave_in

        budget = check_budget(self.settings | {"batch": self._batch()})
        studies = self._studies(arguments, budget)
        sweep_dir = Path(self.config.hydra.sweep.dir)
        OmegaConf.save(self.config, sweep_dir / "multirun.yaml")
        launch = Launch(self.launcher, sweep_dir)
        leave_in(sweep_dir, studies)
        while batch := [(study, values) for study in studies for values in study.ask()]:
            trial = [f"seed={budget.tuning_seed}", "test=false"]
            records = launch.run([[*study.words, *_words(values), *trial] for study, values in batch])
            for study in studies:
                study.tell([record for (owner, _), record in zip(batch, records, strict=True) if owner is study])
                study.save(Location.root)
            leave_in(sweep_dir, studies)
            configure_logging()
            for study in dict.fromkeys(study for study, _ in batch):
                study.say_progress()
        self._run_winners(studies, budget, launch)
        leave_in(sweep_dir, studies)
        for study in studies:
            study.save(Location.root, is_whole=True)

    def _run_winners(self, studies: "Sequence[Study]", budget: "Budget", launch: "Launch") -> None:
        runs = [(study, best, seed) for study in studies if (best := study.best()) for seed in range(budget.seeds)]
        if not runs:
            return
        records = launch.run([[*study.words, *_words(best), f"seed={seed}"] for study, best, seed in runs])
        for (study, _, _), record in zip(runs, records, strict=True):
            if record.result is not None:
                study.signatures.append(record.result.signature)

    def _batch(self) -> Any:
        batch = self.settings.get("batch")
        jobs = OmegaConf.select(self.config, "hydra.launcher.n_jobs")
        if batch is not None or jobs is None:
            return 1 if batch is None else batch
        from joblib import effective_n_jobs

        return effective_n_jobs(jobs)

    def _studies(self, arguments: list[str], budget: "Budget") -> "list[Study]":
        """A study for each combination of the plain words. UserError where one of them could not run."""
        from seqexp.sweeps.search_words import searched
        from seqexp.sweeps.study import Study

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        defaults = parser.parse_overrides([f"{key}={text}" for key, text in self.swept.items()])
        overrides = {override.key_or_group: override for override in [*defaults, *parser.parse_overrides(arguments)]}
        space: dict[str, Range | Choice] = {}
        plain: dict[str, list[str]] = {}  # key -> words
        for key, override in overrides.items():
            _refuse_own(key, override)
            if not override.is_sweep_override():
                plain[key] = [str(override.input_line)]
            elif override.value_type in PLAIN:
                values = dict.fromkeys(override.sweep_string_iterator())  # each once
                plain[key] = [f"{override.get_key_element()}={value}" for value in values]
            else:
                space[key] = searched(key, override.value())
        if not space:
            raise UserError("hydra.sweeper.space: expected a key to search, such as optimizer.learning_rate; got none")
        several = [key for key, words in plain.items() if len(words) > 1 and key not in ("model", "task")]
        studies = []
        for words in product(*plain.values()):
            chosen = dict(zip(plain, (word.partition("=")[2] for word in words), strict=True))
            label = " ".join(word for word, of in zip(words, plain.values(), strict=True) if len(of) > 1)
            try:
                trial = self._check(words, space, budget)
            except UserError as error:
                raise UserError(f"{error} (with {label})" if label else str(error)) from None
            studies.append(Study(words, {key: chosen[key] for key in several}, trial, space, budget))
        return studies

    def _check(self, words: Sequence[str], space: "Mapping[str, Range | Choice]", budget: "Budget") -> "RunConfig":
        """A trial's config, once each choice, and the ends of each range, have been tried. UserError names the key."""
        from seqexp import config

        first = {key: one.probes()[0] for key, one in space.items()}
        checked = config.check(self._composed(words, first, budget))
        for key, one in space.items():
            for word in one.probes()[1:]:
                config.check(self._composed(words, first | {key: word}, budget))
        return checked

    def _composed(self, words: Sequence[str], values: Mapping[str, str], budget: "Budget") -> DictConfig:
        overrides = [*words, *_words(values), f"seed={budget.tuning_seed}", "test=false"]
        cfg = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(cfg):
            del cfg["hydra"]
        return cfg


def _words(values: Mapping[str, str]) -> list[str]:
    """The values as overrides. A key that a model lacks is added, so that the check says what the model has."""
    return [f"{'++' if '.' in key else ''}{key}={word}" for key, word in values.items()]


def _refuse_own(key: str, override: Override) -> None:
    if key in OWN:
        raise UserError(f"{key}: not for a tuned sweep: {OWN[key]}; leave it out")
    if key in APART and override.is_sweep_override() and override.value_type not in PLAIN:
        raise UserError(f"{key}: expected a plain list ({key}=a,b), each of which is tuned; got {override.input_line}")
