//! `codif model diff`: what changes from one version to another, and how far they agree on a sample.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::coding::activity::{Activity, RawActivity};
use crate::coding::{Coder, Coding, CodingOptions};
use crate::config::RegistryOptions;
use crate::model::bundle::parse_manifest;
use crate::model::manifest::Manifest;
use crate::nomenclature::Nomenclature;
use crate::registry::ModelReference;
use crate::serving::loading::Loader;
use crate::serving::shadow::Agreement;
use crate::training::corpus::{Columns, Corpus};

/// Labels named, at most.
const NAMED: usize = 20;
/// Parts of the manifest that are compared as they are written.
const PARTS: [&str; 9] = [
    "nomenclature",
    "architecture",
    "normaliser",
    "features",
    "tokenizer",
    "covariates",
    "free_labels",
    "loss",
    "temperature",
];

/// Prints what changes.
pub async fn diff(
    options: &RegistryOptions,
    references: [&ModelReference; 2],
    sample: Option<&Path>,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let loader = Loader::open(options).await?;
    let mut versions = Vec::new();
    for reference in references {
        let version = loader.registry.resolve(reference).await?;
        let manifest = parse_manifest(&loader.registry.manifest(&version).await?)?;
        versions.push((version, manifest));
    }
    let [(one, before), (other, after)] = versions.as_slice() else { bail!("two versions are compared") };
    writeln!(output, "{one} → {other}")?;
    of_manifests(before, after, output)?;
    let Some(sample) = sample else { return Ok(()) };
    let (before, after) = (loader.load(one).await?, loader.load(other).await?);
    let activities = activities(sample, &before.nomenclature)?;
    writeln!(output, "on {}, {} activities:", sample.display(), activities.len())?;
    agreement(&before, &after, &activities, output)
}

fn of_manifests(before: &Manifest, after: &Manifest, output: &mut dyn Write) -> anyhow::Result<()> {
    let mut line = |name: &str, before: &dyn std::fmt::Display, after: &dyn std::fmt::Display| {
        let (before, after) = (before.to_string(), after.to_string());
        match before == after {
            true => writeln!(output, "  {name:<14}{before}"),
            false => writeln!(output, "  {name:<14}{before} → {after}"),
        }
    };
    line("made", &before.created_at, &after.created_at)?;
    line("labels", &before.labels.len(), &after.labels.len())?;
    line("threshold", &before.decision.threshold, &after.decision.threshold)?;
    let accuracy = |manifest: &Manifest, k: usize| {
        let tops = manifest.metrics.iter().flat_map(|metrics| &metrics.top_k);
        let top = tops.filter(|top| top.k == k).map(|top| format!("{:.1} %", 100.0 * top.accuracy)).next();
        top.unwrap_or_else(|| "not measured".to_owned())
    };
    line("top-1", &accuracy(before, 1), &accuracy(after, 1))?;
    line("top-5", &accuracy(before, 5), &accuracy(after, 5))?;
    let rate = |manifest: &Manifest| match &manifest.metrics {
        Some(metrics) => format!("{:.1} %", 100.0 * metrics.at_threshold.automatic_rate.value),
        None => "not measured".to_owned(),
    };
    line("automatic", &rate(before), &rate(after))?;
    let labels = |manifest: &Manifest| manifest.labels.iter().cloned().collect::<BTreeSet<_>>();
    let (had, has) = (labels(before), labels(after));
    for (what, labels) in [("labels gone", &had - &has), ("labels new", &has - &had)] {
        if !labels.is_empty() {
            let named: Vec<&str> = labels.iter().take(NAMED).map(String::as_str).collect();
            let more = if labels.len() > NAMED { ", …" } else { "" };
            writeln!(output, "  {what:<14}{}{more}", named.join(", "))?;
        }
    }
    parts(&serde_json::to_value(before)?, &serde_json::to_value(after)?, output)
}

/// The parts that differ, as the manifests write them.
fn parts(before: &Value, after: &Value, output: &mut dyn Write) -> anyhow::Result<()> {
    for part in PARTS {
        let (before, after) = (before.get(part), after.get(part));
        if before != after {
            let short = |value: Option<&Value>| {
                let text = value.map(Value::to_string).unwrap_or_default();
                if text.chars().count() <= 60 {
                    text
                } else {
                    format!("{}…", text.chars().take(60).collect::<String>())
                }
            };
            writeln!(output, "  {part:<14}{} → {}", short(before), short(after))?;
        }
    }
    Ok(())
}

/// The activities of a sample: coded ones of a table, or one label a line.
fn activities(path: &Path, nomenclature: &Nomenclature) -> anyhow::Result<Vec<Activity>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if ["tsv", "csv", "parquet"].contains(&extension) {
        let columns = Columns { code: nomenclature.id().to_owned(), fields: Vec::new(), header: None };
        let corpus = Corpus::read(path, &columns, nomenclature)?;
        return Ok(corpus.lines.into_iter().map(|line| line.activity).collect());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let activity = |line: &str| RawActivity { description: Some(line.to_owned()), ..RawActivity::default() };
    lines.map(|line| Ok(Activity::try_from(activity(line))?)).collect()
}

fn agreement(before: &Coder, after: &Coder, activities: &[Activity], output: &mut dyn Write) -> anyhow::Result<()> {
    let options = CodingOptions { top_k: 1, ..CodingOptions::default() };
    let mut sections: BTreeMap<String, Agreement> = BTreeMap::new();
    for (one, other) in before.code(activities, options)?.iter().zip(after.code(activities, options)?) {
        let best = |coding: &Coding| coding.predictions.first().map(|best| best.label.code.clone());
        let section = one.predictions.first().and_then(|best| best.label.path.first()).map(ToString::to_string);
        let automatic = (one.decision.is_automatic(), other.decision.is_automatic());
        let of_section = sections.entry(section.unwrap_or_default()).or_default();
        of_section.add(best(one) == best(&other), automatic, (one.gap, other.gap));
    }
    let overall = Agreement::sum(sections.values());
    for (name, agreement) in std::iter::once(("all".to_owned(), overall)).chain(sections) {
        let share = |count: u64| 100.0 * count as f64 / agreement.activities.max(1) as f64;
        writeln!(
            output,
            "  {name:<4} {:>6}   same code {:5.1} %   same decision {:5.1} %   automatic {:5.1} → {:5.1} %   gap {:+.3}",
            agreement.activities,
            share(agreement.same_code),
            share(agreement.same_decision),
            share(agreement.automatic_before),
            share(agreement.automatic_after),
            agreement.mean_gap_shift,
        )?;
    }
    Ok(())
}
