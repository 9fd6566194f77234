//! Reports of shards, and the joining of them: texts with a zero byte between. Results are named that may not be there.
#![no_main]

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use saltatory_fuzz::Folder;
use saltatory_fuzz::cli::{merge, report::Report};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    merge: merge::Arguments,
}

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    std::env::set_current_dir(folder.path()).expect("a folder");
    folder.put("s.npy", &[0; 144]);
    let texts = data.split(|&b| b == 0).take(4).enumerate();
    let names: Vec<String> = texts
        .map(|(i, text)| {
            let name = format!("{i}.json");
            let path = folder.put(&name, text);
            if let Ok(report) = Report::read(&path) {
                report.text();
                report.json_text().expect("a report can be written");
            }
            name
        })
        .collect();
    let words = ["merge", "--output", "out.npy", "--predictions", "out.csv", "--report", "out.json"];
    for count in [1, 3, 7] {
        let words = words[..count].iter().copied().chain(names.iter().map(String::as_str));
        merge::run(&Line::try_parse_from(words).expect("arguments").merge).ok();
    }
});
