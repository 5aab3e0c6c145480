"""How sphinx-gallery runs the examples and finds their pictures: the hooks that ``conf.py`` names."""

import builtins
import io
import shutil
from functools import partial
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst
from tqdm import tqdm

from hm2bp_brian.training import trainer

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
WORK = HERE / "_build" / "examples"
PAPERS = "frompapers/Jin_et_al_2018"
ORDER = (
    "tutorial",
    "quickstart",
    "look_at_dynamics",
    "own_neuron",
    "neuron_zoo",
    "ei_network",
    "own_data",
    "resume",
    "demo",
    "standalone",
    "gpu",
)


def copy_examples() -> None:
    """Copy the scripts and what they read, as they save their pictures in the folder where they run."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(EXAMPLES, WORK, ignore=shutil.ignore_patterns("*.png", "mnist", "__pycache__", "README.md"))
    shutil.copy(HERE / "gallery_header.rst", WORK / "GALLERY_HEADER.rst")
    shutil.copy(HERE / "paper_header.rst", WORK / PAPERS / "GALLERY_HEADER.rst")


def prepare(gallery_conf, path) -> None:
    """Before and after each script: what a script expects and sphinx-gallery does not give."""
    builtins.__file__ = str(path)
    # progress bars are for terminals
    trainer.tqdm = partial(tqdm, file=io.StringIO())


def saved_pictures(block, block_vars, gallery_conf) -> str:
    """Show the PNG files that the block has saved, whatever it drew them with."""
    saved = sorted(Path(block_vars["src_file"]).parent.glob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    shown = [shutil.move(picture, next(block_vars["image_path_iterator"])) for picture in saved]
    return figure_rst(shown, gallery_conf["src_dir"])


class Order:
    """Sort key of the scripts of a folder: the tutorial first, what is not named last."""

    def __init__(self, folder):
        pass

    def __call__(self, name: str) -> tuple[int, str]:
        stem = Path(name).stem
        return (ORDER.index(stem) if stem in ORDER else len(ORDER), stem)
