"""Generated pictures: what is drawn is what is told, and what is held out is nowhere else."""

import numpy as np
import pytest

from seqexp import tasks
from seqexp.data.generated import clips, scenes
from seqexp.numerics.rng import Purpose, stream
from seqexp.system.errors import UserError
from seqexp.tasks import caption, video

SPLITS = ("train", "val", "test")
MAKE = {
    "caption": lambda **changes: tasks.create(
        "caption", **({"source": "scenes", "language": "en", "examples": 60, "split_seed": 0} | changes)
    ),
    "video": lambda **changes: tasks.create("video", **({"examples": 40, "split_seed": 0} | changes)),
}
every = pytest.mark.parametrize("name", MAKE)


@pytest.fixture(scope="module")
def make():
    with pytest.MonkeyPatch.context() as patch:
        for module in (caption, video):
            patch.setattr(module, "GENERATED_SIZES", {"val": 40, "test": 50})
        yield lambda name, **changes: MAKE[name](**changes)


def told(task, split):
    """Every caption of a split, from its batches."""
    words = task._words if isinstance(task, video.Video) else task._letters
    batches = [task.batch(0, split, index, 16) for index in range(task.batches(split, 16))]
    columns = [batch.target[: batch.lengths[b] - 1, b] for batch in batches for b in range(batch.size)]
    return [" ".join(words.decode(column)) for column in columns]


def pairs_of(text):
    groups = scenes.parsed(text)
    assert groups is not None
    return frozenset((group.number, group.colour) for group in groups)


@pytest.mark.parametrize("split_seed", [0, 1])
def test_no_test_scene_has_two_groups_that_are_together_in_another_part(make, split_seed):
    parts = {split: set(map(pairs_of, told(make("caption", split_seed=split_seed), split))) for split in SPLITS}
    assert all(len(pair) == 2 for split in ("val", "test") for pair in parts[split])
    assert not parts["train"] & (parts["val"] | parts["test"])
    assert not parts["val"] & parts["test"]
    trained = set().union(*parts["train"])
    assert len(set().union(*parts["test"]) & trained) > 5  # apart they are known


@pytest.mark.parametrize("split_seed", [0, 1])
def test_of_unseen_counts_each_test_scene_has_a_count_and_a_colour_that_no_other_part_has(make, split_seed):
    held = scenes.held_counts(split_seed)
    assert not held["val"] & held["test"]
    task = make("caption", split_seed=split_seed, unseen="counts")
    for split in SPLITS:
        for text in told(task, split):
            assert {part for part in held if held[part] & pairs_of(text)} == ({split} if split != "train" else set())


def test_no_sentence_about_a_clip_is_in_two_parts_and_each_has_one_order(make):
    parts = [set(told(make("video"), split)) for split in SPLITS]
    for text in set().union(*parts):
        actors = clips.parsed(text)
        assert actors is not None
        assert clips.caption(actors[::-1]) == text
    assert sum(map(len, parts)) == len(set().union(*parts))


def test_a_scene_has_the_shapes_that_its_words_say():
    """Shapes never touch, so that each is one stretch of its colour's places."""
    from scipy.ndimage import label

    rng = stream(3, Purpose.DATA)
    for _ in range(20):
        groups = scenes.scene(rng, "train", "together", 0)
        assert sorted(scenes.parsed(scenes.caption(groups)) or ()) == sorted(groups)
        picture = scenes.drawn(rng, groups)
        for group in groups:
            colour = np.array(scenes.COLOURS[group.colour])
            here = np.all((picture > 0) == (colour > 0)[:, None, None], axis=0)
            pieces, count = label(here)
            assert count == group.number
            area = int(scenes.outline(group.kind, scenes.SIZE).sum())
            assert {int((pieces == n).sum()) for n in range(1, count + 1)} == {area}


@pytest.mark.parametrize("movement, step", clips.MOVEMENTS.items())
def test_a_shape_moves_as_its_words_say(movement, step):
    for seed in range(5):
        frames = clips.drawn(stream(seed, Purpose.DATA), [clips.Actor("red", "square", movement)])[:, 0] > 0
        places = [np.argwhere(frame) for frame in frames[-2:]]  # a square that comes from the edge is whole at the end
        moved = places[1].max(axis=0) - places[0].max(axis=0)
        assert (np.sign(moved) == step).all() or len(places[0]) < len(places[1])


