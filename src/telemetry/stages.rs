//! How long each stage of a request took.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::coding;

/// A stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the body.
    Read,
    /// Making activities of it; of a large body also waiting for a thread that does.
    Parse,
    /// Waiting for a thread.
    Wait,
    /// A stage of the coding, over all the activities and nomenclatures of the request.
    Coding(coding::Stage),
    /// Writing the answer.
    Write,
}

impl Stage {
    /// Every stage, in the order of the work.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Parse,
        Self::Wait,
        Self::Coding(coding::Stage::Normalise),
        Self::Coding(coding::Stage::Features),
        Self::Coding(coding::Stage::Classify),
        Self::Coding(coding::Stage::Rank),
        Self::Write,
    ];

    /// Its name in the metrics and in `Server-Timing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Wait => "wait",
            Self::Coding(coding::Stage::Normalise) => "normalise",
            Self::Coding(coding::Stage::Features) => "features",
            Self::Coding(coding::Stage::Classify) => "classify",
            Self::Coding(coding::Stage::Rank) => "rank",
            Self::Write => "write",
        }
    }

    fn place(self) -> usize {
        Self::ALL.iter().position(|stage| *stage == self).unwrap_or_default()
    }
}

/// The time spent in each stage. Where several threads work on one request their times add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes([Duration; Stage::ALL.len()]);

impl StageTimes {
    /// Adds to a stage.
    pub fn add(&mut self, stage: Stage, spent: Duration) {
        if let Some(total) = self.0.get_mut(stage.place()) {
            *total += spent;
        }
    }

    /// Adds another's times.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(total, spent)| *total += spent);
    }

    /// Of the `elapsed` time of this work what its threads did not spend working, as far as it exceeds that, was waiting.
    pub fn wait_beside(&mut self, elapsed: Duration, threads: usize) {
        let worked: Duration = self.0.iter().sum::<Duration>() / threads.max(1) as u32;
        self.add(Stage::Wait, elapsed.saturating_sub(worked));
    }

    /// The stages that took any time.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Duration)> {
        Stage::ALL.into_iter().zip(self.0).filter(|(_, spent)| !spent.is_zero())
    }

    /// The value of the `Server-Timing` header, in milliseconds.
    pub fn server_timing(&self) -> String {
        let mut header = String::new();
        for (stage, spent) in self.iter() {
            let separator = if header.is_empty() { "" } else { ", " };
            // In whole microseconds: writing a fraction costs more than many a stage.
            let microseconds = spent.as_micros();
            let (whole, thousandths) = (microseconds / 1000, microseconds % 1000);
            header.extend([separator, stage.name(), ";dur="]);
            let _ = write!(header, "{whole}.{thousandths:03}");
        }
        header
    }
}

/// Gives each stretch of time to the stage that ended it.
pub struct StageClock {
    last: Instant,
    times: StageTimes,
}

impl StageClock {
    /// Starts now.
    pub fn start() -> Self {
        Self { last: Instant::now(), times: StageTimes::default() }
    }

    /// The time since the last lap was this stage's.
    pub fn lap(&mut self, stage: Stage) {
        let now = Instant::now();
        self.times.add(stage, now - self.last);
        self.last = now;
    }

    /// The times.
    pub fn times(&self) -> StageTimes {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_without_time_are_left_out() {
        let mut times = StageTimes::default();
        assert_eq!(times.server_timing(), "");
        times.add(Stage::Write, Duration::from_micros(1500));
        times.add(Stage::Read, Duration::from_micros(20));
        assert_eq!(times.server_timing(), "read;dur=0.020, write;dur=1.500");
    }
}
