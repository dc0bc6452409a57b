"""MLflow's own pages, served from this process: one address, one worker, no child that could be left behind."""

import html
import json
import logging
import os
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any

from seqexp.system.errors import UserError
from seqexp.system.paths import ARTIFACTS
from seqexp.tracking.mlflow_store import ENVIRONMENT, Store

HOST = "127.0.0.1"  # nobody else's machine can ask
USUAL_PORT = 5000
LEADERBOARD = "/leaderboard"
# What a fresh browser would begin with otherwise: pages for language models, and an assistant over a third of the page.
FIRST_VISIT = {"mlflow.workflowType_v1": "machine_learning", "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True}
LANDING = """<!doctype html><meta charset="utf-8"><title>seqexp</title><script>
const first = {first};
for (const key in first) if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(first[key]));
location.replace({page});
</script><noscript><a href={link}>the leaderboard</a></noscript>"""


def listening(port: int | None) -> socket.socket:
    """A socket at the port; without one at the usual one, or a free one where that is taken. UserError where the port
    is in use."""
    for number in (USUAL_PORT, 0) if port is None else (port,):
        asked = socket.socket()
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((HOST, number))
            return asked
        except OSError as error:
            asked.close()
            trouble = error
    raise UserError(f"port: {port} cannot be used ({trouble.strerror}); leave it out for a free one, or name another")


def serve(store: Store, page: str, bound: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. ``page``: where ``/leaderboard`` leads. ``ready`` is told its address once it answers."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(_Led(_app(store), page), log_level="warning", timeout_graceful_shutdown=1))
    address = f"http://{HOST}:{bound.getsockname()[1]}{LEADERBOARD}"
    threading.Thread(target=_once_started, args=[server, lambda: ready(address)], daemon=True).start()
    server.run(sockets=[bound])


def _app(store: Store) -> Any:
    """MLflow's application over the store, as ``mlflow server`` with one worker sets it up."""
    os.environ.update({key: value for key, value in ENVIRONMENT.items() if key not in os.environ})
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # no queue of background jobs, which are processes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, of what it imports
        from mlflow.server import constants

        os.environ[constants.BACKEND_STORE_URI_ENV_VAR] = store.uri
        os.environ[constants.REGISTRY_STORE_URI_ENV_VAR] = store.uri
        os.environ[constants.ARTIFACT_ROOT_ENV_VAR] = (store.folder / ARTIFACTS).as_uri()
        os.environ["_MLFLOW_SGI_NAME"] = "uvicorn"
        from mlflow.server.fastapi_app import app
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return app


class _Led:
    """An ASGI application with a page in front that leads a browser to the leaderboard."""

    def __init__(self, app: Any, page: str) -> None:
        self._app = app
        self._body = LANDING.format(
            first=json.dumps(FIRST_VISIT), page=json.dumps(f"/{page}"), link=f'"{html.escape(f"/{page}")}"'
        ).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != LEADERBOARD:
            await self._app(scope, receive, send)
            return
        kind = (b"content-type", b"text/html; charset=utf-8")
        await send({"type": "http.response.start", "status": 200, "headers": [kind, (b"cache-control", b"no-store")]})
        await send({"type": "http.response.body", "body": self._body})


def _once_started(server: Any, action: Callable[[], None]) -> None:
    while not server.started:
        threading.Event().wait(0.05)
    action()
