import io

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tiny_training import LAYERS, assert_same_state, make_trainer, tiny_dataset, tiny_network

from hm2bp_brian.errors import CheckpointError
from hm2bp_brian.model.layers import Dense
from hm2bp_brian.training.checkpoint import load_checkpoint, save_checkpoint
from hm2bp_brian.training.optimizers import SGD, Adam

TRAIN = tiny_dataset(12)
SETTINGS = {"averaging": 0.9, "boosting": True}


def new(network=None, **changes):
    return make_trainer(network, **(SETTINGS | changes))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A trained trainer, its checkpoint as bytes, and a function for new trainers of the same kind."""
    trainer, path = new(), tmp_path_factory.mktemp("made") / "c.npz"
    trainer.fit(TRAIN, epochs=2, progress=False)
    save_checkpoint(path, trainer)
    return trainer, path.read_bytes(), new


@pytest.fixture(scope="module")
def untrained(made):
    """A trainer for many loads, and its state."""
    trainer = made[2]()
    return trainer, trainer.state.arrays()


def test_loading_puts_everything_back(made, tmp_path):
    trainer, _, new = made
    save_checkpoint(tmp_path / "c.npz", trainer)
    other = new()
    load_checkpoint(tmp_path / "c.npz", other)
    assert_same_state(other.state.arrays(), trainer.state.arrays())
    assert isinstance(other.epoch, int) and isinstance(other.history[0]["epoch"], int)
    assert other.history.columns == trainer.history.columns
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


def test_four_epochs_equal_two_and_two_more(made, tmp_path):
    _, _, new = made
    whole, first, second = new(), new(), new()
    whole.fit(TRAIN, TRAIN, epochs=4, batch_size=5, progress=False)
    first.fit(TRAIN, TRAIN, epochs=2, batch_size=5, progress=False)
    first.save(tmp_path / "c.npz")
    second.load(tmp_path / "c.npz")
    second.fit(TRAIN, TRAIN, epochs=2, batch_size=5, progress=False)
    assert_same_state(second.state.arrays(), whole.state.arrays())


def test_a_checkpoint_before_the_first_epoch(made, tmp_path):
    _, _, new = made
    new().save(tmp_path / "c.npz")
    other = new()
    other.load(tmp_path / "c.npz")
    other.fit(TRAIN, progress=False)
    assert other.epoch == 1


def test_the_state_is_a_copy(made):
    _, _, new = made
    trainer = new()
    state = trainer.state.arrays()
    before = {name: array.copy() for name, array in state.items()}
    trainer.fit(TRAIN, progress=False)
    assert_same_state(state, before)


OTHERS = {
    "sizes": ({"network": tiny_network(layers=(Dense(9, 1.0), LAYERS[1]))}, r"float64 of shape \(16, 9\).*\(16, 8\)"),
    "depth": ({"network": tiny_network(layers=LAYERS[1:])}, "should be"),
    "thresholds": (
        {"network": tiny_network(layers=(Dense(8, 2.0), LAYERS[1]))},
        r"'network/thresholds' should be \[2.0, 1.0\], found \[1.0, 1.0\]",
    ),
    "seed": ({"seed": 5}, "'seed' should be 5, found 1"),
    "dtype": ({"dtype": "float32"}, "should be float32 .* found float64"),
    "optimizer": ({"optimizer": SGD()}, "'optimizer/.*' should be absent, found float64 of shape"),
    "averaging": ({"averaging": None}, "'average/.*' should be absent"),
    "boosting": ({"boosting": False}, "'sample_weights' should be absent"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_checkpoints_of_others_are_refused(made, tmp_path, case):
    trainer, content, new = made
    changes, message = OTHERS[case]
    path = tmp_path / "c.npz"
    path.write_bytes(content)
    other = new(**changes)
    before = other.state.arrays()
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path, other)
    assert str(path) in str(caught.value)
    assert_same_state(other.state.arrays(), before)


def test_settings_of_the_optimizer_may_change(made, tmp_path):
    trainer, content, new = made
    (tmp_path / "c.npz").write_bytes(content)
    other = new(optimizer=Adam(0.5))
    other.load(tmp_path / "c.npz")
    assert other.epoch == 2 and other.optimizer.learning_rate == 0.5


def changed(content: bytes, **arrays) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        everything = dict(file) | arrays
    out = io.BytesIO()
    np.savez(out, **{name: array for name, array in everything.items() if array is not None})
    return out.getvalue()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"version": np.array(99)}, "'version' should be 1, found 99"),
        ({"epoch": None}, "'epoch' should be int64 .* found absent"),
        ({"weights/1": None}, "'weights/1' .* found absent"),
        ({"surplus": np.zeros(3)}, "'surplus' should be absent, found float64"),
        ({"weights/0": np.array([object()])}, "is no checkpoint, or corrupt"),
        ({"history/columns": np.array(["a", "b"])}, "columns of the history"),
        ({"history/table": np.zeros((2, 3))}, "columns of the history"),
        ({"history/table": np.zeros(3)}, "'history/table' should be 2-dimensional"),
        ({"history/table": np.full((2, 6), np.nan)}, "epochs of the history should be 1, 2, 3"),
        ({"history/table": np.ones((1, 6))}, "it is of epoch 2, but its history ends with 1"),
        ({"epoch": np.array(-2)}, "'epoch' should lie in 0"),
        ({"seed": np.array("1")}, "'seed' should be int64 of shape .*, found <U1"),
        ({"optimizer/v_0": np.full((16, 8), -1.0)}, "'optimizer/v_0' should lie in 0"),
        ({"weights/0": np.full((16, 8), np.inf)}, "'weights/0' holds NaN or infinity"),
        ({"sample_weights": np.zeros(12, dtype="f4")}, "'sample_weights' should be 1-dimensional float64"),
    ],
)
def test_altered_checkpoints_are_refused(made, tmp_path, arrays, message):
    _, content, new = made
    path = tmp_path / "c.npz"
    path.write_bytes(changed(content, **arrays))
    other = new()
    before = other.state.arrays()
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, other)
    assert_same_state(other.state.arrays(), before)


def test_a_missing_file(made, tmp_path):
    with pytest.raises(FileNotFoundError, match="c.npz"):
        load_checkpoint(tmp_path / "c.npz", made[2]())


def check_damaged(made, untrained, folder, damaged: bytes):
    """Loading ends in a CheckpointError and the state before, or in the state of the undamaged file."""
    other, before = untrained
    path = folder / "c.npz"
    path.write_bytes(damaged)
    try:
        load_checkpoint(path, other)
    except CheckpointError as error:
        assert str(path) in str(error)
        assert_same_state(other.state.arrays(), before)
    else:
        assert_same_state(other.state.arrays(), made[0].state.arrays())
        other.state.restore(before)


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_changed_digit_in_the_shape_of_the_history_is_noticed(made, untrained, tmp_path):
    # numpy would read one row less, and so never come to the end, where zipfile compares the checksum
    shape = str(made[0].history.table().shape).encode()
    damaged = made[1].replace(b"'shape': " + shape, b"'shape': " + shape.replace(b"(2", b"(1"))
    assert damaged != made[1]
    (tmp_path / "c.npz").write_bytes(damaged)
    with pytest.raises(CheckpointError, match="corrupt: the checksum of history/table.npy is wrong"):
        load_checkpoint(tmp_path / "c.npz", untrained[0])


@FUZZ
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@example(place=0.0, flip=1)
def test_a_changed_byte_is_noticed(made, untrained, tmp_path, place, flip):
    damaged = bytearray(made[1])
    damaged[int(place * len(damaged))] ^= flip
    check_damaged(made, untrained, tmp_path, bytes(damaged))


@FUZZ
@given(place=st.integers(0, 10**9), flip=st.integers(1, 255))
def test_a_changed_byte_in_the_directory_is_noticed(made, untrained, tmp_path, place, flip):
    damaged = bytearray(made[1])
    start = damaged.index(b"PK\x01\x02")
    damaged[start + place % (len(damaged) - start)] ^= flip
    check_damaged(made, untrained, tmp_path, bytes(damaged))


@FUZZ
@given(length=st.floats(0, 1, exclude_max=True), tail=st.binary(max_size=30))
def test_a_file_cut_short_is_noticed(made, untrained, tmp_path, length, tail):
    check_damaged(made, untrained, tmp_path, made[1][: int(length * len(made[1]))] + tail)
