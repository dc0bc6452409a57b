"""After a build: every link of the site leads to a page and a place that are there, and no page needs a network."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sphinx.util.logging import getLogger

LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}


class Page(HTMLParser):
    """What a page links to, what it loads, and the places that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value for name, value in attrs if value}
        self.places.update(has[name] for name in ("id", "name") if name in has)
        if tag == "a" and "href" in has:
            self.targets.append(has["href"])
        if tag in LOADED and LOADED[tag] in has:
            self.loads.append(has[LOADED[tag]])


def broken(folder: Path) -> Iterator[str]:
    """A line for each link of the site in a folder that leads nowhere, and for each file of another host."""
    paths = [path for path in folder.rglob("*.html") if "_static" not in path.parts]
    pages = {path.resolve(): Page(path) for path in paths}
    for path, page in pages.items():
        here = path.relative_to(folder.resolve())
        for target in [*page.targets, *page.loads]:
            at = urlsplit(target)
            if at.scheme or at.netloc:
                if target in page.loads and at.scheme != "data":
                    yield f"{here} loads {target}"
                continue
            file = (path.parent / unquote(at.path)).resolve() if at.path else path
            if not file.is_file():
                yield f"{here} links to {target}, which is not there"
            elif at.fragment and file in pages and unquote(at.fragment) not in pages[file].places:
                yield f"{here} links to {target}: no such place"


def check(app: Any, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        for line in broken(Path(app.outdir)):
            getLogger(__name__).warning("%s", line)


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
