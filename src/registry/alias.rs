//! An alias: the version it points to, and those it pointed to before.

use std::fmt;
use std::str::FromStr;

/// Versions remembered.
const REMEMBERED: usize = 20;

/// The version an alias points to, and those it pointed to before, the latest first. Written one number a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    current: u32,
    before: Vec<u32>,
}

impl Alias {
    /// An alias that never pointed elsewhere.
    pub fn new(version: u32) -> Self {
        Self { current: version, before: Vec::new() }
    }

    /// The version it points to.
    pub fn current(&self) -> u32 {
        self.current
    }

    /// The versions it pointed to before, the latest first.
    pub fn before(&self) -> &[u32] {
        &self.before
    }

    /// The same, pointed to another version.
    pub fn moved_to(&self, version: u32) -> Self {
        if version == self.current {
            return self.clone();
        }
        let before = std::iter::once(self.current).chain(self.before.iter().copied()).take(REMEMBERED).collect();
        Self { current: version, before }
    }

    /// The same, pointed again to the version before; none when there was none.
    pub fn rolled_back(&self) -> Option<Self> {
        let (current, before) = self.before.split_first()?;
        Some(Self { current: *current, before: before.to_vec() })
    }
}

/// A text that is no alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAlias;

impl FromStr for Alias {
    type Err = NoAlias;

    fn from_str(text: &str) -> Result<Self, NoAlias> {
        let versions: Vec<u32> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map_err(|_| NoAlias)?;
        let (current, before) = versions.split_first().ok_or(NoAlias)?;
        Ok(Self { current: *current, before: before.to_vec() })
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.current)?;
        self.before.iter().try_for_each(|version| writeln!(formatter, "{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_remembered_and_taken_back() {
        let alias: Alias = "1\n".parse().unwrap();
        let alias = alias.moved_to(2).moved_to(2).moved_to(3);
        assert_eq!(alias.to_string(), "3\n2\n1\n");
        assert_eq!(alias.to_string().parse(), Ok(alias.clone()));
        let back = alias.rolled_back().unwrap().rolled_back().unwrap();
        assert_eq!((back.current(), back.rolled_back()), (1, None));
        let many = (2..100).fold(alias, |alias, version| alias.moved_to(version));
        assert_eq!(many.before().len(), REMEMBERED);
        assert!(["", "x", "-1", "1 2 x"].iter().all(|text| text.parse::<Alias>().is_err()));
    }
}
