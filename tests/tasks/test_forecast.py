"""Forecasts: what is asked when, on which scale, and how it is scored beside what needs no memory."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from seqexp import tasks, testing
from seqexp.codecs import Options
from seqexp.system.errors import UserError
from seqexp.tasks import passes


@pytest.fixture
def make(task_settings):
    settings = task_settings("forecast")
    return lambda **changes: tasks.create(**(settings | {"steps": 400, "window": 8, "horizon": 3} | changes))


@pytest.fixture
def table(tmp_path):
    """A path of a CSV of these columns."""

    def write(name="own.csv", **columns):
        path = tmp_path / name
        rows = zip(*columns.values(), strict=True)
        path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
        return str(path)

    return write


def days(count, first="2024-01-01"):
    return [str(date.fromisoformat(first) + timedelta(days=n)) for n in range(count)]


def asked(task, split):
    """(windows (W, N), truths (H, N)) of the target in its own units."""
    rows = np.concatenate([batch.rows for batch in passes(task, split, 16)])
    return task._asked.read(rows)[:, 0], task._asked.truth(rows)


class Exact:
    """A network that goes on as the straight line through a window's last two values."""

    def answers(self, batch, state=None):
        x = batch.source if hasattr(batch, "source") else batch.x
        slope = x[-1, 0] - x[-2, 0]
        return x[-1, 0] + slope * np.arange(1, 4)[:, None], x[-1]

    def generate(self, prompt, steps, **how):
        return (prompt.x[-1, 0] + (prompt.x[-1, 0] - prompt.x[-2, 0]) * np.arange(1, steps + 1)[:, None])[:, None]


SMALL = ("task.steps=300", "task.window=8", "task.horizon=3")


@pytest.mark.parametrize(
    "words", [("strategy=encoder_decoder",), ("strategy=recursive",), ("missing=mask", "level=last")]
)
def test_every_way_to_forecast_keeps_the_laws_of_tasks(words):
    testing.check_task("forecast", *SMALL, *(f"task.{word}" for word in words))


# -- what is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["direct", "recursive", "encoder_decoder"])
def test_what_is_asked_of_a_part_lies_in_it_alone_and_follows_its_window(make, table, strategy):
    task = make(source=table(t=days(100), y=range(100)), strategy=strategy)
    for split, low, high in (("val", 70, 85), ("test", 85, 100)):
        read, truth = asked(task, split)
        assert truth.min() == low
        assert truth.max() == high - 1
        np.testing.assert_array_equal(truth, read[-1] + np.arange(1, 4)[:, None])
    trained = [task.batch(0, "train", index, 16).rows for index in range(task.batches("train", 16))]
    assert task._trained.truth(np.concatenate(trained)).max() == 69


@pytest.mark.parametrize(("strategy", "targets"), [("direct", 3), ("recursive", 1), ("encoder_decoder", 3)])
def test_a_batch_is_on_the_scale_of_the_training_part(make, table, strategy, targets):
    task = make(source=table(t=range(100), y=range(100)), strategy=strategy)
    batch = task.batch(0, "test", 0, 1)
    scaled = (np.arange(77, 88) - np.mean(range(70))) / np.std(range(70))
    read = batch.source if strategy == "encoder_decoder" else batch.x
    np.testing.assert_allclose(read[:, 0, 0], scaled[:8], rtol=1e-5)
    np.testing.assert_allclose(batch.answers().ravel(), scaled[8 : 8 + targets], rtol=1e-5)


def test_what_counts_from_the_last_value_does_not_see_the_level(make, table):
    low, high = (
        make(source=table(f"{n}.csv", t=range(100), y=[n + v for v in range(100)]), level="last") for n in (0, 1e5)
    )
    one, other = low.batch(0, "test", 0, 4), high.batch(0, "test", 0, 4)
    np.testing.assert_allclose(one.x, other.x, atol=1e-4)
    np.testing.assert_allclose(one.target, other.target, atol=1e-4)
    assert (one.x[-1] == 0).all()
    np.testing.assert_allclose(high.unscaled(other.rows, other.target)[:, 0], [100085, 100086, 100087], rtol=1e-6)


