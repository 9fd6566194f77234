#!/usr/bin/env python3
"""Runs the workloads under PyTorch, SpikingJelly, snnTorch and Norse.

    python peers.py --list
    python peers.py --workload spiking-cnn --batch 32 --seconds 2
    python peers.py --serve         for `saltatory bench --peers`: requests and replies as lines of JSON
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import statistics
import sys
import time
from typing import Any, Callable

TRIES = 3  # runs after warm-up by which the best mode of a peer is chosen


def keep_memory() -> None:
    """glibc keeps freed memory, as people have it who preload jemalloc: eager code is up to twice as fast."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(-4, 0)  # M_MMAP_MAX
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
        libc.mallopt(-2, 64 << 20)  # M_TOP_PAD


class Bench:
    """The peers that are here, and the case that is open."""

    def __init__(self) -> None:
        self.device = "cpu"
        self.peers: dict[str, Any] = {}
        self.candidates: list[Any] = []
        self.calls: dict[int, Any] = {}

    def hello(self, threads: int, device: str) -> dict[str, Any]:
        try:
            import torch
        except ModuleNotFoundError:
            why = "needs torch, which is not installed"
            return {"device": "", "peers": {}, "skipped": {n: why for n in ("torch", "spikingjelly", "snntorch", "norse")}}
        from neurons import available

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        self.device = "cuda" if device == "cuda" and torch.cuda.is_available() else "cpu"
        self.peers, versions, skipped = available()
        return {"device": self.device, "peers": versions, "skipped": skipped}

    def open(
        self, workload: str, batch: int, neurons: int | None = None, fan_out: int | None = None
    ) -> dict[str, Any]:
        self.close()
        if self.peers:
            from cases import candidates

            self.candidates = candidates(self.peers, workload, batch, self.device, neurons, fan_out)
        return {"modes": [{"peer": c.peer, "mode": c.mode} for c in self.candidates]}

    def prepare(self, mode: int) -> dict[str, Any]:
        call = self.calls[mode] = self.candidates[mode].prepare()
        scores = call.scores().float().cpu().flatten()
        call.run(0)
        return {"scores": scores.tolist(), "spikes": call.spikes(), "seconds": min(self.times(mode, TRIES))}

    def times(self, mode: int, runs: int) -> list[float]:
        call, out = self.calls[mode], []
        for i in range(runs):
            begun = time.perf_counter()
            call.run(i)
            self.wait()
            out.append(time.perf_counter() - begun)
        return out

    def wait(self) -> None:
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()

    def run(self, mode: int, runs: int) -> dict[str, Any]:
        return {"seconds": self.times(mode, runs)}

    def drop(self, mode: int) -> dict[str, Any]:
        self.calls.pop(mode, None)
        gc.collect()
        return {}

    def close(self) -> dict[str, Any]:
        self.candidates, self.calls = [], {}
        gc.collect()
        return {}


def serve(bench: Bench) -> None:
    # What libraries print must not come between the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(bench, request.pop("do"))(**request)
        except Exception as error:  # one mode that fails must not stop the others
            text = str(error).strip().splitlines() or [""]
            reply = {"error": f"{type(error).__name__}: {text[0][:200]}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def alone(bench: Bench, case: dict[str, Any], seconds: float, say: Callable[[str], None]) -> None:
    for i, mode in enumerate(bench.open(**case)["modes"]):
        try:
            prepared = bench.prepare(i)
            runs = max(5, int(seconds / prepared["seconds"]))
            median = statistics.median(bench.times(i, runs))
            what = {"samples_per_second": case["batch"] / median, "runs": runs, "spikes": prepared["spikes"]}
        except Exception as error:
            what = {"error": f"{type(error).__name__}: {error}"}
        say(json.dumps({**case, **mode, **what}))
        bench.drop(i)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="which peers are here")
    parser.add_argument("--serve", action="store_true", help="answer requests on standard input")
    parser.add_argument("--workload", default="spiking-cnn")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--neurons", type=int, help="of lif, dense-lif and sparse-fc-R")
    parser.add_argument("--fan-out", type=int, help="makes sparse-fc-R sparse: synapses of a source")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()
    keep_memory()
    bench = Bench()
    if arguments.serve:
        return serve(bench)
    here = bench.hello(arguments.threads, arguments.device)
    print(json.dumps(here), flush=True)
    if not arguments.list:
        case = {name: getattr(arguments, name) for name in ("workload", "batch", "neurons", "fan_out")}
        alone(bench, case, arguments.seconds, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
