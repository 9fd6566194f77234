//! Circuits in network files: what is written is read back, lists of synapses may be files, and faults say where they are.

use std::path::Path;
use std::sync::Arc;

use saltatory::circuit::{Background, Circuit, Connector, Distribution, Population, Projection, Receptor};
use saltatory::layer::Layer;
use saltatory::network::{OpenOptions, checkpoint, file, open};
use saltatory::neuron::cell::CellType;
use saltatory::neuron::cell::models::*;
use saltatory::{Network, network::Edge};

use super::parse;

/// A circuit with every cell, every connector and every way to say a number.
fn everything() -> Circuit {
    let spike_times = vec![vec![0.1, 2.5], vec![], vec![7.0]];
    let cells: Vec<CellType> = vec![
        IfCurrExp { tau_m: 12.5, ..Default::default() }.into(),
        IfCurrExpThreshold::default().into(),
        IfCurrDelta { v_thresh: -47.0, ..Default::default() }.into(),
        IfCondExp { e_rev_i: -77.0, ..Default::default() }.into(),
        EifCondExp { delta_t: 1.5, ..Default::default() }.into(),
        EifCurrExp::default().into(),
        QifCurrExp::default().into(),
        Izhikevich { d: 8.0, ..Default::default() }.into(),
        SpikeSourcePoisson { rate: 33.0 }.into(),
        CellType::SpikeSourceArray { spike_times },
        CellType::Input {},
    ];
    assert_eq!(cells.len(), CellType::NAMES.len());
    let mut circuit = Circuit::new(u64::MAX - 5);
    for (n, cell) in cells.into_iter().enumerate() {
        let mut population = Population::new(format!("p{n}"), 3, cell);
        if n == 0 {
            population = population
                .v_init(Distribution::clipped_normal(-60.0, 5.0, -70.0, -50.0))
                .i_offset(Distribution::uniform(0.0, 0.25))
                .current(10.0, 0.5)
                .current(20.0, -0.125)
                .probes([2, 0]);
            population.background = Some(Background { rate: 800.0, weight: 0.3, receptor: Some(Receptor::Inhibitory) });
        }
        circuit.populations.push(population);
    }
    circuit.populations[1].background = Some(Background { rate: 10.0, weight: -1.0, receptor: None });
    let connectors = [
        Connector::AllToAll,
        Connector::OneToOne,
        Connector::FixedProbability(0.25),
        Connector::FixedNumberPost(2),
        Connector::FixedNumberPre(1),
        Connector::FixedTotalNumber(7),
        Connector::FromList(vec![(0, 2, 0.1, 1.5), (2, 1, -3.0, 0.5)]),
        Connector::FromList(Vec::new()),
    ];
    for (n, connector) in connectors.into_iter().enumerate() {
        let is_list = matches!(connector, Connector::FromList(_));
        let mut projection = Projection::new("p8", "p0", connector);
        if !is_list {
            projection.weight = [Distribution::Lognormal { lognormal: [-1.0, 0.5] }, 0.5.into()][n % 2];
            projection.delay = [Distribution::normal(2.0, 0.1), Distribution::uniform(1.0, 2.0)][n % 2];
        }
        projection.procedural = n == 0;
        projection.receptor = [None, Some(Receptor::Excitatory), Some(Receptor::Inhibitory)][n % 3];
        circuit.projections.push(projection);
    }
    circuit.projections.push(Projection::new("p0", "p0", Connector::AllToAll).weight(-0.1).no_self_connections());
    circuit
}

#[test]
fn a_circuit_alone_is_read_back() {
    let mut circuit = everything();
    circuit.populations.pop(); // nothing comes in
    let network = Network::of_circuit("all of \"it\"", circuit, 0.25);
    let text = file::to_toml(&network).unwrap();
    assert!(text.contains("\n[[population]]\n") && !text.contains("layer"), "{text}");
    let back = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(back.network, network, "{text}");
    assert_eq!(back.network.circuit(), network.circuit());
}

