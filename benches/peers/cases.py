"""A workload at a size of batch: the modes of every peer, each of which prepares a `Call`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np
import torch
from torch import nn

from build import Mode, TorchNet, captured, compiled, modes, training_modes
from contract import TAU, currents, fan_out_synapses, hash_u32, make_net, spike_gradient, uniform, unit, weight

FRAMES = 64
# Of Adam.
LR = 1e-3


@dataclass
class Call:
    """`run(i)` is what is timed; `scores()` are those of a batch, `spikes()` those of all populations in it."""

    run: Callable[[int], Any]
    scores: Callable[[], torch.Tensor]
    spikes: Callable[[], Optional[int]]


@dataclass
class Candidate:
    peer: str
    mode: str
    prepare: Callable[[], Call]


def candidates(
    peers: dict[str, Any],
    workload: str,
    batch: int,
    device: str,
    neurons: Optional[int] = None,
    fan_out: Optional[int] = None,
) -> list[Candidate]:
    """The modes worth a try; each is built when it is prepared."""
    if workload == "lif":
        x = currents(16, batch * (neurons or 65536))
        return _population(peers, x, None, TAU, device, compile=True)
    if workload == "lif-training":
        n = batch * (neurons or 65536)
        return _population_back(peers, currents(16, n), spike_gradient(16, n), TAU, device)
    if workload == "dense-lif":
        n = neurons or 512
        x, w = unit(4900, 500, batch, n), weight(4000, n, n, n)
        return _population(peers, x, w, 5.0, device, compile=False)
    if workload.startswith("sparse-fc-"):
        rate = float(workload.rsplit("-", 1)[1]) / 100
        return _given_spikes(peers, rate, batch, device, neurons or 4096, fan_out)
    if workload == "stream-latency":
        return _stream(peers, device)
    if workload.endswith("-training"):
        return _training(peers, workload.removesuffix("-training"), batch, device)
    return _network(peers, workload, batch, device)


def _network(peers: dict[str, Any], workload: str, batch: int, device: str) -> list[Candidate]:
    net, cuda = make_net(workload), device == "cuda"
    x = torch.from_numpy(net.input(batch)).to(device)

    def prepare(peer: Any, mode: Mode) -> Call:
        model = TorchNet(net, peer, mode).to(device)
        call = compiled(model, cuda) if mode.compile else model
        replay = captured(model, x) if mode.graph else lambda: call(x)
        return Call(lambda _: replay(), replay, lambda: _count(model.populations, lambda: model(x)))

    return _all(peers, lambda name: modes(name, net, cuda), prepare)


def parameters(model: TorchNet, scale: float) -> list[dict[str, Any]]:
    """What Adam learns. A step is as large whatever the gradients are, so it grows with the scale that weights have."""
    if scale == 1.0:
        return [{"params": list(model.parameters())}]
    scaled = {id(parameter) for parameter in model.scaled}
    others = [parameter for parameter in model.parameters() if id(parameter) not in scaled]
    return [{"params": others}, {"params": model.scaled, "lr": LR * scale}]


def _training(peers: dict[str, Any], workload: str, batch: int, device: str) -> list[Candidate]:
    """A step: forward, loss of the time-averaged output, backward, Adam. The scores are the losses of the first two."""
    net, cuda = make_net(workload), device == "cuda"
    classes = 11 if workload == "csnn-dvs" else 10
    x = torch.from_numpy(net.input(batch)).to(device)
    y = torch.from_numpy((hash_u32(net.seed + 950, batch) % np.uint32(classes)).astype(np.int64)).to(device)

    def prepare(peer: Any, mode: Mode) -> Call:
        with torch.enable_grad():
            model = TorchNet(net, peer, mode, training=True).to(device)
        call = compiled(model, cuda, training=True) if mode.compile else model
        optimiser = torch.optim.Adam(parameters(model, peer.scale(TAU)), lr=LR, fused=True)

        def step(_: int) -> torch.Tensor:
            with torch.enable_grad():
                optimiser.zero_grad(set_to_none=True)
                out = call(x)
                if workload == "csnn-dvs":
                    loss = nn.functional.mse_loss(out, nn.functional.one_hot(y, classes).float())
                else:
                    loss = nn.functional.cross_entropy(out, y)
                loss.backward()
                optimiser.step()
            return loss.detach()

        return Call(step, lambda: torch.stack([step(0), step(1)]), lambda: None)

    return _all(peers, lambda name: training_modes(name, net), prepare)


def _population(
    peers: dict[str, Any], x: np.ndarray, w: Optional[np.ndarray], tau: float, device: str, compile: bool
) -> list[Candidate]:
    given = torch.from_numpy(x)

    def prepare(peer: Any, mode: Mode) -> Call:
        model: nn.Module = peer.multi(tau)
        values = given
        if w is None:
            values = given * peer.scale(tau)
        else:
            linear = nn.Linear(w.shape[1], w.shape[0])
            linear.weight.data = torch.from_numpy(w * np.float32(peer.scale(tau)))
            linear.bias.data.zero_()
            model = nn.Sequential(linear, model)
        model, values = model.to(device), values.to(device)
        call = compiled(model, device == "cuda") if mode.compile else model
        run = captured(model, values) if mode.graph else lambda: call(values)
        return Call(lambda _: run(), lambda: run().mean(0), lambda: int(model(values).double().sum()))

    def choices(name: str) -> list[Mode]:
        out = [Mode("eager")] + [Mode("compile", compile=True)] * (compile and name in ("torch", "norse"))
        return out + [Mode("graph", graph=True)] * (device == "cuda" and name == "torch")

    return _all(peers, choices, prepare)


def _population_back(
    peers: dict[str, Any], x: np.ndarray, g: np.ndarray, tau: float, device: str
) -> list[Candidate]:
    """Forward, and back from a given gradient of the spikes. The scores are the gradient of the input, over time."""
    given, of_spikes = torch.from_numpy(x), torch.from_numpy(g).to(device)

    def prepare(peer: Any, mode: Mode) -> Call:
        model: nn.Module = peer.multi(tau).to(device)
        scale = peer.scale(tau)
        values = (given * scale).to(device).requires_grad_()
        call = compiled(model, device == "cuda", training=True) if mode.compile else model

        def run(_: int) -> torch.Tensor:
            values.grad = None
            with torch.enable_grad():
                call(values).backward(of_spikes)
            return values.grad

        return Call(run, lambda: run(0).mean(0) * scale, lambda: None)

    def choices(name: str) -> list[Mode]:
        return [Mode("eager")] + [Mode("compile", compile=True)] * (name in ("torch", "norse"))

    return _all(peers, choices, prepare)


def _given_spikes(
    peers: dict[str, Any], rate: float, batch: int, device: str, n: int, fan_out: Optional[int]
) -> list[Candidate]:
    """Frameworks differ in nothing but how the sum is taken."""
    steps = 32
    s = torch.from_numpy(uniform(5000, steps, batch, n) < np.float32(rate)).to(device)
    sums = _dense_sums(s, n, device) if fan_out is None else _sparse_sums(s, n, fan_out, rate, device)

    def prepare(_: Any, mode: Mode) -> Call:
        currents = sums[mode.name]()

        def run(_: int) -> torch.Tensor:
            current = currents()
            v, total = torch.zeros(batch, n, device=device), torch.zeros(batch, n, device=device)
            for t in range(steps):
                v.lerp_(current(t), 1.0 / TAU)
                fired = v >= 1.0
                v.masked_fill_(fired, 0.0)
                total += fired
            return total / steps

        return Call(run, lambda: run(0), lambda: int(round(float(run(0).double().sum()) * steps)))

    return _all({"torch": peers["torch"]} if "torch" in peers else {}, lambda _: [Mode(name) for name in sums], prepare)


# By name, what is prepared once; called before every run, it gives the currents of a step, [B,N].
Sums = dict[str, Callable[[], Callable[[], Callable[[int], torch.Tensor]]]]


def _dense_sums(s: torch.Tensor, n: int, device: str) -> Sums:
    """A product for each step, a sum of gathered rows, one product for all steps."""
    sf = s.float()
    w = torch.from_numpy(weight(5002, n, n, n)).to(device).t().contiguous()  # [pre, post]

    def rows(t: int) -> torch.Tensor:
        return torch.stack([w.index_select(0, row.nonzero().squeeze(1)).sum(0) for row in s[t]])

    def at_once() -> Callable[[int], torch.Tensor]:
        everything = (sf.flatten(0, 1) @ w).unflatten(0, s.shape[:2])
        return lambda t: everything[t]

    return {
        "dense-mv": lambda: lambda: lambda t: sf[t] @ w,
        "dense-gather": lambda: lambda: rows,
        "dense-gemm-T": lambda: at_once,
    }


def _sparse_sums(s: torch.Tensor, n: int, fan_out: int, rate: float, device: str) -> Sums:
    """A sparse product for each step, one for all steps, synapses of those that spike added one by one."""
    sf = s.float()
    post, w = (torch.from_numpy(a).to(device) for a in fan_out_synapses(n, fan_out, rate))
    post = post.long()

    def csr() -> torch.Tensor:
        """[post, pre], with 32-bit indices, for which MKL is fastest."""
        pre = torch.arange(n, device=device).repeat_interleave(fan_out)
        m = torch.sparse_coo_tensor(torch.stack([post.flatten(), pre]), w.flatten(), (n, n)).coalesce().to_sparse_csr()
        return torch.sparse_csr_tensor(m.crow_indices().int(), m.col_indices().int(), m.values(), (n, n))

    def by_step() -> Callable[[], Callable[[int], torch.Tensor]]:
        m = csr()
        if s.shape[1] == 1:
            return lambda: lambda t: (m @ sf[t, 0]).unsqueeze(0)
        return lambda: lambda t: (m @ sf[t].t()).t()

    def at_once() -> Callable[[], Callable[[int], torch.Tensor]]:
        m, columns = csr(), sf.flatten(0, 1).t().contiguous()

        def every() -> Callable[[int], torch.Tensor]:
            everything = (m @ columns).t().contiguous().unflatten(0, s.shape[:2])
            return lambda t: everything[t]

        return every

    def events(t: int) -> torch.Tensor:
        out = torch.zeros(s.shape[1:], device=device)
        for row, current in zip(s[t], out):
            fired = row.nonzero().squeeze(1)
            current.index_add_(0, post[fired].reshape(-1), w[fired].reshape(-1))
        return out

    return {"csr-mv": by_step, "csr-T": at_once, "event": lambda: lambda: events}


def _stream(peers: dict[str, Any], device: str) -> list[Candidate]:
    net, cuda = make_net("spiking-cnn"), device == "cuda"
    frames = torch.from_numpy(uniform(6000, FRAMES, 1, 28, 28)[:, None])

    def prepare(peer: Any, mode: Mode) -> Call:
        model = TorchNet(net, peer, mode).to(device)
        step = compiled(model.layers, cuda) if mode.compile else model.layers

        def run(i: int) -> torch.Tensor:
            return step(frames[i % FRAMES].to(device)).cpu()

        def scores(step: Callable[[int], torch.Tensor] = run) -> torch.Tensor:
            model.reset_state()
            return torch.cat([step(i) for i in range(FRAMES)])

        def plain(i: int) -> torch.Tensor:
            return model.layers(frames[i].to(device))

        return Call(run, scores, lambda: _count(model.populations, lambda: scores(plain)))

    def choices(name: str) -> list[Mode]:
        out = [Mode("opt", fold=True, loop=True)]
        return out + [Mode("opt-compile", fold=True, loop=True, compile=True)] * (name == "torch")

    return _all(peers, choices, prepare)


def _all(
    peers: dict[str, Any], choices: Callable[[str], list[Mode]], prepare: Callable[[Any, Mode], Call]
) -> list[Candidate]:
    out = []
    for name, peer in peers.items():
        for mode in choices(name):
            out.append(Candidate(name, mode.name, lambda peer=peer, mode=mode: prepare(peer, mode)))
    return out


def _count(populations: list[nn.Module], run: Callable[[], Any]) -> int:
    """Spikes of all populations in a run that is not compiled."""
    total = [0]

    def hook(_m: Any, _i: Any, out: torch.Tensor) -> None:
        total[0] += int(out.double().sum())

    hooks = [population.register_forward_hook(hook) for population in populations]
    try:
        run()
    finally:
        for each in hooks:
            each.remove()
    return total[0]
