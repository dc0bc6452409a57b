"""The picture and the table in ARCHITECTURE.md, both made from the imports.

    python -m scripts.tables.architecture             # write docs/architecture.svg and the table
    python -m scripts.tables.architecture --check     # write nothing; exit with 1 if one of them is out of date
    python -m scripts.tables.architecture --png FILE  # the picture as PNG too, to look at

The storeys are those of tests/test_architecture.py, and a package's sentence is the first one of its docstring. An
arrow points from a package to one that it imports. Arrows that follow from others are left out: `runs` imports
`training`, but the picture shows only `runs` to `config` to `training`.
"""

import argparse
import ast
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tests.test_architecture import PACKAGES, ROOT, STOREYS, floor, own_imports, sources

PAGE, PICTURE = ROOT / "ARCHITECTURE.md", ROOT / "docs" / "architecture.svg"
BEGIN, END = "<!-- packages: begin -->", "<!-- packages: end -->"

# The column of each package, so chosen that no arrow has to pass through a box. The row follows from the imports.
COLUMNS = {
    "commands": 2, "report": 3, "comparison": 3, "sweeps": 1, "runs": 2, "config": 1, "tracking": 0, "plots": 3,
    "statistics": 4, "mechanism": 2, "training": 2, "networks": 1, "tasks": 3, "models": 1, "data": 3, "codecs": 3,
    "system": 0.5, "kernels": 1,
    "numerics": 3.5, "testing": 0, "api": 2, "microscope": 2,
}  # fmt: skip
WIDE = ("system", "numerics")  # whose boxes span two columns, since nearly everything stands on them
COLUMN, ROW, WIDTH, HEIGHT, STOREY = 2.5, 1.16, 2.3, 0.76, 0.16  # inches; STOREY is added between two bands
TINTS = ("#e8eef4", "#e4f0e8", "#f6efdf", "#f3e6e2", "#ebe6f2", "#e3eef0")  # one a storey, from the ground up
INK, FAINT = "#22303c", "#5a6b7a"

Point = tuple[float, float]


def imports() -> dict[str, set[str]]:
    """Package -> the packages that its modules import."""
    found: dict[str, set[str]] = {package: set() for package in PACKAGES}
    for module in sources():
        if module == "seqexp":
            continue
        own = package_of(module)
        found[own] |= {package_of(name) for name, _ in own_imports(module) if name != "seqexp"} - {own}
    return found


def package_of(module: str) -> str:
    place = floor(module)
    assert place is not None, f"{module} is in no package; see tests/test_architecture.py"
    return PACKAGES[place]


