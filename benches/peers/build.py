"""A network of the contract as a PyTorch module, and the ways to run it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from contract import BN, LIF, TAU, Conv, Flatten, Gap, Linear, Net, Pool, Res, Vote, net_weights


@dataclass(frozen=True)
class Mode:
    name: str
    fold: bool = False  # batch norm folded into the convolution
    hoist: bool = False  # one image for all steps: its first convolution runs once
    loop: bool = False  # the time loop outside the network, one step at a time
    compile: bool = False
    graph: bool = False  # captured in a CUDA graph


def modes(peer: str, net: Net, cuda: bool) -> list[Mode]:
    """Those that may be the best of a peer, its usual way first."""
    opt = Mode("opt", fold=True, hoist=net.static)
    out = [Mode("seq"), opt, replace(opt, name="opt-loop", loop=True)]
    if cuda and peer in ("torch", "spikingjelly"):
        out.append(replace(opt, name="opt-graph", graph=True))
    # Norse's neurons compile as well as those by hand, but larger networks of them take many minutes.
    compiles = peer == "torch" or (peer == "norse" and net.name == "spiking-cnn")
    if compiles or (cuda and peer == "spikingjelly"):
        # Where all steps read one frame, the compiler writes the steps into one expression, which grows as 4^T.
        out.append(replace(opt, name="opt-compile", hoist=net.static and net.T <= 4, compile=True))
    if compiles:
        out.append(Mode("compile", compile=True))
    return out


def training_modes(peer: str, net: Net) -> list[Mode]:
    """Those of a step of training, in which nothing can be folded."""
    compiles = peer == "torch" and net.name == "spiking-cnn"
    return [Mode("seq")] + [Mode("compile", compile=True)] * compiles


class _Vote(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool1d(x.unsqueeze(1), self.n, self.n).squeeze(1)


class _Res(nn.Module):
    def __init__(self, body: nn.Module, short: nn.Module) -> None:
        super().__init__()
        self.body, self.short = body, short

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.short(x)


class TorchNet(nn.Module):
    """The contract's input to outputs averaged over time, [B, classes]. `layers` alone is one step of a loop."""

    def __init__(self, net: Net, peer: Any, mode: Mode, training: bool = False) -> None:
        super().__init__()
        self.net, self.peer, self.mode = net, peer, mode
        self.populations: list[nn.Module] = []
        # Parameters that the peer's scale is in.
        self.scaled: list[nn.Parameter] = []
        self.arrays = net_weights(net)
        self.training_step = training
        self.layers = self._block(net.ops)
        self.train(training)

    def _layer(self, op: Any) -> nn.Module:
        if isinstance(op, Conv):
            m: Any = nn.Conv2d(op.cin, op.cout, op.k, op.s, op.p, bias=False)
            m.weight.data = torch.from_numpy(next(self.arrays))
            return m
        if isinstance(op, Linear):
            m = nn.Linear(op.cin, op.cout)
            m.weight.data = torch.from_numpy(next(self.arrays))
            m.bias.data.zero_()
            return m
        if isinstance(op, BN):
            return nn.BatchNorm2d(op.c)
        if isinstance(op, Pool):
            return nn.MaxPool2d(op.k, op.s, op.p)
        if isinstance(op, Gap):
            return nn.AdaptiveAvgPool2d(1)
        return _Vote(op.n) if isinstance(op, Vote) else nn.Flatten(1)

    def _block(self, ops: tuple) -> nn.Sequential:
        out: list[nn.Module] = []
        pending: list[nn.Module] = []

        def flush() -> None:
            if pending:
                entry = _fold(pending) if self.mode.fold else list(pending)
                out.append(nn.Sequential(*entry) if self.mode.loop else self.peer.container(entry))
                pending.clear()

        for op in ops:
            if isinstance(op, LIF):
                with torch.no_grad():
                    # In training a batch norm finds its own factors.
                    plain = self.training_step and isinstance(pending[-1], nn.BatchNorm2d)
                    pending[-1].weight.mul_((1.0 if plain else op.gain) * self.peer.scale(TAU))
                self.scaled += pending[-1].parameters()
                flush()
                out.append(self.peer.step(TAU) if self.mode.loop else self.peer.multi(TAU))
                self.populations.append(out[-1])
            elif isinstance(op, Res):
                flush()
                body = self._block(op.body)
                out.append(_Res(body, self._block(op.short) if op.short else nn.Identity()))
            else:
                pending.append(self._layer(op))
        flush()
        return nn.Sequential(*out)

    def reset_state(self) -> None:
        for population in self.populations:
            population.reset_state()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps, static, hoist = self.net.T, self.net.static, self.mode.hoist
        if self.mode.loop:
            self.reset_state()
            first, rest = (self.layers[0](x), self.layers[1:]) if hoist else (x, self.layers)
            total = rest(first if static else first[0])
            for t in range(1, steps):
                total = total + rest(first if static else first[t])
            return total / steps
        if not static:
            return self.layers(x).mean(0)
        if hoist:
            first = self.layers[0](x.unsqueeze(0)).expand(steps, *([-1] * x.dim()))
            return self.layers[1:](first).mean(0)
        return self.layers(x.unsqueeze(0).repeat(steps, *([1] * x.dim()))).mean(0)


def _fold(modules: list[nn.Module]) -> list[nn.Module]:
    out: list[nn.Module] = []
    for m in modules:
        if isinstance(m, nn.BatchNorm2d) and out and isinstance(out[-1], nn.Conv2d):
            out[-1] = fuse_conv_bn_eval(out[-1].eval(), m.eval())
        else:
            out.append(m)
    return out


def compiled(model: Any, cuda: bool, training: bool = False) -> Any:
    """torch.compile: on a CPU with weights frozen, on CUDA without the layout pass that slows such networks down."""
    if not cuda and not training:
        import torch._inductor.config as config

        config.freezing = True
    return torch.compile(model, dynamic=False, options={"layout_optimization": False} if cuda else None)


def captured(model: Any, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call that replays a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            model(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = model(x)

    def replay() -> torch.Tensor:
        graph.replay()
        return out

    return replay
