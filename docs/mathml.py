"""Equations as MathML, which browsers draw themselves: no script and no network, when the pages are made or read."""

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)


def setup(app) -> dict:
    """Make ``html_math_renderer = "mathml"`` known."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def visit_inline(translator, node) -> None:
    """Write an equation within a line."""
    translator.body.append(to_mathml(node, as_block=False))
    raise nodes.SkipNode


def visit_block(translator, node) -> None:
    """Write an equation of its own line."""
    translator.body.append(f'<div class="math-block">{to_mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def to_mathml(node, as_block: bool) -> str:
    """The equation's MathML; a warning, and its TeX, if it can't be read."""
    tex = node.astext()
    try:
        return tex2mathml(tex, as_block=as_block)
    except MathError as error:
        logger.warning("equation can't be read: %s: %s", error, tex, location=node)
        return f"<code>{nodes.unescape(tex)}</code>"
