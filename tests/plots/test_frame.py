"""What all figures share: no text of theirs is cut off."""

import pytest

from seqexp.plots.figure import frame, kept


@pytest.mark.parametrize(("rows", "height"), [(1, 3.5), (2, 5.6)])
def test_a_name_longer_than_its_axis_is_broken_into_lines(tmp_path, rows, height):
    with kept() as figures, frame(tmp_path / "long.png", rows=rows, width=5, height=height) as every:
        for axes in every:
            axes.set(xlabel="optimizer steps", ylabel="validation negative log-likelihood (nats per frame)")
        for name in ("lstm", "rnn", "stacked_rnn", "gru"):
            every[0].plot([0, 1], [0, 1], label=name)
        every[0].figure.legend(*every[0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    figures[0].draw_without_rendering()
    for axes in figures[0].axes:
        name = axes.yaxis.label.get_window_extent()
        assert axes.bbox.y0 <= name.y0
        assert name.y1 <= axes.bbox.y1
        assert axes.yaxis.label.get_text().replace("\n", " ") == "validation negative log-likelihood (nats per frame)"
