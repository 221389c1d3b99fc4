"""Lessons on disk: kept bit for bit, read by place, damage noticed, memory flat."""

import gc
import threading
import zlib

import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.contracts import InvalidOutputError, UsageError
from radbench.engine.keep import pieces as pieces_module
from radbench.engine.keep.piece_file import TYPES
from radbench.engine.keep.pieces import (
    DamagedPieceError,
    KeptLessons,
    KeptSources,
    NoLesson,
    TrainAndValidation,
    read_header,
    write_piece,
)

EMPTY = (NoLesson("c", "", ""), NoLesson("d", "plugin-error", "it fell over: “so” it said"))


def bits(tensor):
    """Return what a tensor is, bit for bit."""
    raw = tensor.contiguous().reshape(-1).view(torch.uint8).tolist() if tensor.numel() else []
    return tensor.dtype, tuple(tensor.shape), raw


def same(lesson, other):
    return {k: bits(v) for k, v in lesson.items()} == {k: bits(v) for k, v in other.items()}


def of_bits(kind, shape, data):
    """Return a tensor of any bits, NaNs among them; the bits of a bool are 0 and 1."""
    dtype = getattr(torch, kind)
    count = dtype.itemsize
    for side in shape:
        count *= side
    raw = bytearray((data * (count // max(1, len(data)) + 1))[:count])
    raw = bytearray(b & 1 for b in raw) if kind == "bool" else raw
    return torch.frombuffer(raw, dtype=dtype).reshape(shape) if count else torch.empty(shape, dtype=dtype)


@st.composite
def several_lessons(draw):
    names = draw(st.lists(st.text(max_size=5), min_size=1, max_size=3, unique=True))
    form = {name: (draw(st.sampled_from(TYPES)), draw(st.integers(0, 4))) for name in names}
    return [
        (
            draw(st.sampled_from(["a", "b", "ü/1"])),
            {
                name: of_bits(kind, [draw(st.integers(0, 4)) for _ in range(rank)], draw(st.binary(min_size=1)))
                for name, (kind, rank) in form.items()
            },
        )
        for _ in range(draw(st.integers(0, 4)))
    ]


@given(several_lessons(), several_lessons())
@settings(deadline=None, max_examples=60)
def test_what_is_read_is_what_was_written_bit_for_bit(tmp_path_factory, lessons, others):
    path = tmp_path_factory.mktemp("pieces") / "a.lessons"
    write_piece(path, others)
    write_piece(path, iter(lessons), EMPTY)
    kept = KeptLessons([path])
    assert len(kept) == len(lessons)
    assert list(kept.case_ids) == [case_id for case_id, _ in lessons]
    assert tuple(kept.empty) == EMPTY
    assert all(same(kept[place], lesson) for place, (_, lesson) in enumerate(lessons))
    assert all(list(kept[place]) == list(lesson) for place, (_, lesson) in enumerate(lessons))


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_kept_as_scalar_and_as_strided_part(tmp_path, kind):
    whole = of_bits(kind, (4, 6, 5), bytes(range(256)))
    lesson = {"part": whole[::2, :, 1:4].transpose(0, 2), "scalar": whole[3, 2, 1]}
    write_piece(tmp_path / "a.lessons", [("a", lesson)])
    assert same(KeptLessons([tmp_path / "a.lessons"])[0], lesson)


def test_what_an_unknown_label_and_a_gradient_are_is_no_matter(tmp_path):
    label = torch.tensor([float("nan"), 1.0], requires_grad=True)
    write_piece(tmp_path / "a.lessons", [("a", {"label": label})])
    read = KeptLessons([tmp_path / "a.lessons"])[0]["label"]
    assert read.isnan().tolist() == [True, False]
    assert not read.requires_grad


def test_lessons_may_be_ragged_several_or_none_and_keep_their_order(tmp_path):
    sizes = {"a": [(2, 3), (4, 1)], "b": [], "c": [(1, 1)], "d": [(2, 3)]}
    lessons = [(case, {"image": torch.full(size, ord(case))}) for case, given in sizes.items() for size in given]
    write_piece(tmp_path / "1", lessons[:2], [NoLesson("b")])
    write_piece(tmp_path / "2", [], [NoLesson("e", "timeout", "too slow")])
    write_piece(tmp_path / "3", lessons[2:])
    kept = KeptLessons([tmp_path / name for name in "123"])
    assert list(kept.case_ids) == ["a", "a", "c", "d"]
    assert [tuple(kept[i]["image"].shape) for i in range(4)] == [(2, 3), (4, 1), (1, 1), (2, 3)]
    assert all(same(kept[i], lessons[i][1]) for i in range(4))
    assert list(kept.empty) == [NoLesson("b"), NoLesson("e", "timeout", "too slow")]
    assert same(kept[-1], lessons[-1][1])
    with pytest.raises(IndexError):
        kept[4]


def test_a_selection_is_in_the_order_given_and_can_be_selected_from(tmp_path):
    write_piece(tmp_path / "1", [(f"c{i}", {"x": torch.tensor(i)}) for i in range(5)])
    kept = KeptLessons([tmp_path / "1"])
    chosen = kept.at([4, 0, 0, 2])
    assert [int(chosen[i]["x"]) for i in range(len(chosen))] == [4, 0, 0, 2]
    assert list(chosen.case_ids) == ["c4", "c0", "c0", "c2"]
    assert [int(lesson["x"]) for lesson in map(chosen.at([3, 1]).__getitem__, range(2))] == [2, 0]
    assert len(kept.at([])) == 0
    assert len(kept) == 5


def test_the_names_order_is_no_difference(tmp_path):
    one, two = {"x": torch.tensor(1), "y": torch.tensor(2.0)}, {"y": torch.tensor(4.0), "x": torch.tensor(3)}
    write_piece(tmp_path / "1", [("a", one), ("b", two)])
    write_piece(tmp_path / "2", [("c", two)])
    kept = KeptLessons([tmp_path / "1", tmp_path / "2"])
    assert [(int(kept[i]["x"]), float(kept[i]["y"])) for i in range(3)] == [(1, 2.0), (3, 4.0), (3, 4.0)]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"x": torch.zeros(2), "z": torch.zeros(1)}, r"x \(float32, 1 dimensions\), z"),
        ({"x": torch.zeros(2)}, "must have the same names"),
        ({"x": torch.zeros(2), "y": torch.zeros(2, dtype=torch.int32)}, r"y \(int32, 1 dim"),
        ({"x": torch.zeros(2), "y": torch.zeros(2, 1)}, "y .float32, 2 dim"),
        ({"x": torch.zeros(2), "y": torch.zeros(2, dtype=torch.complex64)}, "'y' in a lesson of case 'b' is complex64"),
        ({"x": torch.zeros(2), "y": torch.zeros(2).to_sparse()}, "'y' in a lesson of case 'b' is sparse"),
        ({"x": torch.zeros(2), "y": 3.0}, "must hold tensors by name: 'y' is float"),
        ({"x": torch.zeros(2), 1: torch.zeros(2)}, "must hold tensors by name: 1 is Tensor"),
        ({}, "case 'b' is empty: a case that teaches nothing gives None"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_the_piece_as_it_was(tmp_path, other, said):
    first = {"x": torch.zeros(3), "y": torch.zeros(1)}
    write_piece(tmp_path / "1", [("a", first)])
    before = (tmp_path / "1").read_bytes()
    with pytest.raises(InvalidOutputError, match=said):
        write_piece(tmp_path / "1", [("a", first), ("b", other)])
    assert (tmp_path / "1").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize("other", [torch.zeros(1, 1), torch.zeros(1, dtype=torch.float16)])
def test_pieces_of_different_form_are_refused(tmp_path, other):
    write_piece(tmp_path / "1", [("a", {"x": torch.zeros(1)})])
    write_piece(tmp_path / "2", [("b", {"x": other})])
    with pytest.raises(InvalidOutputError, match="one of case 'b' is x"):
        KeptLessons([tmp_path / "1", tmp_path / "2"])


def test_a_full_disk_leaves_the_piece_as_it_was(tmp_path, monkeypatch):
    write_piece(tmp_path / "1", [("a", {"x": torch.zeros(1)})])
    before = (tmp_path / "1").read_bytes()

    def lessons():
        yield "a", {"x": torch.zeros(1)}
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_piece(tmp_path / "1", lessons())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"1": before}


# Damage ----------------------------------------------------------------------------------------------------


def small_piece(path):
    lessons = [("a", {"x": torch.arange(5, dtype=torch.uint8), "y": torch.tensor(0.5)}) for _ in range(2)]
    write_piece(path, lessons, EMPTY)
    return path.read_bytes()


def read_all(path):
    kept = KeptLessons([path])
    return [kept[place] for place in range(len(kept))]


def test_every_single_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "a.lessons"
    data = small_piece(path)
    assert len(read_all(path)) == 2
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(DamagedPieceError, match=r"the lessons in 'a\.lessons' are damaged"):
                read_all(path)


def test_every_truncation_and_what_is_added_is_noticed_by_the_header_alone(tmp_path):
    path = tmp_path / "a.lessons"
    data = small_piece(path)
    for cut in [data[:length] for length in range(len(data))] + [data + b"\0", data + data, b"\0" + data]:
        path.write_bytes(cut)
        with pytest.raises(DamagedPieceError, match=r"the lessons in 'a\.lessons' are damaged"):
            read_header(path)


def test_a_piece_that_is_gone_is_named_before_and_after_it_was_opened(tmp_path):
    small_piece(tmp_path / "a.lessons")
    kept = KeptLessons([tmp_path / "a.lessons"])
    (tmp_path / "a.lessons").unlink()
    for read in (
        lambda: kept[0],
        lambda: read_header(tmp_path / "a.lessons"),
        lambda: KeptLessons([tmp_path / "a.lessons"]),
    ):
        with pytest.raises(DamagedPieceError, match=r"the lessons in 'a\.lessons' cannot be read: No such file"):
            read()


def test_damage_of_one_lesson_leaves_the_others(tmp_path):
    path = tmp_path / "a.lessons"
    small_piece(path)
    first = read_header(path).lessons[0]
    with path.open("r+b") as file:
        file.seek(first.offset)
        file.write(b"\xff")
    kept = KeptLessons([path])
    assert kept[1]["x"].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DamagedPieceError):
        kept[0]


