"""Templates: what values say is escaped in HTML only, and a name that is not given is an error."""

import jinja2
import pytest

from hm2bp_brian.rendering import render


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with templates of both kinds."""
    templates = tmp_path / "pages" / "templates"
    templates.mkdir(parents=True)
    (tmp_path / "pages" / "__init__.py").touch()
    for name in ("page.html", "code.py.jinja"):
        (templates / name).write_text("{% if shown %}\n{{ text }}\n{% endif %}\nend\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "pages"


def test_html_is_escaped_and_code_is_not(package):
    values = {"shown": True, "text": "<b> & 'c'"}
    assert render(package, "page.html", **values) == "&lt;b&gt; &amp; &#39;c&#39;\nend\n"
    assert render(package, "code.py.jinja", **values) == "<b> & 'c'\nend\n"
    assert render(package, "code.py.jinja", shown=False) == "end\n"


def test_a_missing_value_is_an_error(package):
    with pytest.raises(jinja2.UndefinedError, match="'text' is undefined"):
        render(package, "page.html", shown=True)
