"""The cache of encoded spikes."""

import numpy as np
import pytest

from hm2bp_brian.datasets.spike_cache import cached_spikes

SPIKES = (np.array([1, 400, 7]), np.array([5, 0, 77]), np.array([0, 2, 3]))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HM2BP_CACHE", str(tmp_path / "hm2bp_brian"))
    return tmp_path / "hm2bp_brian" / "spikes"


def again():
    raise AssertionError("encoded again")


def test_encoded_once():
    for encode in (lambda: SPIKES, again):
        for found, expected in zip(cached_spikes("some", encode), SPIKES, strict=True):
            assert np.array_equal(found, expected)


def test_other_names_are_other_spikes(cache):
    cached_spikes("some", lambda: SPIKES)
    other = cached_spikes("other", lambda: (SPIKES[0][:2], SPIKES[1][:2], np.array([0, 1, 2])))
    assert len(other[0]) == 2
    assert sorted(path.name for path in cache.iterdir()) == ["other.npz", "some.npz"]


@pytest.mark.parametrize(
    "damage",
    [lambda content: b"", lambda content: content[:50], lambda content: b"PK" + content],
    ids=["empty", "cut", "no zip"],
)
def test_a_damaged_file_is_made_anew(cache, damage):
    cached_spikes("some", lambda: SPIKES)
    content = (cache / "some.npz").read_bytes()
    (cache / "some.npz").write_bytes(damage(content))
    assert np.array_equal(cached_spikes("some", lambda: SPIKES)[0], SPIKES[0])
    assert np.array_equal(cached_spikes("some", again)[0], SPIKES[0])


def test_an_interruption_leaves_nothing(cache):
    with pytest.raises(KeyboardInterrupt):
        cached_spikes("some", lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    assert not cache.exists()


def test_a_cache_that_can_not_be_written_does_no_harm(cache):
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match=r"can't be kept in .*some\.npz"):
        assert cached_spikes("some", lambda: SPIKES) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": np.array(["a", "b", "c"])},
        {"steps": np.array([1.0, 400.0, 7.0])},
        {"steps": np.array([1, 400], dtype="u2")},
        {"neurons": np.array([5, 0, 2**40], dtype="u8")},
        {"offsets": np.array([0, 3, 2])},
        {"offsets": np.array([0, 5, 3])},
        {"offsets": np.array(3)},
        {"offsets": np.zeros(0, dtype=int)},
        {"more": np.zeros(3)},
    ],
    ids=str,
)
def test_a_file_of_something_else_is_made_anew(cache, changes):
    cached_spikes("some", lambda: SPIKES)
    with np.load(cache / "some.npz") as file:
        arrays = dict(file) | changes
    np.savez(cache / "some.npz", **arrays)
    for found, expected in zip(cached_spikes("some", lambda: SPIKES), SPIKES, strict=True):
        assert np.array_equal(found, expected)
