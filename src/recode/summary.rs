//! What is counted of a run: rows, decisions, gaps, sections. Counts of parts add up to those of the whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::coding::Coding;

/// Classes of the histogram of confidence gaps, from 0 to 1.
pub const GAP_CLASSES: usize = 20;

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows that were read, good or bad.
    pub rows: u64,
    /// Rows that were coded.
    pub coded: u64,
    /// Rows that could not be coded, by the code of the reason.
    pub errors: BTreeMap<String, u64>,
    /// For each nomenclature what came out.
    pub nomenclatures: BTreeMap<String, CodingCounts>,
}

/// What is counted of the codings in one nomenclature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodingCounts {
    /// The model version, `NAME:VERSION`.
    pub model: String,
    /// Codes that were given.
    pub automatic: u64,
    /// Those for a person, by the reason.
    pub manual: BTreeMap<String, u64>,
    /// How many gaps are in each of twenty classes from 0 to 1.
    pub gaps: Vec<u64>,
    /// By section of the best code.
    pub sections: BTreeMap<String, SectionCounts>,
    /// Best codes that are the previous one, of the rows that have one; with a previous code in this nomenclature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agree: Option<Share>,
    /// Best codes that succeed the previous one, of the rows that have one; with a previous code in another nomenclature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_successors: Option<Share>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Those for which it holds.
    pub count: u64,
    /// Those of which it is known.
    pub of: u64,
}

/// What is counted of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionCounts {
    /// Rows.
    pub rows: u64,
    /// Codes given among them.
    pub automatic: u64,
}

/// What a run did, printed at its end.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Where the rows are.
    pub output: String,
    /// Where the bad rows are; none when there were none.
    pub errors_file: Option<String>,
    /// Parts that were written.
    pub parts: u64,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that were coded.
    pub coded: u64,
    /// Rows that could not be.
    pub failed: u64,
    /// Those, by the code of the reason.
    pub errors: BTreeMap<String, u64>,
    /// For each nomenclature what came out.
    pub nomenclatures: BTreeMap<String, NomenclatureSummary>,
}

/// What came out in one nomenclature.
#[derive(Clone, Debug, Serialize)]
pub struct NomenclatureSummary {
    /// The share of codes given, of the rows that were coded.
    pub automatic_rate: f64,
    /// The counts.
    #[serde(flatten)]
    pub counts: CodingCounts,
}

impl Summary {
    /// The summary of these counts.
    pub fn new(output: String, errors_file: Option<String>, parts: u64, counts: Counts) -> Self {
        let coded = counts.coded;
        let of_each = counts.nomenclatures.into_iter().map(|(nomenclature, counts)| {
            let automatic_rate = counts.automatic as f64 / coded.max(1) as f64;
            (nomenclature, NomenclatureSummary { automatic_rate, counts })
        });
        let failed = counts.errors.values().sum();
        Self {
            output,
            errors_file,
            parts,
            rows: counts.rows,
            coded,
            failed,
            errors: counts.errors,
            nomenclatures: of_each.collect(),
        }
    }
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.coded += other.coded;
        add_each(&mut self.errors, &other.errors);
        for (nomenclature, counts) in &other.nomenclatures {
            self.nomenclatures.entry(nomenclature.clone()).or_default().add(counts);
        }
    }

    /// Counts a row that could not be coded.
    pub fn failed(&mut self, code: &str) {
        match self.errors.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(self.errors.insert(code.to_owned(), 1)),
        }
    }

    /// How many could not be coded.
    pub fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    /// The codes given, of the rows coded, in all nomenclatures.
    pub fn automatic_rate(&self) -> f64 {
        let automatic: u64 = self.nomenclatures.values().map(|counts| counts.automatic).sum();
        automatic as f64 / (self.coded * self.nomenclatures.len() as u64).max(1) as f64
    }
}

