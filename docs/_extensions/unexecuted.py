"""The book's cells as code that is shown and not executed: what the check of pages and links needs no Jupyter for.

``scripts/docs -t unexecuted`` has it in the place of MyST-NB, and leaves out the search and the pages of source code.
"""

from pathlib import Path
from typing import Any, ClassVar

from docutils.parsers.rst import directives
from sphinx.directives.code import CodeBlock


class CodeCell(CodeBlock):
    option_spec: ClassVar[dict[str, Any]] = {**CodeBlock.option_spec, "tags": directives.unchanged}

    def run(self) -> Any:
        self.arguments = ["python"]  # what cells say, ipython3, only IPython can colour
        return super().run()


def without_search(app: Any) -> None:
    app.builder.search = False
    (Path(app.outdir) / "searchindex.js").touch()  # which every page loads


def setup(app: Any) -> dict[str, bool]:
    app.setup_extension("myst_parser")
    app.add_directive("code-cell", CodeCell)
    app.connect("builder-inited", without_search)
    return {"parallel_read_safe": True}
