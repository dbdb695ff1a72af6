//! What accompanies each version in service: a canary, a shadow.

use std::sync::Arc;

use super::{Followed, Reloader};
use crate::coding::Coder;
use crate::serving::ServingError;
use crate::serving::canary::Canary;
use crate::serving::shadow::Shadow;
use crate::serving::status::Role;

impl Reloader {
    /// Sets beside each coder in service what accompanies it: another version of its nomenclature, never the same. A shadow begins to
    /// count anew when either of the two changes.
    pub(super) fn accompany(&self) {
        for (id, served) in self.coders.iter() {
            let (mut canary, mut shadow) = (None, None);
            for one in self.on_trial() {
                let mut state = one.state();
                let Some(coder) = state.coder.clone().filter(|coder| coder.nomenclature.id() == id) else { continue };
                state.shadow = None;
                if coder.model == served.coder.model {
                    continue;
                }
                if one.role == Role::Canary {
                    canary = Some(Arc::new(Canary { coder, share: one.share }));
                } else {
                    let kept = served.shadow.as_ref().filter(|kept| *kept.model() == *coder.model).map(Arc::clone);
                    let new = || Arc::new(Shadow::new(coder, one.share, self.desk.clone()));
                    state.shadow = Some(kept.unwrap_or_else(new));
                    shadow.clone_from(&state.shadow);
                }
            }
            if let Some(slot) = self.coders.slot(id) {
                slot.accompany(canary, shadow);
            }
        }
    }

    /// Whether a version may go where it is followed for: that of another nomenclature cannot, nor the second of a role.
    pub(super) fn fits(&self, one: &Followed, coder: &Coder) -> Result<(), ServingError> {
        let (model, found) = (coder.model.to_string(), coder.nomenclature.id().to_owned());
        let serving = one.coder().map(|serving| serving.nomenclature.id().to_owned());
        if !serving.as_ref().map_or_else(|| self.coders.serves(&found), |serving| *serving == found) {
            let expected = serving.unwrap_or_else(|| "a nomenclature that is served".to_owned());
            return Err(ServingError::OtherNomenclature { model, found, expected });
        }
        let of_its_kind = |other: &&Followed| other.role == one.role && !std::ptr::eq(*other, one);
        let is_there = |other: &Followed| other.coder().is_some_and(|other| other.nomenclature.id() == found);
        match self.on_trial().filter(of_its_kind).find(|other| one.role != Role::Production && is_there(other)) {
            Some(other) => {
                let (role, other) = (one.role.name(), other.reference.to_string());
                Err(ServingError::Taken { model, role, nomenclature: found, other })
            }
            None => Ok(()),
        }
    }

    /// What is followed beside what answers.
    fn on_trial(&self) -> impl Iterator<Item = &Followed> {
        self.followed.iter().filter(|one| one.role != Role::Production)
    }

    /// Every version in service, with what it is there for; a version on trial that is the one in service is that alone.
    pub(super) fn in_service(&self) -> Vec<(Arc<Coder>, &'static str)> {
        let all = || self.followed.iter().filter_map(|one| Some((one.coder()?, one.role)));
        let answers = |coder: &Coder| {
            let mut production = all().filter(|(_, role)| *role == Role::Production);
            production.any(|(serving, _)| serving.model == coder.model)
        };
        let kept = all().filter(|(coder, role)| *role == Role::Production || !answers(coder));
        kept.map(|(coder, role)| (coder, role.name())).collect()
    }
}
