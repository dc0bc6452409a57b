"""Files of labelled series: each format, and one line for what is wrong with it."""

import numpy as np
import pytest

from seqexp.data.series import Scale, interpolated
from seqexp.data.series_files import Columns, read
from seqexp.system.errors import UserError

LONG = "id,t,a,b,label\nx,0,1,10,up\nx,1,2,,up\ny,0,3,30,down\ny,1,?,40,down\ny,5,5,50,down\n"
TS = "# made\n@problemName P\n@timeStamps false\n@univariate false\n@dimensions 2\n@classLabel true up down\n@data\n"


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
        return path

    return write


def test_a_row_a_step(file):
    found = read(file("a.csv", LONG), Columns("label", id="id", time="t"))
    assert found.channels == ("a", "b")
    assert found.labels == ["up", "down"]
    np.testing.assert_array_equal(found.series[0], [[1, 10], [2, np.nan]])
    np.testing.assert_array_equal(found.series[1], [[3, 30], [np.nan, 40], [5, 50]])


def test_rows_of_a_series_may_stand_anywhere_and_columns_are_chosen(file):
    content = "label,id,noise,a\nup,x,7,1\ndown,y,7,3\nup,x,7,2\n"
    found = read(file("a.csv", content), Columns("label", id="id", values=("a",)))
    assert [one[:, 0].tolist() for one in found.series] == [[1, 2], [3]]


def test_a_row_a_series_which_may_end_early(file):
    found = read(file("a.csv", "label,s1,s2,s3\nup,1,,3\ndown,4,5,\n"), Columns("label"))
    np.testing.assert_array_equal(found.series[0][:, 0], [1, np.nan, 3])
    np.testing.assert_array_equal(found.series[1][:, 0], [4, 5])


def test_steps_read_as_series_are_asked_about(file, caplog):
    numbers = LONG.replace("x,", "1,").replace("y,", "2,")
    read(file("a.csv", numbers), Columns("label"))
    assert caplog.messages[-1].endswith("if a row is a step: task.id_column=id task.time_column=t")
    caplog.clear()
    read(file("b.csv", numbers), Columns("label", id="id", time="t"))
    read(file("c.csv", "label,t,s2\nup,1,2\n"), Columns("label"))
    assert not caplog.messages


def test_semicolons_and_tabs(file):
    for name, content in (("a.csv", "label;a;b\nup;1;2\n"), ("a.tsv", "label\ta\tb\nup\t1\t2\n")):
        assert read(file(name, content), Columns("label")).series[0][:, 0].tolist() == [1, 2]


def test_ts(file):
    found = read(file("a.ts", TS + "1,2,3:4,?,6:up\n7:8:down\n"), Columns("label"))
    np.testing.assert_array_equal(found.series[0], [[1, 4], [2, np.nan], [3, 6]])
    assert found.series[1].tolist() == [[7, 8]]
    assert found.labels == ["up", "down"]


def test_npz_with_and_without_lengths(tmp_path):
    x = np.arange(12.0).reshape(2, 3, 2)
    np.savez(tmp_path / "a.npz", x=x, y=np.array([3, 1]), lengths=np.array([3, 1]))
    found = read(tmp_path / "a.npz", Columns("label"))
    assert found.labels == ["3", "1"]
    assert [len(one) for one in found.series] == [3, 1]
    np.savez(tmp_path / "b.npz", x=x[..., 0], y=np.array(["a", "b"]))
    assert read(tmp_path / "b.npz", Columns("label")).series[1].tolist() == [[6], [8], [10]]


LONG_FORM = Columns("label", id="id", time="t")