def reduced(graph: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """The graph without the arrows that follow from others (its transitive reduction), targets from the top down."""
    reach: dict[str, set[str]] = {}
    for package in PACKAGES:  # from the bottom up
        reach[package] = graph[package].union(*(reach[below] for below in graph[package]))
    return {
        package: [
            below
            for below in reversed(PACKAGES)
            if below in graph[package] and not any(below in reach[other] for other in graph[package])
        ]
        for package in PACKAGES
    }


def sentence(package: str) -> str:
    """The first sentence of a package's docstring."""
    if package == "commands":
        return "What a person types."
    text = ast.get_docstring(ast.parse(sources()[f"seqexp.{package}"].read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".") + "."


def table() -> str:
    arrows = reduced(imports())
    lines = ["| storey | package | what it is for | stands directly on |", "|---|---|---|---|"]
    for storey, packages in reversed(STOREYS.items()):
        for place, package in enumerate(reversed(packages)):
            link = "`seqexp/*.py`, `hydra_plugins/`" if package == "commands" else f"[`{package}/`](seqexp/{package})"
            below = " ".join(f"`{name}`" for name in arrows[package])
            lines.append(f"| {storey if place == 0 else ''} | {link} | {sentence(package)} | {below} |")
    return "\n".join(lines)


def described() -> str:
    """The picture in words, which the SVG holds too: a test compares them with the imports."""
    arrows = reduced(imports())
    return "\n".join(f"{name} -> {' '.join(arrows[name])}: {sentence(name)}" for name in reversed(PACKAGES))


@dataclass(frozen=True)
class Box:
    x: float  # of the centre, as y
    y: float
    width: float
    height: float = HEIGHT

    def holds(self, points: np.ndarray, margin: float = 0.05) -> bool:
        """Whether one of the points (N, 2) lies in the box or within ``margin`` of it."""
        near = np.abs(points - (self.x, self.y)) < (self.width / 2 + margin, self.height / 2 + margin)
        return bool(near.all(axis=1).any())


def boxes() -> tuple[dict[str, Box], dict[str, tuple[float, float]]]:
    """Each package's box, and each storey's lower and upper edge."""
    arrows, placed, bands, y = reduced(imports()), {}, {}, 0.0
    for storey, packages in STOREYS.items():
        rows: dict[str, int] = {}
        for package in packages:  # a row above all that it stands on in this storey
            rows[package] = 1 + max((rows[below] for below in arrows[package] if below in packages), default=-1)
        for package, row in rows.items():
            width = WIDTH + COLUMN if package in WIDE else WIDTH
            placed[package] = Box(COLUMNS[package] * COLUMN, y + row * ROW, width)
        top = y + max(rows.values()) * ROW
        bands[storey] = (y - ROW / 2, top + ROW / 2)
        y = top + ROW + STOREY
    return placed, bands


def routes(placed: Mapping[str, Box]) -> dict[tuple[str, str], np.ndarray]:
    """The points (N, 2) of each arrow, from the upper box's lower edge to the lower box's upper edge.

    An arrow falls straight, then bends; or bends first; or is one long bend: the first way that meets no box.
    """
    ends = dict(ports(placed))
    found = {}
    for (upper, lower), (start, end) in ends.items():
        others = [box for name, box in placed.items() if name not in (upper, lower)]
        gap = ROW - HEIGHT
        ways = [
            curve(start, end),
            np.concatenate([[start], curve((start[0], end[1] + gap), end)]),
            np.concatenate([curve(start, (end[0], start[1] - gap)), [end]]),
        ]
        free = [way for way in ways if not any(box.holds(filled(way)) for box in others)]
        if not free:
            raise ValueError(f"the arrow from {upper} to {lower} meets a box; choose other columns in COLUMNS")
        found[upper, lower] = free[0]
    return found


def ports(placed: Mapping[str, Box]) -> Iterator[tuple[tuple[str, str], tuple[Point, Point]]]:
    """Where each arrow leaves and arrives: at the middle of a box if the other end lies in its column, else to the
    left or to the right of it."""
    arrows = [(upper, lower) for upper, below in reduced(imports()).items() for lower in below]

    def side(package: str, other: str) -> int:
        box, far = placed[package], placed[other]
        above = abs(box.x - far.x) < max(box.width, far.width) / 2
        return 0 if above else int(np.sign(far.x - box.x))

    def port(package: str, other: str, mates: list[str]) -> float:
        box, far, where = placed[package], placed[other].x, side(package, other)
        if where == 0:
            return far if package in WIDE else box.x
        if package in WIDE:
            return box.x + where * (box.width / 2 - 0.3)
        mine = sorted(placed[name].x for name in mates if side(package, name) == where)
        share = (mine.index(far) + 1) / (len(mine) + 1)  # of the half that these arrows have for themselves
        return box.x + where * box.width / 2 * (share if where > 0 else 1 - share)

    for upper, lower in arrows:
        down = port(upper, lower, [b for a, b in arrows if a == upper])
        up = port(lower, upper, [a for a, b in arrows if b == lower])
        start = (down, placed[upper].y - HEIGHT / 2)
        end = (up, placed[lower].y + HEIGHT / 2)
        yield (upper, lower), (start, end)


def curve(start: Point, end: Point) -> np.ndarray:
    """An S from start to end that leaves and arrives vertically: 33 points."""
    t = np.linspace(0, 1, 33)[:, None]
    a, d = np.array(start), np.array(end)
    middle = (a[1] + d[1]) / 2
    b, c = np.array([a[0], middle]), np.array([d[0], middle])
    points: np.ndarray = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    return points


def filled(points: np.ndarray) -> np.ndarray:
    """The points with enough others between them that no box is stepped over."""
    return np.concatenate([np.linspace(a, b, 40) for a, b in pairwise(points)])


def draw(png: Path | None = None) -> None:
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "seqexp"  # the same file from the same imports
    from matplotlib import pyplot as plt
    from matplotlib.patches import FancyBboxPatch, Polygon

    placed, bands = boxes()
    left, right = -COLUMN / 2 - 1.25, 4.5 * COLUMN
    bottom, top = min(low for low, _ in bands.values()), max(high for _, high in bands.values())
    figure = plt.figure(figsize=(right - left + 0.2, top - bottom + 0.2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(left - 0.1, right + 0.1), ylim=(bottom - 0.1, top + 0.1))
    axes.axis("off")

    def rounded(x: float, y: float, width: float, height: float, **style: Any) -> None:
        axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", **style))

    for (storey, (low, high)), tint in zip(bands.items(), TINTS, strict=True):
        rounded(left, low, right - left, high - low, facecolor=tint, edgecolor="none", zorder=0)
        axes.text(left + 0.15, high - 0.15, "\n".join(textwrap.wrap(storey, 12)), color=FAINT, va="top", fontsize=13)
    for points in routes(placed).values():
        axes.plot(*points.T, color=FAINT, linewidth=1.3, zorder=1)
        tip = points[-1] + np.array([(0, 0.01), (-0.055, 0.15), (0.055, 0.15)])
        axes.add_patch(Polygon(tip, color=FAINT, linewidth=0, zorder=1))
    for package, box in placed.items():
        style = {"facecolor": "white", "edgecolor": INK, "linewidth": 1, "zorder": 2}
        rounded(box.x - box.width / 2, box.y - box.height / 2, box.width, box.height, **style)
        lines = "\n".join(textwrap.wrap(sentence(package), 76 if package in WIDE else 37))
        axes.text(box.x, box.y + 0.31, package, color=INK, fontsize=12, weight="bold", ha="center", va="top", zorder=3)
        axes.text(box.x, box.y - 0.13, lines, color=INK, fontsize=8, ha="center", va="center", zorder=3)
    figure.savefig(PICTURE, metadata={"Date": None, "Description": described()})
    if png:
        figure.savefig(png, dpi=100)
    plt.close(figure)


def out_of_date() -> list[str]:
    """Which of the picture and the page differ from what the imports say now."""
    from xml.etree import ElementTree

    stale = []
    if f"{BEGIN}\n{table()}\n{END}" not in PAGE.read_text(encoding="utf-8"):
        stale.append(PAGE.name)
    held = [element.text for element in ElementTree.parse(PICTURE).iter() if element.tag.endswith("}description")]
    if held != [described()]:
        stale.append(f"docs/{PICTURE.name}")
    return stale


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.tables.architecture", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something is out of date")
    parser.add_argument("--png", type=Path, help="write the picture as PNG too, to this file")
    options = parser.parse_args()
    if options.check:
        stale = out_of_date()
        print("\n".join(f"{name} is out of date: run python -m scripts.tables.architecture" for name in stale))
        sys.exit(1 if stale else 0)
    draw(options.png)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
