"""Layers: what is connected to what, frozen and without state. Weights live in the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from hm2bp_brian.checks import check_count, check_integer
from hm2bp_brian.errors import ConfigurationError, ShapeError
from hm2bp_brian.model.connections import AllPairs, Windows
from hm2bp_brian.model.delays import Learned
from hm2bp_brian.model.initializers import Scaled, Uniform
from hm2bp_brian.model.populations import RateBand, check_strength
from hm2bp_brian.model.units import check_setting


@dataclass(frozen=True)
class Recurrent:
    """Connections of a layer's neurons with one another, not with themselves.

    Parameters
    ----------
    initializer : Scaled or Uniform
    delay : Quantity, Between or Learned, optional
        As of ``SpikingNetwork.connect``.

    Examples
    --------
    >>> from brian2 import ms
    >>> layer = hb.Dense(400, threshold=10, recurrent=hb.Recurrent(hb.Uniform(0.2), delay=3*ms))
    """

    initializer: Scaled | Uniform = field(default_factory=Scaled)
    delay: object = None


@dataclass(frozen=True)
class Dense:
    """A layer in which every neuron receives every neuron of the layer before.

    Parameters
    ----------
    units : int
        Number of neurons.
    threshold : float, Quantity or Learned
        The layer's ``v_th``, in the unit of the membrane variable.
    lateral_inhibition : float or Quantity
        Strength w0 >= 0, in the unit of the synaptic variable, with which every neuron inhibits each other one of the
        layer: a spike adds ``-w0`` to the others' synaptic variable. It is fixed, not learned. HM2-BP accounts for it
        in the output layer only.
    initializer : Scaled or Uniform
    delay : Quantity, Between or Learned, optional
        Of the connections from the layer before, as of ``SpikingNetwork.connect``.
    recurrent : Recurrent, optional
        Connections of the layer with itself.
    rate : RateBand, optional
        Spike counts that training is to keep to.

    Raises
    ------
    ConfigurationError
        If ``units`` is no positive integer, ``threshold`` not one finite number, or ``lateral_inhibition`` negative.

    Examples
    --------
    >>> hb.Dense(10, threshold=8, lateral_inhibition=1.0).connect((28, 28, 1)).weight_shape
    (784, 10)
    """

    units: int
    threshold: object
    lateral_inhibition: object = 0.0
    initializer: Scaled | Uniform = field(default_factory=Scaled)
    delay: object = None
    recurrent: Recurrent | None = None
    rate: RateBand | None = None

    def __post_init__(self):
        check_count("Dense.units", self.units)
        if self.recurrent is not None and not isinstance(self.recurrent, Recurrent):
            raise ConfigurationError(f"Dense.recurrent must be Recurrent(...), found {self.recurrent!r}")
        if self.rate is not None and not isinstance(self.rate, RateBand):
            raise ConfigurationError(f"Dense.rate must be RateBand(...), found {self.rate!r}")
        _check_threshold(self)
        check_strength("Dense.lateral_inhibition", self.lateral_inhibition)

    def connect(self, input_shape: tuple[int, ...]) -> AllPairs:
        """The layer's connections to a population of the given shape, which is flattened."""
        return AllPairs(input_shape, (int(self.units),))


@dataclass(frozen=True)
class Conv2D:
    """A convolution: each neuron receives a square window of the map before, by a kernel that all positions share.

    Parameters
    ----------
    channels : int
        Channels of the layer's map.
    kernel_size : int
    threshold : float, Quantity or Learned
        The layer's ``v_th``; if it is learned, one a channel.
    padding : int
        Silent neurons added on each side of the input.
    stride : int
    initializer : Scaled or Uniform

    Raises
    ------
    ConfigurationError
        If a number is not a suitable integer, or ``threshold`` not one finite number.
    ShapeError
        On connection: if the input is no map (height, width, channels), or smaller than the kernel.

    Examples
    --------
    >>> hb.Conv2D(15, 5, threshold=5).connect((28, 28, 1)).output_shape
    (24, 24, 15)
    """

    channels: int
    kernel_size: int
    threshold: object
    padding: int = 0
    stride: int = 1
    initializer: Scaled | Uniform = field(default_factory=Scaled)
    lateral_inhibition: ClassVar[float] = 0.0

    def __post_init__(self):
        for name in ("channels", "kernel_size", "stride"):
            check_count(f"Conv2D.{name}", getattr(self, name))
        check_integer("Conv2D.padding", self.padding, 0)
        _check_threshold(self)
        if self.padding >= self.kernel_size:
            raise ConfigurationError(
                f"Conv2D.padding must be smaller than kernel_size = {self.kernel_size}, found {self.padding}"
            )

    def connect(self, input_shape: tuple[int, ...]) -> Windows:
        """The layer's connections to a map of the given shape."""
        height, width, _ = _map_shape("Conv2D", input_shape)
        rows, columns = ((n + 2 * self.padding - self.kernel_size) // self.stride + 1 for n in (height, width))
        if rows < 1 or columns < 1:
            raise ShapeError(
                f"Conv2D: the kernel of size {self.kernel_size} does not fit into a map of {height} x {width} with "
                f"padding {self.padding}; take a smaller kernel_size or more padding"
            )
        output_shape = (rows, columns, int(self.channels))
        return Windows(input_shape, output_shape, self.kernel_size, self.stride, self.padding, shared_kernel=True)


@dataclass(frozen=True)
class SumPool2D:
    """Spiking pooling: a neuron a window and channel, with fixed weight 1 from each neuron of its window.

    A last window that reaches over the map's border is cut off there.

    Parameters
    ----------
    size : int
    threshold : float, Quantity or Learned
        The layer's ``v_th``; if it is learned, one a channel.
    stride : int, optional
        ``size`` if not given: windows side by side.

    Raises
    ------
    ConfigurationError
        If a number is no positive integer, ``stride`` larger than ``size``, or ``threshold`` not one finite number.
    ShapeError
        On connection: if the input is no map (height, width, channels), or smaller than the window.

    Examples
    --------
    >>> hb.SumPool2D(2, threshold=2).connect((24, 24, 15)).output_shape
    (12, 12, 15)
    """

    size: int
    threshold: object
    stride: int | None = None
    lateral_inhibition: ClassVar[float] = 0.0

    def __post_init__(self):
        check_count("SumPool2D.size", self.size)
        _check_threshold(self)
        if self.stride is not None:
            check_count("SumPool2D.stride", self.stride)
            if self.stride > self.size:
                raise ConfigurationError(
                    f"SumPool2D.stride must be at most size = {self.size}, or neurons would be skipped; "
                    f"found {self.stride}"
                )

    def connect(self, input_shape: tuple[int, ...]) -> Windows:
        """The layer's connections to a map of the given shape."""
        height, width, channels = _map_shape("SumPool2D", input_shape)
        if self.size > min(height, width):
            raise ShapeError(f"SumPool2D: the window of size {self.size} is larger than the map of {height} x {width}")
        stride = self.stride or self.size
        rows, columns = (-(-(n - self.size) // stride) + 1 for n in (height, width))
        return Windows(input_shape, (rows, columns, channels), self.size, stride, 0, shared_kernel=False)


def _check_threshold(layer) -> None:
    if not isinstance(layer.threshold, Learned):
        check_setting(f"{type(layer).__name__}.threshold", layer.threshold)


def _map_shape(layer: str, input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(input_shape) != 3:
        raise ShapeError(
            f"{layer} needs a map of shape (height, width, channels) before it, found {input_shape}; images without "
            "channels get one by images[..., None]"
        )
    return input_shape