@pytest.mark.parametrize(
    ("name", "content", "columns", "said"),
    [
        ("a.csv", "id,t,a,label\nx,1,1,u\nx,0,2,u\n", LONG_FORM, r"a.csv:3: expected rising t .*'0' is out of order"),
        (
            "a.csv",
            "id,t,a,label\nx,1,1,u\nx,1,2,u\n",
            LONG_FORM,
            r"a.csv:3: expected rising t in series 'x'; '1' is twice",
        ),
        (
            "a.csv",
            "id,t,a,label\nx,1,1,u\nx,2,two,u\n",
            LONG_FORM,
            r"a.csv:3: expected a number in column 'a'; got 'two'",
        ),
        (
            "a.csv",
            "id,t,a,label\nx,1,inf,u\n",
            LONG_FORM,
            r"a.csv:2: expected a finite number in column 'a'; got 'inf'",
        ),
        (
            "a.csv",
            "id,t,a,label\nx,1,1,u\nx,2,1,d\n",
            LONG_FORM,
            r"a.csv:3: expected one class for series 'x'; got 'u' and",
        ),
        (
            "a.csv",
            "id,t,a,label\nx,yesterday,1,u\n",
            LONG_FORM,
            r"a.csv:2: expected a number or a date .*got 'yesterday'",
        ),
        ("a.csv", "id,a,label\nx,1,u\n", LONG_FORM, r"a.csv:1: expected a column 't' \(task.time_column\)"),
        (
            "a.csv",
            "id,t,label\nx,1,u\n",
            LONG_FORM,
            r"a.csv:1: expected columns of numbers beside id, label, t; got none",
        ),
        ("a.csv", "label,a\nup,\n", Columns("label"), r"series 1 \(class 'up'\): expected values in every channel"),
        ("a.csv", "label,a\n", Columns("label"), r"expected series; the file has none"),
        ("a.ts", TS + "1,2:up\n", Columns("label"), r"a.ts:8: expected 2 dimensions, as the header says; got 1"),
        ("a.ts", TS + "1,2:3:up\n", Columns("label"), r"a.ts:8: expected dimensions of one length; got 2, 1"),
        (
            "a.ts",
            TS + "1:2:left\n",
            Columns("label"),
            r"a.ts:8: expected one of the header's classes, up, down; got 'left'",
        ),
        ("a.ts", TS + "1:x:up\n", Columns("label"), r"a.ts:8: expected a number in column 'dimension 2'; got 'x'"),
        ("a.ts", TS.replace("false\n@uni", "true\n@uni"), Columns("label"), r"@timeStamps: expected false; got true"),
        ("a.ts", "1:2:up\n", Columns("label"), r"a.ts:1: expected a header line such as @dimensions, before @data"),
        ("a.ts", TS[:40], Columns("label"), r"expected a line @data, behind which the series stand; got none"),
        (
            "a.ts",
            TS.replace("@data", "@equalLength true\n@seriesLength 3\n@data") + "1,2:3,4:up\n",
            Columns("label"),
            r"a.ts:10: expected 3 steps, as the header says; got 2",
        ),
        ("a.npz", b"PK no zip", Columns("label"), r"a.npz: expected a .npz of plain arrays x and y"),
    ],
)
def test_what_is_wrong_is_one_line(file, name, content, columns, said):
    with pytest.raises(UserError, match=said):
        read(file(name, content), columns)


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.zeros(3))
    with pytest.raises(
        UserError, match=r"expected x \(N, T, X\) of numbers and y \(N,\); got x float64 \(2, 3\), y \(3,\)"
    ):
        read(tmp_path / "a.npz", Columns("label"))
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 3)), y=np.zeros(2), lengths=np.array([4, 1]))
    with pytest.raises(UserError, match=r"lengths: expected 2 whole numbers from 1 to 3"):
        read(tmp_path / "a.npz", Columns("label"))
    np.savez(tmp_path / "a.npz", x=np.array([[object()]]), y=np.zeros(1))
    with pytest.raises(UserError, match=r"expected a .npz of plain arrays"):
        read(tmp_path / "a.npz", Columns("label"))


def test_a_gap_is_a_straight_line_and_the_nearest_value_at_the_ends():
    one = np.array([[np.nan, 1], [2, np.nan], [np.nan, np.nan], [5, 4]])
    assert interpolated(one).tolist() == [[2, 1], [2, 2], [3.5, 3], [5, 4]]


def test_a_scale_is_that_of_what_it_was_made_of():
    scale = Scale.of([np.array([[0.0, 7], [2, 7]]), np.array([[4.0, 7], [np.nan, 7]])])
    np.testing.assert_allclose(scale(np.array([[2.0, 8]])), [[0, 1]])
    assert scale(np.array([[2 + np.sqrt(8 / 3), 7]]))[0].tolist() == pytest.approx([1, 0])