#[test]
fn a_circuit_as_a_layer_is_read_back() {
    let mut network = Network::new([5])
        .linear(3)
        .layer(Layer::Circuit(Arc::new(everything())))
        .name("cortex")
        .linear(2)
        .dt(0.5)
        .build()
        .unwrap();
    let text = file::to_toml(&network).unwrap();
    assert!(text.contains("[[layer.population]]"), "{text}");
    assert_eq!(parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}")).network, network, "{text}");
    network.init(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    checkpoint::save(&network, &path).unwrap();
    assert_eq!(open(&path, &OpenOptions::default()).unwrap(), network);
    assert_eq!(network.circuit(), None, "it is not alone");
}

#[test]
fn circuits_need_no_input() {
    let mut small = everything();
    small.populations.pop();
    let mut network = Network::of_circuit("first", small.clone(), 0.5);
    let other = Network::of_circuit("second", small, 0.5);
    network.nodes.extend(other.nodes);
    network.name = "two".into();
    network.output = 1;
    let text = file::to_toml(&network).unwrap();
    assert_eq!(parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}")).network, network, "{text}");
    // One that takes what another gives: with a cell for each.
    let mut sized = everything();
    sized.populations.truncate(1);
    sized.projections.clear();
    sized.populations[0].size = network.shapes().unwrap()[0][0];
    network.nodes[1].layer = Layer::Circuit(Arc::new(sized));
    network.edges = vec![Edge { from: 0, to: 1, delay: 0 }];
    let text = file::to_toml(&network).unwrap();
    assert_eq!(parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}")).network, network, "{text}");
}

#[test]
fn the_file_of_the_documentation_means_this() {
    let text = r#"
        dt = 0.1
        [[population]]
        name = "noise"
        size = 2
        cell = "SpikeSourceArray"
        parameters = { spike_times = [1, 2.5] }
        [[population]]
        name = "exc"
        size = 80
        cell = "IF_curr_exp"
        parameters = { tau_m = 10, tau_syn_E = 2.0 }
        v_init = -60
        currents = [[100.0, 0.5], [200, 0]]
        [[projection]]
        from = "noise"
        to = "exc"
        connector = "all_to_all"
        weight = 0.1
    "#;
    let spike_times = vec![vec![1.0, 2.5]; 2];
    let cell = IfCurrExp { tau_m: 10.0, tau_syn_e: 2.0, ..Default::default() };
    let expected = Circuit::new(0)
        .population(Population::new("noise", 2, CellType::SpikeSourceArray { spike_times }))
        .population(Population::new("exc", 80, cell).v_init(-60.0).current(100.0, 0.5).current(200.0, 0.0))
        .projection(Projection::new("noise", "exc", Connector::AllToAll).weight(0.1));
    let network = parse(text).unwrap().network;
    assert_eq!((network.name.as_str(), network.dt, network.circuit()), ("net", 0.1, Some(&expected)));
}

#[test]
fn the_example_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/networks/balanced.toml");
    let network = open(path, &OpenOptions::default()).unwrap();
    let circuit = network.circuit().unwrap();
    assert_eq!((circuit.populations.len(), circuit.projections.len(), circuit.seed), (2, 4, 42));
}

