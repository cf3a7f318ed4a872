//! sum and avg of intervals, unit by unit.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType};

use super::interface::{Evaluated, Kind, bytes_column, each_bytes, each_row, next};
use crate::operator::Reason;

const NANOS_PER_DAY: i128 = 86_400_000_000_000;
const NANOS_PER_MICRO: i128 = 1000;
const DAYS_PER_MONTH: i128 = 30;

/// sum and avg over interval.
pub(crate) struct IntervalSum {
    /// Divided by the number of values; what is left of months becomes days of 1/30 month, what is
    /// left of days becomes time.
    pub(crate) average: bool,
}

/// Sums of the three units.
#[derive(Clone, Copy, Default)]
pub(crate) struct Units {
    months: i64,
    days: i64,
    nanos: i128,
}

impl Kind for IntervalSum {
    type Cell = Units;
    type Part = Units;

    fn update(
        &self,
        cells: &mut [Units],
        groups: &[u32],
        values: &ArrayRef,
        diffs: Option<&[i64]>,
    ) {
        let values = values.as_primitive::<IntervalMonthDayNanoType>().values();
        each_row(groups, values, diffs, |group, value, diff| {
            let cell = &mut cells[group];
            cell.months += i64::from(value.months) * diff;
            cell.days += i64::from(value.days) * diff;
            cell.nanos += i128::from(value.nanoseconds) * i128::from(diff);
        });
    }

    fn part(&self, cell: &Units) -> Units {
        *cell
    }

    fn finish(&self, parts: &[Units], counts: &[i64]) -> Evaluated {
        let mut errors = Vec::new();
        let results: IntervalMonthDayNanoArray = parts
            .iter()
            .zip(counts)
            .enumerate()
            .map(|(index, (units, count))| {
                if *count <= 0 {
                    return None;
                }
                let units = if self.average { units.divided(*count) } else { *units };
                let value = units.interval();
                if value.is_none() {
                    errors.push((index, Reason("22008: interval out of range".into())));
                }
                value
            })
            .collect();
        Evaluated { array: Arc::new(results), errors }
    }

    fn merge(&self, cell: &mut Units, other: &Units) {
        cell.months += other.months;
        cell.days += other.days;
        cell.nanos += other.nanos;
    }

    fn export<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Units>) -> ArrayRef {
        bytes_column(cells, |cell, bytes| {
            bytes.extend_from_slice(&cell.months.to_le_bytes());
            bytes.extend_from_slice(&cell.days.to_le_bytes());
            bytes.extend_from_slice(&cell.nanos.to_le_bytes());
        })
    }

    fn absorb(&self, cells: &mut [Units], groups: &[u32], column: &ArrayRef) {
        each_bytes(groups, column, |group, mut bytes| {
            let months = i64::from_le_bytes(next(&mut bytes));
            let days = i64::from_le_bytes(next(&mut bytes));
            let units = Units { months, days, nanos: i128::from_le_bytes(next(&mut bytes)) };
            self.merge(&mut cells[group as usize], &units);
        });
    }
}

/// `number / divisor` to the nearest whole number, to the even one of two, as PostgreSQL's `rint`.
const fn divided_to_even(number: i128, divisor: i128) -> i128 {
    let (whole, rest) = (number.div_euclid(divisor), number.rem_euclid(divisor));
    let is_up = rest * 2 > divisor || (rest * 2 == divisor && whole % 2 != 0);
    if is_up { whole + 1 } else { whole }
}

impl Units {
    fn divided(self, count: i64) -> Self {
        let months = self.months / count;
        // The rest of the months in days, as a fraction over `count`.
        let day_fraction = i128::from(self.months % count) * DAYS_PER_MONTH + i128::from(self.days);
        let days = day_fraction / i128::from(count);
        let nano_fraction = (day_fraction % i128::from(count)) * NANOS_PER_DAY + self.nanos;
        let micros = nano_fraction / NANOS_PER_MICRO;
        let rounded = divided_to_even(micros, i128::from(count));
        Self { months, days: days as i64, nanos: rounded * NANOS_PER_MICRO }
    }

    fn interval(self) -> Option<IntervalMonthDayNano> {
        Some(IntervalMonthDayNano::new(
            self.months.try_into().ok()?,
            self.days.try_into().ok()?,
            self.nanos.try_into().ok()?,
        ))
    }
}