def test_a_gap_is_filled_from_its_window_alone_and_never_asked(make, table):
    y = ["?" if n == 90 else n for n in range(100)]
    task = make(source=table(t=range(100), y=y))
    read, truth = asked(task, "test")
    assert not np.isnan(truth).any()
    assert truth.shape[1] == 13 - 3
    at = int(np.flatnonzero(np.isnan(read[-1]))[0])  # the gap is the window's last step
    rows = np.concatenate([batch.rows for batch in passes(task, "test", 16)])
    x = task._scaled(task._asked, rows)[0]
    assert x[-1, 0, at] == x[-2, 0, at]  # and not half-way to the 91 behind it
    assert task._floors.persistence(rows)[:, at].tolist() == [89, 89, 89]


def test_many_series_are_cut_at_the_same_time_and_scaled_each_by_its_own(make, table):
    t, who = [*days(60), *days(100)], ["a"] * 60 + ["b"] * 100
    y = [*range(60), *(1000 * v for v in range(100))]
    task = make(source=table(t=t, shop=who, y=y), series_column="shop", target="y")
    assert {task._table.series[n].name for n in task._asked.of[task._rows["test"]]} == {"b"}
    assert task._mean[:, 0].tolist() == [29.5, 34500]
    batch = next(task.batch(0, "train", i, 64) for i in range(1))
    assert np.abs(batch.x).max() < 2


def test_covariates_are_read_and_not_asked(make, table):
    task = make(source=table(t=range(100), y=range(100), heat=range(0, 300, 3)), target="y", covariates=["heat"])
    batch = task.batch(0, "test", 0, 2)
    assert batch.x.shape == (8, 2, 2)
    assert batch.target.shape == (3, 2)


def test_named_times_cut_and_the_rest_is_not_used(make, table):
    source = table(t=range(1900, 2000), y=range(100))
    task = make(source=source, val_from=1950, test_from="1970", until="1989")
    assert [asked(task, split)[1].min() for split in ("val", "test")] == [50, 70]
    assert asked(task, "test")[1].max() == 89


@pytest.mark.parametrize(("level", "slope", "warned"), [("train", 1, True), ("last", 1, False), ("train", 0, False)])
def test_a_series_that_leaves_the_range_of_training_is_told(make, table, caplog, level, slope, warned):
    make(source=table(t=range(100), y=[slope * n + n % 2 for n in range(100)]), level=level)
    assert ("try task.level=last" in caplog.text) == warned


def test_sunspots_have_the_classic_parts(make, data_dir):
    task = make(source="sunspots", data_dir=str(data_dir), window=12, horizon=1)
    times = task._table.series[0].times
    years = {split: [times[n] for n in task._asked.first[rows]] for split, rows in task._rows.items()}
    assert {split: (of[0], of[-1], len(of)) for split, of in years.items()} == {
        "train": ("1712", "1900", 189),
        "val": ("1901", "1920", 20),
        "test": ("1921", "1979", 59),
    }


