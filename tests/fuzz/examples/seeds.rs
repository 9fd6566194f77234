//! Small files of every kind, from which fuzzing begins: `corpus/<target>/` beside this package's manifest.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use hdf5_pure::{FileBuilder, GroupBuilder};
use image::{ImageFormat, RgbImage};
use saltatory::network::{DialectChoice, checkpoint, file};
use saltatory::neuron::{CubaLif, Dialect, Lif};
use saltatory::{Error, Network};
use saltatory_fuzz::{gzip, npz};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Corpus(PathBuf);

impl Corpus {
    /// Writes a seed with the bytes in front that say how the target takes it.
    fn put(&self, target: &str, name: &str, front: &[u8], bytes: &[u8]) -> Result<()> {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(name), [front, bytes].concat())?)
    }
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = Corpus(root.join("corpus"));
    arrays(&corpus)?;
    images(&corpus)?;
    networks(&corpus, &root.join("../../assets/networks"))?;
    nir(&corpus)?;
    runs(&corpus)?;
    if let Some(shared) = std::env::var_os("SALTATORY_SHARED") {
        nir_files(&corpus, Path::new(&shared))?;
    }
    println!("{}", corpus.0.display());
    Ok(())
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
}

fn idx(code: u8, shape: &[u32], data: &[u8]) -> Vec<u8> {
    let extents: Vec<u8> = shape.iter().flat_map(|d| d.to_be_bytes()).collect();
    [&[0, 0, code, shape.len() as u8], &extents[..], data].concat()
}

fn arrays(corpus: &Corpus) -> Result<()> {
    let x = npy("<f4", "(2, 2, 3)", &[0; 48]);
    let y = npy("|u1", "(2,)", &[1, 2]);
    let series = npy("|u1", "(3, 2, 2, 3)", &[9; 36]);
    for (name, front, bytes) in [
        ("plain", [2, 0, 0], &x),
        ("packed", [2, 0, 128], &x),
        ("time_first", [2, 32, 128], &series),
        ("drive", [3, 0, 0], &npy(">i8", "(5,)", &[0; 40])),
        ("channels_last", [5, 4, 0], &npy("<f2", "(1, 2, 2, 3)", &[0; 24])),
        ("counts", [2, 16, 0], &npy("<f8", "(1, 2, 3)", &[0; 48])),
    ] {
        corpus.put("npy", name, &front, bytes)?;
    }
    for (name, deflated) in [("stored", false), ("deflated", true)] {
        corpus.put("npz", name, &[2, 0, 0, 0], &npz(&[("x", &x), ("y", &y)], deflated))?;
        corpus.put(
            "npz",
            &format!("{name}_sound"),
            &[2, 0, 128 + u8::from(deflated), y.len() as u8],
            &[&y[..], &x].concat(),
        )?;
    }
    for (name, front, bytes) in [
        ("plain", [0, 0, 0], idx(8, &[2, 4, 4], &[7; 32])),
        ("packed", [0, 0, 128], idx(8, &[2, 4, 4], &[7; 32])),
        ("reals", [2, 0, 0], idx(0x0d, &[1, 2, 3], &[0; 24])),
        ("raw_gzip", [0, 0, 0], gzip(&idx(8, &[2, 4, 4], &[7; 32]))),
    ] {
        corpus.put("idx", name, &front, &bytes)?;
    }
    for (name, form, bytes) in [
        ("column", 0, b"1\n2\n3\n".to_vec()),
        ("table", 0, b"name,label\na.png,1\nb.png,22\n".to_vec()),
        ("quoted", 0, b"\"a,\"\"b\",1.0\n\"c\nd\",2\n".to_vec()),
        ("idx", 0, idx(8, &[3], &[1, 2, 3])),
        ("npy", 0, y.clone()),
        ("npy_packed", 128, y.clone()),
        ("npy_zipped", 193, y.clone()),
        ("npz", 0, npz(&[("labels", &y), ("x", &x)], true)),
    ] {
        corpus.put("labels", name, &[form], &bytes)?;
    }
    corpus.put("path_list", "all", &[], b"a.npy\nb\nc.png\nd\nd/e.bmp\n")?;
    corpus.put("path_list", "missing", &[], b"a.npy\r\n\nno.jpg\nno")
}

