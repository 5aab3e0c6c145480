"""Settings of the documentation; ``make docs`` builds it. Nothing is fetched, neither here nor by the pages."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "analysis")]

import elsewhere  # noqa: E402
import gallery  # noqa: E402

import hm2bp_brian  # noqa: E402

project = "hm2bp_brian"
author = "The hm2bp_brian developers"
version = release = hm2bp_brian.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
exclude_patterns = ["_build", "gallery_header.rst", "paper_header.rst"]
templates_path = ["_templates"]
default_role = "py:obj"

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# parts of the README begin with the level of their headings there
suppress_warnings = ["myst.header"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = elsewhere.aliases(HERE / "api")
intersphinx_mapping = elsewhere.write_inventories(HERE / "_build" / "inventories")

gallery.copy_examples()
sphinx_gallery_conf = {
    "examples_dirs": ["_build/examples", f"_build/examples/{gallery.PAPERS}"],
    "gallery_dirs": ["examples", "paper"],
    # demo and standalone take minutes or compile, gpu needs one: they are shown, and not run
    "filename_pattern": r"/(?!demo|standalone|gpu)\w+\.py$",
    "nested_sections": False,
    "within_subsection_order": "gallery.Order",
    "image_scrapers": ("gallery.saved_pictures",),
    "reset_modules": ("matplotlib", "gallery.prepare"),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 3600,
    "write_computation_times": False,
}
