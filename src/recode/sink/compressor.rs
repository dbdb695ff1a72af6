//! One gzip member or one zstd frame: one after the other they are a file, so that parts are joined by their bytes.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::recode::format::Compression;

/// gzip is asked for to be read anywhere; at a higher level it would hold up the coding.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::fast();
/// The same for those who have zstd.
const ZSTD_LEVEL: i32 = 1;

/// A writer that compresses, or not. No time and no name is written, so that the same bytes come out as the same.
pub enum Compressor<W: Write> {
    /// Bytes as they are.
    Plain(W),
    /// One gzip member.
    Gzip(GzEncoder<W>),
    /// One zstd frame with its checksum.
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// Nothing is written yet.
    pub fn new(inner: W, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(inner),
            Compression::Gzip => Self::Gzip(GzEncoder::new(inner, GZIP_LEVEL)),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(inner, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Ends the member or frame.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(inner) => Ok(inner),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.write(buffer),
            Self::Gzip(encoder) => encoder.write(buffer),
            Self::Zstd(encoder) => encoder.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(inner) => inner.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
