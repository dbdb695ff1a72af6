//! The HTML report of an evaluation: one file that works offline, its curves drawn as SVG pictures.

use askama::Template;
use plotters::prelude::*;

use super::evaluation::Evaluation;
use crate::model::manifest::metrics::ThresholdPoint;
use crate::nomenclature::{Code, Nomenclature};

/// The whole report as one HTML page.
pub fn html(evaluation: &Evaluation, nomenclature: &Nomenclature, file: &str) -> Result<String, ReportError> {
    let rate = |point: &ThresholdPoint| (point.threshold, point.automatic_rate.value);
    let error = |point: &ThresholdPoint| point.error_rate.map(|error| (point.threshold, error.value));
    let thresholds = &evaluation.thresholds;
    let report = Report {
        evaluation,
        nomenclature,
        file,
        automatic_curve: curve("threshold", "automatic rate", &thresholds.iter().map(rate).collect::<Vec<_>>())?,
        error_curve: curve(
            "threshold",
            "error among automatic",
            &thresholds.iter().filter_map(error).collect::<Vec<_>>(),
        )?,
        calibration_curve: curve(
            "probability",
            "share of right answers",
            &evaluation.calibration.iter().map(|bin| (bin.probability, bin.accuracy)).collect::<Vec<_>>(),
        )?,
    };
    Ok(report.render()?)
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A curve cannot be drawn.
    #[error("cannot draw a curve: {0}")]
    Drawing(String),
    /// The page cannot be rendered.
    #[error("cannot render the report: {0}")]
    Rendering(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "report.html")]
struct Report<'a> {
    evaluation: &'a Evaluation,
    nomenclature: &'a Nomenclature,
    file: &'a str,
    automatic_curve: String,
    error_curve: String,
    calibration_curve: String,
}

impl Report<'_> {
    fn percent(&self, share: &f64) -> String {
        format!("{:.1} %", 100.0 * share)
    }

    fn title(&self, code: &Code) -> &str {
        self.nomenclature.entry(code).map(|entry| entry.title.as_str()).unwrap_or_default()
    }
}

/// A curve over [0, 1] × [0, 1] as an SVG element.
fn curve(horizontal: &str, vertical: &str, points: &[(f64, f64)]) -> Result<String, ReportError> {
    let mut picture = String::new();
    draw(&mut picture, horizontal, vertical, points).map_err(|error| ReportError::Drawing(error.to_string()))?;
    Ok(picture)
}

fn draw(
    picture: &mut String,
    horizontal: &str,
    vertical: &str,
    points: &[(f64, f64)],
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(picture, (520, 320)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d(0f64..1f64, 0f64..1f64)?;
    chart.configure_mesh().x_desc(horizontal).y_desc(vertical).light_line_style(WHITE).draw()?;
    let blue = RGBColor(0, 0, 145);
    chart.draw_series(LineSeries::new(points.iter().copied(), blue.stroke_width(2)))?;
    area.present()?;
    Ok(())
}