fn images(corpus: &Corpus) -> Result<()> {
    let picture = RgbImage::from_fn(4, 4, |x, y| image::Rgb([x as u8 * 40, y as u8 * 40, 7]));
    let gray = image::DynamicImage::ImageRgb8(picture.clone()).into_luma16();
    for (name, format) in [("png", ImageFormat::Png), ("jpeg", ImageFormat::Jpeg), ("bmp", ImageFormat::Bmp)] {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format)?;
        corpus.put("images", name, &[1, 0], bytes.get_ref())?;
        corpus.put("images", &format!("{name}_gray"), &[0, 2], bytes.get_ref())?;
    }
    let mut bytes = Cursor::new(Vec::new());
    gray.write_to(&mut bytes, ImageFormat::Png)?;
    corpus.put("images", "png_16", &[6, 0], bytes.get_ref())
}

fn networks(corpus: &Corpus, assets: &Path) -> Result<()> {
    for entry in fs::read_dir(assets)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        corpus.put("network_toml", &name, &[], &fs::read(&path)?)?;
    }
    let images = Network::new([1, 4, 4]).conv2d(2, 3).padding(1).batch_norm().spiking(Lif::tau(2.0)).max_pool(2);
    let images = images.flatten().linear(3).dropout(0.5).steps(2).build()?;
    let sound = Network::new([2, 9]).conv1d(3, 3).spiking(CubaLif::default()).delay(2).flatten().linear(4);
    let sound =
        sound.spiking(Lif::tau(2.0)).name("a").recurrent(true).linear(4).add("a").dialect(Dialect::Norse).build()?;
    for (name, mut network) in [("images", images), ("sound", sound)] {
        corpus.put("network_toml", name, &[], file::to_toml(&network)?.as_bytes())?;
        network.init(1)?;
        let folder = saltatory_fuzz::Folder::new();
        let path = folder.path().join("a.safetensors");
        checkpoint::save(&network, &path)?;
        corpus.put("checkpoint", name, &[], &fs::read(path)?)?;
    }
    let rules = "dialect = \"sinabs\"\ndt = 1.0\nspikes = \"one\"\nv_min = -1.0\nv_init = 0.5\n[nodes.\"a\"]\nreset = \"none\"\nfire = \"gt\"\n";
    DialectChoice::from_toml(rules, Path::new("rules"))?;
    corpus.put("dialect_toml", "rules", &[], rules.as_bytes())?;
    let mut session = saltatory::Session::new(saltatory_fuzz::stream()?, Default::default())?;
    session.step(&saltatory::Tensor::filled([3], 1.0))?;
    if let Some(state) = session.state()? {
        corpus.put("state", "whole", &[], &state.to_bytes()?)?;
    }
    corpus.put("state_dict", "whole", &[], &state_dict()?)
}

/// The tensors that `targets/state_dict.toml` takes.
fn state_dict() -> Result<Vec<u8>> {
    let tensors = [
        ("0.weight", "[2,1,3,3]", 18),
        ("0.bias", "[2]", 2),
        ("1.weight", "[2]", 2),
        ("1.bias", "[2]", 2),
        ("1.running_mean", "[2]", 2),
        ("1.running_var", "[2]", 2),
        ("tau", "[]", 1),
        ("factor", "[8]", 8),
        ("5.weight", "[3,8]", 24),
        ("5.bias", "[3]", 3),
    ];
    let (mut head, mut data) = (Vec::new(), Vec::new());
    for (name, shape, count) in tensors {
        let start = data.len();
        data.extend(std::iter::repeat_n(1.5f32.to_le_bytes(), count).flatten());
        head.push(format!(
            "\"{name}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{start},{}]}}",
            data.len()
        ));
    }
    let head = format!("{{{}}}", head.join(","));
    Ok([&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &data].concat())
}

