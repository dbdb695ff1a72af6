//! A version that sees what the one in service codes, and answers nothing: how far the two agree is told before anybody
//! promotes it. What it does is done beside, last of all, and left out when there is no room for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::coding::activity::Activity;
use crate::coding::{Coder, Coding, CodingOptions, Label, ModelVersion};
use crate::process::give_way;
use crate::telemetry::Metrics;

/// Pieces that may wait for the shadow's thread, and about how many bytes of activities in all.
const WAITING: usize = 64;
const WAITING_BYTES: usize = 16 << 20;
/// What a case takes beside its text.
const CASE_BYTES: usize = 256;

/// A version that sees what the one in service codes.
pub struct Shadow {
    coder: Arc<Coder>,
    rate: f64,
    seen: AtomicU64,
    sections: Mutex<BTreeMap<String, Agreement>>,
    desk: ShadowDesk,
}

/// Where shadows work: one thread for all of them, of the lowest priority.
#[derive(Clone)]
pub struct ShadowDesk {
    sender: SyncSender<Piece>,
    waiting: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

/// What the version in service made of some activities.
struct Piece {
    shadow: Arc<Shadow>,
    served: Arc<ModelVersion>,
    cases: Vec<Case>,
    bytes: usize,
}

struct Case {
    activity: Activity,
    best: Option<Arc<Label>>,
    automatic: bool,
    gap: f64,
}

/// How far two versions agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Agreement {
    /// Activities both coded.
    pub activities: u64,
    /// Those with the same best code.
    pub same_code: u64,
    /// Those with the same decision.
    pub same_decision: u64,
    /// Those that the version in service codes automatically.
    pub automatic_before: u64,
    /// Those that the other would code automatically.
    pub automatic_after: u64,
    /// The other's confidence gap minus that of the one in service, on average.
    pub mean_gap_shift: f64,
}

impl Agreement {
    /// Counts an activity: same best code, automatic before and after, gap before and after.
    pub fn add(&mut self, same_code: bool, automatic: (bool, bool), gap: (f64, f64)) {
        self.activities += 1;
        self.same_code += u64::from(same_code);
        self.same_decision += u64::from(automatic.0 == automatic.1);
        self.automatic_before += u64::from(automatic.0);
        self.automatic_after += u64::from(automatic.1);
        self.mean_gap_shift += (gap.1 - gap.0 - self.mean_gap_shift) / self.activities as f64;
    }

    /// Of several, one.
    pub fn sum<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        let mut shift = 0.0;
        for part in parts {
            sum.activities += part.activities;
            sum.same_code += part.same_code;
            sum.same_decision += part.same_decision;
            sum.automatic_before += part.automatic_before;
            sum.automatic_after += part.automatic_after;
            shift += part.mean_gap_shift * part.activities as f64;
        }
        sum.mean_gap_shift = if sum.activities == 0 { 0.0 } else { shift / sum.activities as f64 };
        sum
    }
}

impl ShadowDesk {
    /// Starts the thread.
    pub fn start(metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let (told, done) = (Arc::clone(&metrics), Arc::clone(&waiting));
        std::thread::Builder::new().name("codif-shadow".to_owned()).spawn(move || work(&receiver, &done, &told))?;
        Ok(Self { sender, waiting, metrics })
    }

    /// Takes a piece if there is room for it.
    fn take(&self, piece: Piece) -> bool {
        let bytes = piece.bytes;
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let taken = before + bytes <= WAITING_BYTES && self.sender.try_send(piece).is_ok();
        if !taken {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        taken
    }
}

impl Shadow {
    /// A version that sees a share of the activities, 0 to 1.
    pub fn new(coder: Arc<Coder>, rate: f64, desk: ShadowDesk) -> Self {
        Self { coder, rate, seen: AtomicU64::new(0), sections: Mutex::default(), desk }
    }

    /// Which version it is.
    pub fn model(&self) -> &ModelVersion {
        &self.coder.model
    }

