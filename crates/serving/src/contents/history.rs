//! [`History`]: how many old rows a shard keeps, and from which time on.

use std::collections::VecDeque;

use kappa_types::Timestamp;

use crate::horizon::ReadableTimes;

/// Most steps that are remembered one by one; beyond, neighbours are joined, and times are given up
/// a little more coarsely.
const STEP_COUNT_MAX: usize = 4096;

/// Old rows by the time they ended.
///
/// * `oldest` never falls, and never passes the newest boundary it was told of.
#[derive(Debug)]
pub(super) struct History {
    steps: VecDeque<(Timestamp, usize)>,
    row_count: usize,
    size_bytes_max: usize,
    oldest: Timestamp,
}

impl History {
    /// No history; at most `size_bytes_max` of it.
    pub(super) const fn new(size_bytes_max: usize) -> Self {
        Self { steps: VecDeque::new(), row_count: 0, size_bytes_max, oldest: Timestamp::MIN }
    }

    /// The oldest time that can be read.
    pub(super) const fn oldest(&self) -> Timestamp {
        self.oldest
    }

    /// `row_count` rows ended at `time`.
    pub(super) fn ended(&mut self, time: Timestamp, row_count: usize) {
        if row_count == 0 {
            return;
        }
        self.row_count += row_count;
        match self.steps.back_mut() {
            Some((last, count)) if *last == time => *count += row_count,
            _ => self.steps.push_back((time, row_count)),
        }
        if self.steps.len() > STEP_COUNT_MAX {
            let steps: Vec<_> = self.steps.drain(..).collect();
            self.steps = steps
                .chunks(2)
                .map(|pair| (pair[pair.len() - 1].0, pair.iter().map(|(_, count)| count).sum()))
                .collect();
        }
    }

    /// Moves `oldest` to what is held, and further if what is held is too much at `row_size_bytes`
    /// per row. Rows of times that are not readable yet are never given up.
    pub(super) fn advance(&mut self, times: ReadableTimes, row_size_bytes: usize) {
        self.oldest = self.oldest.max(times.oldest);
        let row_count_max = self.size_bytes_max / row_size_bytes.max(1);
        while let Some((time, count)) = self.steps.front().copied() {
            let forgotten = time <= self.oldest;
            let surplus = self.row_count > row_count_max && time <= times.boundary;
            if !forgotten && !surplus {
                break;
            }
            self.oldest = self.oldest.max(time);
            self.row_count -= count;
            self.steps.pop_front();
        }
    }
}
