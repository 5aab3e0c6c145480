"""The pages of the reference list every public name, and only names that there are."""

import importlib
import sys
import types
from pathlib import Path

import pytest

import hm2bp_brian as hb

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def elsewhere():
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("elsewhere")
    sys.path.remove(str(DOCS))


def listed(elsewhere, page):
    return elsewhere.listed((DOCS / "api" / f"{page}.rst").read_text(encoding="utf-8"))


def test_the_index_has_a_line_for_all_of_hb(elsewhere):
    public = {name for name in hb.__all__ if not isinstance(getattr(hb, name), types.ModuleType)}
    expected = public | {"SpikingClassifier"}
    assert {name.removeprefix("hm2bp_brian.") for name in listed(elsewhere, "index")} == expected


def test_the_index_names_the_modules_of_hb():
    page = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    modules = [name for name in hb.__all__ if isinstance(getattr(hb, name), types.ModuleType)]
    assert len(modules) > 5 and [name for name in modules if f"hb.{name}" not in page] == []


@pytest.mark.parametrize("module", ["plotting", "encoding", "datasets"])
def test_a_module_has_its_names_on_its_page(elsewhere, module):
    public = {f"hm2bp_brian.{module}.{name}" for name in getattr(hb, module).__all__ if not name.isupper()}
    assert public <= set(listed(elsewhere, module))


def test_what_is_in_hb_has_a_page(elsewhere):
    pages = {name for page in DOCS.glob("api/*.rst") if page.stem != "index" for name in listed(elsewhere, page.stem)}
    missing = [name for name in listed(elsewhere, "index") if name not in pages]
    assert missing == []


def test_types_link_to_our_pages_and_to_those_of_others(elsewhere, tmp_path):
    aliases = elsewhere.aliases(DOCS / "api")
    assert aliases["SpikingNetwork"] == "hm2bp_brian.SpikingNetwork"
    assert aliases["Population"] == "hm2bp_brian.model.populations.Population"
    assert aliases["Quantity"] == "brian2.units.fundamentalunits.Quantity"
    assert aliases["Axes"] == "matplotlib.axes.Axes"
    assert "raster" not in aliases and "int" not in aliases
    mapping = elsewhere.write_inventories(tmp_path)
    assert set(mapping) == {"brian2", "matplotlib", "numpy", "python"}
    assert all(address.startswith("https://") and Path(path).parent == tmp_path for address, path in mapping.values())