    /// Takes note of what the version in service made of activities, if there is room; never waits. What a canary answered,
    /// or at another threshold than the version's own, is not looked at or as if at its own.
    pub fn see(self: &Arc<Self>, served: &Coder, activities: &[Activity], codings: &[Coding]) {
        let of_served = activities.iter().zip(codings).filter(|(_, coding)| Arc::ptr_eq(&coding.model, &served.model));
        let cases = of_served.filter(|_| self.is_sampled()).map(|(activity, coding)| Case {
            activity: activity.clone(),
            best: coding.predictions.first().map(|best| Arc::clone(&best.label)),
            automatic: coding.automatic_at(served.threshold),
            gap: coding.gap,
        });
        let cases: Vec<Case> = cases.collect();
        if cases.is_empty() {
            return;
        }
        let served = Arc::clone(&served.model);
        let (count, nomenclature) = (cases.len() as u64, self.coder.nomenclature.id());
        let bytes = cases.iter().map(|case| case.activity.text().len() + CASE_BYTES).sum();
        if !self.desk.take(Piece { shadow: Arc::clone(self), served, cases, bytes }) {
            self.desk.metrics.shadow_dropped(nomenclature, count);
        }
    }

    /// Every so many-th activity, so that the share is exact.
    fn is_sampled(&self) -> bool {
        let before = self.seen.fetch_add(1, Ordering::Relaxed) as f64;
        ((before + 1.0) * self.rate).floor() > (before * self.rate).floor()
    }

    /// How far the two agree so far, by section of the code that the version in service gives.
    pub fn sections(&self) -> BTreeMap<String, Agreement> {
        self.sections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn work(receiver: &Receiver<Piece>, waiting: &AtomicUsize, metrics: &Metrics) {
    give_way();
    while let Ok(piece) = receiver.recv() {
        waiting.fetch_sub(piece.bytes, Ordering::Relaxed);
        let Ok(compared) = crate::process::caught(|| compare(&piece, metrics)) else { continue };
        if let Err(error) = compared {
            tracing::warn!(%error, shadow = %piece.shadow.model(), "a shadow could not code");
        }
    }
}

fn compare(piece: &Piece, metrics: &Metrics) -> candle_core::Result<()> {
    let Piece { shadow, served, cases, .. } = piece;
    let activities: Vec<Activity> = cases.iter().map(|case| case.activity.clone()).collect();
    let codings = shadow.coder.code(&activities, CodingOptions { top_k: 1, ..CodingOptions::default() })?;
    let mut sections = shadow.sections.lock().unwrap_or_else(PoisonError::into_inner);
    for (case, coding) in cases.iter().zip(&codings) {
        let best = coding.predictions.first().map(|best| &best.label.code);
        let same_code = case.best.as_ref().map(|label| &label.code) == best;
        let automatic = (case.automatic, coding.decision.is_automatic());
        let section = case.best.as_ref().and_then(|label| label.path.first()).map(ToString::to_string);
        let section = section.unwrap_or_default();
        metrics.compared(&shadow.coder, served, &section, same_code, automatic.0 == automatic.1);
        metrics.gap_shift(&shadow.coder, served, coding.gap - case.gap);
        sections.entry(section).or_default().add(same_code, automatic, (case.gap, coding.gap));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreements_sum_up() {
        let (mut one, mut other) = (Agreement::default(), Agreement::default());
        one.add(true, (true, true), (0.5, 0.7));
        one.add(false, (true, false), (0.5, 0.1));
        other.add(true, (false, false), (0.1, 0.2));
        let sum = Agreement::sum([&one, &other].into_iter());
        assert_eq!((sum.activities, sum.same_code, sum.same_decision), (3, 2, 2));
        assert_eq!((sum.automatic_before, sum.automatic_after), (2, 1));
        assert!((sum.mean_gap_shift - (0.2 - 0.4 + 0.1) / 3.0).abs() < 1e-12);
        assert_eq!(Agreement::sum([].into_iter()), Agreement::default());
    }
}
