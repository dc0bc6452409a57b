"""Mistakes that a tired developer would make, put back one at a time: each has its test that fails.

Most of them once went unnoticed. python -m scripts.long.mutation makes many more, at random.
"""

import multiprocessing
from dataclasses import replace

import pytest

from tests.mutants import Mutant, exit_code

LOOP, STEP = "tests/training/test_loop.py", "tests/training/test_step.py"
SIGNATURE, ADDING = "tests/config/test_signature.py", "tests/tasks/test_adding.py"
SENTENCE, WARNINGS = "tests/comparison/test_sentence.py", "tests/comparison/test_warnings.py"
RUN_TRUE, WHICH = "tests/comparison/test_run_true.py", "tests/comparison/test_which_runs.py"
TUNED = f"{WARNINGS}::test_models_tuned_unequally_are_told_in_what"
SETTING = f"{WARNINGS}::test_a_setting_of_training_that_differs_is_named_with_both_values"
MARGIN = f"{SENTENCE}::test_the_word_beats_the_runs_own_margin_which_beats_the_yaml"

MUTANTS = [
    # -- training
    Mutant(
        "the initialisation ignores the seed",
        "training.trainer",
        "stream(seed, Purpose.INIT)",
        "stream(0, Purpose.INIT)",
        f"{STEP}::test_the_start_depends_on_the_seed_and_on_nothing_else",
    ),
    Mutant(
        "one dropout mask for all steps",
        "training.trainer",
        "Purpose.DROPOUT, self.step)",
        "Purpose.DROPOUT, 0)",
        f"{STEP}::test_each_step_has_a_dropout_mask_of_its_own_and_an_evaluation_none",
    ),
    Mutant(
        "the schedule reaches its end after one epoch",
        "training.trainer",
        "self.step / self.total_steps",
        "self.step / self.steps_an_epoch",
        f"{STEP}::test_the_schedule_runs_over_all_planned_steps",
    ),
    Mutant(
        "train/loss is divided by all steps so far",
        "training.trainer",
        "counters.loss_sum / self.steps_an_epoch",
        "counters.loss_sum / self.step",
        f"{LOOP}::test_the_training_loss_and_norm_are_means_over_the_epochs_steps",
    ),
    Mutant(
        "val/loss is a plain mean over batches, the ragged last one included",
        "training.trainer",
        "loss_sum + float(loss) * y.shape[1], count + y.shape[1]",
        "loss_sum + float(loss), count + 1",
        f"{LOOP}::test_the_validation_loss_is_a_mean_over_answers_not_over_batches",
    ),
    Mutant(
        "patience is one epoch late",
        "training.stopping",
        "counters.epochs_since >= training.patience",
        "counters.epochs_since > training.patience",
        f"{LOOP}::test_patience_is_so_many_epochs_without_a_better_one",
    ),
    Mutant(
        "epochs_since is never reset",
        "training.trainer",
        "            counters.epochs_since = 0\n",
        "            pass\n",
        f"{LOOP}::test_patience_is_so_many_epochs_without_a_better_one",
    ),
    Mutant(
        "max_seconds is never reached",
        "training.stopping",
        "counters.seconds >= training.max_seconds",
        "counters.epoch_seconds >= training.max_seconds",
        f"{LOOP}::test_max_seconds_ends_with_the_epoch_in_which_they_pass",
    ),
    Mutant(
        "the loss does not break ties",
        "training.trainer",
        "(metric, loss) > (counters.best_metric, counters.best_loss)",
        "metric > counters.best_metric",
        f"{LOOP}::test_the_best_weights_are_kept_and_tested_not_the_last",
    ),
    Mutant(
        "the gradient is not clipped",
        "training.trainer",
        "clip(self.grad.flat, self.training.clip_norm, spans)",
        "clip(self.grad.flat, None, spans)",
        f"{STEP}::test_the_gradient_is_clipped_before_the_update_and_its_norm_taken_before_that",
    ),
    Mutant(
        "the best weights are no copy",
        "training.trainer",
        "self.best.flat[:] = self.p.flat",
        "self.best = self.p",
        f"{LOOP}::test_the_best_weights_are_a_copy",
    ),
    Mutant(
        "the last weights are tested",
        "training.trainer",
        '"test" if test else "val", self.best)',
        '"test" if test else "val", self.p)',
        f"{LOOP}::test_the_best_weights_are_kept_and_tested_not_the_last",
    ),
    Mutant(
        "weight decay goes by the base rate, not the scheduled one",
        "training.optimizers",
        "w *= 1 - rate * self.weight_decay",
        "w *= 1 - self.learning_rate * self.weight_decay",
        f"{STEP}::test_weight_decay_follows_the_scheduled_rate",
    ),
    # -- data
    Mutant(
        "validation and test set of adding are the same",
        "tasks.adding",
        "Purpose.SPLIT, number)",
        "Purpose.SPLIT, 0)",
        f"{ADDING}::test_training_validation_and_test_are_different_examples",
    ),
    Mutant(
        "the training data of adding ignore the seed",
        "tasks.adding",
        "stream(seed, Purpose.DATA, index)",
        "stream(0, Purpose.DATA, index)",
        f"{ADDING}::test_training_validation_and_test_are_different_examples",
    ),
    Mutant(
        "the second marker of adding is never at the middle step",
        "tasks.adding",
        "rng.integers(half, T, size)",
        "rng.integers(half + 1, T, size)",
        f"{ADDING}::test_one_marker_stands_anywhere_in_each_half",
    ),
    # -- identity
    Mutant(
        "dtype is no part of the signature",
        "config.run_config",
        '"data_seed", "dtype", "threads", "backend"}',
        '"data_seed", "threads", "backend"}',
        f"{SIGNATURE}::test_every_key_of_the_top_level",
    ),
    Mutant(
        "threads are no part of the signature",
        "config.run_config",
        '"data_seed", "dtype", "threads", "backend"}',
        '"data_seed", "dtype"}',
        f"{SIGNATURE}::test_every_key_of_the_top_level",
    ),
    Mutant(
        "true equals 1 when runs are chosen by a filter",
        "runs.reader",
        "return stored == wanted if len(numbers) == 2 else type(stored) is type(wanted) and stored == wanted",
        "return bool(stored == wanted)",
        f"{WHICH}::test_a_word_that_is_true_does_not_choose_runs_with_one",
    ),
    Mutant(
        "the oldest run of a seed counts",
        "runs.reader",
        "run.result.started or 0.0)",
        "-(run.result.started or 0.0))",
        f"{WHICH}::test_the_newest_finished_run_of_a_seed_counts_whatever_came_after",
    ),
    # -- the verdict
    Mutant(
        "runs are paired by position, not by seed",
        "comparison.contest",
        "left, right = (np.array([entry.scores[seed] for seed in seeds]) for entry in (a, b))",
        "left, right = (np.array([*entry.scores.values()][: len(seeds)]) for entry in (a, b))",
        f"{SENTENCE}::test_the_mean_difference_pairs_runs_by_seed_and_the_typical_run_takes_them_all",
    ),
    Mutant(
        "the direction is turned",
        "statistics.typical_run",
        'values if direction == "max" else -values',
        "values",
        f"{SENTENCE}::test_the_sentence_is_what_the_scores_say[lstm always lower-min-0.95]",
    ),
    Mutant(
        "a tie is a loss",
        "statistics.brunner_munzel",
        "b.cumsum(axis=-1) - b / 2",
        "b.cumsum(axis=-1) - b",
        f"{SENTENCE}::test_the_sentence_is_what_the_scores_say[four ties-min-0.95]",
    ),
    Mutant(
        "the probability of winning always has its interval at 95 %",
        "statistics.typical_run",
        "share_interval(*counts, level)",
        "share_interval(*counts, 0.95)",
        "tests/statistics/test_typical_run.py::test_the_interval_is_that_of_the_level_asked_for",
    ),
    Mutant(
        "after optional stopping, run=true reports the fixed-n verdict",
        "comparison.made_answer",
        "sequential=True",
        "sequential=False",
        f"{RUN_TRUE}::test_after_optional_stopping_the_report_has_the_sequential_tests_verdict",
    ),
    Mutant(
        "run=true: the report judges by a margin that an older run was stored with",
        "comparison.made_answer",
        "margin=plan.margin",
        "margin=query.margin",
        f"{RUN_TRUE}::test_the_report_judges_by_the_margin_that_the_test_was_run_with[made with another margin-[]-0.005]",  # noqa: E501
    ),
    Mutant(
        "margin=0 becomes the task's margin",
        "comparison.query",
        "query.margin if query.margin is not None else finite(margins.get(bare))",
        "query.margin or finite(margins.get(bare))",
        f"{MARGIN}[['margin=0']-None-0]",
    ),
    Mutant(
        "the runs' own task.margin is ignored",
        "comparison.query",
        "next((m for m in own if isinstance(m, dict)), None) or query.margins.get(task, {})",
        "query.margins.get(task, {})",
        f"{MARGIN}[[]-{{'mse': 0.5}}-0.5]",
    ),
    # -- what is warned of
    Mutant(
        "the embedding is counted in budgets",
        "runs.result",
        "self.params - self.embedding_params",
        "self.params",
        f"{WARNINGS}::test_parameters_are_shown_with_and_without_the_embedding",
    ),
    Mutant(
        "one model tuned and the other not: no warning",
        "comparison.warnings",
        "if first is None and second is None:",
        "if first is None or second is None:",
        f"{WARNINGS}::test_one_model_tuned_and_the_other_not",
    ),
    Mutant(
        "unequal samplers: no warning",
        "comparison.warnings",
        '("trials", "sampler", "metric", "space")',
        '("trials", "metric", "space")',
        f"{TUNED}[sampler-other1-sampler random for rnn, tpe for lstm]",
    ),
    Mutant(
        "unequal metrics of tuning: no warning",
        "comparison.warnings",
        '("trials", "sampler", "metric", "space")',
        '("trials", "sampler", "space")',
        f"{TUNED}[metric-other2-metric val/mse for rnn, val/loss for lstm]",
    ),
    Mutant(
        "unequal clipping: no warning",
        "comparison.warnings",
        '("training.", "optimizer.", "dtype", "threads", "backend")',
        '("training.epochs", "optimizer.", "dtype", "threads", "backend")',
        f"{SETTING}[training.clip_norm-1.0-None]",
    ),
    Mutant(
        "unequal epochs: no warning",
        "comparison.warnings",
        '("training.", "optimizer.", "dtype", "threads", "backend")',
        '("training.clip_norm", "optimizer.", "dtype", "threads", "backend")',
        f"{SETTING}[training.epochs-20-40]",
    ),
]

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork a process"
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.does)
def test_a_mistake_is_noticed(mutant, tmp_path):
    assert exit_code(mutant, tmp_path / "log") == 1, (tmp_path / "log").read_text()


def test_no_mistake_is_none(tmp_path):
    """Else a broken start of the process would count as a test that failed."""
    harmless = replace(MUTANTS[0], new=MUTANTS[0].old)
    assert exit_code(harmless, tmp_path / "log") == 0, (tmp_path / "log").read_text()


def test_a_mistake_whose_place_is_gone_is_told():
    with pytest.raises(ValueError, match="write the mistake anew"):
        replace(MUTANTS[0], old="nobody ever wrote this").source()
