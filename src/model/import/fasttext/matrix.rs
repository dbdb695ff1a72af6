//! The matrices of a fastText file: where their numbers lie.

use std::io::{Read, Seek};
use std::ops::Range;

use super::malformed;
use super::reading::Reading;
use crate::coding::quantiser::CENTROIDS;
use crate::model::error::ModelFault;

/// Where the numbers of a matrix lie in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// f32, row by row.
    Dense {
        /// Rows.
        rows: usize,
        /// Numbers in a row.
        columns: usize,
        /// The numbers.
        values: Range<u64>,
    },
    /// Quantised rows.
    Quantised {
        /// Rows.
        rows: usize,
        /// Numbers in a row.
        columns: usize,
        /// Pieces of a row.
        pieces: usize,
        /// Numbers in a piece; the last may be shorter.
        width: usize,
        /// One byte a piece, row by row.
        codes: Range<u64>,
        /// f32, piece by piece.
        centroids: Range<u64>,
        /// One byte a row, and the f32 that it chooses from.
        norms: Option<(Range<u64>, Range<u64>)>,
    },
}

impl Matrix {
    /// Reads one that must have so many rows and columns.
    pub(super) fn read<R: Read + Seek>(
        reading: &mut Reading<R>,
        what: &str,
        is_quantised: bool,
        sizes: (usize, usize),
    ) -> Result<Self, ModelFault> {
        if is_quantised { Self::quantised(reading, what, sizes) } else { Self::dense(reading, what, sizes) }
    }

    fn dense<R: Read + Seek>(
        reading: &mut Reading<R>,
        what: &str,
        (rows, columns): (usize, usize),
    ) -> Result<Self, ModelFault> {
        check_sizes(reading, what, (rows, columns))?;
        let values = reading.pass(what, rows.saturating_mul(columns), 4)?;
        Ok(Self::Dense { rows, columns, values })
    }

    fn quantised<R: Read + Seek>(
        reading: &mut Reading<R>,
        what: &str,
        (rows, columns): (usize, usize),
    ) -> Result<Self, ModelFault> {
        let has_norms = reading.flag(&format!("the lengths of {what}"))?;
        check_sizes(reading, what, (rows, columns))?;
        let announced = reading.count(&format!("the number of codes of {what}"), i32::MAX as usize)?;
        let codes = reading.pass(what, announced, 1)?;
        let Quantiser { pieces, width, centroids } = Quantiser::read(reading, what, columns)?;
        if rows.checked_mul(pieces) != Some(announced) {
            return Err(malformed(format!("{what} has {announced} codes, of {rows} rows of {pieces} pieces")));
        }
        let mut norms = None;
        if has_norms {
            let lengths = format!("the lengths of {what}");
            let norm_codes = reading.pass(&lengths, rows, 1)?;
            norms = Some((norm_codes, Quantiser::read(reading, &lengths, 1)?.centroids));
        }
        Ok(Self::Quantised { rows, columns, pieces, width, codes, centroids, norms })
    }
}

/// A matrix of other sizes than the rest of the file says is refused before its numbers are looked for.
fn check_sizes<R: Read + Seek>(
    reading: &mut Reading<R>,
    what: &str,
    (rows, columns): (usize, usize),
) -> Result<(), ModelFault> {
    let (found_rows, found_columns) = (reading.long(what)?, reading.long(what)?);
    if usize::try_from(found_rows) == Ok(rows) && usize::try_from(found_columns) == Ok(columns) {
        return Ok(());
    }
    Err(malformed(format!("{what} is {found_rows} × {found_columns}, it should be {rows} × {columns}")))
}

struct Quantiser {
    pieces: usize,
    width: usize,
    centroids: Range<u64>,
}

impl Quantiser {
    /// One for rows of so many numbers.
    fn read<R: Read + Seek>(reading: &mut Reading<R>, what: &str, columns: usize) -> Result<Self, ModelFault> {
        let most = i32::MAX as usize;
        let what = format!("the quantiser of {what}");
        let dimension = reading.count(&what, most)?;
        let pieces = reading.count(&what, most)?;
        let width = reading.count(&what, most)?;
        let last = reading.count(&what, most)?;
        let expected = columns.checked_sub(1).zip(Some(width).filter(|width| *width > 0)).map(|(end, width)| {
            let pieces = end / width + 1;
            (columns, pieces, columns - (pieces - 1) * width)
        });
        if expected != Some((dimension, pieces, last)) {
            let found = format!("{dimension} numbers in {pieces} pieces of {width}, the last of {last}");
            return Err(malformed(format!("{what} is of {found}: it should be of {columns} numbers")));
        }
        let centroids = reading.pass(&what, dimension.saturating_mul(CENTROIDS), 4)?;
        // A piece may be said to be wider than the row: it is as wide as the row then.
        Ok(Self { pieces, width: width.min(columns), centroids })
    }
}
