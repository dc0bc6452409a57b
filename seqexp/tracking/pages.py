"""MLflow's own pages, served from this process: one address, one worker, no child that could be left behind."""

import asyncio
import json
import logging
import os
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from seqexp.system.errors import UserError
from seqexp.system.paths import ARTIFACTS
from seqexp.tracking.mlflow_store import ENVIRONMENT, Store

HOST = "127.0.0.1"  # nobody else's machine can ask
USUAL_PORT = 5000
LEADERBOARD = "/leaderboard"
# What a fresh browser would begin with otherwise: pages for language models, and an assistant over a third of the page.
FIRST_VISIT = {"mlflow.workflowType_v1": "machine_learning", "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True}
CHARTS = "/charts-of-run"
# A page that names none leads to the leaderboard, and not to the start, which shows what language models need. A run's
# page asks the browser's storage for its charts; of a run that was never opened there, it is told ours.
SCRIPT = """<script>(() => {
const first = FIRST;
for (const key in first) if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify(first[key]));
if (!location.hash) location.replace("LEADERBOARD");
const kept = Storage.prototype.getItem;
Storage.prototype.getItem = function (key) {
  const value = kept.call(this, key);
  const run = value === null && /-RunPage-(\\w+)-model-chartUIState$/.exec(key);
  if (!run) return value;
  const asked = new XMLHttpRequest();
  asked.open("GET", "CHARTS?run=" + run[1], false);
  try { asked.send(); } catch { return null; }
  return asked.status === 200 && asked.responseText || null;
};
})();</script>""".replace("FIRST", json.dumps(FIRST_VISIT)).replace("CHARTS", CHARTS)
SCRIPT = SCRIPT.replace("LEADERBOARD", LEADERBOARD)


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


def serve(
    store: Store, page: str, charts: Callable[[str], str], bound: socket.socket, ready: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C. ``page``: where ``/leaderboard`` leads. ``charts``: those of the page of a run with an id, as
    the pages keep them; "" for what they draw by themselves. ``ready`` is told the address once it answers."""
    import uvicorn

    front = _Front(_app(store), page, charts)
    server = uvicorn.Server(uvicorn.Config(front, log_level="warning", timeout_graceful_shutdown=1))
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


class _Front:
    """An ASGI application before MLflow's: it leads a browser to the leaderboard, and says how a run's charts look."""

    def __init__(self, app: Any, page: str, charts: Callable[[str], str]) -> None:
        self._app, self._page, self._charts = app, page, charts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].rstrip("/") if scope["type"] == "http" else None
        if path == LEADERBOARD:
            await _answer(send, b"", "text/plain", 303, (b"location", f"/{self._page}".encode()))
        elif path == CHARTS:
            run = parse_qs(scope["query_string"].decode()).get("run", [""])[0]
            charts = await asyncio.to_thread(self._charts, run)
            await _answer(send, charts.encode(), "application/json")
        elif path == "":
            await self._with_script(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _with_script(self, scope: Any, receive: Any, send: Any) -> None:
        """MLflow's one page, with our script before its own."""
        body = b""

        async def gather(message: Any) -> None:
            nonlocal body
            body += message.get("body", b"")

        # Without these it would say that the browser has the page already.
        asked = [pair for pair in scope["headers"] if pair[0] not in (b"if-none-match", b"if-modified-since")]
        await self._app({**scope, "headers": asked}, receive, gather)
        await _answer(send, body.replace(b"<script", SCRIPT.encode() + b"<script", 1), "text/html; charset=utf-8")


async def _answer(send: Any, body: bytes, kind: str, status: int = 200, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _once_started(server: Any, action: Callable[[], None]) -> None:
    while not server.started:
        threading.Event().wait(0.05)
    action()
