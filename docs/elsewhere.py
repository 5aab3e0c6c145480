"""What types in docstrings link to: our own pages, and those of other packages, whose inventories are not fetched.

Intersphinx reads inventories. Those of Brian2, numpy, matplotlib and Python have tens of thousands of names and lie on
their servers; here are the few that our docstrings use.
"""

import re
import zlib
from pathlib import Path

# package: address, and by name the kind of object and its page; "$" stands for the name
PAGES = {
    "python": (
        "https://docs.python.org/3/",
        {
            **{name: ("py:class", "library/functions.html#$") for name in ("bool", "float", "int")},
            **{name: ("py:class", "library/stdtypes.html#$") for name in ("bytes", "dict", "list", "str", "tuple")},
            "pathlib.Path": ("py:class", "library/pathlib.html#$"),
            **{name: ("std:term", "glossary.html#term-$") for name in ("iterable", "mapping", "sequence")},
            # numpydoc's own link for bool
            "bltin-boolean-values": ("std:label", "library/stdtypes.html#$"),
        },
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        {
            **{name: ("py:class", "reference/generated/$.html#$") for name in ("numpy.dtype", "numpy.ndarray")},
            "numpy.random.Generator": ("py:class", "reference/random/generator.html#$"),
            "array_like": ("std:term", "glossary.html#term-$"),
        },
    ),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        {
            "matplotlib.axes.Axes": ("py:class", "api/_as_gen/$.html#$"),
            "matplotlib.container.BarContainer": ("py:class", "api/container_api.html#$"),
            "matplotlib.image.AxesImage": ("py:class", "api/image_api.html#$"),
            "matplotlib.lines.Line2D": ("py:class", "api/_as_gen/$.html#$"),
            "matplotlib.patches.StepPatch": ("py:class", "api/_as_gen/$.html#$"),
            "matplotlib.collections.LineCollection": ("py:class", "api/collections_api.html#$"),
            "matplotlib.collections.PathCollection": ("py:class", "api/collections_api.html#$"),
            "matplotlib.collections.PolyCollection": ("py:class", "api/collections_api.html#$"),
        },
    ),
    "brian2": (
        "https://brian2.readthedocs.io/en/stable/",
        {
            f"brian2.{name}": ("py:class", "reference/$.html#$")
            for name in (
                "core.network.Network",
                "equations.equations.Equations",
                "groups.neurongroup.NeuronGroup",
                "input.poissongroup.PoissonGroup",
                "input.spikegeneratorgroup.SpikeGeneratorGroup",
                "monitors.spikemonitor.SpikeMonitor",
                "monitors.statemonitor.StateMonitor",
                "synapses.synapses.Synapses",
                "units.fundamentalunits.Dimension",
                "units.fundamentalunits.Quantity",
            )
        },
    ),
}


def write_inventories(folder: Path) -> dict:
    """Write an inventory for each package, and return what ``intersphinx_mapping`` has to be."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for package, (address, pages) in PAGES.items():
        lines = [f"{name} {kind} 1 {page.replace('$', name)} -\n" for name, (kind, page) in pages.items()]
        head = f"# Sphinx inventory version 2\n# Project: {package}\n# Version:\n# The rest is compressed using zlib.\n"
        inventory = folder / f"{package}.inv"
        inventory.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))
        mapping[package] = (address, str(inventory))
    return mapping


def aliases(pages: Path) -> dict[str, str]:
    """From the names of classes, as docstrings write them, to what they link to; ours are those listed on the pages."""
    names = [name for _, others in PAGES.values() for name, (kind, _) in others.items() if kind == "py:class"]
    names += [name for page in sorted(pages.glob("*.rst")) for name in listed(page.read_text(encoding="utf-8"))]
    by_last_part = {name.rpartition(".")[2]: name for name in names if "." in name}
    return {short: name for short, name in by_last_part.items() if short[0].isupper()}


def listed(page: str) -> list[str]:
    """Full names of all that the autosummary tables of a page list."""
    names, module = [], None
    for line in page.splitlines():
        if found := re.fullmatch(r"\.\. currentmodule:: ([\w.]+)", line):
            module = found[1]
        elif module and (found := re.fullmatch(r"   ([A-Za-z_][\w.]*)", line)):
            names.append(f"{module}.{found[1]}")
    return names