impl CodingCounts {
    /// Counts a coding, and what its best code is to the previous one.
    pub fn count(&mut self, coding: &Coding) {
        if self.model.is_empty() {
            self.model = coding.model.to_string();
        }
        let automatic = coding.decision.is_automatic();
        self.automatic += u64::from(automatic);
        if let Some(reason) = coding.decision.reason() {
            match self.manual.get_mut(reason.as_str()) {
                Some(count) => *count += 1,
                None => drop(self.manual.insert(reason.as_str().to_owned(), 1)),
            }
        }
        self.gaps.resize(GAP_CLASSES, 0);
        let class = ((coding.gap * GAP_CLASSES as f64) as usize).min(GAP_CLASSES - 1);
        self.gaps.iter_mut().skip(class).take(1).for_each(|count| *count += 1);
        let best = coding.predictions.first().map(|best| &best.label);
        let section = best.and_then(|label| label.path.first()).map_or("", |section| section.as_str());
        if !self.sections.contains_key(section) {
            self.sections.insert(section.to_owned(), SectionCounts::default());
        }
        if let Some(counts) = self.sections.get_mut(section) {
            counts.rows += 1;
            counts.automatic += u64::from(automatic);
        }
    }

    fn add(&mut self, other: &Self) {
        if self.model.is_empty() {
            self.model.clone_from(&other.model);
        }
        self.automatic += other.automatic;
        add_each(&mut self.manual, &other.manual);
        self.gaps.resize(GAP_CLASSES, 0);
        self.gaps.iter_mut().zip(&other.gaps).for_each(|(sum, more)| *sum += more);
        for (section, more) in &other.sections {
            let counts = self.sections.entry(section.clone()).or_default();
            counts.rows += more.rows;
            counts.automatic += more.automatic;
        }
        for (share, more) in [(&mut self.agree, other.agree), (&mut self.legal_successors, other.legal_successors)] {
            if let Some(more) = more {
                let share = share.get_or_insert_default();
                share.count += more.count;
                share.of += more.of;
            }
        }
    }
}

impl Share {
    /// Counts one, if it is known.
    pub fn note(&mut self, holds: Option<bool>) {
        self.count += u64::from(holds == Some(true));
        self.of += u64::from(holds.is_some());
    }
}

fn add_each(sums: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, count) in more {
        *sums.entry(name.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(automatic: u64) -> Counts {
        let sections = BTreeMap::from([("S".to_owned(), SectionCounts { rows: 3, automatic })]);
        let agree = Some(Share { count: 1, of: 2 });
        let mut gaps = vec![0; GAP_CLASSES];
        gaps[19] = 3;
        let of_one =
            CodingCounts { model: "m:1".to_owned(), automatic, gaps, sections, agree, ..CodingCounts::default() };
        let mut counts = Counts { rows: 4, coded: 3, ..Counts::default() };
        counts.nomenclatures.insert("naf2008".to_owned(), of_one);
        counts.failed("empty_description");
        counts
    }

    #[test]
    fn counts_of_parts_add_up() {
        let mut sum = Counts::default();
        sum.add(&counts(1));
        sum.add(&counts(2));
        assert_eq!((sum.rows, sum.coded, sum.failures()), (8, 6, 2));
        let of_one = &sum.nomenclatures["naf2008"];
        assert_eq!((of_one.automatic, of_one.gaps[19], of_one.model.as_str()), (3, 6, "m:1"));
        assert_eq!(of_one.sections["S"], SectionCounts { rows: 6, automatic: 3 });
        assert_eq!(of_one.agree, Some(Share { count: 2, of: 4 }));
        assert_eq!(sum.automatic_rate(), 0.5);
        let read: Counts = serde_json::from_str(&serde_json::to_string(&sum).unwrap()).unwrap();
        assert_eq!(read, sum);
        let summary = Summary::new("out".to_owned(), None, 2, sum);
        assert_eq!((summary.failed, summary.nomenclatures["naf2008"].automatic_rate), (2, 0.5));
    }
}
