"""Runs a circuit in Brian2, with the mathematics that src/neuron/cell/mod.rs has.

    python brian2_circuit.py CIRCUIT.json FOLDER

CIRCUIT.json describes populations and projections as tests/brian2.rs writes it: synapse by synapse, or by a rule, which is
drawn here. It says too what generates Brian2's code (`target`). FOLDER gets `spikes`, three uint32 a spike (step, population, cell), and, where the description says `record`,
`potentials`, float64 [steps, neurons], and `margins`, float64 [steps], the smallest distance of a potential to its
threshold. The last line of the output is JSON: synapses, and the seconds of building and running.
Exit code 77: Brian2 is not there, and the last line says so.

All is dimensionless but time. What is linear is integrated exactly, the rest by Euler, with synapses that decay exactly.
Brian2's refractory period ends a step sooner than ours, so it gets one step more.
"""

import json
import sys
import time

MISSING = 77
try:
    import numpy
    from brian2 import (
        Hz, Network, NeuronGroup, PoissonGroup, PoissonInput, SpikeGeneratorGroup, SpikeMonitor, StateMonitor, Synapses,
        TimedArray, defaultclock, ms, prefs, second, seed,
    )  # fmt: skip
except (ImportError, AttributeError) as error:  # the latter where NumPy is newer than it knows
    print(f"Brian2 cannot be imported: {error}")
    sys.exit(MISSING)

TRACES = "dg_e/dt = -g_e/tau_syn_E : 1\ndg_i/dt = -g_i/tau_syn_I : 1\n"
HELD = "g_e : 1\ng_i : 1\n"
DECAY = "g_e *= exp(-dt/tau_syn_E)\ng_i *= exp(-dt/tau_syn_I)\n"
RESET = "v = v_reset"


def cell(kind, adapts):
    """Equations; integration; threshold; reset; what is done before they are integrated, after it, after thresholds."""
    linear = "dv/dt = (v_rest - v)/tau_m + ({})/(capacity*ms) : 1 (unless refractory)\n"
    if kind == "IF_curr_exp" and adapts:
        # The adaptation follows the potential that the step begins with, and is a constant in it.
        equations = linear.format("g_e + g_i + injected - w") + TRACES + "w : 1\nnext_w : 1\n"
        early = "next_w = w + (1 - exp(-dt/tau_w))*(a*(v - v_rest) - w)"
        return equations, "exact", "v >= v_thresh", RESET + "\nw += b", early, "w = next_w", ""
    if kind == "IF_curr_exp":
        return linear.format("g_e + g_i + injected") + TRACES, "exact", "v >= v_thresh", RESET, "", "", ""
    if kind == "IF_curr_exp_threshold":
        equations = linear.format("g_e + g_i + injected") + TRACES + "theta : 1\n"
        reset = RESET + "\ntheta += theta_jump"
        return equations, "exact", "v >= v_thresh + theta", reset, "", "", "theta *= exp(-dt/tau_theta)"
    if kind == "IF_curr_delta":
        return linear.format("injected"), "exact", "v >= v_thresh", RESET, "", "", ""
    conductances = "g_e*(e_rev_E - v) + g_i*(e_rev_I - v) + injected"
    if kind == "IF_cond_exp":
        return linear.format(conductances) + HELD, "euler", "v >= v_thresh", RESET, "", DECAY, ""
    sharp = "v_rest - v + delta_T*exp((v - v_thresh)/delta_T)"
    if kind == "EIF_cond_exp_isfa_ista":
        equations = f"dv/dt = ({sharp})/tau_m + ({conductances} - w)/(capacity*ms) : 1 (unless refractory)\n" + HELD
        # a is in nS.
        equations += "dw/dt = (0.001*a*(v - v_rest) - w)/tau_w : 1\n"
        return equations, "euler", "v >= v_spike", RESET + "\nw += b", "", DECAY, ""
    if kind == "EIF_curr_exp":
        equations = f"dv/dt = ({sharp} + r*(g_e + g_i + injected))/tau_m : 1 (unless refractory)\n" + HELD
        return equations, "euler", "v >= v_spike", RESET, "", DECAY, ""
    if kind == "QIF_curr_exp":
        flow = "a0*(v - v_rest)*(v - v_c) - w + r*(g_e + g_i + injected)"
        equations = f"dv/dt = ({flow})/tau_m : 1 (unless refractory)\nw : 1\n" + HELD
        # The adaptation follows the potential that the step ends with.
        late = DECAY + "w += dt/tau_w*(a*(v - v_rest) - w)"
        return equations, "euler", "v >= v_spike", RESET + "\nw += b", "", late, ""
    if kind == "Izhikevich":
        equations = "dv/dt = (0.04*v**2 + 5*v + 140 - w + injected)/ms : 1 (unless refractory)\n"
        equations += "dw/dt = a*(b*v - w)/ms : 1\n"
        return equations, "euler", "v >= 30", "v = c\nw += d", "", "", ""
    raise ValueError(f"no such cell: {kind}")


