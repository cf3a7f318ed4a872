//! Figures as they are printed: one line each, name first, so that runs can be compared as text.

/// The middle of some figures; 0 without any.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// The value below which `share` (0 to 1) of the figures lie.
pub(crate) fn percentile(figures: &mut [f64], share: f64) -> f64 {
    figures.sort_by(f64::total_cmp);
    let index = ((figures.len().saturating_sub(1)) as f64 * share).round() as usize;
    figures.get(index).copied().unwrap_or(0.0)
}

/// Prints one figure.
#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
pub(crate) fn line(name: &str, text: &str) {
    println!("{name:<44} {text}");
}
