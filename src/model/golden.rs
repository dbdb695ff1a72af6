//! `golden.jsonl`: cases whose answers are known. A model serves only after they come out right.

use serde::{Deserialize, Serialize};

use super::error::ModelFault;
use crate::coding::activity::{Activity, RawActivity};
use crate::coding::{Coder, Coding, CodingOptions};

/// Name of the file.
pub const FILE: &str = "golden.jsonl";
/// How far a probability may be from the golden one.
const TOLERANCE: f64 = 1e-3;

/// One activity and what the model answered when it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCase {
    /// The activity, as `/v1/code` takes it.
    pub activity: serde_json::Map<String, serde_json::Value>,
    /// The best codes and their probabilities, the best first.
    pub best: Vec<(String, f64)>,
    /// The confidence gap.
    pub gap: f64,
}

impl GoldenCase {
    /// The case that `coder` makes of an activity today.
    pub fn record(coder: &Coder, activity: serde_json::Map<String, serde_json::Value>) -> Result<Self, ModelFault> {
        let coding = code(coder, &activity).map_err(|reason| ModelFault::malformed("golden case", reason))?;
        let best = coding.predictions.iter().map(|p| (p.label.code.to_string(), p.probability)).collect();
        Ok(Self { activity, best, gap: coding.gap })
    }

    fn check(&self, coder: &Coder) -> Result<(), String> {
        let coding = code(coder, &self.activity)?;
        if (coding.gap - self.gap).abs() > TOLERANCE {
            return Err(format!("the gap is {:.6}, it should be {:.6}", coding.gap, self.gap));
        }
        for ((code, probability), found) in self.best.iter().zip(&coding.predictions) {
            let same_code = *code == found.label.code.to_string();
            let near = (found.probability - probability).abs() <= TOLERANCE;
            // Inside the tolerance two labels may change places: only a clear difference is a fault.
            if !near || (!same_code && self.stands_alone(*probability)) {
                let found = (&found.label.code, found.probability);
                return Err(format!("{} at {:.6} instead of {code} at {probability:.6}", found.0, found.1));
            }
        }
        Ok(())
    }

    fn stands_alone(&self, probability: f64) -> bool {
        self.best.iter().filter(|(_, other)| (other - probability).abs() <= TOLERANCE).count() == 1
            && self.best.last().is_some_and(|(_, last)| probability - last > TOLERANCE)
    }
}

/// Reads the cases of a file.
pub fn read(text: &str) -> Result<Vec<GoldenCase>, ModelFault> {
    let cases: Result<Vec<GoldenCase>, ModelFault> = text
        .lines()
        .enumerate()
        .map(|(index, line)| serde_json::from_str(line).map_err(|error| ModelFault::golden(index + 1, error)))
        .collect();
    match cases {
        Ok(cases) if cases.is_empty() => Err(ModelFault::malformed("set of golden cases", "it holds no case")),
        cases => cases,
    }
}

/// Replays the cases; the first that comes out otherwise is the fault.
pub fn replay(coder: &Coder, cases: &[GoldenCase]) -> Result<(), ModelFault> {
    cases.iter().enumerate().try_for_each(|(index, case)| {
        case.check(coder).map_err(|reason| ModelFault::Golden { line: index + 1, reason })
    })
}

fn code(coder: &Coder, activity: &serde_json::Map<String, serde_json::Value>) -> Result<Coding, String> {
    let raw = RawActivity::from_json_text(serde_json::Value::from(activity.clone()).to_string().as_bytes())
        .map_err(|unread| unread.error.to_string())?;
    let activity = Activity::try_from(raw).map_err(|error| error.to_string())?;
    let codings = coder.code(&[activity], CodingOptions::default()).map_err(|error| error.to_string())?;
    codings.into_iter().next().ok_or_else(|| "no coding came out".to_owned())
}
