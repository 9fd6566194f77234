//! The harness as a process: requests and replies as lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use saltatory::{Error, Result};
use serde_json::Value;
use tempfile::TempDir;

/// The harness, which travels with the program.
const FILES: [(&str, &str); 5] = [
    ("peers.py", include_str!("../../../../benches/peers/peers.py")),
    ("cases.py", include_str!("../../../../benches/peers/cases.py")),
    ("build.py", include_str!("../../../../benches/peers/build.py")),
    ("neurons.py", include_str!("../../../../benches/peers/neurons.py")),
    ("contract.py", include_str!("../../../../benches/peers/contract.py")),
];

/// Where its messages go, to be quoted if it ends.
const MESSAGES: &str = "messages.txt";

/// A running harness; it ends with this.
pub struct Process {
    python: PathBuf,
    folder: TempDir,
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Process {
    /// Starts the harness on so many threads.
    pub fn start(python: &Path, threads: usize) -> Result<Process> {
        let folder = tempfile::tempdir().map_err(|e| Error::io(std::env::temp_dir(), e))?;
        for (name, text) in FILES {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map_err(|e| Error::io(path, e))?;
        }
        let messages = folder.path().join(MESSAGES);
        let mut command = Command::new(python);
        command.arg(folder.path().join("peers.py")).arg("--serve").env("OMP_NUM_THREADS", threads.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(&messages).map_err(|e| Error::io(messages, e))?);
        let fault = |what: String| Error::Request(format!("--peers {}: {what}", python.display()));
        let mut child = command.spawn().map_err(|e| fault(format!("cannot be started: {e}")))?;
        let (Some(requests), Some(replies)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fault("has no standard input and output".into()));
        };
        Ok(Process { python: python.into(), folder, child, requests, replies: BufReader::new(replies) })
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the harness replies.
    pub fn ask(&mut self, request: &Value) -> Result<Value> {
        let mut reply = String::new();
        let sent = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        let came = sent.and_then(|()| self.replies.read_line(&mut reply));
        match came {
            Ok(bytes) if bytes > 0 => serde_json::from_str(&reply).map_err(|e| self.fault(&format!("replied {e}"))),
            _ => Err(self.fault(&self.last_message())),
        }
    }

    /// An error that names the Python.
    pub fn fault(&self, what: &str) -> Error {
        Error::Request(format!("--peers {}: {what}", self.python.display()))
    }

    fn last_message(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join(MESSAGES)).unwrap_or_default();
        let last = text.lines().rfind(|line| !line.trim().is_empty()).map(str::trim);
        format!("ended before it replied: {}", last.unwrap_or("it said nothing"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
