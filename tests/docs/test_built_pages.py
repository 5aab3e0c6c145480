"""The pages that ``make docs`` has built: what a search finds, where types link to."""

import json
import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "_build" / "html"

pytestmark = [
    pytest.mark.docs,
    pytest.mark.skipif(not (PAGES / "searchindex.js").exists(), reason="the pages are not built: make docs"),
]


@pytest.fixture(scope="module")
def index():
    text = (PAGES / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", text, flags=re.DOTALL)[1])


def found(index, stem):
    """The pages whose text or title has a word, given as the search's stemmer leaves it."""
    numbers = [index[part].get(stem, []) for part in ("terms", "titleterms")]
    return {index["docnames"][n] for pages in numbers for n in (pages if isinstance(pages, list) else [pages])}


@pytest.mark.parametrize(
    ("stem", "page"),
    [("inhibitori", "ei_networks"), ("dale", "ei_networks"), ("adapt", "neurons"), ("adapt", "examples/tutorial")],
)
def test_a_search_finds(index, stem, page):
    assert page in found(index, stem)


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("hm2bp_brian.LIF", "brian2.units.fundamentalunits.Quantity.html#brian2.units.fundamentalunits.Quantity"),
        ("hm2bp_brian.plotting.raster", "matplotlib.axes.Axes.html#matplotlib.axes.Axes"),
        ("hm2bp_brian.SpikeBatch", "generated/numpy.ndarray.html#numpy.ndarray"),
        ("hm2bp_brian.plotting.raster", "hm2bp_brian.SpikingNetwork.html#hm2bp_brian.SpikingNetwork"),
        ("hm2bp_brian.plotting.raster", "hm2bp_brian.errors.LabelError.html#hm2bp_brian.errors.LabelError"),
    ],
)
def test_types_of_docstrings_are_links(page, link):
    text = (PAGES / "api" / "generated" / f"{page}.html").read_text(encoding="utf-8")
    assert any(target.endswith(link) for target in re.findall(r'href="([^"]*)"', text))


def test_pages_link_to_pages_and_places_that_are_there():
    ids = {}
    broken = []
    for page in PAGES.rglob("*.html"):
        for target in re.findall(r'<a [^>]*href="([^"]+)"', page.read_text(encoding="utf-8")):
            path, _, place = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            other = (page.parent / path).resolve() if path else page.resolve()
            if not other.exists():
                broken.append((page.name, target))
            elif place and other.suffix == ".html":
                if other not in ids:
                    ids[other] = set(re.findall(r'\bid="([^"]+)"', other.read_text(encoding="utf-8")))
                if place not in ids[other]:
                    broken.append((page.name, target))
    assert broken == []
