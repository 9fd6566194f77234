//! Predictions as Arrow and Parquet: read back, gone on with after a kill, joined.

use std::fs::{self, File};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_schema::Schema;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Bench;
use super::files::{f32s, image, npy};

/// One of each.
const TABLES: [&str; 2] = ["out.parquet", "out.arrow"];

/// A batch for every sample, each made safe.
fn run(table: &str) -> String {
    format!(
        "run net.safetensors x.npy --steps 100 --labels labels.npy --batch 1 --checkpoint 0 --threads 1 --quiet \
         --output out.npy --predictions {table}"
    )
}

/// A row of a table; scores as bits.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    prediction: Option<u32>,
    label: Option<u32>,
    steps: Option<u32>,
    scores: Option<Vec<u32>>,
    error: Option<String>,
}

impl Bench {
    fn table(&self, name: &str) -> (Schema, Vec<Row>) {
        let file = File::open(self.path(name)).unwrap();
        let batches: Vec<RecordBatch> = if name.ends_with(".parquet") {
            ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
        } else {
            FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect()
        };
        let schema = batches[0].schema().as_ref().clone();
        (schema, batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|i| row(batch, i))).collect())
    }
}

fn row(batch: &RecordBatch, i: usize) -> Row {
    let number = |name| batch.column_by_name(name).map(|column| column.as_primitive::<UInt32Type>());
    let number = |name| number(name).and_then(|column| column.is_valid(i).then(|| column.value(i)));
    let text = |name| batch.column_by_name(name).unwrap().as_string::<i32>();
    let scores = batch.column_by_name("scores").unwrap().as_fixed_size_list();
    let bits = || scores.value(i).as_primitive::<Float32Type>().values().iter().map(|x| x.to_bits()).collect();
    Row {
        name: text("name").value(i).into(),
        prediction: number("prediction"),
        label: number("label"),
        steps: number("steps"),
        scores: scores.is_valid(i).then(bits),
        error: text("error").is_valid(i).then(|| text("error").value(i).into()),
    }
}

#[test]
fn tables_hold_what_the_csv_and_the_scores_hold() {
    let bench = Bench::new();
    bench.good(&run("out.csv"));
    let csv = String::from_utf8(bench.read("out.csv")).unwrap();
    let scores = bench.array("out.npy");
    for name in TABLES {
        bench.good(&run(name));
        let (schema, rows) = bench.table(name);
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(columns, ["name", "prediction", "label", "scores", "error"]);
        let metadata = schema.field_with_name("scores").unwrap().metadata();
        assert_eq!((metadata["shape"].as_str(), metadata["classes"].as_str()), ("[3]", "[]"));
        assert_eq!(rows.len(), 20);
        for (i, (row, line)) in rows.iter().zip(csv.lines().skip(1)).enumerate() {
            let cells: Vec<&str> = line.split(',').collect();
            let bits: Vec<u32> = scores.data()[3 * i..3 * i + 3].iter().map(|x| x.to_bits()).collect();
            assert_eq!((row.name.as_str(), row.error.as_deref()), (cells[0], None));
            assert_eq!(row.prediction.unwrap().to_string(), cells[1]);
            assert_eq!(row.label.unwrap().to_string(), cells[2]);
            assert_eq!(row.scores.as_ref(), Some(&bits), "{name}, row {i}");
        }
    }
    assert!(scores.data().iter().any(|&x| x != 0.0));
}

#[test]
fn the_same_bytes_whatever_batch_and_threads() {
    let bench = Bench::new();
    for kind in ["parquet", "feather", "IPC"] {
        let mut first = None;
        for (batch, threads, seconds) in [(1, 1, 0), (7, 2, 0), (64, 1, 5)] {
            bench.good(&format!(
                "run net.safetensors x.npy --steps 4 --quiet --readout trace --batch {batch} --threads {threads} \
                 --checkpoint {seconds} --predictions out.{kind}"
            ));
            let got = bench.read(&format!("out.{kind}"));
            assert!(*first.get_or_insert_with(|| got.clone()) == got, "{kind}, batch {batch}, threads {threads}");
        }
        assert!(first.unwrap().starts_with(if kind == "parquet" { b"PAR1" } else { b"ARRO" }));
    }
    bench.good("run net.safetensors x.npy --steps 4 --quiet --readout trace --predictions out.arrow");
    let (schema, rows) = bench.table("out.arrow");
    assert_eq!(schema.field_with_name("scores").unwrap().metadata()["shape"], "[4,3]");
    assert!(rows.iter().all(|row| row.label.is_none() && row.scores.as_ref().unwrap().len() == 12));
}

#[test]
fn samples_of_different_length_have_their_steps() {
    let bench = Bench::new();
    bench.folder.put("lengths.npy", &npy("|u1", &[5], &[6, 3, 1, 5, 3]));
    for name in TABLES {
        bench.good(&format!("run leaky.safetensors sequences.npy --lengths lengths.npy --quiet --predictions {name}"));
        let steps: Vec<Option<u32>> = bench.table(name).1.iter().map(|row| row.steps).collect();
        assert_eq!(steps, [6, 3, 1, 5, 3].map(Some));
    }
}

