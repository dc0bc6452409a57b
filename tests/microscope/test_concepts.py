"""What a unit may count or track, step by step."""

import pytest

from seqexp.microscope import concepts


@pytest.mark.parametrize(
    ("of", "text", "values"),
    [
        (concepts.quoted, 'a "b c" d', "001111000"),
        (concepts.quoted, ["“", "a", "”", "b", "``", "c", "''"], "1100110"),
        (concepts.quoted, ["it", "'s", "”", '"', "b"], "00011"),
        (concepts.depth, "(a(b))c)(", "112210001"),
        (lambda words: concepts.since(words, "\n"), "ab\ncd\n\ne", "01012001"),
        (lambda words: concepts.seen(words, concepts.NEGATIONS), ["it", "Not", "so"], "011"),
    ],
)
def test_each_step_has_the_value_of_what_was_read_so_far(of, text, values):
    assert "".join(str(int(value)) for value in of(list(text))) == values


def test_a_vocabulary_has_the_concepts_that_its_words_can_say():
    names = {concept.name for concept in concepts.of_words(['"', "(", "\n", "not", *map(str, range(10))])}
    assert {"inside quotation marks", "how many brackets are open", "steps since the line began"} <= names
    assert "a negation was read" in names
    assert [each.name for each in concepts.of_words(["<unk>", "a", "b"])] == [
        "steps read so far",
        "how many a were read",
        "how many b were read",
    ]
