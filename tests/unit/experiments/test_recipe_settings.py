"""Fields of a recipe by dotted names, and values as the command line writes them."""

import dataclasses

import pytest
from tiny_run import RECIPE

from hm2bp_brian.errors import ConfigurationError, UnknownNameError
from hm2bp_brian.experiments import recipes
from hm2bp_brian.experiments.recipe_settings import parse_setting, setting_names, with_setting
from hm2bp_brian.training.optimizers import SGD
from hm2bp_brian.training.schedules import Cosine


def test_one_field_is_replaced_and_all_others_stay():
    changed = with_setting(RECIPE, "layers.1.initializer.limit", 0.25)
    output = dataclasses.replace(
        RECIPE.layers[1], initializer=dataclasses.replace(RECIPE.layers[1].initializer, limit=0.25)
    )
    assert changed == dataclasses.replace(RECIPE, layers=(RECIPE.layers[0], output))
    assert with_setting(RECIPE, "epochs", 7) == dataclasses.replace(RECIPE, epochs=7)
    assert with_setting(RECIPE, "averaging", None).averaging is None
    assert with_setting(RECIPE, "optimizer", SGD(0.1)).optimizer == SGD(0.1)


@pytest.mark.parametrize("recipe", recipes.RECIPES, ids=lambda recipe: recipe.name)
def test_every_field_of_every_recipe_has_a_name_and_can_be_set(recipe):
    names = setting_names(recipe)
    assert {field.name for field in dataclasses.fields(recipe)} < set(names)
    assert {"layers.0.threshold", "optimizer.learning_rate", "optimizer.schedule", "loss.margin"} < set(names)
    for name in names:
        value = recipe
        for part in name.split("."):
            value = value[int(part)] if isinstance(value, tuple) else getattr(value, part)
        assert with_setting(recipe, name, value) == recipe


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("optimizer.learning_rat", "Did you mean 'optimizer.learning_rate'?"),
        ("layers.2.units", "Did you mean 'layers.[01].units'?"),
        ("learning_rate", "Did you mean 'optimizer.learning_rate'?"),
        ("", "Known: averaging|Known: augmentation"),
        ("delays.0", "Did you mean 'delays'?"),
    ],
)
def test_a_near_miss_is_suggested(name, hint):
    with pytest.raises(UnknownNameError, match=f"unknown setting '{name}'.*({hint})".replace("?", r"\?")):
        with_setting(RECIPE, name, 1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 1.5, "'epochs' should be a whole number"),
        ("epochs", 0, "epochs must be a positive integer"),
        ("optimizer.learning_rate", "fast", "'learning_rate' should be a finite number"),
        ("layers.0", 3, "'layers'|should be"),
        ("dtype", "float16", "unknown dtype"),
    ],
)
def test_impossible_values_are_refused(name, value, message):
    with pytest.raises((ConfigurationError, UnknownNameError), match=message):
        with_setting(RECIPE, name, value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2", [1, 2]),
        ("0.5", [0.5]),
        ("float32,float64", ["float32", "float64"]),
        ("'float32', 'float64'", ["float32", "float64"]),
        ("none,0.5", [None, 0.5]),
        ("true,false", [True, False]),
        ("[0,40],[]", [(0, 40), ()]),
        ("15*mV", ["15*mV"]),
        ('{kind = "Cosine", final = 0.1}', [Cosine(final=0.1)]),
    ],
)
def test_values_are_read(text, values):
    assert parse_setting(f" some.name = {text} ") == ("some.name", values)


@pytest.mark.parametrize("text", ["name", "name=", "=1", ""])
def test_what_is_no_setting_is_refused(text):
    with pytest.raises(ConfigurationError, match=f"NAME=VALUE,VALUE.*found '{text}'"):
        parse_setting(text)