def test_a_data_set_that_is_nowhere_says_what_to_install(make, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^task.source: co2: expected the package statsmodels.*pip install"):
        make(source="co2", data_dir=str(tmp_path))


@pytest.mark.parametrize("strategy", ["direct", "encoder_decoder", "recursive"])
def test_errors_are_in_the_series_own_units(make, table, strategy):
    rng = np.random.default_rng(0)
    y = 50 + 10 * np.sin(np.arange(200) / 3) + rng.normal(size=200)
    task, network = make(source=table(t=range(200), y=y), strategy=strategy, season=19), Exact()
    said, scorer = [], task.scorer()
    for batch in passes(task, "test", 7):
        answer = network.answers(batch)[0]
        scorer.add(batch, answer.reshape(task.shape.outputs, -1) if strategy != "recursive" else answer[:1])
    found = scorer.metrics() if strategy != "recursive" else task.generate(network.generate, "test")[0]
    read, truth = asked(task, "test")
    said = read[-1] + (read[-1] - read[-2]) * np.arange(1, 4)[:, None]
    error, known = np.abs(said - truth), y[:140]
    assert found["mae"] == pytest.approx(error.mean(), rel=1e-5)
    assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert found["rmse_at_3"] == pytest.approx(np.sqrt((error[2] ** 2).mean()), rel=1e-5)
    assert found["nrmse"] == pytest.approx(np.sqrt((error**2).mean()) / truth.std(), rel=1e-5)
    assert found["mase"] == pytest.approx(error.mean() / np.abs(known[19:] - known[:-19]).mean(), rel=1e-5)
    assert found["smape"] == pytest.approx((200 * error / (np.abs(said) + np.abs(truth))).mean(), rel=1e-5)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_floors_are_the_last_value_the_season_before_and_least_squares(make, table, strategy):
    y = np.tile([1.0, 5.0, 2.0, 8.0, 3.0], 40) + np.arange(200) / 4  # a season of 5 on a line: so a line goes on
    task = make(source=table(t=range(200), y=y), season=5, strategy=strategy)
    floors = task._floors.of(task._rows["test"])
    read, truth = asked(task, "test")
    np.testing.assert_array_equal(floors["persistence"], np.repeat(read[-1:], 3, axis=0))
    np.testing.assert_allclose(floors["seasonal naive"], truth - 5 / 4)
    np.testing.assert_allclose(floors["linear autoregression"], truth, rtol=1e-3)
    assert task.baselines()["seasonal naive"] == pytest.approx(1)


def test_a_season_before_that_is_missing_is_looked_for_two_before(make, table):
    y = [*np.tile([1.0, 5.0, 2.0, 8.0, 3.0], 40)]
    y[186] = "nan"
    task = make(source=table(t=range(200), y=y), season=5)
    assert (task._floors.seasonal(task._rows["test"]) == asked(task, "test")[1]).all()


@pytest.mark.parametrize(("period", "found"), [(7, 7), (12, 12), (None, 1)])
def test_the_season_is_what_training_shows(make, table, period, found):
    rng = np.random.default_rng(1)
    y = rng.normal(size=300) + (0 if period is None else 4 * np.sin(2 * np.pi * np.arange(300) / period))
    assert make(source=table(t=range(300), y=y + np.arange(300) / 20))._season == found


def test_the_picture_joins_only_what_was_forecast_at_once(make):
    task = make(source="seasonal", steps=300)
    rows = task._rows["test"]
    plot, by_step, text = task.artifacts(rows, task._floors.persistence(rows))
    at = np.array(plot.starts)
    assert (np.diff(at) >= 3).all()
    np.testing.assert_array_equal(plot.lines["network"], plot.lines["persistence"])
    assert not np.isnan(plot.lines["network"][at[0] : at[0] + 3]).any()
    assert len(by_step.errors["network"]) == 3
    assert [row[0] for row in text.rows] == ["network", "persistence", "seasonal naive", "linear autoregression"]


@pytest.mark.parametrize("strategy", ["direct", "encoder_decoder", "recursive"])
def test_what_comes_next_has_the_users_times_and_units(make, table, strategy):
    codec = make(source=table(day=days(100), sales=range(100)), strategy=strategy).codec()
    typed = " ".join(f"{day}={value}" for day, value in zip(days(9, "2025-02-23"), range(500, 509), strict=True))
    (answer,) = codec.answer(Exact(), [typed], Options())
    assert [row["day"] for row in answer.rows] == ["2025-03-04", "2025-03-05", "2025-03-06"]
    assert [row["sales"] for row in answer.rows] == pytest.approx([509, 510, 511], rel=1e-4)
    assert answer.text.split()[0].startswith("2025-03-04=509")


def test_a_table_is_a_text_a_series(make, table):
    source = table(t=days(100) * 2, shop=["a"] * 100 + ["b"] * 100, y=range(200))
    codec = make(source=source, series_column="shop", target="y").codec()
    new = table("new.csv", t=days(8) * 2, shop=["b"] * 8 + ["a"] * 8, y=[*range(150, 158), *range(8)])
    texts = codec.texts_of(Path(new))
    one, other = codec.answer(Exact(), texts, Options(length=2))
    assert [(row["shop"], row["t"]) for row in one.rows] == [("b", "2024-01-09"), ("b", "2024-01-10")]
    assert [row["y"] for row in (*one.rows, *other.rows)] == pytest.approx([158, 159, 8, 9], abs=1e-3)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("1 2 3", r"expected at least 8 steps, the window that the run was trained on; got '3 in 1 2 3'"),
        ("1 2 3 x 5 6 7 8", r"expected steps with spaces .*each y or 2001=y; got 'x'"),
        ("1 2 3 inf 5 6 7 8", r"expected steps with spaces"),
        ("1=1 1=2 3=3 4=4 5=5 6=6 7=7 8=8", r"expected rising times"),
        ("? ? ? ? ? ? ? ?", r"expected a value in each column of the last 8 steps"),
    ],
)
def test_what_is_no_window_is_refused(make, table, typed, said):
    codec = make(source=table(t=range(100), y=range(100))).codec()
    with pytest.raises(UserError, match=said):
        codec.answer(Exact(), [typed], Options())


