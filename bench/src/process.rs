//! What a process has used, as the kernel counts it.

use anyhow::{Context, Result};

/// User and system time of a process so far, seconds.
pub(crate) fn cpu_seconds(process_id: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    // The command name may hold spaces; the numbers follow its closing parenthesis.
    let fields: Vec<&str> =
        stat.rsplit(')').next().context("empty stat")?.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    // SAFETY: sysconf only reads a constant.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
    Ok(ticks / per_second)
}

/// Anonymous resident memory of a process, bytes.
pub(crate) fn anonymous_bytes(process_id: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"))?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).context("no RssAnon")?;
    Ok(line.split_whitespace().nth(1).context("empty RssAnon")?.parse::<u64>()? * 1024)
}
