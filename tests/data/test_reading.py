"""What is read from files to their very end, and splits that stay what they were."""

import numpy as np
import pytest

from seqexp.data import splits, tagged

CONLLU = "# text = I go\n1\tI\ti\tPRON{rest}\n2\tgo\tgo\tVERB{rest}\n\n1\tYes\tyes\tINTJ{rest}".replace(
    "{rest}", "\t_" * 6
)
TABS = "I\tPRON\ngo\tVERB\n\nYes\tINTJ"


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\n\n"])
@pytest.mark.parametrize(
    "name, text", [("own.conllu", CONLLU), ("own.conll", TABS), ("own.txt", TABS.replace("\t", " "))]
)
def test_the_last_sentence_counts_however_the_file_ends(name, text, end, tmp_path):
    path = tmp_path / name
    path.write_text(text + end)
    first, last = tagged.read(path)
    assert (first.words, first.tags, last.words, last.tags) == (("I", "go"), ("PRON", "VERB"), ("Yes",), ("INTJ",))
    assert (first.line, last.line) == ((2, 5) if name == "own.conllu" else (1, 4))


@pytest.mark.parametrize("split_seed, held_out", [(0, ([4, 13], [3, 14])), (1, ([6, 10], [5, 12]))])
def test_a_split_is_what_it_was(split_seed, held_out):
    """Which rows are for validation and which for the test, by split seed: earlier results hold for these."""
    train, val, test = splits.stratified(np.repeat([0, 1], 10), split_seed)
    assert (val.tolist(), test.tolist()) == held_out
    assert sorted([*train, *val, *test]) == list(range(20))