#[test]
fn bad_samples_have_no_scores_but_a_reason() {
    let bench = Bench::new();
    let images = bench.path("images");
    fs::create_dir(&images).unwrap();
    let whole = image(::image::ImageFormat::Png);
    for (name, length) in [("a.png", whole.len()), ("b.png", whole.len() / 2), ("c.png", whole.len())] {
        fs::write(images.join(name), &whole[..length]).unwrap();
    }
    for name in TABLES {
        let outputs = format!("--predictions {name} --report out.json");
        let output = bench.saltatory(&format!("run net.safetensors images --steps 4 --quiet {outputs}"));
        assert_eq!(output.status.code(), Some(2));
        let (_, rows) = bench.table(name);
        let report = bench.json("out.json");
        let [a, b, c] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((b.prediction, &b.scores, b.error.as_deref()), (None, &None, report["bad"][0]["reason"].as_str()));
        assert!(b.name.ends_with("b.png") && b.error.is_some());
        assert!(a.scores.is_some() && a.scores == c.scores && a.prediction.is_some() && c.error.is_none());
    }
}

#[test]
fn killed_runs_go_on_and_end_with_the_same_bytes() {
    let bench = Bench::new();
    for name in TABLES {
        let run = run(name);
        bench.good(&run);
        let expected = bench.read(name);
        let mut killed = 0;
        for lines in [1, 2, 5, 12, 22] {
            fs::remove_file(bench.path(name)).unwrap();
            if !bench.interrupted(&run, lines, "-KILL").status.success() {
                killed += usize::from(!bench.hidden().is_empty());
                assert!(!bench.path(name).exists() || bench.read(name) == expected);
                bench.good(&format!("{run} --resume"));
            }
            assert!(bench.read(name) == expected, "{name}, killed at line {lines}");
            assert!(bench.hidden().is_empty(), "{:?}", bench.hidden());
        }
        assert!(killed > 0);
    }
}

#[test]
fn a_run_that_ends_while_it_writes_the_table_makes_it_again() {
    let bench = Bench::new();
    for name in TABLES {
        let run = format!("{} --record out.npz", run(name));
        bench.good(&run);
        let expected = [name, "out.npz"].map(|name| bench.read(name));
        [name, "out.npz"].iter().for_each(|name| fs::remove_file(bench.path(name)).unwrap());
        // A folder in its place: the table cannot be written.
        let whole = bench.path(&format!(".{name}.whole.partial"));
        fs::create_dir(&whole).unwrap();
        let output = bench.saltatory(&run);
        let message = super::stderr(&output);
        assert!(output.status.code() == Some(1) && message.contains("20 of 20 samples are saved"), "{message}");
        fs::remove_dir(&whole).unwrap();
        let [journal, rows] = [".out.npy.journal".into(), format!(".{name}.partial")];
        let left = [bench.read(&journal), bench.read(&rows)];
        // Killed within it, before its stream of rows was removed, and after.
        for at in ["within", "before", "after"] {
            match at {
                "within" => fs::write(&whole, b"half a table").unwrap(),
                "before" => fs::write(bench.path(&rows), &left[1]).unwrap(),
                // What recordings are made of goes after they have their name, too.
                _ => fs::write(bench.path(".out.npz.2.partial"), b"rows").unwrap(),
            }
            fs::write(bench.path(&journal), &left[0]).unwrap();
            bench.good(&format!("{run} --resume"));
            assert!([name, "out.npz"].map(|name| bench.read(name)) == expected, "{name}, killed {at}");
            assert!(bench.hidden().is_empty(), "{at}: {:?}", bench.hidden());
        }
    }
}

#[test]
fn shards_join_into_what_one_run_gives() {
    let bench = Bench::new();
    let samples: Vec<f32> = super::values(20 * 16).into_iter().enumerate().map(bad_in_first_shard).collect();
    bench.folder.put("x.npy", &npy("<f4", &[20, 1, 4, 4], &f32s(&samples)));
    let run = "run net.safetensors x.npy --steps 4 --labels labels.npy --batch 2 --device cpu --threads 1 --quiet";
    for i in 1..=4 {
        let outputs = format!("--predictions p{i}.parquet --report r{i}.json");
        let code = bench.saltatory(&format!("{run} --shard {i}/4 {outputs}")).status.code();
        assert_eq!(code, Some(if i == 1 { 2 } else { 0 }));
    }
    let reports = "r1.json r2.json r3.json r4.json";
    for name in TABLES {
        bench.saltatory(&format!("{run} --predictions {name}"));
        let expected = bench.read(name);
        let merged = bench.saltatory(&format!("merge {reports} --quiet --predictions {name} --report r.json"));
        assert_eq!(merged.status.code(), Some(2), "{}", super::stderr(&merged));
        assert!(bench.read(name) == expected, "{name}");
        assert_eq!(bench.json("r.json")["files"]["predictions"]["path"], name);
        let rows = bench.table(name).1;
        assert!(rows.len() == 20 && rows.iter().filter(|row| row.error.is_some()).count() == 5);
    }
    let message = bench.fails(&format!("merge {reports} --predictions p.csv"));
    assert!(message.contains("p1.parquet") && message.contains("CSV"), "{message}");
    let whole = bench.read("p3.parquet");
    bench.folder.put("p3.parquet", &bench.read("p4.parquet"));
    let message = bench.fails(&format!("merge {reports} --predictions p.parquet"));
    assert!(message.contains("p3.parquet") && message.contains("checksum"), "{message}");
    bench.folder.put("p3.parquet", &whole);
}

/// NaN where a sample is among the first five of 20: it is bad.
fn bad_in_first_shard((i, x): (usize, f32)) -> f32 {
    if i < 5 * 16 { f32::NAN } else { x }
}
