//! Aliases of registered models. MLflow keeps where they point to, a tag where they pointed to before.

use serde::de::IgnoredAny;
use serde_json::json;

use super::Mlflow;
use super::answers::history_key;
use super::failure::Failure;
use crate::registry::alias::Alias;
use crate::registry::error::RegistryError;
use crate::registry::object::Tag;

impl Mlflow {
    /// An alias and its state, in one small request. Its history is known as far as codif moved it last.
    pub async fn alias(&self, name: &str, alias: &str) -> Result<Option<(Alias, Tag)>, RegistryError> {
        Ok(self.registered(name).await?.and_then(|model| model.alias(alias)))
    }

    /// Moves an alias that is in the state expected; none when it does not exist.
    ///
    /// MLflow moves an alias under no condition, so it is looked at right before and right after. Whoever moved it
    /// since it was read, or moves it elsewhere before the second look, is a [`RegistryError::Conflict`]; a move that
    /// falls between the first look and the write is overwritten unseen.
    pub async fn set_alias(
        &self,
        name: &str,
        alias: &str,
        to: &Alias,
        expected: Option<&Tag>,
    ) -> Result<(), RegistryError> {
        let conflict = || RegistryError::Conflict {
            what: format!("alias {alias:?} of {name:?}"),
            hint: "look where it points to now, then try again".to_owned(),
        };
        let before = self.alias(name, alias).await?;
        if before.as_ref().map(|(_, tag)| tag) != expected {
            return Err(conflict());
        }
        // The history first: if only it is written, it is ignored, and moving the alias again makes it right.
        let history = json!({ "name": name, "key": history_key(alias), "value": to.to_string() });
        let lost = |failure| if matches!(failure, Failure::Existing(_)) { conflict() } else { failure.into() };
        let IgnoredAny = self.client.post("registered-models/set-tag", &history).await.map_err(lost)?;
        let pointed = json!({ "name": name, "alias": alias, "version": to.current().to_string() });
        let IgnoredAny = self.client.post("registered-models/alias", &pointed).await.map_err(lost)?;
        match self.alias(name, alias).await? {
            Some((after, _)) if after == *to => Ok(()),
            Some((after, _)) if after.current() == to.current() => {
                // The history of one who came too late lies over ours.
                let IgnoredAny = self.client.post("registered-models/set-tag", &history).await.map_err(lost)?;
                Ok(())
            }
            _ => Err(conflict()),
        }
    }
}
