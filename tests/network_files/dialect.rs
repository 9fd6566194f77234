//! Rules chosen from outside the network.

use std::path::Path;

use saltatory::layer::Layer;
use saltatory::network::DialectChoice;
use saltatory::neuron::Dialect;
use saltatory::neuron::rules::{Fire, Reset, SpikesPerStep};

use super::networks;

#[test]
fn a_dialect_may_be_chosen_for_all_and_for_single_nodes() {
    assert_eq!(DialectChoice::parse("norse").unwrap(), Dialect::Norse.into());
    let error = DialectChoice::parse("nose").unwrap_err().to_string();
    assert!(error.contains("`nose`") && error.contains("`norse`"), "{error}");
    let from = |text: &str| DialectChoice::from_toml(text, Path::new("d.toml"));
    for (text, words) in [
        ("dialect = \"sinab\"", ["`sinab`", "`sinabs`"]),
        ("dialect = \"sinabs\"\nfires = 1", ["`fires`", "`fire`"]),
        ("dialect = \"sinabs\"\ndt = 0", ["`dt`", "above zero"]),
        ("dialect = \"sinabs\"\n[nodes.\"1.lif\"]\nresat = 1", ["nodes.1.lif", "`resat`"]),
        ("dialect = \"sinabs\"\n[nodes.\"1.lif\"]\nreset = 1", ["nodes.1.lif", "`reset`"]),
        ("dialect = \"sinabs\"\nnodes = { a = 1 }", ["nodes.a", "a table"]),
    ] {
        let error = from(text).unwrap_err().to_string();
        assert!(words.iter().all(|w| error.contains(w)), "{words:?} not all in: {error}");
    }
    let choice = "dialect = \"sinabs\"\ndt = 0.5\nspikes = \"one\"\n[nodes.hidden]\nreset = \"none\"";
    let mut network = networks().remove(1);
    from(choice).unwrap().apply(&mut network).unwrap();
    assert_eq!((network.dialect, network.dt), (Dialect::Sinabs, 0.5));
    let hidden = network.node("hidden").unwrap();
    let Layer::Neuron(neuron) = &network.nodes[hidden].layer else { panic!() };
    let rules = network.rules_of(&neuron.rules);
    assert_eq!((rules.reset, rules.fire), (Reset::None, Fire::Ge));
    // Without a dialect the network keeps its own, and what was changed before.
    from("fire = \"gt\"").unwrap().apply(&mut network).unwrap();
    let rules = network.rules_of(&Default::default());
    assert_eq!((network.dialect, rules.fire, rules.spikes), (Dialect::Sinabs, Fire::Gt, SpikesPerStep::One));
    let error = from("dialect = \"nir\"\n[nodes.hiden]").unwrap().apply(&mut network).unwrap_err().to_string();
    assert!(error.contains("`hiden`") && error.contains("there are `hidden`"), "{error}");
}
