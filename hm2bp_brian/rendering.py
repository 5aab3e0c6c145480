"""Text files made from templates, which lie in the folder ``templates`` of a package."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def render(package: str, name: str, **values) -> str:
    """Fill in a template; in HTML, what the values say is escaped.

    Parameters
    ----------
    package : str
        Such as "hm2bp_brian.experiments".
    name : str
        Of the file in the package's folder ``templates``.
    **values
        What the template names; functions may be among them.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)
