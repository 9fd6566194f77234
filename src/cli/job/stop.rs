//! SIGINT and SIGTERM ask a run to stop when the batch in hand is done; a second one ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use saltatory::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The exit code of a run that was stopped, as shells know it.
pub const EXIT_CODE: u8 = 130;

/// Whether a run is to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on. SIGHUP keeps its meaning: `nohup` may have set it aside.
    pub fn listen() -> Result<Stop> {
        let stop = Stop::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order the first signal finds the flag down.
            let set = flag::register_conditional_shutdown(signal, EXIT_CODE.into(), stop.0.clone())
                .and_then(|_| flag::register(signal, stop.0.clone()));
            set.map_err(|e| Error::Request(format!("signals cannot be listened to: {e}")))?;
        }
        Ok(stop)
    }

    /// Whether a signal came.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