#[cfg(feature = "formats")]
#[test]
fn lists_of_synapses_may_be_files() {
    let folder = tempfile::tempdir().unwrap();
    let rows: [[f64; 4]; 3] = [[0.0, 1.0, 0.5, 1.5], [2.0, 0.0, -1.25, 3.0], [1.0, 1.0, 0.0, 1.0]];
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }";
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    rows.iter().flatten().for_each(|x| npy.extend(x.to_le_bytes()));
    std::fs::write(folder.path().join("s.npy"), &npy).unwrap();
    let csv = "source,target,weight,delay\n0, 1, 0.5, 1.5\n\n# a pause\n2,0,-1.25,3\n1,1,0,1\n";
    std::fs::write(folder.path().join("s.csv"), csv).unwrap();
    let net = |list: &str| {
        let text = format!(
            "[[population]]\nname = \"a\"\nsize = 3\ncell = \"IF_curr_exp\"\n[[projection]]\nfrom = \"a\"\nto = \"a\"\n\
             connector = {{ from_list = {list} }}\n"
        );
        let path = folder.path().join("net.toml");
        std::fs::write(&path, text).unwrap();
        open(path, &OpenOptions::default())
    };
    let inline = net("[[0, 1, 0.5, 1.5], [2, 0, -1.25, 3.0], [1, 1, 0, 1]]").unwrap();
    assert_eq!(net("\"s.npy\"").unwrap(), inline);
    assert_eq!(net("\"s.csv\"").unwrap(), inline);
    let Connector::FromList(list) = &inline.circuit().unwrap().projections[0].connector else { panic!() };
    assert_eq!(list[1], (2, 0, -1.25, 3.0));
    std::fs::write(folder.path().join("bad.csv"), "0,1,0.5,1.5\n0,x,1,1\n").unwrap();
    std::fs::write(folder.path().join("half.csv"), "0.5,1,0.5,1.5\n").unwrap();
    std::fs::write(folder.path().join("cut.npy"), &npy[..npy.len() - 8]).unwrap();
    for (list, parts) in [
        ("\"none.csv\"", &["none.csv"][..]),
        ("\"bad.csv\"", &["bad.csv", "line 2", "source, target, weight, delay", "0,x,1,1"]),
        ("\"half.csv\"", &["half.csv", "line 1", "the number of a cell", "0.5"]),
        ("\"cut.npy\"", &["cut.npy"]),
        ("[[0, 1, 0.5]]", &["net.toml", "projection `a -> a`", "`from_list`", "source, target"]),
        ("[[-1, 1, 0.5, 1.0]]", &["`from_list`", "row 0", "the number of a cell, got -1"]),
        ("[[7, 1, 0.5, 1.0]]", &["projection `a -> a`", "sources below 3", "7 to 1"]),
        ("[[0, 1, nan, 1.0]]", &["projection `a -> a`", "finite", "NaN"]),
        ("3", &["`from_list`", "the integer 3"]),
    ] {
        let message = net(list).unwrap_err().to_string();
        parts.iter().for_each(|part| assert!(message.contains(part), "{list}: {message} lacks {part}"));
    }
}

