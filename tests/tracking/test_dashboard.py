"""The pages that the dashboard opens: views that MLflow's pages read, a free port, a first visit without detours."""

import asyncio
import base64
import json
import socket
import sys
import zlib
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from seqexp.system.errors import UserError
from seqexp.system.program import VARIABLE
from seqexp.tracking import dashboard, mlflow_store, pages, views
from seqexp.tracking.dashboard import Ranked, dashboard_command
from seqexp.tracking.mlflow_store import TrackingSettings

WORDS = (  # of MLflow's pages, which would read no view without them
    '"mlflow.sharedViewState."',
    '"viewStateShareKey"',
    '"deflate;"',
    '"columnOrder"',
    '"FIRST_20_RUNS"',
    "selectedMetricKeys",
    "groupByKeys",
    "compareRunSections",
    *('"RunPage"', '"chartUIState"', '"MLflowLocalStorage"', "useGlobalLineSmoothing"),
    *(f'"{key.removesuffix("_v1")}"' for key in pages.FIRST_VISIT),
)


def unpacked(tag: str) -> tuple[dict, dict]:
    envelope = json.loads(tag)
    mark, _, packed = envelope["state"].partition(";")
    assert mark == "deflate"
    return envelope, json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.fixture
def experiment(noting):
    """The experiment 7 as MLflow would keep its tags."""
    tags: dict[str, str] = {}

    def set_tag(number, key, value):
        assert number == "7"
        tags[key] = value

    noting.get_experiment = lambda number: SimpleNamespace(tags=dict(tags))
    noting.set_experiment_tag = set_tag
    return tags


def test_a_new_experiment_has_a_view_of_all_runs(settings, client):
    experiment = client.get_experiment_by_name("seqexp")
    envelope, state = unpacked(experiment.tags["mlflow.sharedViewState.leaderboard"])
    assert (envelope["name"], type(envelope["createdAt"])) == ("leaderboard", int)
    assert state["selectedColumns"] == state["columnOrder"]
    assert {"tags.`model`", "params.`seed`", "metrics.`test/accuracy`"} <= set(state["selectedColumns"])
    assert views.path_of(experiment.experiment_id) in experiment.tags["mlflow.note.content"]


def test_mlflows_pages_know_the_words_of_a_view(client):
    built = Path(sys.modules["mlflow"].__file__ or "").parent / "server/js/build/static/js"
    shipped = "".join(file.read_text() for file in built.glob("*.js"))
    if not shipped:
        pytest.skip("this mlflow has no pages")
    assert [word for word in WORDS if word not in shipped] == [], "see tracking/views.py and tracking/pages.py"


@pytest.mark.parametrize("metric, direction, ascending", [("test/mse", "min", True), ("test/accuracy", "max", False)])
def test_a_tasks_view_ranks_means_over_seeds_beside_the_floor(metric, direction, ascending):
    _, state = unpacked(views.view_of_task("adding", metric, direction))
    assert (state["orderByKey"], state["orderByAsc"]) == (f"metrics.`{metric}`", ascending)
    assert state["groupBy"]["aggregateFunction"] == "average"
    bare = metric.removeprefix("test/")
    assert state["selectedColumns"][:2] == [f"metrics.`{metric}`", f"metrics.`floor/{bare}`"]
    assert state["searchFilter"] == f'tags.task = "adding" and tags.primary_metric = "{metric}"', "no trial's"


def test_training_and_validation_are_in_one_chart_and_single_values_are_bars():
    _, state = unpacked(views.view_of_task("adding", "test/mse", "min"))
    shown = [chart for chart in state["compareRunCharts"] if not chart["deleted"]]
    assert shown[0]["selectedMetricKeys"] == ["train/loss", "val/loss"]
    assert {
        chart["metricKey"]: chart["type"] for chart in shown if chart["metricKey"].startswith(("test/", "floor/"))
    } == {
        "test/mse": "BAR",
        "floor/mse": "BAR",
    }
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in shown} == sections


