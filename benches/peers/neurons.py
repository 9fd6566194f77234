"""The peers: what differs between the frameworks is the neuron.

`multi(tau)` maps x[T,...] to spikes[T,...] and starts from rest at every call; `step(tau)` maps x[...] to spikes[...]
and keeps its state until `reset_state()`. `scale(tau)` is the factor on the input that makes the framework's own rule
H = V + (X - V) / tau.
"""

from __future__ import annotations

import importlib.metadata
import math
from typing import Any, Optional

import torch
from torch import nn

from contract import V_TH


class Own:
    """Hand-written, in as few operations as PyTorch allows."""

    def scale(self, tau: float) -> float:
        return 1.0

    def container(self, modules: list[Any]) -> nn.Module:
        return SeqApply(*modules)

    def multi(self, tau: float) -> nn.Module:
        return OwnMulti(tau)

    def step(self, tau: float) -> nn.Module:
        return OwnStep(tau)


class Spike(torch.autograd.Function):
    """1 where x >= 0; backwards the derivative of an arcus tangent, 1 / (1 + (pi x)^2)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return g / (1 + (math.pi * x).square())


class SeqApply(nn.Sequential):
    """Modules without state on x[T,B,...] as one batch of T*B."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t, b = x.shape[:2]
        return super().forward(x.flatten(0, 1)).unflatten(0, (t, b))


class OwnMulti(nn.Module):
    def __init__(self, tau: float) -> None:
        super().__init__()
        self.decay = 1.0 / tau

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = torch.zeros_like(x[0])
        training = torch.is_grad_enabled()
        if training or torch.compiler.is_compiling():
            spikes = []
            for xt in x.unbind(0):
                h = v + (xt - v) * self.decay
                s = Spike.apply(h - V_TH) if training else (h >= V_TH).to(x.dtype)
                v = h * (1.0 - s.detach())
                spikes.append(s)
            return torch.stack(spikes)
        out = torch.empty_like(x)
        for t, xt in enumerate(x.unbind(0)):
            v.lerp_(xt, self.decay)
            fired = v >= V_TH
            out[t].copy_(fired)
            v.masked_fill_(fired, 0.0)
        return out


class OwnStep(nn.Module):
    def __init__(self, tau: float) -> None:
        super().__init__()
        self.decay = 1.0 / tau
        self.v: Optional[torch.Tensor] = None

    def reset_state(self) -> None:
        self.v = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = torch.zeros_like(x) if self.v is None else self.v
        h = v + (x - v) * self.decay
        s = (h >= V_TH).to(x.dtype)
        if self.v is None:
            self.v = torch.empty_like(x)
        self.v.copy_(h * (1.0 - s))  # the same storage in every step: CUDA graphs can replay it
        return s


class SpikingJelly(Own):
    def __init__(self) -> None:
        from spikingjelly.activation_based import layer, neuron, surrogate

        self.layer, self.neuron, self.surrogate = layer, neuron, surrogate

    def container(self, modules: list[Any]) -> nn.Module:
        return self.layer.SeqToANNContainer(*modules)

    def multi(self, tau: float) -> nn.Module:
        return Node(self._node(tau, "m"), True)

    def step(self, tau: float) -> nn.Module:
        return Node(self._node(tau, "s"), False)

    def _node(self, tau: float, step_mode: str) -> Any:
        atan = self.surrogate.ATan(alpha=2.0)
        return self.neuron.LIFNode(tau=tau, detach_reset=True, step_mode=step_mode, surrogate_function=atan)


class Node(nn.Module):
    """A node of SpikingJelly, reset at every call or when asked to."""

    def __init__(self, node: Any, at_every_call: bool) -> None:
        super().__init__()
        self.node, self.at_every_call = node, at_every_call

    def reset_state(self) -> None:
        self.node.reset()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.at_every_call:
            self.node.reset()
        return self.node(x)


class SnnTorch(Own):
    def __init__(self) -> None:
        import snntorch

        self.leaky = snntorch.Leaky

    def scale(self, tau: float) -> float:
        return 1.0 / tau

    def _cell(self, tau: float) -> Any:
        lif = self.leaky(beta=1.0 - 1.0 / tau, reset_mechanism="zero")
        return lambda x, mem: lif(x, torch.zeros_like(x) if mem is None else mem)

    def multi(self, tau: float) -> nn.Module:
        return Loop(self._cell(tau))

    def step(self, tau: float) -> nn.Module:
        return Cell(self._cell(tau))


class Norse(Own):
    def __init__(self) -> None:
        import norse.torch  # noqa: F401

    @staticmethod
    def _params(tau: float) -> Any:
        from norse.torch.functional.lif_box import LIFBoxParameters

        return LIFBoxParameters(tau_mem_inv=torch.as_tensor(1.0 / tau))

    def multi(self, tau: float) -> nn.Module:
        from norse.torch.functional.lif_box import LIFBoxFeedForwardState, lif_box_feed_forward_step
        from norse.torch.module.snn import SNN

        rest = lambda x: LIFBoxFeedForwardState(torch.zeros_like(x[0]))  # noqa: E731
        return First(SNN(lif_box_feed_forward_step, rest, self._params(tau), dt=1.0))

    def step(self, tau: float) -> nn.Module:
        from norse.torch.module.lif_box import LIFBoxCell

        return Cell(LIFBoxCell(self._params(tau), dt=1.0))


class First(nn.Module):
    """The first of what a module gives."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.module(x)[0]


class Loop(nn.Module):
    """A cell over all steps, from rest."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, state = [], None
        for xt in x:
            s, state = self.cell(xt, state)
            out.append(s)
        return torch.stack(out)


class Cell(nn.Module):
    """A cell with its state kept."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.state = cell, None

    def reset_state(self) -> None:
        self.state = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        s, self.state = self.cell(x, self.state)
        return s


PEERS = {"torch": Own, "spikingjelly": SpikingJelly, "snntorch": SnnTorch, "norse": Norse}


def available() -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """Peers by name, their versions, and why others are skipped."""
    peers, versions, skipped = {}, {}, {}
    for name, make in PEERS.items():
        try:
            peers[name] = make()
            versions[name] = importlib.metadata.version(name)
        except Exception as error:  # a broken peer must not stop the others
            missing = isinstance(error, ModuleNotFoundError) and error.name == name
            skipped[name] = "not installed" if missing else f"{type(error).__name__}: {error}"
    return peers, versions, skipped
