//! How a model is loaded.

use std::fmt;
use std::str::FromStr;

use bytesize::ByteSize;
use candle_core::Device;

use super::signature::Trust;

/// How a model is loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Who may have signed it.
    pub trust: Trust,
    /// Which known words are summed with their sub-words, once.
    pub known_words: KnownWordSums,
    /// The device for its weights.
    pub device: Device,
    /// How many codings are kept for activities that come again; 0 for none.
    pub repeats: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { trust: Trust::default(), known_words: KnownWordSums::default(), device: Device::Cpu, repeats: 0 }
    }
}

/// Which known words are summed with their sub-words when a model is loaded: each takes a row more, and is gathered as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KnownWordSums {
    /// None.
    Off,
    /// The most frequent ones, in so much memory.
    Within(ByteSize),
    /// All.
    All,
    /// All; of a quantised table as many as take no more memory than its codes do.
    #[default]
    Auto,
}

impl KnownWordSums {
    /// How many of so many words, in rows of `dimension` numbers; `quantised` are the bytes of the table's codes, if it is quantised.
    pub fn most(self, words: usize, dimension: usize, quantised: Option<usize>) -> usize {
        let row = (dimension * size_of::<f32>()).max(1) as u64;
        let within = |bytes: u64| words.min(usize::try_from(bytes / row).unwrap_or(usize::MAX));
        match (self, quantised) {
            (Self::Off, _) => 0,
            (Self::Within(memory), _) => within(memory.as_u64()),
            (Self::Auto, Some(codes)) => within(codes as u64),
            (Self::All, _) | (Self::Auto, None) => words,
        }
    }
}

/// `auto`, `off`, `all`, or a size.
impl FromStr for KnownWordSums {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "all" => Ok(Self::All),
            "auto" => Ok(Self::Auto),
            size => {
                let size = size.parse().map(Self::Within);
                size.map_err(|_| "it must be auto, off, all or a size such as 64MiB".to_owned())
            }
        }
    }
}

impl fmt::Display for KnownWordSums {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => formatter.write_str("off"),
            Self::All => formatter.write_str("all"),
            Self::Auto => formatter.write_str("auto"),
            Self::Within(memory) => memory.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_holds_so_many_rows() {
        let most = |text: &str| text.parse::<KnownWordSums>().unwrap().most(1000, 100, None);
        assert_eq!([most("off"), most("all"), most("40kB"), most("1GiB")], [0, 1000, 100, 1000]);
        let of_quantised = |text: &str| text.parse::<KnownWordSums>().unwrap().most(1000, 100, Some(4000));
        assert_eq!([of_quantised("auto"), of_quantised("all"), of_quantised("40kB")], [10, 1000, 100]);
        assert_eq!(KnownWordSums::default().to_string().parse::<KnownWordSums>().unwrap().most(1000, 100, None), 1000);
        assert!("some".parse::<KnownWordSums>().is_err());
    }
}
