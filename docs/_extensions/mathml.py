"""Formulas as MathML, which today's browsers draw by themselves: no script, no font, no network.

The conversion is docutils' own. Sphinx's ``mathjax`` would fetch a script from another host for each page.
"""

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.logging import getLogger


def converted(node: nodes.Element, block: bool) -> str:
    try:
        return tex2mathml(node.astext(), as_block=block)
    except MathError as error:
        getLogger(__name__).warning("formula: %s", error, location=node)
        return node.astext()


def inline(self: Any, node: nodes.Element) -> None:
    self.body.append(converted(node, block=False))
    raise nodes.SkipNode


def display(self: Any, node: nodes.Element) -> None:
    self.body.append(f'<div class="formula">{converted(node, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True}