class Neurons:
    """Populations of one kind of cell as one group: Brian2 goes through Python for each group in each step."""

    def __init__(self, populations, network):
        self.parameters = dict(populations[0]["cell"])
        self.kind = self.parameters.pop("cell")
        self.offset = self.parameters.pop("i_offset")
        adapts = any(self.parameters.get(name) for name in "ab")
        equations, method, threshold, reset, early, late, after = cell(self.kind, adapts)
        self.refractory = round(self.parameters.pop("tau_refrac", 0.0) / network.dt) + 1
        self.threshold = threshold.split(">=")[1]
        equations += "injected = i_offset + changing : 1\ni_offset : 1\nchanging : 1\n"
        for name, value in self.parameters.items():
            self.parameters[name] = value * ms if name.startswith("tau_") else value
        # Its name is that of a unit.
        self.parameters["capacity"] = self.parameters.pop("cm", 1.0)
        self.size = sum(population["size"] for population in populations)
        self.group = NeuronGroup(
            self.size, equations, method=method, threshold=threshold, reset=reset,
            refractory=self.refractory * network.dt * ms, namespace=self.parameters,
        )  # fmt: skip
        for code, when in [(early, "before_groups"), (late, "after_groups"), (after, "after_thresholds")]:
            if code:
                self.group.run_regularly(code, when=when)
        self.jumps = self.kind in ("IF_curr_delta", "Izhikevich")
        self.begin = {}
        first = 0
        for population in populations:
            self.populate(population, first, network)
            first += population["size"]
        network.add(self.group)

    def populate(self, population, first, network):
        """A population, as the cells from `first` on."""
        self.begin[population["name"]] = first
        cells = slice(first, first + population["size"])
        offset = population["i_offset"]
        self.group.i_offset[cells] = network.draw(self.offset if offset is None else offset, population["size"])
        self.group.v[cells] = network.draw(population["v_init"], population["size"])
        if self.kind == "Izhikevich":
            self.group.w[cells] = self.parameters["b"] * -70
        if population["currents"]:
            steps = numpy.arange(network.steps + 1) * network.dt
            changes = numpy.array(population["currents"])
            at = numpy.searchsorted(changes[:, 0] - 0.5 * network.dt, steps, side="right")
            currents = TimedArray(numpy.concatenate([[0.0], changes[:, 1]])[at], dt=network.dt * ms)
            self.parameters["currents"] = currents
            self.group.run_regularly("changing = currents(t)", when="before_groups")
        if population["background"]:
            rate, weight = population["background"]["rate"], population["background"]["weight"]
            target = "v" if self.jumps else "g_e" if weight >= 0 else "g_i"
            # So many sources that a step's number of spikes is as good as Poisson's.
            sources = 10000
            network.add(PoissonInput(self.group[cells], target, sources, rate / sources * Hz, weight))


