"""All that ``hb.`` offers is documented with an example, and the examples run."""

import ast
import doctest
import inspect
import operator
from pathlib import Path

import numpy as np
import pytest

import hm2bp_brian as hb


def is_class_of(module, value):
    return inspect.isclass(value) and value.__module__ == module.__name__


LISTED = [(m, name) for m in ("plotting", "encoding", "datasets", "neurons") for name in getattr(hb, m).__all__]
# of modules without a list, what users make objects of; the check_ functions are not for them
UNLISTED = [
    *(("callbacks", name) for name, value in vars(hb.callbacks).items() if is_class_of(hb.callbacks, value)),
    *(("schedules", name) for name, value in vars(hb.schedules).items() if is_class_of(hb.schedules, value)),
]
IN_MODULES = [f"{m}.{name}" for m, name in (*LISTED, *UNLISTED) if callable(getattr(getattr(hb, m), name))]
NEED_FILES = [  # that are not in the repository: their examples are read, not run
    *("datasets.emnist", "datasets.emnist_23", "datasets.fashion_mnist", "datasets.fsdd", "datasets.letters_synthetic"),
    *("datasets.mixed_nmnist", "datasets.nmnist", "datasets.shd", "datasets.simulated_nmnist"),
    *("datasets.speech_commands", "datasets.ti46"),
]
OPTIONAL = ("SpikingClassifier",)
TAKES_MINUTES = ("sweep",)
DOCUMENTED = [name for name in hb.__all__ if not inspect.ismodule(getattr(hb, name)) and name not in TAKES_MINUTES]


def test_completion_offers_what_there_is():
    assert set(dir(hb)) == {*hb.__all__, *OPTIONAL, "__version__"}
    assert all(getattr(hb, name) is not None for name in hb.__all__)
    assert (Path(hb.__file__).parent / "py.typed").exists()


def examples_of(name):
    docstring = inspect.getdoc(operator.attrgetter(name)(hb))
    assert "Examples\n--------\n" in docstring, f"the docstring of hb.{name} has no section Examples"
    scope = {public: getattr(hb, public) for public in hb.__all__} | {"hb": hb, "np": np}
    return doctest.DocTestParser().get_doctest(docstring, scope, name, None, None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", [name for name in (*DOCUMENTED, *IN_MODULES) if name not in NEED_FILES])
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # simulated recordings are kept there; HM2BP_CACHE would move compiled kernels as well
    monkeypatch.setattr("hm2bp_brian.datasets.spike_cache.cache_folder", lambda: tmp_path)
    examples = examples_of(name)
    executed = [e for e in examples.examples if not e.options.get(doctest.SKIP)]
    assert executed, f"the docstring of hb.{name} has no example that runs"
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(examples, out=report.append)
    assert runner.failures == 0, "".join(report)


@pytest.mark.parametrize("name", NEED_FILES)
def test_examples_that_need_files_call_their_function_rightly(name):
    function = operator.attrgetter(name)(hb)
    trees = [ast.parse(example.source) for example in examples_of(name).examples]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    [call] = [node for node in calls if ast.unparse(node.func) == f"hb.{name}"]
    inspect.signature(function).bind(*call.args, **{keyword.arg: keyword.value for keyword in call.keywords})