def test_only_a_recursive_network_goes_beyond_its_horizon(make, table):
    source, typed = table(t=range(100), y=range(100)), " ".join(map(str, range(8)))
    assert (
        len(make(source=source, strategy="recursive").codec().answer(Exact(), [typed], Options(length=9))[0].rows) == 9
    )
    with pytest.raises(UserError, match=r"^length: expected at most 3, the horizon .*; got 9; a run with"):
        make(source=source).codec().answer(Exact(), [typed], Options(length=9))


# -- bad input --------------------------------------------------------------------------------------------------------

EVEN = {"t": range(100), "y": range(100)}
BESIDE = EVEN | {"z": range(100)}


@pytest.mark.parametrize(
    ("columns", "changes", "said"),
    [
        ({"t": [0, 2, 1], "y": [1, 2, 3]}, {}, r"own.csv:4: expected rising times in 't'; '1' is earl.*series_column"),
        ({"t": [0, 1, 1], "y": [1, 2, 3]}, {}, r"own.csv:4: expected rising times in 't'; '1' is there twice"),
        ({"t": [*days(2), "soon"], "y": [1, 2, 3]}, {}, r"own.csv:4: expected .*written as '2024-01-01'.*'soon'"),
        ({"t": [0, 1, 2], "y": [1, "two", 3]}, {}, r"own.csv:3: expected a number in column 'y'; got 'two'"),
        ({"t": [0, 1, 2], "y": [1, "inf", 3]}, {}, r"own.csv:3: expected a finite number in column 'y'; got 'inf'"),
        ({"t": range(100), "y": ["nan"] * 100}, {}, r"expected values of 'y' in the training part of series; got none"),
        (EVEN, {"horizon": 16}, r"task.horizon: expected a validation part in which 16 steps .*it has 15 steps"),
        (EVEN, {"window": 100}, r"task.window: expected series of more than 100 steps; .* has 100"),
        (EVEN, {"test_from": "1999-01-01"}, r"task.test_from: expected a time as the table writes it, such as '0'"),
        (EVEN, {"val_from": 80, "test_from": 50}, r"validation before the test; got '?80'? and '?50'?"),
        (BESIDE, {}, r"own.csv:1: expected task.target, the column to forecast; there are 'y', 'z'"),
        (EVEN, {"target": "z"}, r"own.csv:1: expected a column 'z' \(task.target\); there are 't', 'y'"),
        (EVEN, {"covariates": ["y"], "target": "y"}, r"a column each for time, target, .*; 'y' is two"),
        ({"t": [0, 1], "y": [1, 2]}, {}, r"expected a series of at least 3 steps; it has 2"),
        ({"t": [0, 1, 2], "y": [1, 2, 3]}, {}, r"expected times enough for training, validation and a test; got 3"),
        (BESIDE, {"target": "y", "covariates": ["z"], "strategy": "recursive"}, r"whose future nobody knows"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(make, table, columns, changes, said):
    with pytest.raises(UserError, match=said) as error:
        make(source=table(**columns), **changes)
    assert "\n" not in str(error.value)
