//! Gives memory back to the system: soon while it works, all that it can while it idles.
//!
//! The log keeps its newest rows in memory for those who follow it; they have them by then. The
//! allocator keeps freed pages for a while and looks at them again only when it needs some: a
//! server that has loaded much and then idles would keep them for good. Why the while is as short as
//! it is: docs/decisions/2026-11-22-no-transparent-huge-pages.md.

use std::ffi::{c_int, c_long};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::Engine;

/// How often the server looks whether it idles.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The server idles if it used less processor time than this since it last looked.
const IDLE_CPU_MAX: Duration = Duration::from_millis(100);

/// How long freed pages are kept for the next one who wants some, milliseconds.
const PURGE_DELAY_MS: c_long = 100;

/// `mi_option_purge_delay` in `mi_option_e` of mimalloc 3, which its bindings have no name for.
const PURGE_DELAY: c_int = 15;

/// Sets how the allocator keeps freed pages, unless `MIMALLOC_PURGE_DELAY` says.
pub(crate) fn configure() {
    // SAFETY: it takes no pointers; the option is one of the allocator's.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS) };
}

/// Gives memory back once each time that the server begins to idle, until `shutdown`.
pub(crate) async fn give_back_when_idle(engine: Arc<Engine>, mut shutdown: watch::Receiver<bool>) {
    let (mut before, mut given) = (cpu_time(), false);
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            _ = shutdown.changed() => return,
        }
        let now = cpu_time();
        let idle = now.saturating_sub(before) < IDLE_CPU_MAX;
        if idle && !given {
            engine.log.forget_recent();
            // SAFETY: it takes no pointers and may be called on any thread.
            unsafe { libmimalloc_sys::mi_collect(true) };
        }
        given = idle;
        before = now;
    }
}

/// Processor time of all threads since the process began.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock writes one timespec, which outlives the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    if result != 0 {
        return Duration::MAX;
    }
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
