//! `codif model list` and `show`.

use std::io::Write;

use crate::model::bundle::parse_manifest;
use crate::model::signature::SIGNATURE_FILE;
use crate::registry::{ModelReference, Registry};

/// One line a model.
pub async fn list(registry: &Registry, json: bool, output: &mut dyn Write) -> anyhow::Result<()> {
    for model in registry.models().await? {
        if json {
            let line = serde_json::json!({"name": model.name, "versions": model.versions, "aliases": model.aliases});
            writeln!(output, "{line}")?;
            continue;
        }
        let aliases: Vec<String> =
            model.aliases.iter().map(|(alias, version)| format!("{alias} → {version}")).collect();
        writeln!(output, "{}  versions {}  {}", model.name, ranges(&model.versions), aliases.join(", "))?;
    }
    Ok(())
}

/// Ascending numbers, those in a row as one range: a thousand versions stay readable.
fn ranges(numbers: &[u32]) -> String {
    let rows = numbers.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    let rows = rows.filter_map(|row| match (row.first()?, row.last()?) {
        (first, last) if first == last => Some(first.to_string()),
        (first, last) => Some(format!("{first}–{last}")),
    });
    rows.collect::<Vec<_>>().join(", ")
}

/// What there is to know of one version.
pub async fn show(
    registry: &Registry,
    reference: &ModelReference,
    json: bool,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let version = registry.resolve(reference).await?;
    let manifest = parse_manifest(&registry.manifest(&version).await?)?;
    if json {
        writeln!(output, "{}", serde_json::to_string(&manifest)?)?;
        return Ok(());
    }
    let signed = registry.read(&version, SIGNATURE_FILE).await?.is_some();
    let bytes: u64 = manifest.files.values().map(|file| file.bytes).sum();
    let place = registry.local(&version).map_or_else(|| registry.place(), |directory| directory.display().to_string());
    writeln!(output, "{version}  {place}")?;
    writeln!(output, "  made          {} by codif {}", manifest.created_at, manifest.training.codif)?;
    writeln!(output, "  nomenclature  {}, {} labels", manifest.nomenclature, manifest.labels.len())?;
    let architecture = &manifest.architecture;
    writeln!(output, "  family        {}, {}", name(&architecture.family)?, name(&manifest.loss)?)?;
    let megabytes = bytes as f64 / 1e6;
    writeln!(output, "  table         {} rows of {}, {megabytes:.1} MB", architecture.rows, architecture.dimension)?;
    writeln!(output, "  automatic     from a gap of {}", manifest.decision.threshold)?;
    writeln!(output, "  signed        {}", if signed { "yes" } else { "no" })?;
    for top in manifest.metrics.iter().flat_map(|metrics| &metrics.top_k).filter(|top| top.k == 1 || top.k == 5) {
        let [value, low, high] = [top.accuracy, top.low, top.high].map(|share| 100.0 * share);
        writeln!(output, "  top-{}         {value:.1} % [{low:.1}, {high:.1}]", top.k)?;
    }
    Ok(())
}

/// What the manifest calls it.
fn name(kind: &impl serde::Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_value(kind)?.as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_range() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8, u32::MAX]), "1–3, 5, 7–8, 4294967295");
        assert_eq!(ranges(&[]), "");
    }
}
