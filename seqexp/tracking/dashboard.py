"""How to look at the runs: the command that starts MLflow's pages, and the page that shows runs with their metrics."""

import shlex

from seqexp.system.errors import UserError, masked
from seqexp.tracking.mlflow_store import TrackingSettings, connect, leaderboard_path, locate, program


def dashboard_command(settings: TrackingSettings) -> str:
    """The line that starts the dashboard; the address alone where a server shows it already; empty when off."""
    if settings.name == "off":
        return ""
    store = locate(settings)
    if store.is_server:
        return masked(store.uri)
    return f"{program()} ui --backend-store-uri {shlex.quote(masked(store.uri))}"


def leaderboard_address(settings: TrackingSettings) -> str:
    """The page of the experiment's runs with their metric columns, once the dashboard runs; empty when off.

    The plain page shows no metric column until somebody picks them; this one opens the saved view. Empty too where the
    experiment cannot be reached: this is asked when a run has ended, and its tracker has warned.
    """
    if settings.name == "off":
        return ""
    store = locate(settings)
    server = masked(store.uri).rstrip("/") if store.is_server else "http://127.0.0.1:5000"
    try:
        _, experiment = connect(settings)
    except UserError:
        return ""
    return f"{server}/{leaderboard_path(experiment)}"
