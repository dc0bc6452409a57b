"""Links that a code host follows and a site cannot: to a folder. They become their text."""

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)\s#]+)\)")


def without_folders(text: str, folder: Path) -> str:
    def shown(link: re.Match[str]) -> str:
        text, target = link.groups()
        return text if (folder / target).is_dir() else link[0]

    return LINK.sub(shown, text)


def process(app: Any, name: str, source: list[str]) -> None:
    source[0] = without_folders(source[0], Path(app.env.doc2path(name)).parent)


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", process)
    return {"parallel_read_safe": True}
