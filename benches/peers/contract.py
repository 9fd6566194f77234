"""The workloads: numbers from formulas, and networks as tuples of operations.

The same numbers as in `src/workloads`: neither weights nor inputs have to be exchanged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Iterator

import numpy as np

TAU = 2.0  # H = V + (X - V) / TAU
V_TH = 1.0  # a spike where H >= V_TH; then V = 0


def _mix(x: np.ndarray) -> np.ndarray:
    """lowbias32, in wrapping 32-bit arithmetic."""
    with np.errstate(over="ignore"):
        x = x ^ (x >> np.uint32(16))
        x = x * np.uint32(0x7FEB352D)
        x = x ^ (x >> np.uint32(15))
        x = x * np.uint32(0x846CA68B)
        return x ^ (x >> np.uint32(16))


def uniform(seed: int, *shape: int) -> np.ndarray:
    """f32 in [0, 1), in C order: (mix(i ^ mix(seed + 0x9E3779B9)) >> 8) * 2^-24."""
    key = _mix(np.array([(seed + 0x9E3779B9) & 0xFFFFFFFF], dtype=np.uint32))[0]
    n = int(np.prod(shape))
    out = np.empty(n, dtype=np.float32)
    step = 1 << 24
    for a in range(0, n, step):
        i = np.arange(a, min(n, a + step), dtype=np.uint64).astype(np.uint32)
        out[a : a + step] = (_mix(i ^ key) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return out.reshape(shape)


def hash_u32(seed: int, n: int) -> np.ndarray:
    """The hashes that `uniform` is made of."""
    key = _mix(np.array([(seed + 0x9E3779B9) & 0xFFFFFFFF], dtype=np.uint32))[0]
    return _mix(np.arange(n, dtype=np.uint32) ^ key)


def unit(seed: int, *shape: int) -> np.ndarray:
    """Uniform with mean 0 and variance 1."""
    return (uniform(seed, *shape) * np.float32(2.0) - np.float32(1.0)) * np.float32(math.sqrt(3.0))


def weight(seed: int, fan_in: int, *shape: int) -> np.ndarray:
    """Uniform within sqrt(6 / fan_in), the mean of each output's weights taken out."""
    a = np.float32(math.sqrt(6.0 / fan_in))
    w = (uniform(seed, *shape) * np.float32(2.0) - np.float32(1.0)) * a
    mean = w.reshape(shape[0], -1).mean(axis=1, dtype=np.float64).astype(np.float32)
    return w - mean.reshape((-1,) + (1,) * (len(shape) - 1))


