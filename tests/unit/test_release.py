"""The version has one place, and GitHub repeats the Makefile."""

import re
import tomllib
from pathlib import Path

import pytest

import hm2bp_brian

ROOT = Path(__file__).parents[2]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_that_of_the_package():
    package = tomllib.loads(text("pyproject.toml"))
    assert "version" not in package["project"] and package["project"]["dynamic"] == ["version"]
    assert package["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "hm2bp_brian.__version__"}
    # a literal, which setuptools reads without importing the package
    assert f'\n__version__ = "{hm2bp_brian.__version__}"\n' in text("hm2bp_brian/__init__.py")


def test_citation_and_changelog_are_of_the_same_version():
    assert f"\nversion: {hm2bp_brian.__version__}\n" in text("CITATION.cff")
    headings = re.findall(r"^## (.*)$", text("CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[0] in ("Unreleased", hm2bp_brian.__version__)
    assert next(heading for heading in headings if heading != "Unreleased") == hm2bp_brian.__version__


@pytest.fixture(scope="module")
def workflow():
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]


def test_the_workflow_runs_targets_of_the_makefile_and_nothing_else(workflow):
    targets = re.search(r"^\.PHONY: (.*)$", text("Makefile"), flags=re.MULTILINE)[1].split()
    for job in workflow.values():
        for step in job["steps"]:
            if "run" in step:
                assert set(step) == {"run"}
                command, target = step["run"].split()
                assert command == "make" and target in targets
            else:
                assert re.fullmatch(r"actions/(checkout|setup-python)@v\d+", step["uses"])


def test_the_workflow_tests_each_python_on_linux_and_macos(workflow):
    assert {step["run"] for job in workflow.values() for step in job["steps"] if "run" in step} == {
        *("make lint", "make test", "make package", "make docs", "make test-docs")
    }
    matrix = workflow["test"]["strategy"]["matrix"]
    classifiers = tomllib.loads(text("pyproject.toml"))["project"]["classifiers"]
    pythons = [found[1] for one in classifiers if (found := re.search(r":: (3\.\d+)$", one))]
    assert matrix["python"] == pythons and len(pythons) == 3
    assert [system.partition("-")[0] for system in matrix["os"]] == ["ubuntu", "macos"]
