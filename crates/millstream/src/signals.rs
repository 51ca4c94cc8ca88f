//! Ctrl-C and the polite kill: the first asks for a graceful stop, the second ends the job.
//!
//! ```text
//! SIGINT, SIGTERM ─▶ one thread ─┬─ nobody listens: the process ends, exit code 1
//!                                ├─ first:  count 1, the listener stops its job
//!                                ├─ second: count 2, the listener cancels its job
//!                                └─ still listening a second later, or a third: the process ends
//! ```
//!
//! * Once a signal is caught it stays caught, so the thread also decides for the times between jobs.
//! * It is a thread of its own because a second signal must end the process at once, also while every
//!   thread of the jobs hangs in a computation or in a call to the system.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use millstream_core::{Error, Result};
use tokio::runtime::Builder;
use tokio::sync::watch;

/// How long a cancelled job may take to go.
const GRACE: Duration = Duration::from_secs(1);

/// Catches the signals of this process.
#[derive(Clone)]
pub(crate) struct Signals {
    count: watch::Sender<u32>,
    /// Which listener there is; 0: none.
    listener: Arc<AtomicU64>,
    /// How many there were.
    listeners: Arc<AtomicU64>,
}

impl Signals {
    /// Catches signals from now on.
    pub(crate) fn catch() -> Result<Self> {
        let failed = |error| Error::internal("cannot listen to signals").caused_by(error);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let guard = runtime.enter();
        let caught = Caught::new().map_err(failed)?;
        drop(guard);
        let signals = Signals {
            count: watch::Sender::new(0),
            listener: Arc::default(),
            listeners: Arc::default(),
        };
        let pass_on = signals.clone().pass_on(caught);
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(pass_on))
            .map_err(failed)?;
        Ok(signals)
    }

    /// Whoever holds the result takes care of signals.
    pub(crate) fn listen(&self) -> Listener {
        self.count.send_replace(0);
        let count = self.count.subscribe();
        let id = self.listeners.fetch_add(1, Ordering::Relaxed) + 1;
        self.listener.store(id, Ordering::SeqCst);
        Listener {
            count,
            listener: Arc::clone(&self.listener),
        }
    }

    async fn pass_on(self, mut caught: Caught) {
        loop {
            caught.next().await;
            let listener = self.listener.load(Ordering::SeqCst);
            if listener == 0 {
                leave();
            }
            let mut count = 0;
            self.count.send_modify(|known| {
                *known += 1;
                count = *known;
            });
            if count >= 2 {
                let third = tokio::time::timeout(GRACE, caught.next()).await;
                if third.is_ok() || self.listener.load(Ordering::SeqCst) == listener {
                    leave();
                }
            }
        }
    }
}

/// Ends the process, with the terminal as it was found.
fn leave() -> ! {
    // Nothing can be done if this fails, and the process is about to end.
    drop(crossterm::terminal::disable_raw_mode());
    process::exit(1)
}

/// Hears of signals until it is dropped.
pub(crate) struct Listener {
    count: watch::Receiver<u32>,
    listener: Arc<AtomicU64>,
}

impl Listener {
    /// Waits for the next signal; how many there were since this listener began.
    pub(crate) async fn next(&mut self) -> u32 {
        if self.count.changed().await.is_err() {
            // The sender lives as long as the process.
            return std::future::pending().await;
        }
        *self.count.borrow_and_update()
    }

    /// True if there was a signal since this listener began.
    pub(crate) fn is_interrupted(&self) -> bool {
        *self.count.borrow() > 0
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listener.store(0, Ordering::SeqCst);
    }
}

#[cfg(unix)]
struct Caught {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Caught {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Caught {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Caught;

#[cfg(not(unix))]
impl Caught {
    fn new() -> std::io::Result<Self> {
        Ok(Caught)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
