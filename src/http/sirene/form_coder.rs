//! Codes forms in the nomenclature of a Sirene route and writes them in the contract's form.

use std::sync::Arc;

use super::answer::{Ranks, Selection};
use crate::coding::activity::{Activity, RawActivity};
use crate::coding::{Coding, CodingOptions};
use crate::http::App;
use crate::http::answering::{Piece, code_piece, elements};
use crate::http::error::Problem;
use crate::serving::slot::Served;
use crate::telemetry::Metrics;
use crate::telemetry::stages::{Stage, StageClock};

/// Bytes of one answer as JSON, about.
const ROOM: usize = 512;

/// What codes the forms of one request.
#[derive(Clone)]
pub struct FormCoder {
    served: [Arc<Served>; 1],
    selection: Selection,
    with_version: bool,
    metrics: Arc<Metrics>,
    longest: usize,
}

impl FormCoder {
    /// With one coder, of whose predictions the selection keeps some.
    pub fn new(served: Arc<Served>, app: &App, selection: Selection) -> Self {
        let (metrics, longest) = (app.metrics.clone(), app.limits.text);
        Self { served: [served], selection, with_version: false, metrics, longest }
    }

    /// The same, its answers with the version of the model.
    pub fn with_version(self) -> Self {
        Self { with_version: true, ..self }
    }

    /// Codes forms, whose over-long texts are cut.
    pub fn code(&self, forms: Vec<RawActivity>, clock: &mut StageClock) -> Result<Vec<Coding>, Problem> {
        let activities = forms.into_iter().map(|mut form| {
            if form.cut(self.longest) {
                self.metrics.texts_cut.inc();
            }
            Activity::checked(form, self.longest).map_err(Problem::internal)
        });
        let activities = activities.collect::<Result<Vec<_>, _>>()?;
        clock.lap(Stage::Parse);
        let options = CodingOptions { top_k: self.selection.most(), ..CodingOptions::default() };
        Ok(code_piece(&self.served, &activities, &[], options, &self.metrics, clock)?.pop().unwrap_or_default())
    }

    /// One object of the contract.
    pub fn ranks<'a>(&'a self, coding: &'a Coding) -> Ranks<'a> {
        Ranks { coding, selection: self.selection, with_version: self.with_version }
    }

    /// Which predictions are kept.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// A piece of an answer.
    pub fn piece(&self, forms: Vec<RawActivity>) -> Result<Piece, Problem> {
        self.piece_if(forms, |_| true).map(Option::unwrap_or_default)
    }

    /// A piece of an answer, when its codings are as they should be.
    pub fn piece_if(
        &self,
        forms: Vec<RawActivity>,
        right: impl FnOnce(&[Coding]) -> bool,
    ) -> Result<Option<Piece>, Problem> {
        let mut clock = StageClock::start();
        let codings = self.code(forms, &mut clock)?;
        if !right(&codings) {
            return Ok(None);
        }
        let json = elements(codings.iter().map(|coding| self.ranks(coding)), ROOM * codings.len())?;
        clock.lap(Stage::Write);
        Ok(Some(Piece { json, times: clock.times() }))
    }
}