fn node(name: &str, kind: &str) -> GroupBuilder {
    let mut group = FileBuilder::new().create_group(name);
    group.create_dataset("type").with_vlen_strings(&[kind]).with_shape(&[]);
    group
}

fn nir(corpus: &Corpus) -> Result<()> {
    let mut input = node("input", "Input");
    input.create_dataset("shape").with_i64_data(&[3]).with_shape(&[1]);
    let mut output = node("output", "Output");
    output.create_dataset("shape").with_i64_data(&[2]).with_shape(&[1]);
    let mut linear = node("fc", "Affine");
    linear.create_dataset("weight").with_f32_data(&[0.5; 6]).with_shape(&[2, 3]).with_chunks(&[2, 2]).with_deflate(4);
    linear.create_dataset("bias").with_f32_data(&[0.5; 2]).with_shape(&[2]);
    let mut lif = node("lif", "LIF");
    for (what, value) in [("tau", 0.01), ("r", 1.0), ("v_leak", 0.0), ("v_threshold", 1.0)] {
        lif.create_dataset(what).with_f32_data(&[value; 2]).with_shape(&[2]);
    }
    let mut graph = node("node", "NIRGraph");
    let edges = ["input", "fc", "fc", "lif", "lif", "lif", "lif", "output"];
    graph.create_dataset("edges").with_vlen_strings(&edges).with_shape(&[4, 2]);
    let mut nodes = graph.create_group("nodes");
    for node in [input, output, linear, lif] {
        nodes.add_group(node.finish());
    }
    graph.add_group(nodes.finish());
    let mut file = FileBuilder::new();
    file.add_group(graph.finish());
    corpus.put("nir", "chain", &[0], &file.finish()?)
}

/// Every `.nir` file below a folder that is small enough to be mutated.
fn nir_files(corpus: &Corpus, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            nir_files(corpus, &path)?;
        } else if path.extension().is_some_and(|e| e == "nir") && fs::metadata(&path)?.len() < 1 << 18 {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            corpus.put("nir", &name, &[1], &fs::read(&path).map_err(|e| Error::io(&path, e))?)?;
        }
    }
    Ok(())
}

const COUNTS: &str = r#"{"samples":2,"confusion":{"1":{"0":1}},"seconds":0.5,"busy":0.25,"latencies":{"-462":1},
"metrics":{"samples":2,"steps":3,
"populations":[{"layer":"a","neurons":2,"fires":true,"spikes":3,"active":3,"updates":6}],
"weighted":[{"layer":"b","accumulates":1,"multiply_accumulates":2,"dense":9,"performed":9,"active_inputs":3,"inputs":4,"zero_weights":0,"weights":4}]}}"#;

fn runs(corpus: &Corpus) -> Result<()> {
    let counts = COUNTS.replace('\n', "");
    let layout = r#"[{"layer":"a","shape":[2],"steps":3,"single":true,"fires":true,"has_current":false}]"#;
    let line = |record: &str| {
        let tally = counts.replacen('{', "{\"bad\":[[\"a\",\"b\"]],", 1);
        format!("{{\"tally\":{tally},\"predictions\":9,\"record\":{record},\"complete\":false}}")
    };
    let journal = format!("{{\"steps\":\"4\"}}\n{}\n{}", line("null"), line(layout));
    corpus.put("journal", "two", &[128], journal.as_bytes())?;
    let report = |index: usize| {
        let facts = r#""model":"m","device":"cpu","steps":3,"batch":2,"readout":"mean","classes":["a"],"confusion_size":2,
"row":[2],"footprint_bytes":9,"job":{"samples":"4"},"files":{"output":{"path":"s.npy","bytes":144,"crc32":"00000000"}}"#;
        format!(
            "{{{facts},\"shard\":{{\"index\":{index},\"of\":2}},\"bad\":[{{\"name\":\"a\",\"reason\":\"b\"}}],\"counts\":{counts}}}"
        )
    };
    corpus.put("merge", "two", &[], format!("{}\0{}", report(1), report(2)).as_bytes())
}