def test_no_shape_of_a_clip_hides_another():
    """Every place of both is seen: in the last frame of the one that moves, in each of the one that stands still."""
    moving, still = clips.Actor("red", "square", "moves up"), clips.Actor("blue", "circle", clips.STILL)
    whole = {kind: {int(scenes.outline(kind, size).sum()) for size in clips.SIZES} for kind in ("square", "circle")}
    for seed in range(30):
        frames = clips.drawn(stream(seed, Purpose.DATA), [moving, still])
        red, blue = ((frames[:, channel] > 0).sum(axis=(1, 2)) for channel in (0, 2))
        assert red[-1] in whole["square"]
        assert len(set(blue.tolist()) & whole["circle"]) == len(set(blue.tolist())) == 1


def test_the_last_frame_does_not_tell_a_movement():
    """A shape is there in the last frame, wherever it came from."""
    last = {
        movement: clips.drawn(stream(4, Purpose.DATA), [clips.Actor("red", "circle", movement)])[-1].tobytes()
        for movement in clips.MOVEMENTS
    }
    assert len(set(last.values())) == 1


def test_words_begin_with_the_larger_group_or_with_what_moves():
    red, blue = scenes.Group(2, "red", "circle"), scenes.Group(1, "blue", "square")
    assert scenes.caption([blue, red]) == "two red circles and a blue square"
    one, other = clips.Actor("red", "circle", "moves left"), clips.Actor("blue", "square", "stands still")
    assert clips.caption([other, one]) == "the red circle moves left and the blue square stands still"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "red",
        "five red circles",
        "two red circles and three blue squares",
        "a red egg",
        "a red circle and a red egg",
    ],
)
def test_what_is_no_scene_is_refused(make, text):
    with pytest.raises(UserError, match=r"^(scene|picture): expected"):
        make("caption").codec().encode([text])
    with pytest.raises(UserError, match=r"^(clip|picture): expected"):
        make("video").codec().encode([text])


@every
def test_words_that_are_typed_are_drawn(make, name):
    task = make(name)
    text = told(task, "test")[0]
    codec = task.codec()
    seen = codec.encode([text, text.upper()])
    numbers = seen.features if name == "caption" else seen.source
    assert 0 < numbers.max() <= 1
    np.testing.assert_array_equal(numbers[..., 0], numbers[..., 1])


class Perfect:
    """A network that has seen what it is to say, in the order in which it is asked."""

    def __init__(self, task, split, wrong=()):
        batches = [task.batch(0, split, index, 10**6) for index in range(1)]
        self.columns = [batch.target[:, b] for batch in batches for b in range(batch.size)]
        for n in wrong:
            self.columns[n] = self.columns[n][::-1]

    def generate(self, prompt, steps, *_, end, **__):
        said = [self.columns.pop(0) for _ in range(prompt.size)]
        return np.array([[*column, *[end] * steps][:steps] for column in said]).T


@every
def test_what_is_told_is_scored_and_shown(make, name):
    task = make(name)
    scores, (samples, kinds, images) = task.generate(Perfect(task, "test", wrong=range(10)).generate, "test")
    assert scores == {"exact_match": 0.8}
    assert all(said != wanted for _, said, wanted in samples.rows[:10])
    shares = [(int(count), float(share)) for _, count, share in kinds.rows]
    assert sum(count for count, _ in shares) == 50
    assert sum(count * share for count, share in shares) == pytest.approx(40, abs=0.1)
    assert images.title == "10 of 50 are wrong; wrong ones first"
    assert ["(not " in text for text in images.captions] == [n < 10 for n in range(16)]
    assert images.pictures.shape[-1] == 3
    rows = task.said(Perfect(task, "test"))
    assert all(row["truth"] == row["answer"] for row in rows)


@every
def test_a_floor_that_repeats_what_it_has_heard_is_never_right(make, name):
    floors = make(name).baselines()
    assert floors.pop("most frequent") == 0
    assert 0 <= next(iter(floors.values())) < 0.5
