"""What to cite when results made with this package are published."""

from __future__ import annotations

BIBTEX = """\
@inproceedings{jin2018hybrid,
  title     = {Hybrid Macro/Micro Level Backpropagation for Training Deep Spiking Neural Networks},
  author    = {Jin, Yingyezhe and Zhang, Wenrui and Li, Peng},
  booktitle = {Advances in Neural Information Processing Systems 31},
  year      = {2018},
  note      = {arXiv:1805.07866}
}

@article{stimberg2019brian,
  title   = {Brian 2, an intuitive and efficient neural simulator},
  author  = {Stimberg, Marcel and Brette, Romain and Goodman, Dan F. M.},
  journal = {eLife},
  volume  = {8},
  year    = {2019},
  doi     = {10.7554/eLife.47314}
}

@software{hm2bp_brian,
  title   = {hm2bp_brian: deep spiking neural networks written as Brian2 equations, trained with HM2-BP},
  author  = {{The hm2bp_brian developers}},
  version = {VERSION}
}
"""


def citation() -> str:
    """Print and return the BibTeX of what this package stands on: the method's paper, Brian2, and the package itself.

    Examples
    --------
    >>> "jin2018hybrid" in hb.citation()  # and it is printed
    @inproceedings{jin2018hybrid,
    ...
    True
    """
    # imported here because the package imports this module before it has its version
    from hm2bp_brian import __version__

    bibtex = BIBTEX.replace("VERSION", __version__)
    print(bibtex)
    return bibtex