def test_a_tasks_leaderboard_is_made_once_and_somebodys_changes_are_kept(noting, experiment):
    adding, tags = Ranked("adding", "test/mse", "min"), experiment
    assert dashboard.make(noting, "7", [adding]) == ["adding_mse"]
    assert views.path_of("7", "adding_mse") in tags["mlflow.note.content"]
    tags["mlflow.sharedViewState.adding_mse"] = "mine"
    dashboard.make(noting, "7", [adding, Ranked("copy", "test/symbol_accuracy", "max")])
    assert tags["mlflow.sharedViewState.adding_mse"] == "mine"
    note = tags["mlflow.note.content"]
    assert views.note("7", ["adding_mse", "copy_symbol_accuracy"]) == note, "with those that were there before"
    tags["mlflow.note.content"] = "my own note"
    dashboard.make(noting, "7", [Ranked("logic", "test/accuracy", "max")])
    assert tags["mlflow.note.content"] == "my own note"


def test_the_dashboard_opens_at_the_task_that_ran_last(noting, experiment):
    def run(**tags):
        return SimpleNamespace(data=SimpleNamespace(tags=tags))

    runs = [
        run(kind="sweep"),
        run(task="adding", primary_metric="val/mse", kind="trial"),
        run(task="copy", primary_metric="test/symbol_accuracy"),
        run(task="adding", primary_metric="test/mse"),
        run(task="odd", primary_metric="test/of_a_plugin"),
    ]
    noting.search_runs = lambda experiments, max_results: runs
    server = TrackingSettings(name="mlflow", uri="http://127.0.0.1:9", experiment_name="x")
    assert dashboard.opening(server, None) == views.path_of("7", "copy_symbol_accuracy")
    assert dashboard.opening(server, "adding") == views.path_of("7", "adding_mse")
    with pytest.raises(UserError, match=r"^task: expected one of adding, copy; got 'addin'"):
        dashboard.opening(server, "addin")
    runs.clear()
    assert dashboard.opening(server, None) == views.path_of("7")
    with pytest.raises(UserError, match="no task has a run yet"):
        dashboard.opening(server, "adding")


def test_the_line_to_type_names_what_is_not_the_usual_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)

    def line(uri, name="seqexp"):
        return dashboard_command(TrackingSettings(name="mlflow", uri=uri, experiment_name=name))

    assert line("sqlite:///runs/mlflow.db") == "python -m seqexp.ui"
    assert line(f"sqlite:///{tmp_path}/runs/mlflow.db") == "python -m seqexp.ui"
    other = line("sqlite:///my runs/mlflow.db", "x")
    assert other == "python -m seqexp.ui 'tracking.uri=sqlite:///my runs/mlflow.db' tracking.experiment_name=x"
    assert line("https://me:secret@mlflow.example.org") == "https://***:***@mlflow.example.org"
    monkeypatch.setenv(VARIABLE, "scripts/seqexp")
    assert line("sqlite:///runs/mlflow.db") == "scripts/seqexp ui"


def test_a_leaderboard_out_of_reach_has_no_address(monkeypatch):
    monkeypatch.setattr(mlflow_store, "WAITS", ())
    with socket.socket() as closed:  # an address where nobody listens
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert dashboard.leaderboard_address(TrackingSettings(name="mlflow", uri=uri, experiment_name="x")) == ""


def test_a_port_in_use_is_refused_where_it_was_asked_for_and_left_alone_else(monkeypatch):
    with pages.listening(None) as first:
        port = first.getsockname()[1]
        first.listen()
        with pytest.raises(UserError, match=rf"^port: {port} cannot be used \(Address already in use\); leave it out"):
            pages.listening(port)
        monkeypatch.setattr(pages, "USUAL_PORT", port)
        with pages.listening(None) as other:
            assert other.getsockname()[0] == "127.0.0.1"
            assert other.getsockname()[1] not in (0, port)


def asked(path, query=b"", app=None, charts=str):
    """What is answered to a path: its messages."""

    async def mlflow(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<head><script src=mlflow>"})

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "query_string": query, "headers": [(b"if-none-match", b"x")]}
    asyncio.run(pages._Front(mlflow, views.path_of("7", "adding_mse"), charts)(scope, None, send))
    return sent


def test_the_address_that_is_opened_leads_to_the_leaderboard_and_all_else_to_mlflow():
    start, _ = asked("/leaderboard")
    assert start["status"] == 303
    assert (b"location", f"/{views.path_of('7', 'adding_mse')}".encode()) in start["headers"]
    assert [message.get("body") for message in asked("/ajax-api/x")] == [None, b"<head><script src=mlflow>"]


