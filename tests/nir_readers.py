"""Runs a .nir file in the framework that its dialect names, through that framework's own reader.

    python nir_readers.py FRAMEWORK FILE.nir INPUT SHAPE OUTPUT SETTINGS

INPUT holds float32 values [steps, samples, ...] of SHAPE (4,2,6); OUTPUT gets the outputs [steps, samples, ...] as
float32. SETTINGS is JSON: what NIR does not hold and the reader is not told by the file, set on the modules afterwards.
Exit code 77: the framework is not installed, and the last line says so. tests/nir_readers.rs calls this.
"""

import json
import logging
import sys
import warnings

MISSING = 77


def snntorch_model(graph, settings):
    """snnTorch keeps the state in its modules; samples go without a batch axis, which its Flatten would flatten too."""
    import snntorch
    import snntorch.import_nir as reader

    if settings.get("recurrent"):
        # import_from_nir fails on the subgraph that it makes of a recurrent pair; its parts do it right.
        model = snntorch_chain(graph, reader)
    else:
        loaded = reader.import_from_nir(graph)
        model = lambda x: loaded(x)[0]
        model.modules = loaded.modules
    for module in model.modules():
        if isinstance(module, snntorch.SpikingNeuron):
            if "reset" in settings:
                module.reset_mechanism = settings["reset"]
                # What it does is chosen when it is built.
                module.state_function = {"subtract": module._base_sub, "zero": module._base_zero}[settings["reset"]]
            if "reset_delay" in settings:
                module.reset_delay = settings["reset_delay"]
    return model


def snntorch_chain(graph, reader):
    import torch

    graph = reader._replace_rnn_subgraph_with_nirgraph(graph)
    following = dict(graph.edges)
    assert len(following) == len(graph.edges), "expected a chain"
    name, parts = "input", []
    while name in following:
        name = following[name]
        module = reader._nir_to_snntorch_module(graph.nodes[name], init_hidden=True)
        if module is not None:
            parts.append(module.float())
    return torch.nn.Sequential(*parts)


def run_snntorch(graph, x, settings):
    import copy

    import torch

    outputs = []
    for sample in range(x.shape[1]):
        model = snntorch_model(copy.deepcopy(graph), settings)
        with torch.no_grad():
            outputs.append(torch.stack([model(step) for step in x[:, sample]]))
    return torch.stack(outputs, 1)


def run_norse(graph, x, settings):
    """Sample by sample, without a batch axis, which the reader's Flatten would flatten too."""
    import torch
    from norse.torch import from_nir

    model, samples = from_nir(graph), []
    with torch.no_grad():
        for sample in range(x.shape[1]):
            state, outputs = None, []
            for step in x[:, sample]:
                output, state = model(step, state)
                outputs.append(output)
            samples.append(torch.stack(outputs))
    return torch.stack(samples, 1)


def run_sinabs(graph, x, settings):
    import torch
    from sinabs.nir import from_nir

    model = from_nir(graph, batch_size=x.shape[1])
    for module in model.modules():
        for name, value in settings.items():
            if hasattr(module, name):
                setattr(module, name, value)
    # Sinabs wants samples outermost, and one batch of both.
    flat = x.transpose(0, 1).flatten(0, 1)
    with torch.no_grad():
        output = model(flat)
    output = output[0] if isinstance(output, tuple) else output
    return output.unflatten(0, (x.shape[1], x.shape[0])).transpose(0, 1)


def run_spikingjelly(graph, x, settings):
    import torch
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    model, state, outputs = import_from_nir(graph, dt=settings.get("dt", 1e-4)), None, []
    with torch.no_grad():
        for step in x:
            output, state = model(step, state)
            outputs.append(output)
    return torch.stack(outputs)


def main():
    framework, path, source, shape, target, settings = sys.argv[1:]
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    try:
        import nir
        import nirtorch  # noqa: F401, the readers need it
        import numpy
        import torch

        __import__({"sinabs": "sinabs.nir"}.get(framework, framework))
    except ImportError as missing:
        print(missing)
        sys.exit(MISSING)
    shape = [int(extent) for extent in shape.split(",")]
    x = torch.from_numpy(numpy.fromfile(source, "<f4").reshape(shape).copy())
    graph = nir.read(path)
    assert nir.serialization.read_version(path) == "1.0.8"
    output = globals()[f"run_{framework}"](graph, x, json.loads(settings))
    output.numpy().astype("<f4").tofile(target)


main()