#[test]
fn faults_say_where_and_what() {
    let a = "name = \"a\"\nsize = 8\ncell = \"IF_curr_exp\"\n";
    let population = |keys: &str| format!("[[population]]\nname = \"a\"\n{keys}");
    let cell = |keys: &str| format!("[[population]]\n{a}{keys}");
    let projection = |keys: &str| format!("[[population]]\n{a}[[projection]]\nfrom = \"a\"\nto = \"a\"\n{keys}");
    let all = "connector = \"all_to_all\"\n";
    let cases: Vec<(String, &[&str])> = vec![
        ("seed = 1".into(), &["net.toml", "no `[[population]]`"]),
        ("seed = 1.5".into(), &["`seed`", "a whole number", "the float 1.5"]),
        ("population = 3".into(), &["`population`", "[[population]]", "the integer 3"]),
        ("population = [3]".into(), &["`population`", "[[population]]", "the integer 3"]),
        (format!("dt = 0\n{}", cell("")), &["`dt`", "above zero"]),
        (format!("steps = 3\n{}", cell("")), &["unknown key `steps`"]),
        ("[[population]]\nsize = 3".into(), &["population 1", "`name` is missing"]),
        (population("cell = \"IF_curr_exp\""), &["population `a`", "`size` is missing"]),
        (population("size = 0\ncell = \"IF_curr_exp\""), &["population `a`", "`size`", "from 1 to", "the integer 0"]),
        (population("size = 999999999\ncell = \"IF_curr_exp\""), &["`size`", "999999999"]),
        (population("size = 3"), &["population `a`", "`cell` is missing"]),
        (population("size = 3\ncell = \"IF_cur_exp\""), &["population `a`", "`IF_cur_exp`", "known are `IF_curr_exp`"]),
        (population("size = 3\ncells = 1"), &["population `a`", "unknown key `cells`", "`cell`"]),
        (cell("parameters = { tau = 1.0 }"), &["population `a`: `parameters`", "unknown key `tau`", "`tau_m`"]),
        (cell("parameters = { tau_m = \"1\" }"), &["`tau_m`", "a number", "the string \"1\""]),
        (cell("parameters = { tau_m = 0.0 }"), &["population `a`", "`tau_m`", "above zero", "0"]),
        (cell("parameters = { cm = nan }"), &["population `a`", "`cm`", "NaN"]),
        (cell("v_init = { uniform = [1.0] }"), &["`v_init`: `uniform`", "two numbers"]),
        (cell("v_init = { uniform = [1.0, 0.0] }"), &["population `a`", "v_init", "limits in order"]),
        (cell("v_init = { clip = [1.0, 0.0] }"), &["`v_init`", "`clip` belongs to `normal`"]),
        (cell("v_init = \"rest\""), &["`v_init`", "uniform", "the string \"rest\""]),
        (cell("background = { rate = 1.0 }"), &["`background`", "`weight` is missing"]),
        (cell("background = { rate = 1.0, weight = nan }"), &["population `a`", "background", "NaN"]),
        (cell("background = { rate = 1, weight = 1, receptor = \"x\" }"), &["`receptor`", "\"inhibitory\""]),
        (cell("currents = [1.0, 2.0]"), &["`currents`", "pairs"]),
        (cell("currents = [[2.0, 0.0], [1.0, 0.0]]"), &["population `a`", "order of their times"]),
        (cell("probes = [8]"), &["population `a`", "`probes`", "from 0 to 7", "the integer 8"]),
        (cell(&format!("[[population]]\n{a}")), &["two populations are called `a`"]),
        (
            population("size = 2\ncell = \"SpikeSourceArray\"\nparameters = { spike_times = [[1.0]] }"),
            &["population `a`", "each of 2 cells", "1 lists"],
        ),
        (population("size = 2\ncell = \"SpikeSourceArray\""), &["`parameters`", "`spike_times` is missing"]),
        (projection(""), &["projection `a -> a`", "`connector` is missing"]),
        (projection(all), &["projection `a -> a`", "`weight` is missing"]),
        (projection("connector = \"all\"\nweight = 1"), &["`connector`", "`all`", "`all_to_all`"]),
        (projection("connector = { fixed_probability = 2.0 }\nweight = 1"), &["`a -> a`", "between 0 and 1, got 2"]),
        (projection("connector = { fixed_probability = nan }\nweight = 1"), &["`a -> a`", "NaN"]),
        (projection("connector = { fixed_number_pre = -1 }\nweight = 1"), &["`fixed_number_pre`", "the integer -1"]),
        (projection("connector = \"fixed_number_pre\"\nweight = 1"), &["{ fixed_number_pre = ... }"]),
        (projection("connector = { fixed_number_pre = 1, from_list = [] }\nweight = 1"), &["one key", "2 keys"]),
        (projection("connector = { from_list = [] }\nweight = 1"), &["`weight`", "leave it out"]),
        (projection("connector = { fixed_number_pre = 1 }\nweight = 1\nprocedural = true"), &["`procedural`"]),
        (projection(&format!("{all}weight = nan")), &["projection `a -> a`", "weight", "NaN"]),
        (projection(&format!("{all}weight = 1\ndelay = 0.01")), &["projection `a -> a`", "one step of 0.1 ms", "0.01"]),
        (projection(&format!("{all}weight = 1\nprocedural = 1")), &["`procedural`", "true or false"]),
        (projection(all).replace("to = \"a\"", "to = \"b\"") + "weight = 1", &["`a -> b`", "no population `b`", "`a`"]),
        (projection(all).replace("from = \"a\"\n", ""), &["projection 1", "`from` is missing"]),
        (
            "[input]\nshape = [3]\n[[layer]]\nname = \"c\"\ntype = \"circuit\"\n[[layer.population]]\nsize = 3".into(),
            &["layer `c`: population 1", "`name` is missing"],
        ),
        ("[[layer]]\nname = \"c\"\ntype = \"circuit\"\nseeds = 3".into(), &["layer `c`", "unknown key `seeds`"]),
    ];
    for (text, parts) in cases {
        let message = parse(&text).map(|_| ()).expect_err(&text).to_string();
        parts.iter().for_each(|part| assert!(message.contains(part), "{text}\n{message}\nlacks {part}"));
    }
}