class Circuit:
    """The description as a network of Brian2."""

    def __init__(self, described):
        self.dt, self.steps = described["dt"], described["steps"]
        self.random = numpy.random.default_rng(described["seed"])
        self.net = Network()
        self.monitors = []
        self.groups = {}
        self.populations = described["populations"]
        alike = {}
        for at, population in enumerate(self.populations):
            kind = population["cell"]["cell"]
            if kind == "SpikeSourceArray":
                spikes = [(i, t) for i, times in enumerate(population["cell"]["spike_times"]) for t in times]
                indices, times = zip(*spikes) if spikes else ([], [])
                source = SpikeGeneratorGroup(population["size"], indices, numpy.array(times) * ms)
                self.source(population, source)
            elif kind == "SpikeSourcePoisson":
                self.source(population, PoissonGroup(population["size"], population["cell"]["rate"] * Hz))
            else:
                key = json.dumps([population["cell"], population["currents"] and at], sort_keys=True)
                alike.setdefault(key, []).append(population)
        self.neurons = [Neurons(populations, self) for populations in alike.values()]
        for neurons in self.neurons:
            for name, first in neurons.begin.items():
                self.groups[name] = (neurons.group, first, neurons)
        self.add(*self.monitors)
        self.recorders = [self.record(neurons) for neurons in self.neurons] if described["record"] else []
        self.spikes = {id(group): SpikeMonitor(group) for group, _, _ in self.groups.values()}
        self.add(*self.spikes.values())
        self.synapses = self.connect(described["projections"])

    def add(self, *objects):
        self.net.add(*objects)

    def source(self, population, group):
        self.groups[population["name"]] = (group, 0, None)
        self.add(group)

    def record(self, neurons):
        """Potentials as thresholds see them, and as a step leaves them."""
        seen = ["v", "not_refractory"] + (["theta"] if "theta" in neurons.threshold else [])
        at_threshold = StateMonitor(neurons.group, seen, record=True, when="before_thresholds")
        at_end = StateMonitor(neurons.group, "v", record=True, when="end")
        self.add(at_threshold, at_end)
        return at_threshold, at_end

    def draw(self, distribution, count):
        """Numbers of a distribution as files of circuits have it."""
        if not isinstance(distribution, dict):
            return numpy.full(count, float(distribution))
        if "uniform" in distribution:
            return self.random.uniform(*distribution["uniform"], count)
        if "normal" in distribution:
            values = self.random.normal(*distribution["normal"], count)
            clip = distribution.get("clip")
            return numpy.clip(values, *clip) if clip else values
        return self.random.lognormal(*distribution["lognormal"], count)

    def pairs(self, connector, sources, targets):
        """Sources and targets of a rule's synapses."""
        (rule, count), = connector.items()
        below = lambda bound, number: self.random.integers(0, bound, number, dtype=numpy.int32)
        if rule == "fixed_number_pre":
            return below(sources, targets * count), numpy.repeat(numpy.arange(targets, dtype=numpy.int32), count)
        if rule == "fixed_total_number":
            return below(sources, count), below(targets, count)
        raise ValueError(f"no such rule here: {rule}")

    def connect(self, projections):
        """All synapses of a pair of groups in one object for each receptor, as groups are."""
        together = {}
        for projection in projections:
            (source, first, _), (target, begin, neurons) = (self.groups[projection[end]] for end in ("from", "to"))
            sizes = [next(p["size"] for p in self.populations if p["name"] == projection[end]) for end in ("from", "to")]
            connector = projection["connector"]
            if "from_list" in connector:
                pre, post, weight, delay = (numpy.array(column) for column in zip(*connector["from_list"]))
            else:
                pre, post = self.pairs(connector, *sizes)
                weight, delay = (self.draw(projection[what], len(pre)) for what in ("weight", "delay"))
            variable = "v" if neurons.jumps else {"excitatory": "g_e", "inhibitory": "g_i"}[projection["receptor"]]
            key = (id(source), id(target), projection["receptor"])
            entry = together.setdefault(key, (source, target, variable, []))
            entry[3].append((pre + first, post + begin, weight, delay))
        count = 0
        for source, target, variable, parts in together.values():
            pre, post, weight, delay = (numpy.concatenate(column) for column in zip(*parts))
            parts.clear()
            same = numpy.ptp(weight) == 0
            what = repr(float(weight[0])) if same else "weight"
            delay = numpy.round(delay / self.dt) * self.dt
            one_delay = {"delay": delay[0] * ms} if numpy.ptp(delay) == 0 else {}
            synapses = Synapses(
                source, target, "" if same else "weight : 1", on_pre=f"{variable}_post += {what}", **one_delay
            )
            synapses.connect(i=pre, j=post)
            if not same:
                synapses.weight = weight
            if not one_delay:
                synapses.delay = delay * ms
            self.add(synapses)
            count += len(pre)
        return count

    def run(self):
        """Seconds of the steps alone, without the code that is compiled before."""
        elapsed = []
        report = lambda passed, completed, start, duration: elapsed.append(float(passed / second))
        self.net.run(self.steps * self.dt * ms, report=report, namespace={})
        return elapsed[-1]

    def all_spikes(self):
        """[spikes, 3]: step, population, cell."""
        rows = []
        for at, population in enumerate(self.populations):
            group, first, _ = self.groups[population["name"]]
            monitor = self.spikes[id(group)]
            cells, times = numpy.array(monitor.i) - first, numpy.array(monitor.t / ms)
            own = (cells >= 0) & (cells < population["size"])
            steps = numpy.round(times[own] / self.dt)
            rows.append(numpy.stack([steps, numpy.full(own.sum(), at), cells[own]], axis=1).astype("<u4"))
        rows = numpy.concatenate(rows)
        return rows[numpy.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]

    def margins(self):
        """Of every step the smallest distance of a potential to its threshold."""
        smallest = []
        for neurons, (seen, _) in zip(self.neurons, self.recorders):
            names = {**neurons.parameters, "theta": seen.theta if "theta" in neurons.threshold else 0.0}
            distance = numpy.abs(seen.v - eval(neurons.threshold, {}, names))
            smallest.append(numpy.where(seen.not_refractory, distance, numpy.inf).min(axis=0))
        return numpy.min(smallest, axis=0)


def main(described, folder):
    with open(described) as file:
        described = json.load(file)
    prefs.codegen.target = described["target"]
    defaultclock.dt = described["dt"] * ms
    seed(described["seed"])
    start = time.perf_counter()
    circuit = Circuit(described)
    run = circuit.run()
    build = time.perf_counter() - start - run
    circuit.all_spikes().tofile(f"{folder}/spikes")
    said = {"build": build, "run": run, "synapses": circuit.synapses}
    if described["record"]:
        ends = {name: end for neurons, (_, end) in zip(circuit.neurons, circuit.recorders) for name in neurons.begin}
        own = [p for p in circuit.populations if p["name"] in ends]
        first = lambda p: circuit.groups[p["name"]][1]
        potentials = [numpy.array(ends[p["name"]].v)[first(p) : first(p) + p["size"]] for p in own]
        numpy.concatenate(potentials).T.astype("<f8").tofile(f"{folder}/potentials")
        circuit.margins().astype("<f8").tofile(f"{folder}/margins")
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