def test_the_header_says_where_a_lesson_lies(tmp_path):
    data = small_piece(tmp_path / "a.lessons")
    header = read_header(tmp_path / "a.lessons")
    assert (header.names, header.types) == (("x", "y"), ("uint8", "float32"))
    assert header.empty == EMPTY
    for lesson in header.lessons:
        body = data[lesson.offset : lesson.offset + lesson.size]
        assert zlib.crc32(body) == lesson.checksum
        assert body[:5] == bytes(range(5))
        assert lesson.shapes == ((5,), ())


# Reading ---------------------------------------------------------------------------------------------------


def test_what_is_read_is_the_readers_own(tmp_path):
    small_piece(tmp_path / "1")
    kept = KeptLessons([tmp_path / "1"])
    kept[0]["x"].zero_()
    assert kept[0]["x"].tolist() == [0, 1, 2, 3, 4]
    assert kept[0]["x"].untyped_storage().nbytes() == 5


def test_threads_read_at_the_same_time_from_more_files_than_are_held_open(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces_module, "_OPEN_FILES", 2)
    for i in range(6):
        write_piece(tmp_path / str(i), [("a", {"x": torch.full((500,), 10 * i + j)}) for j in range(10)])
    kept = KeptLessons([tmp_path / str(i) for i in range(6)])
    wrong = []

    def read(seed):
        order = torch.randperm(60, generator=torch.Generator().manual_seed(seed)).tolist()
        wrong.extend(place for place in order * 3 if kept[place]["x"].unique().tolist() != [place])

    before = psutil.Process().num_fds()
    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    gc.collect()
    assert psutil.Process().num_fds() <= before + 2
    kept = None
    gc.collect()
    assert psutil.Process().num_fds() <= before


