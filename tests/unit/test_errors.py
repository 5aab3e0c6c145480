"""Errors come back from other processes as they are."""

import pickle
import re

import pytest

from hm2bp_brian import errors
from hm2bp_brian.errors import Hm2bpError, UnknownNameError

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Hm2bpError)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_pickled_errors_say_the_same(kind):
    error = kind("engine", "fussed", ["fused"]) if kind is UnknownNameError else kind("what is wrong")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("fussed", "fused"),
        ("mnist", "mnist-cnn"),
        ("nmist-1k", "nmnist-1k"),
        ("gpu", None),
        ("SDG", "SGD"),
        ("inn", "in"),
    ],
)
def test_the_nearest_name_is_offered_if_one_is_near(name, nearest):
    message = str(UnknownNameError("name", name, ["fused", "nmnist-1k", "mnist-cnn", "cpu", "in", "SGD"]))
    found = re.search(r"Did you mean '(.*)'", message)
    assert (found and found[1]) == nearest
