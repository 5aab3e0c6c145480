"""Text files made from templates, which lie in the folder ``templates`` of a package."""

from __future__ import annotations

import math

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

WIDTH, HEIGHT = 320, 120  # of pictures in notebooks, in pixels
FRAME = f"M0.5 0.5h{WIDTH - 1}v{HEIGHT - 1}h{1 - WIDTH}z"
MOST_SPIKES = 3000


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


def notebook_view(title: str, rows, picture: str = "") -> str:
    """HTML of an object for notebooks: a table, and beside it a picture.

    Parameters
    ----------
    title : str
    rows : sequence of sequences of str
        Cells of the table.
    picture : str, optional
        SVG, from one of the functions below.
    """
    return render("hm2bp_brian", "notebook.html", title=title, rows=rows, picture=picture)


def raster_picture(steps, neurons, n_steps: int, n_neurons: int) -> str:
    """SVG of spikes, time to the right and neurons upwards; of very many spikes every so many-th.

    Parameters
    ----------
    steps, neurons : int arrays (n_spikes,)
    n_steps, n_neurons : int
        Ranges of the axes.
    """
    every = -(-len(steps) // MOST_SPIKES) or 1
    x = WIDTH * (steps[::every] + 0.5) / n_steps
    y = HEIGHT * (1 - (neurons[::every] + 0.5) / n_neurons)
    spikes = "".join(f"M{a:.1f} {b:.1f}h1" for a, b in zip(x, y, strict=True))
    return _picture("spikes, time to the right", [spikes, FRAME])


def curve_picture(label: str, values) -> str:
    """SVG of values one after the other, from 0 at the bottom to the largest at the top; NaN is left out."""
    known = [(WIDTH * (k + 0.5) / len(values), value) for k, value in enumerate(values) if math.isfinite(value)]
    top = max((value for _, value in known), default=0) or 1.0
    points = "L".join(f"{x:.1f} {HEIGHT * (1 - value / top):.1f}" for x, value in known)
    return _picture(label, [f"M{points}", FRAME] if known else [FRAME])


def graph_picture(names, edges) -> str:
    """SVG of populations in a row, and arcs from one to another: to the right above, back and to itself below.

    Parameters
    ----------
    names : sequence of str
    edges : iterable of (int, int)
        Numbers of source and target.
    """
    place, middle, arcs = [WIDTH * (number + 0.5) / len(names) for number in range(len(names))], HEIGHT / 2, []
    for source, target in edges:
        up = -1 if target > source else 1
        near, far = middle + 8 * up, middle + up * min(28 + 12 * abs(target - source), middle)
        start, end = place[source] - 4 * up, place[target] + 4 * up
        arcs.append(f"M{start:.0f} {near:.0f}C{start:.0f} {far:.0f} {end:.0f} {far:.0f} {end:.0f} {near:.0f}")
    texts = [(round(x), round(middle + 4), name) for x, name in zip(place, names, strict=True)]
    return _picture("populations and projections", arcs, texts)


def _picture(label: str, paths, texts=()) -> str:
    values = {"width": WIDTH, "height": HEIGHT, "label": label, "paths": paths, "texts": texts}
    return render("hm2bp_brian", "picture.xml", **values)
