//! Reading HDF5 into plain data: `/node/type`, `/node/edges`, `/node/nodes/<name>/...`, nested where a node is a graph.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use hdf5_pure::{DType, Dataset, File, Group, Layout, VlenStringReadOptions};

use super::sniff;
use super::source::{Budget, Metered};
use crate::error::{Error, Result};

/// More nodes than this in one file are taken for a mistake.
pub(super) const MAX_NODES: usize = 1024;
/// More edges than this in one graph are taken for a mistake.
pub(super) const MAX_EDGES: usize = 4 * MAX_NODES;
const MAX_DEPTH: usize = 16;
const MAX_ARRAYS: usize = 32;
/// More bytes than this in names are taken for a mistake.
const MAX_TEXT: usize = 4 << 20;
/// What is kept as f32; every other array is a parameter in f64.
const WEIGHTS: [&str; 3] = ["weight", "bias", "scale"];
/// Deflate, shuffle, Fletcher32, LZF: what `nir.write` and h5py produce without plug-ins.
const FILTERS: [u16; 4] = [1, 2, 3, 32000];

/// A graph as the file has it.
pub(super) struct Graph {
    /// Nodes by name.
    pub nodes: Vec<(String, Node)>,
    /// From, to.
    pub edges: Vec<(String, String)>,
}

/// A node as the file has it.
pub(super) enum Node {
    /// A nested graph.
    Graph(Graph),
    /// A primitive of this type, with its parameters.
    Primitive(String, BTreeMap<String, Array>),
}

/// One dataset.
pub(super) struct Array {
    /// Empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Values,
}

/// The values of a dataset.
pub(super) enum Values {
    /// Of a weight, bias or scale.
    Weights(Vec<f32>),
    /// Of any other parameter.
    Numbers(Vec<f64>),
    /// All values are this one: parameters of thousands of neurons usually are, and a plan is smaller for it.
    Same(f64),
    /// Strings.
    Text(Vec<String>),
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Graph> {
    parse(path, load(path)?)
}

/// Reads the bytes of a file.
pub(super) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Graph> {
    let budget = Budget::new(bytes.len() as u64);
    let read = move || {
        let mut reader = Reader { budget, nodes: 0 };
        reader.file(Metered::new(bytes))
    };
    // A damaged file may make the HDF5 reader panic, or recurse as deep as 64 KiB of nested datatypes allow. A thread
    // of its own contains both; where it panics the message still reaches stderr.
    let thread = std::thread::Builder::new().name("nir reader".into()).stack_size(64 << 20);
    let handle = thread.spawn(read).map_err(|e| Error::io(path, e))?;
    match handle.join() {
        Ok(read) => read.map_err(|message| Error::file(path, message)),
        Err(_) => Err(Error::file(path, "is damaged: the HDF5 reader gave up on it")),
    }
}

/// The whole file, once its first bytes look right.
fn load(path: &Path) -> Result<Vec<u8>> {
    let io = |e| Error::io(path, e);
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    (&mut file).take(1 << 16).read_to_end(&mut bytes).map_err(io)?;
    if let Some(message) = sniff::not_hdf5(&bytes) {
        return Err(Error::file(path, message));
    }
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Names what was being read.
fn at<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    move |e| format!("`{what}`: {e}")
}

struct Reader {
    budget: Budget,
    nodes: usize,
}

impl Reader {
    fn file(&mut self, source: Metered) -> Result<Graph, String> {
        let file = File::from_source(source).map_err(|e| format!("cannot be read as HDF5: {e}"))?;
        let root = file.root();
        let groups = root.iter_groups().map_err(|e| format!("cannot be read as HDF5: {e}"))?;
        let Some((_, node)) = groups.into_iter().find(|(name, _)| name == "node") else {
            return Err("is HDF5 but not NIR: it has no group `node`".into());
        };
        match self.node("node", &node, 0)? {
            Node::Graph(graph) => Ok(graph),
            Node::Primitive(kind, _) => Err(format!("expected a NIRGraph, got a single `{kind}`")),
        }
    }