def test_reading_many_times_the_memory_keeps_memory_flat(tmp_path):
    lesson = {"image": torch.zeros(2**20, dtype=torch.uint8)}
    for i in range(4):
        write_piece(tmp_path / str(i), (("a", lesson) for _ in range(64)))
    kept = KeptLessons([tmp_path / str(i) for i in range(4)])
    for place in range(8):
        kept[place]
    before = psutil.Process().memory_info().rss
    for place in range(len(kept)):
        kept[place]
    assert psutil.Process().memory_info().rss - before < 32 * 2**20


def test_writing_holds_one_lesson_at_a_time(tmp_path):
    write_piece(tmp_path / "1", (("a", {"x": torch.zeros(2**20, dtype=torch.uint8)}) for _ in range(4)))
    before = psutil.Process().memory_info().rss
    highest = 0

    def lessons():
        nonlocal highest
        for _ in range(128):
            yield "a", {"x": torch.zeros(2**20, dtype=torch.uint8)}
            highest = max(highest, psutil.Process().memory_info().rss)

    write_piece(tmp_path / "1", lessons())
    assert highest - before < 32 * 2**20


# Sources ---------------------------------------------------------------------------------------------------


@pytest.fixture
def split(tmp_path):
    def make(name, train, validation):
        paths = []
        for which, count in (("train", train), ("validation", validation)):
            paths.append(tmp_path / f"{name}-{which}")
            write_piece(paths[-1], [(f"{name}{i}", {"x": torch.tensor(i)}) for i in range(count)])
        return TrainAndValidation(KeptLessons(paths[:1]), KeptLessons(paths[1:]))

    return make


def test_the_lessons_of_one_source_are_there_at_once_and_by_its_field(split):
    lessons = KeptSources({"trained_on": split("a", 3, 1)})
    assert list(lessons.train.case_ids) == ["a0", "a1", "a2"]
    assert list(lessons.validation.case_ids) == ["a0"]
    assert lessons["trained_on"].train is lessons.train
    with pytest.raises(UsageError, match="no lessons come from 'tuned_on': there is 'trained_on'"):
        lessons["tuned_on"]
    with pytest.raises(UsageError, match="are of one source"):
        lessons["trained_on"]["trained_on"]


def test_the_lessons_of_several_sources_are_asked_for_by_field(split):
    lessons = KeptSources({"trained_on": split("a", 3, 1), "tuned_on": split("b", 1, 0)})
    assert list(lessons["tuned_on"].train.case_ids) == ["b0"]
    assert len(lessons["tuned_on"].validation) == 0
    for name in ("train", "validation"):
        with pytest.raises(UsageError, match=rf"'trained_on', 'tuned_on': ask for lessons\[FIELD\]\.{name}"):
            getattr(lessons, name)


def test_a_learner_without_sources_has_empty_lessons():
    lessons = KeptSources({})
    assert (len(lessons.train), len(lessons.validation)) == (0, 0)
    with pytest.raises(UsageError, match="no lessons come from 'x': there is none with a name"):
        lessons["x"]
