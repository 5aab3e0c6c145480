"""The fields of a recipe by dotted names, such as "optimizer.learning_rate" or "layers.0.units"."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Sequence

from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.experiments.recipe import Recipe, value_from_toml
from hm2bp_brian.experiments.recipe_fields import check_fields


def setting_names(recipe: Recipe) -> list[str]:
    """The dotted names of all fields, also those of the objects in the recipe."""
    return list(_names(recipe))


def with_setting(recipe: Recipe, name: str, value) -> Recipe:
    """The recipe with one field replaced.

    Parameters
    ----------
    recipe : Recipe
    name : str
        Dotted; layers count from 0.
    value
        As the recipe takes it.

    Raises
    ------
    UnknownNameError
        If this recipe has no such field; a similar one is suggested.
    ConfigurationError
        If the value has another type, or is impossible.

    Examples
    --------
    >>> from hm2bp_brian.experiments import recipes
    >>> with_setting(recipes.get("mnist-mlp"), "layers.0.units", 400).layers[0].units
    400
    """
    names = setting_names(recipe)
    if name not in names:
        raise UnknownNameError("setting", name, names)
    return _replaced(recipe, name.split("."), value)


def parse_setting(text: str) -> tuple[str, list]:
    """Name and values of a setting that is written as NAME=VALUE,VALUE...

    Values are written as in TOML; a text needs no quotation marks, and ``none`` is what is absent.

    Raises
    ------
    ConfigurationError
        If it is not written so.

    Examples
    --------
    >>> parse_setting("optimizer.learning_rate=0.01,0.02")
    ('optimizer.learning_rate', [0.01, 0.02])
    >>> parse_setting("delays=[0, 40],[0, 80]")
    ('delays', [(0, 40), (0, 80)])
    >>> parse_setting("averaging=none,0.99")
    ('averaging', [None, 0.99])
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not (name and equals and values):
        raise ConfigurationError(
            f"a setting is written as NAME=VALUE,VALUE..., such as optimizer.learning_rate=0.01,0.02; found '{text}'"
        )
    try:
        return name, _toml_values(values)
    except tomllib.TOMLDecodeError:  # there are texts among them
        return name, [_value(part.strip()) for part in values.split(",")]


def _names(part, prefix: str = "") -> Iterator[str]:
    if dataclasses.is_dataclass(part):
        fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    elif isinstance(part, tuple) and all(map(dataclasses.is_dataclass, part)):
        fields = {str(number): item for number, item in enumerate(part)}
    else:
        return
    for name, value in fields.items():
        yield f"{prefix}{name}"
        yield from _names(value, f"{prefix}{name}.")


def _replaced(part, names: Sequence[str], value):
    if not names:
        return value
    first, *rest = names
    if isinstance(part, tuple):
        index = int(first)
        return (*part[:index], _replaced(part[index], rest, value), *part[index + 1 :])
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    values[first] = _replaced(values[first], rest, value)
    check_fields(type(part), values)
    return type(part)(**values)


def _toml_values(text: str) -> list:
    return list(value_from_toml(tomllib.loads(f"values = [{text}]")["values"]))


def _value(text: str):
    if text == "none":
        return None
    try:
        return _toml_values(text)[0]
    except (tomllib.TOMLDecodeError, IndexError):
        return text
