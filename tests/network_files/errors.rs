//! Faults in a network file, and files of the wrong kind.

use std::path::Path;

use saltatory::network::{OpenOptions, open};

use super::parse;
use super::weights::{SMALL, archive, state_dict};

#[test]
fn errors_say_where_and_what() {
    let layer = |keys: &str| format!("[input]\nshape = [1, 8, 8]\n[[layer]]\nname = \"a\"\n{keys}");
    let cases: Vec<(String, &[&str])> = vec![
        ("steps = 4\ndt == 1".into(), &["net.toml", "line 2, column 5"]),
        ("stepz = 4".into(), &["unknown key `stepz`", "known here are `steps`"]),
        ("steps = 0".into(), &["`steps`", "from 1 to 10000000", "the integer 0"]),
        ("steps = 1_000_000_000".into(), &["`steps`", "1000000000"]),
        ("steps = \"four\"".into(), &["`steps`", "whole number", "the string \"four\""]),
        ("dt = nan".into(), &["`dt`", "above zero"]),
        ("dialect = \"sinab\"".into(), &["`sinab`", "`sinabs`"]),
        ("readout = \"avg\"".into(), &["`readout`", "\"mean\""]),
        ("".into(), &["`[input]`", "missing"]),
        ("[input]\nshap = [1]".into(), &["`input`", "shap", "shape"]),
        ("[input]\nshape = [1]".into(), &["no `[[layer]]`"]),
        ("layer = 3\n[input]\nshape = [1]".into(), &["`layer`", "[[layer]]", "the integer 3"]),
        ("[input]\nshape = [1]\n[rules]\nfires = \"ge\"".into(), &["`rules`", "`fires`", "`fire`"]),
        ("[input]\nshape = [1]\n[rules]\nfire = \"eq\"".into(), &["`rules`", "`fire`", "\"eq\"", "`gt`"]),
        ("[train]\nepoch = 1".into(), &["`train`", "unknown key `epoch`", "are `epochs`"]),
        ("[train]\nloss = { kind = \"mse\", ober = 1 }".into(), &["`train`: `loss`", "`ober`", "are `over`"]),
        ("train = 1".into(), &["`train`", "a table", "the integer 1"]),
        ("[input]\nshape = []\n[[layer]]\ntype = \"add\"".into(), &["shape [features]"]),
        ("[input]\nshape = [1000000000, 1000000000]\n[[layer]]\ntype = \"add\"".into(), &["[1000000000, 1000000000]"]),
        (layer(""), &["layer `a`", "`type` is missing"]),
        (layer("type = \"conv\""), &["layer `a`", "`conv`", "`conv1d`"]),
        (layer("type = \"conv2d\"\nout_chanels = 3"), &["layer `a`", "`out_chanels`", "are `out_channels`"]),
        (layer("type = \"conv2d\"\nkernel = 3"), &["layer `a`", "`out_channels` is missing"]),
        (layer("type = \"conv2d\"\nout_channels = 1_000_000_000_000\nkernel = 3"), &["`out_channels`", "536870912"]),
        (layer("type = \"conv2d\"\nout_channels = -1\nkernel = 3"), &["`out_channels`", "the integer -1"]),
        (layer("type = \"conv2d\"\nout_channels = 3\nkernel = 1_000_000_000"), &["`kernel`"]),
        (layer("type = \"conv2d\"\nout_channels = 3\nkernel = 500_000_000"), &["layer `a`", "does not fit"]),
        (layer("type = \"conv2d\"\nout_channels = 3\nkernel = 0\npadding = \"same\""), &["`kernel`", "got 0"]),
        (layer("type = \"conv2d\"\nout_channels = 3\nkernel = [3]"), &["`kernel`", "2 values, got 1"]),
        (layer("type = \"conv2d\"\nout_channels = 3\nkernel = 3\npadding = \"some\""), &["`padding`", "\"same\""]),
        (layer("type = \"conv2d\"\nout_channels = 3\nkernel = 3\nbias = 1"), &["`bias`", "true or false"]),
        (
            layer("type = \"linear\"\nout_features = 3\ntensors = { wight = \"w\" }"),
            &["`tensors`", "`wight`", "`weight`"],
        ),
        (layer("type = \"sparse_linear\""), &["layer `a`", "`out_features` is missing"]),
        (layer("type = \"sparse_linear\"\nout = 3\nout_features = 3"), &["layer `a`", "`out`", "one of them"]),
        (layer("type = \"sparse_linear\"\nout = 3\nfan_inn = 3"), &["`fan_inn`", "are `fan_in`"]),
        (layer("type = \"sparse_linear\"\nout = 3\nfan_in = 3\nfan_out = 1"), &["`fan_in` or `fan_out`", "both"]),
        (layer("type = \"sparse_linear\"\nout = 3\nseed = 3"), &["layer `a`", "`seed`", "`fan_in` or `fan_out`"]),
        (layer("type = \"sparse_linear\"\nout = 3\nfan_in = 3\nseed = \"x\""), &["`seed`", "whole number"]),
        (layer("type = \"sparse_linear\"\nout = 3\nfan_in = 65"), &["layer `a`", "`fan_in`", "1 to 64", "got 65"]),
        (layer("type = \"sparse_linear\"\nout = 3\nfan_out = 0"), &["layer `a`", "`fan_out`", "1 to 3", "got 0"]),
        (layer("type = \"conv1d\"\nout_channels = 3\nkernel = 3"), &["layer `a`", "[channels, length]", "1x8x8"]),
        (layer("type = \"batch_norm\"\neps = -1"), &["`eps`"]),
        (layer("type = \"batch_norm\"\nmomentum = 1.5"), &["`momentum`", "from 0 to 1", "1.5"]),
        (layer("type = \"batch_norm\"\nmomentum = nan"), &["`momentum`", "NaN"]),
        (layer("type = \"flatten\"\nend = 7"), &["layer `a`", "axes 0 to 7"]),
        (layer("type = \"flatten\"\nend = -2"), &["`end`", "-1"]),
        (layer("type = \"scale\""), &["`factor` is missing"]),
        (layer("type = \"scale\"\nfactor = [[1, 2], [3]]"), &["`factor`", "equal length"]),
        (layer("type = \"scale\"\nfactor = []"), &["`factor`", "array of 0"]),
        (layer("type = \"scale\"\nfactor = [1, 2, 3]"), &["layer `a`", "one factor"]),
        (layer("type = \"delay\"\nsteps = -3"), &["`steps`", "the integer -3"]),
        (layer("type = \"dropout\"\np = 1.5"), &["`p`", "from 0 to 1"]),
        (layer("type = \"lif\"\ntau = 2\ndecay = 0.5"), &["`tau` and `decay`", "same parameter"]),
        (layer("type = \"lif\"\ntau = true"), &["`tau`", "number", "the boolean true"]),
        (layer("type = \"lif\"\ntau = -2.0"), &["layer `a`", "tau", "-2"]),
        (layer("type = \"lif\"\ntau = [1.0, 2.0, 3.0]"), &["layer `a`", "tau", "[3]"]),
        (layer("type = \"lif\"\nfire = 1"), &["layer `a`", "`fire`", "the integer 1"]),
        (layer("type = \"lif\"\nv_reset = \"none\"\nreset = \"hard\""), &["`reset = \"subtract\"`"]),
        (layer("type = \"lif\"\ndecay_input = true\ninput_gain = \"r\""), &["`decay_input` and `input_gain`"]),
        (layer("type = \"lif\"\nw_in = 1.0"), &["unknown key `w_in`"]),
        (layer("type = \"plif\"\ntau = 1.0"), &["`tau`", "above one step"]),
        (layer("type = \"lif\"\nrecurrent = {}"), &["a.w_rec", "flatten"]),
        (layer("type = \"lif\"\nrecurrent = { wait = 1 }"), &["`recurrent`", "`wait`"]),
        (layer("type = \"add\"\nfrom = \"inptu\""), &["layer `a`", "`from`", "`inptu`", "closest are `input`"]),
        (layer("type = \"add\"\nfrom = { layer = \"input\", delai = 1 }"), &["layer `a`", "`from`", "`delai`"]),
        (layer("type = \"add\"\nfrom = 3"), &["layer `a`", "`from`", "the integer 3"]),
        (layer("type = \"add\"\nfrom = [\"input\", \"a\"]"), &["cycle", "delay", "`a`"]),
        (layer("type = \"add\"\nfrom = []"), &["layer `a`", "no input"]),
        (layer("type = \"add\"\n[[layer]]\nname = \"a\"\ntype = \"add\""), &["two layers are called `a`"]),
        ("output = \"b\"\n".to_owned() + &layer("type = \"add\""), &["`output`", "`b`", "`a`"]),
    ];
    let mut failed = Vec::new();
    for (text, words) in &cases {
        match parse(text) {
            Ok(_) => failed.push(format!("accepted:\n{text}")),
            Err(error) => {
                let error = error.to_string();
                let missing: Vec<_> = words.iter().filter(|w| !error.contains(**w)).collect();
                if !missing.is_empty() || !error.contains("net.toml") {
                    failed.push(format!("{missing:?} not in: {error}\n{text}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n---\n"));
}

#[test]
fn many_layers_take_no_longer_than_they_should() {
    let mut text = String::from("[input]\nshape = [2]\n");
    // Backwards, so that a search that walks forwards would take the square of it.
    for i in (1..20_000).rev() {
        text += &format!("[[layer]]\nname = \"l{i}\"\ntype = \"add\"\nfrom = \"l{}\"\n", i - 1);
    }
    text += "[[layer]]\nname = \"l0\"\ntype = \"if\"\nfrom = \"input\"\n";
    let start = std::time::Instant::now();
    let network = parse(&text).unwrap().network;
    assert_eq!(network.shapes().unwrap().len(), 20_001);
    assert!(start.elapsed().as_secs() < 20, "near-linear is far below this on any machine: {:?}", start.elapsed());
    let text = "[input]\nshape = [2]\n".to_owned() + &"[[layer]]\ntype = \"add\"\n".repeat(100_001);
    assert!(parse(&text).unwrap_err().to_string().contains("at most 100000 layers"));
}

#[test]
fn files_of_the_wrong_kind_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let fails = |path: &Path, options: &OpenOptions, words: &[&str]| {
        let error = open(path, options).unwrap_err().to_string();
        assert!(words.iter().all(|w| error.contains(w)), "{words:?} not all in: {error}");
    };
    let none = OpenOptions::default();
    let weights = write("weights.safetensors", &archive(&state_dict()));
    fails(&weights, &none, &["no network", ".toml", "--weights"]);
    fails(&folder.path().join("nothing.toml"), &none, &["nothing.toml"]);
    fails(folder.path(), &none, &[]);
    fails(&write("a.txt", b"hello"), &none, &[".toml", ".safetensors", ".nir"]);
    fails(&write("a.nir", b"hello"), &none, &["HDF5"]);
    fails(&write("a.toml", b"name = \"\xff\""), &none, &["at byte 8", "UTF-8"]);
    fails(&write("a.safetensors", b""), &none, &["0 bytes"]);
    fails(&write("b.safetensors", &u64::MAX.to_le_bytes()), &none, &["18446744073709551615"]);
    fails(&write("c.safetensors", b"\x40\0\0\0\0\0\0\0{}"), &none, &["header", "64 bytes"]);
    let both = OpenOptions { weights: Some(weights.clone()), ..Default::default() };
    fails(&weights, &both, &["own weights"]);
    let toml = write("small.toml", SMALL.as_bytes());
    let network = open(&toml, &both).unwrap();
    assert_eq!(network.name, "small");
    let bad_step = OpenOptions { weights: Some(weights), dt: Some(0.0), ..Default::default() };
    fails(&toml, &bad_step, &["dt", "above zero"]);
}
