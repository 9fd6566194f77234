//! What the plans of the benchmark networks cost at least: dispatches, bytes moved, operations a sample.
//!
//!     cargo run --release --example 06_cost_of_a_plan

use saltatory::network::compile;
use saltatory::plan::Request;
use saltatory::workloads::{NETWORKS, workload};

fn main() -> saltatory::Result<()> {
    let columns = ["network", "T", "dispatches", "read MB", "written MB", "weights MB", "dense G"];
    println!("{}", columns.map(|c| format!("{c:>13}")).concat());
    for name in NETWORKS {
        let workload = workload(name)?;
        let (steps, constant_input) = (workload.steps, workload.constant_input);
        let request = Request { steps, constant_input, meter: false, ..Default::default() };
        let cost = compile(&workload.network, &request)?.cost();
        let mb = |bytes: u64| format!("{:.4}", bytes as f64 / 1e6);
        let dense = format!("{:.4}", cost.dense as f64 / 1e9);
        let row = [name.into(), steps.to_string(), cost.dispatches.to_string(), mb(cost.read), mb(cost.written)];
        println!(
            "{}",
            row.into_iter().chain([mb(cost.constants), dense]).map(|c| format!("{c:>13}")).collect::<String>()
        );
    }
    Ok(())
}