def test_a_fresh_browser_is_told_what_to_begin_with_and_how_a_runs_charts_look():
    page = asked("/")[1]["body"].decode()
    assert page.index("<script>((") < page.index("<script src=mlflow>")
    assert '"mlflow.workflowType_v1": "machine_learning"' in page
    assert f'"{pages.CHARTS}?run="' in page
    assert 'if (!location.hash) location.replace("/leaderboard")' in page
    assert asked(pages.CHARTS, b"run=abc", charts=lambda run: f"of {run}")[1]["body"] == b"of abc"


def test_a_runs_page_has_training_and_validation_in_one_chart_and_no_single_dot():
    many = dict.fromkeys(["train/loss", "val/loss", "val/mse", "train/grad_norm", "time/epoch_seconds"], 4)
    once = dict.fromkeys(["test/mse", "test/loss", "floor/mse"], 1)

    def cards(points):
        state = json.loads(views.run_page(points, "test/mse"))
        shown = [card for card in state["compareRunCharts"] if not card["deleted"]]
        assert {card["metricSectionId"] for card in shown} <= {one["uuid"] for one in state["compareRunSections"]}
        assert {card["metricKey"] for card in state["compareRunCharts"]} == {*points}, "else the pages add one"
        return [(card["type"], card["selectedMetricKeys"]) for card in shown]

    assert cards(many | once) == [
        ("LINE", ["train/loss", "val/loss"]),
        ("LINE", ["val/mse"]),
        ("LINE", ["train/grad_norm"]),
        ("BAR", ["test/mse", "floor/mse"]),
        ("BAR", ["test/loss"]),
        ("LINE", ["time/epoch_seconds"]),
    ]
    assert {kind for kind, _ in cards(dict.fromkeys(many, 1))} == {"BAR"}, "an epoch is no curve"
    sweep = {f"adding/{model}/test/mse/{what}": 1 for model in ("rnn", "lstm") for what in ("mean", "std")}
    assert cards(sweep) == [
        ("BAR", ["adding/lstm/test/mse/mean", "adding/rnn/test/mse/mean"]),
        ("BAR", ["adding/lstm/test/mse/std", "adding/rnn/test/mse/std"]),
    ]
    assert views.run_page({}, "") == ""


def test_a_runs_charts_are_of_the_points_that_it_has(noting):
    run = SimpleNamespace(
        info=SimpleNamespace(status="FINISHED"),
        data=SimpleNamespace(metrics={"val/mse": 0.1, "test/mse": 0.2}, tags={"primary_metric": "test/mse"}),
    )
    noting.get_run = lambda run_id: {"r": run}[run_id]
    noting.get_metric_history = lambda run_id, name: [None] * (3 if name == "val/mse" else 1)
    server = TrackingSettings(name="mlflow", uri="http://127.0.0.1:9", experiment_name="x")
    assert dashboard.charts(server, "r") == views.run_page({"val/mse": 3, "test/mse": 1}, "test/mse")
    run.info.status = "RUNNING"  # what it logs later makes curves of points
    assert dashboard.charts(server, "r") == views.run_page({"val/mse": 2, "test/mse": 2}, "test/mse")
    run.data.tags.clear()
    assert dashboard.charts(server, "r") == views.run_page({"val/mse": 2, "test/mse": 2}, "")
    assert dashboard.charts(server, "unknown") == ""


def test_what_waits_for_the_server_is_told_once_it_answers():
    server, told = SimpleNamespace(started=False), Event()
    waiting = Thread(target=pages._once_started, args=[server, told.set], daemon=True)
    waiting.start()
    assert not told.wait(0.1)
    server.started = True
    assert told.wait(5)


def test_the_views_are_those_that_mlflow_is_known_to_read():
    """Word for word what its pages were seen to show; looked at anew, views.json follows."""
    shown = {
        "leaderboard": unpacked(views.view_of_task("adding", "test/mse", "min"))[1],
        "run": json.loads(views.run_page({"train/loss": 4, "val/loss": 4, "test/mse": 1, "floor/mse": 1}, "test/mse")),
    }
    known = Path(__file__).with_name("views.json").read_text(encoding="utf-8")
    assert shown == json.loads(known), json.dumps(shown, indent=1)
