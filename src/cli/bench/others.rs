//! How much of the machine other processes took meanwhile, as Linux counts it.

/// Shares above this are marked.
const MUCH: f64 = 0.15;

/// CPU time of others and of all cores, in ticks, summed over what was measured.
#[derive(Default)]
pub struct Others {
    others: u64,
    all: u64,
}

/// CPU time since the machine, and the processes that are measured, were started.
struct Reading {
    busy: u64,
    all: u64,
    own: u64,
}

impl Others {
    /// Does the work of this process, or of this one and another that works for it, and counts what others do meanwhile.
    pub fn during<T>(&mut self, helper: Option<u32>, work: impl FnOnce() -> T) -> T {
        let before = read(helper);
        let done = work();
        if let (Some(before), Some(after)) = (before, read(helper)) {
            let own = after.own.saturating_sub(before.own);
            self.others += after.busy.saturating_sub(before.busy).saturating_sub(own);
            self.all += after.all.saturating_sub(before.all);
        }
        done
    }

    /// Their share of all cores; `None` where nobody counts it, or nothing was long enough to be counted.
    pub fn share(&self) -> Option<f64> {
        (self.all > 0).then(|| self.others as f64 / self.all as f64)
    }

    /// Stands before a figure that they may have spoilt.
    pub fn mark(&self) -> &'static str {
        if self.share().is_some_and(|share| share > MUCH) { "~" } else { "" }
    }
}

fn read(helper: Option<u32>) -> Option<Reading> {
    let file = |path: String| std::fs::read_to_string(path).ok();
    let [busy, all] = of_machine(&file("/proc/stat".into())?)?;
    let mut own = of_process(&file("/proc/self/stat".into())?)?;
    if let Some(helper) = helper {
        own += of_process(&file(format!("/proc/{helper}/stat"))?)?;
    }
    Some(Reading { busy, all, own })
}

/// Busy ticks and all: user, nice, system, idle, waiting, interrupts of two kinds, taken by other virtual machines.
fn of_machine(text: &str) -> Option<[u64; 2]> {
    let words = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let ticks = words.take(8).map(|word| word.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let all: u64 = ticks.iter().sum();
    Some([all - ticks.get(3)? - ticks.get(4)?, all])
}

/// Ticks in user mode and in the kernel: the 14th and 15th word; the second, a name in brackets, may hold blanks.
fn of_process(text: &str) -> Option<u64> {
    let (_, after) = text.rsplit_once(')')?;
    let mut words = after.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<u64>().ok();
    Some(ticks()? + ticks()?)
}

#[cfg(test)]
mod tests {
    use super::{Others, of_machine, of_process};

    #[test]
    fn ticks_are_read() {
        let machine = "cpu  100 1 20 800 60 2 3 14 9 9\ncpu0 1 1 1 1\n";
        assert_eq!(of_machine(machine), Some([140, 1000]));
        let process = "7 (a (b) c) S 1 7 7 0 -1 4194560 5 0 0 0 31 11 0 0 20 0";
        assert_eq!(of_process(process), Some(42));
        assert_eq!((of_machine("cpu  1 2"), of_process("7 (a) S 1")), (None, None));
    }

    #[test]
    fn shares_are_of_all_cores() {
        assert_eq!(Others { others: 30, all: 200 }.share(), Some(0.15));
        let mark = |others| Others { others, all: 200 }.mark();
        assert_eq!([0, 30, 31].map(mark), ["", "", "~"]);
        assert_eq!(Others::default().share(), None);
    }

    #[test]
    fn work_is_done_whoever_counts() {
        let mut others = Others::default();
        assert_eq!(others.during(Some(0), || 5), 5);
        assert_eq!(others.share(), None, "there is no such process");
    }
}
