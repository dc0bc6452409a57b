"""Text samples as a plain text table."""

from seqexp.tasks.artifacts import TextSamples


def text_table(samples: TextSamples) -> str:
    """Columns padded to equal width; line breaks and tabs are shown as \\n and \\t."""
    rows = [samples.headers, *samples.rows]
    shown = [[cell.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines) + "\n"
