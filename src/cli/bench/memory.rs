//! The most memory that this process has had, as Linux counts it.

/// The most bytes in memory.
#[derive(Clone, Copy)]
pub struct Peak {
    pub bytes: u64,
    /// Whether that is since this case began; else since the process did.
    pub of_case_alone: bool,
}

/// Counts from now on.
pub struct Watch {
    fresh: bool,
}

impl Watch {
    pub fn begin() -> Watch {
        Watch { fresh: std::fs::write("/proc/self/clear_refs", "5").is_ok() }
    }

    /// The peak so far; `None` where nobody counts it.
    pub fn peak(&self) -> Option<Peak> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(Peak { bytes: kilobytes * 1024, of_case_alone: self.fresh })
    }
}