    fn node(&mut self, path: &str, group: &Group, depth: usize) -> Result<Node, String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(format!("has more than {MAX_NODES} nodes"));
        }
        let datasets = group.iter_datasets().map_err(at(path))?;
        if datasets.len() > MAX_ARRAYS {
            return Err(format!("`{path}` has {} parameters, expected at most {MAX_ARRAYS}", datasets.len()));
        }
        let mut arrays = BTreeMap::new();
        for (name, dataset) in datasets {
            let array = self.array(&name, &dataset).map_err(at(&format!("{path}/{name}")))?;
            arrays.insert(name, array);
        }
        let kind = match arrays.remove("type").map(|a| a.values) {
            Some(Values::Text(mut text)) if text.len() == 1 => text.swap_remove(0),
            Some(_) => return Err(format!("`{path}/type`: expected one string")),
            None => return Err(format!("`{path}` has no `type`")),
        };
        if kind != "NIRGraph" {
            return Ok(Node::Primitive(kind, arrays));
        }
        if depth == MAX_DEPTH {
            return Err(format!("`{path}`: graphs are nested more than {MAX_DEPTH} deep"));
        }
        let edges = edges(arrays.remove("edges")).map_err(at(&format!("{path}/edges")))?;
        let mut nodes = Vec::new();
        let groups = group.iter_groups().map_err(at(path))?;
        if let Some((_, group)) = groups.into_iter().find(|(name, _)| name == "nodes") {
            for (name, inner) in group.iter_groups().map_err(at(path))? {
                let node = self.node(&format!("{path}/nodes/{name}"), &inner, depth + 1)?;
                nodes.push((name, node));
            }
        }
        Ok(Node::Graph(Graph { nodes, edges }))
    }

    fn array(&mut self, name: &str, dataset: &Dataset) -> Result<Array, String> {
        let text = |e: hdf5_pure::Error| e.to_string();
        let extents = dataset.shape().map_err(text)?;
        let count = extents.iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|_| extents.len() <= 8);
        let count = count.ok_or_else(|| format!("has the absurd shape {extents:?}"))?;
        let width = dataset.element_size().map_err(text)?;
        let bytes = count.checked_mul(width).ok_or_else(|| format!("has the absurd shape {extents:?}"))?;
        let dtype = dataset.dtype().map_err(text)?;
        let (grid, chunk) = chunks(dataset, &extents, width)?;
        // Numbers are read as f64 at most. Edge chunks are stored whole.
        self.budget.decode(bytes.max(count.saturating_mul(8)), chunk)?;
        self.budget.decode(grid.saturating_mul(chunk), chunk)?;
        if chunk > 0 && dataset.chunks().map_err(text)?.len() as u64 > grid {
            return Err(format!("has more than its {grid} chunks"));
        }
        let shape = extents.iter().map(|&d| d as usize).collect();
        let values = match dtype {
            DType::String | DType::VariableLengthString => {
                if bytes > MAX_TEXT as u64 {
                    return Err(format!("has {bytes} bytes of text"));
                }
                let limits =
                    VlenStringReadOptions::new().with_max_elements(2 * MAX_EDGES).with_max_payload_bytes(MAX_TEXT);
                Values::Text(if dtype == DType::String {
                    dataset.read_string().map_err(text)?.into_iter().map(trimmed).collect()
                } else {
                    dataset.read_vlen_strings(limits).map_err(text)?
                })
            }
            _ if WEIGHTS.contains(&name) => {
                self.budget.keep(count * 4)?;
                Values::Weights(dataset.read_f32().map_err(text)?)
            }
            _ => self.numbers(dataset.read_f64().map_err(text)?)?,
        };
        let got = match &values {
            Values::Weights(v) => v.len(),
            Values::Numbers(v) => v.len(),
            Values::Same(_) => count as usize,
            Values::Text(v) => v.len(),
        };
        if got as u64 != count {
            return Err(format!("expected {count} values, got {got}"));
        }
        Ok(Array { shape, values })
    }

    fn numbers(&mut self, values: Vec<f64>) -> Result<Values, String> {
        // By bits: NaN is a value like any other here, and -0 is not 0.
        if let Some(&first) = values.first()
            && values.iter().all(|v| v.to_bits() == first.to_bits())
        {
            return Ok(Values::Same(first));
        }
        let most = self.budget.most_numbers();
        if values.len() as u64 > most {
            return Err(format!("has {} differing values, more than {most} cannot be sound here", values.len()));
        }
        self.budget.keep(8 * values.len() as u64)?;
        Ok(Values::Numbers(values))
    }
}

/// How many chunks a dataset has, and the bytes of one as unpacked; 0 without chunks.
fn chunks(dataset: &Dataset, extents: &[u64], width: u64) -> Result<(u64, u64), String> {
    let text = |e: hdf5_pure::Error| e.to_string();
    let filters = dataset.filters();
    if let Some(other) = filters.iter().find(|f| !FILTERS.contains(f)) {
        return Err(format!("is compressed by HDF5 filter {other}; deflate, shuffle, Fletcher32 and LZF are read"));
    }
    if filters.len() > FILTERS.len() {
        return Err(format!("passes through {} filters", filters.len()));
    }
    let Layout::Chunked { chunk_shape, .. } = dataset.layout().map_err(text)? else { return Ok((0, 0)) };
    let absurd = || format!("has absurd chunks {chunk_shape:?} for a shape of {extents:?}");
    if chunk_shape.len() != extents.len() || chunk_shape.contains(&0) {
        return Err(absurd());
    }
    let chunk = chunk_shape.iter().try_fold(width, |n, &d| n.checked_mul(d)).ok_or_else(absurd)?;
    let grid = extents.iter().zip(&chunk_shape).try_fold(1u64, |n, (&d, &c)| n.checked_mul(d.div_ceil(c)));
    Ok((grid.ok_or_else(absurd)?, chunk))
}

/// Fixed-length strings may be padded.
fn trimmed(text: String) -> String {
    text.trim_end_matches(['\0', ' ']).to_owned()
}

fn edges(array: Option<Array>) -> Result<Vec<(String, String)>, String> {
    let Some(array) = array else { return Err("is missing".into()) };
    match array.values {
        _ if array.shape.contains(&0) => Ok(Vec::new()),
        Values::Text(names) if array.shape.len() == 2 && array.shape[1] == 2 && names.len() <= 2 * MAX_EDGES => {
            let mut names = names.into_iter();
            Ok(std::iter::from_fn(|| Some((names.next()?, names.next()?))).collect())
        }
        _ => Err(format!("expected at most {MAX_EDGES} pairs of names, got an array of shape {:?}", array.shape)),
    }
}