def fan_out_synapses(neurons: int, fan_out: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Targets and weights [neurons, fan_out] of every source; those of one source and target add up."""
    target = (hash_u32(5001, neurons * fan_out) % np.uint32(neurons)).reshape(neurons, fan_out)
    gain = np.float32(2.1) / np.float32(rate)
    return target, uniform(5002, neurons, fan_out) / np.float32(fan_out) * gain


def events(seed: int, t: int, b: int, c: int, h: int, w: int) -> np.ndarray:
    """Clustered counts [T,B,C,H,W]: a fifth of the 8x8 tiles, in them a quarter of the pixels hold 1 to 4."""
    tiles = uniform(seed, t, b, c, h // 8, w // 8) < 0.20
    mask = np.repeat(np.repeat(tiles, 8, axis=3), 8, axis=4)
    u = uniform(seed + 1, t, b, c, h, w)
    return np.where(mask & (u < 0.25), 1.0 + np.floor(u * 16.0), 0.0).astype(np.float32)


def currents(t: int, n: int) -> np.ndarray:
    """Currents [T,N] from -1.2 to 2, which repeat after a prime number of values."""
    table = uniform(7, 1_048_573) * np.float32(3.2) - np.float32(1.2)
    return np.resize(table, t * n).reshape(t, n)


def spike_gradient(t: int, n: int) -> np.ndarray:
    """A gradient of spikes [T,N] from 0 to 1, which repeats as currents do."""
    return np.resize(uniform(8, 1_048_573), t * n).reshape(t, n)


@dataclass(frozen=True)
class Conv:
    cin: int
    cout: int
    k: int = 3
    s: int = 1
    p: int = 1


@dataclass(frozen=True)
class BN:
    c: int


@dataclass(frozen=True)
class LIF:
    """`gain` is the weight of the BN before it, or a factor on the Linear's."""

    gain: float


@dataclass(frozen=True)
class Pool:
    k: int = 2
    s: int = 2
    p: int = 0


@dataclass(frozen=True)
class Gap:
    pass


@dataclass(frozen=True)
class Flatten:
    pass


@dataclass(frozen=True)
class Linear:
    cin: int
    cout: int


@dataclass(frozen=True)
class Vote:
    n: int


@dataclass(frozen=True)
class Res:
    """body(x) + short(x); an empty short is the identity."""

    body: tuple
    short: tuple = ()


@dataclass(frozen=True)
class Net:
    name: str
    T: int
    in_shape: tuple[int, int, int]
    static: bool  # one image for all T steps
    ops: tuple
    seed: int

    def input(self, batch: int) -> np.ndarray:
        """[B,C,H,W] if static, else [T,B,C,H,W]."""
        if not self.static:
            return events(self.seed + 900, self.T, batch, *self.in_shape)
        make = uniform if self.in_shape[0] == 1 else unit
        return make(self.seed + 900, batch, *self.in_shape)


SEW_GAINS = (
    0.526, 2.78, 3.81, 2.17, 3.86, 1.92, 3.92, 1.93, 2.72, 3.92,
    2.24, 4.03, 2.26, 2.83, 4.0, 2.29, 4.18, 2.28, 2.95, 4.22,
)  # fmt: skip


def _spiking_cnn() -> tuple:
    return (
        Conv(1, 32), BN(32), LIF(2.1), Pool(), Conv(32, 64), BN(64), LIF(2.15), Pool(),
        Flatten(), Linear(3136, 256), LIF(3.24), Linear(256, 10),
    )  # fmt: skip


def _csnn_dvs() -> tuple:
    ops: list[Any] = []
    for i, gain in enumerate((1.51, 2.49, 2.37, 2.23, 2.25)):
        ops += [Conv(2 if i == 0 else 128, 128), BN(128), LIF(gain), Pool()]
    return tuple(ops + [Flatten(), Linear(2048, 512), LIF(2.93), Linear(512, 110), LIF(3.79), Vote(10)])


def _sew_resnet18() -> tuple:
    gains = iter(SEW_GAINS)
    ops: list[Any] = [Conv(3, 64, 7, 2, 3), BN(64), LIF(next(gains)), Pool(3, 2, 1)]
    cin = 64
    for planes, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for s in (stride, 1):
            body = (Conv(cin, planes, 3, s), BN(planes), LIF(next(gains)))
            body += (Conv(planes, planes), BN(planes), LIF(next(gains)))
            short = (Conv(cin, planes, 1, s, 0), BN(planes), LIF(next(gains))) if s != 1 else ()
            ops.append(Res(body, short))
            cin = planes
    return tuple(ops) + (Gap(), Flatten(), Linear(512, 1000))


def make_net(name: str) -> Net:
    if name == "csnn-dvs":
        return Net(name, 16, (2, 128, 128), False, _csnn_dvs(), 2000)
    if name == "sew-resnet18":
        return Net(name, 4, (3, 224, 224), True, _sew_resnet18(), 3000)
    return Net("spiking-cnn", 8, (1, 28, 28), True, _spiking_cnn(), 1000)


def walk(ops: tuple) -> Iterator[Any]:
    """Operations in the order of the weights: of a Res its body, then its shortcut."""
    for op in ops:
        if isinstance(op, Res):
            yield from walk(op.body)
            yield from walk(op.short)
        else:
            yield op


def net_weights(net: Net) -> Iterator[np.ndarray]:
    """One array for each Conv and Linear; the i-th has the seed of the network plus i."""
    seed = net.seed
    for op in walk(net.ops):
        if isinstance(op, Conv):
            yield weight(seed, op.cin * op.k * op.k, op.cout, op.cin, op.k, op.k)
            seed += 1
        elif isinstance(op, Linear):
            yield weight(seed, op.cin, op.cout, op.cin)
            seed += 1
