"""The site's settings: Sphinx reads the pages that lie in docs/ and in the root. ``scripts/docs`` builds it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_extensions")]
# The kernels of the notebooks: this Python, seqexp as it is here, and one BLAS thread.
os.environ["JUPYTER_PATH"] = str(Path(__file__).parent / "_jupyter")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

project = "seqexp"
author = "the seqexp authors"
copyright = author
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [".*", "build", "runs", "seqexp", "tests", "conf", "scripts", "hydra_plugins", "**/_*", "**.py"]

UNEXECUTED = tags.has("unexecuted")  # type: ignore[name-defined]  # noqa: F821 - Sphinx has it: what -t names
extensions = [
    *(["unexecuted"] if UNEXECUTED else ["myst_nb", "sphinx.ext.viewcode"]),
    "sphinx.ext.autodoc",
    "mathml",
    "plain_docstrings",
    "code_host_links",
    "site_links",
]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
# Executed by every build and in a folder of their own; a cell that fails ends the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_output_stderr = "remove"  # the progress of runs
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 90
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "seqexp"
html_sidebars = {"docs/start": []}  # has no pages below it
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
}
html_context = {"default_mode": "auto"}
linkcheck_ignore = [r"https?://.*"]  # other people's pages come and go
