//! Microseconds since midnight as `HH:MM:SS[.ffffff]`.

use super::integer;

/// Microseconds in a second.
pub(super) const SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub(super) const MINUTE: i64 = 60 * SECOND;
/// Microseconds in an hour.
pub(super) const HOUR: i64 = 60 * MINUTE;
/// Microseconds in a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// Writes a time of day (24:00:00 included).
pub(super) fn write(micros: i64, out: &mut Vec<u8>) {
    let seconds = micros / SECOND;
    integer::write_pair((seconds / 3600) as u32, out);
    out.push(b':');
    integer::write_pair((seconds / 60 % 60) as u32, out);
    out.push(b':');
    integer::write_pair((seconds % 60) as u32, out);
    write_fraction(micros % SECOND, out);
}

/// Writes `.ffffff` without trailing zeros, nothing for 0.
pub(super) fn write_fraction(micros: i64, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    out.push(b'.');
    integer::write_padded(micros.unsigned_abs(), 6, out);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}
