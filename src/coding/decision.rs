//! Automatic or manual: decided here, once.

use serde::{Deserialize, Serialize};

/// What becomes of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The best code is given.
    Automatic,
    /// A person decides.
    Manual(ManualReason),
}

/// Why a person has to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManualReason {
    /// The confidence gap is below the threshold.
    BelowThreshold,
    /// Nothing is left of the text after normalisation.
    NothingLeft,
    /// The model knows nothing of the text.
    NothingKnown,
}

impl ManualReason {
    /// What programs know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BelowThreshold => "below_threshold",
            Self::NothingLeft => "nothing_left",
            Self::NothingKnown => "nothing_known",
        }
    }
}

impl Decision {
    /// Automatic if and only if `gap >= threshold` and no reason for manual was found before.
    pub fn new(gap: f64, threshold: f64, found_before: Option<ManualReason>) -> Self {
        match found_before {
            Some(reason) => Self::Manual(reason),
            None if gap >= threshold => Self::Automatic,
            None => Self::Manual(ManualReason::BelowThreshold),
        }
    }

    /// Whether the best code is given.
    pub fn is_automatic(self) -> bool {
        self == Self::Automatic
    }

    /// Why a person has to decide, when one has to.
    pub fn reason(self) -> Option<ManualReason> {
        match self {
            Self::Automatic => None,
            Self::Manual(reason) => Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_itself_is_automatic() {
        assert_eq!(Decision::new(0.5, 0.5, None), Decision::Automatic);
        assert_eq!(Decision::new(0.5f64.next_down(), 0.5, None).reason(), Some(ManualReason::BelowThreshold));
    }

    #[test]
    fn a_reason_found_before_wins_over_any_gap() {
        let decision = Decision::new(1.0, 0.0, Some(ManualReason::NothingKnown));
        assert_eq!(decision, Decision::Manual(ManualReason::NothingKnown));
    }
}
