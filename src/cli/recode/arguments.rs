//! What `codif recode` takes beside its files and models, in groups as its help shows them.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::builder::PossibleValuesParser;

use crate::cli::code::threshold;
use crate::nomenclature::Nomenclatures;
use crate::recode::RunOptions;
use crate::recode::columns::ColumnNames;
use crate::recode::format::{self, Compression, Format};
use crate::recode::plan::{PART_ROWS, Previous};

/// Which columns hold what; one that is not named is the column called as the field, if there is one.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Columns")]
pub struct RecodeColumns {
    /// Column of the text; repeatable, several are joined
    #[arg(long, value_name = "COLUMN")]
    pub description: Vec<String>,
    /// Column of further text ("autre nature")
    #[arg(long, value_name = "COLUMN")]
    pub other_nature: Option<String>,
    /// Column of further text ("précision sur l'activité agricole")
    #[arg(long, value_name = "COLUMN")]
    pub agricultural_detail: Option<String>,
    /// Column of the kind of registration form
    #[arg(long, value_name = "COLUMN")]
    pub form_type: Option<String>,
    /// Column of the nature of the activity
    #[arg(long, value_name = "COLUMN")]
    pub nature: Option<String>,
    /// Column of the event declared
    #[arg(long, value_name = "COLUMN")]
    pub event: Option<String>,
    /// Column of the surface in square metres
    #[arg(long, value_name = "COLUMN")]
    pub surface: Option<String>,
    /// Column of the surface class
    #[arg(long, value_name = "COLUMN")]
    pub surface_class: Option<String>,
    /// Column of the legal category
    #[arg(long, value_name = "COLUMN")]
    pub legal_category: Option<String>,
    /// Column of permanent (P) or seasonal (S)
    #[arg(long, value_name = "COLUMN")]
    pub permanence: Option<String>,
    /// Input columns to keep, in this order [default: all of them]
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub keep: Option<Vec<String>>,
}

/// How files are written and read.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Formats")]
pub struct Formats {
    /// Format of the inputs, where their names do not say it
    #[arg(long, value_parser = format_names(), value_name = "FORMAT")]
    pub input_format: Option<String>,
    /// Format of the output, where its name does not say it: csv, tsv, ndjson or parquet [default: parquet, in a directory]
    #[arg(long, value_parser = format_names(), value_name = "FORMAT")]
    pub format: Option<String>,
    /// Compression of the files of a directory: none, gzip or zstd
    #[arg(long, value_parser = PossibleValuesParser::new(["none", "gzip", "zstd"]), default_value = "none", value_name = "COMPRESSION")]
    pub compression: String,
    /// What stands between two cells of CSV and TSV [default: comma or semicolon, as the input has it; comma in the output; tab in TSV]
    #[arg(long, value_parser = delimiter, value_name = "CHARACTER")]
    pub delimiter: Option<u8>,
    /// Lay the output out in folders by the values of this column, as Hive does: COLUMN=VALUE/
    #[arg(long, value_name = "COLUMN")]
    pub partition_by: Option<String>,
}

/// What a row gets.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Codes")]
pub struct Codes {
    /// How many codes to give
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub top_k: u16,
    /// Replaces the models' threshold
    #[arg(long, value_parser = threshold)]
    pub threshold: Option<f64>,
    /// Column of the code the row had: adds whether the new one agrees with it, or may legally succeed it
    #[arg(long, value_name = "COLUMN")]
    pub previous_code: Option<String>,
    /// Nomenclature of the code the row had
    #[arg(long, default_value = "naf2008", value_name = "ID", requires = "previous_code")]
    pub previous_nomenclature: String,
    /// Choose among the legal successors of the code the row had: probabilities are of these alone
    #[arg(long, requires = "previous_code")]
    pub constrain_to_successors: bool,
}

/// How the run goes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Run")]
pub struct Running {
    /// Threads that code [default: as many as there are cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "COUNT")]
    pub threads: Option<u16>,
    /// Stop when more rows than this cannot be coded
    #[arg(long, value_name = "COUNT")]
    pub max_errors: Option<u64>,
    /// Where the rows that cannot be coded go [default: OUTPUT.errors.parquet beside the output, _errors.parquet in a directory]
    #[arg(long, value_name = "FILE")]
    pub errors: Option<String>,
    /// Directory of what is finished so far; the same command goes on from it [default: OUTPUT.recode beside the output]
    #[arg(long, value_name = "DIRECTORY")]
    pub work: Option<PathBuf>,
    /// Forget what was begun, and begin anew
    #[arg(long)]
    pub restart: bool,
    /// Replace an output that is there
    #[arg(long)]
    pub overwrite: bool,
    /// Rows of a part: what is done again at most after a kill
    #[arg(long, default_value_t = PART_ROWS, value_parser = clap::value_parser!(u64).range(1..), value_name = "ROWS")]
    pub part_rows: u64,
    /// No progress bar
    #[arg(long)]
    pub quiet: bool,
}

fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(["csv", "tsv", "ndjson", "parquet"])
}

/// The format of a name that was checked.
pub fn format_of(name: &str) -> Format {
    match name {
        "csv" => Format::Csv,
        "tsv" => Format::Tsv,
        "ndjson" => Format::Ndjson,
        _ => Format::Parquet,
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    format::delimiter(text).ok_or_else(|| "it must be one ASCII character, such as ; or \\t".to_owned())
}

impl RecodeColumns {
    /// The columns to keep, and which hold what.
    pub fn split(self) -> (Option<Vec<String>>, ColumnNames) {
        let names = ColumnNames {
            description: self.description,
            other_nature: self.other_nature,
            agricultural_detail: self.agricultural_detail,
            form_type: self.form_type,
            nature: self.nature,
            event: self.event,
            surface: self.surface,
            surface_class: self.surface_class,
            legal_category: self.legal_category,
            permanence: self.permanence,
        };
        (self.keep, names)
    }
}

impl Formats {
    /// Format and compression of the output, and whether it is a directory.
    pub fn output(&self, output: &str) -> anyhow::Result<(Format, Compression, bool)> {
        let named = Format::of(output).filter(|_| !output.ends_with('/') && !Path::new(output).is_dir());
        let given = self.format.as_deref().map(format_of);
        let compression = match self.compression.as_str() {
            "gzip" => Compression::Gzip,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        };
        match (named, &self.partition_by) {
            (Some(_), Some(_)) => bail!("{output} is a file: --partition-by needs a directory"),
            (Some((format, _)), None) if given.is_some_and(|given| given != format) => {
                bail!("{output} says another format than --format")
            }
            (Some((format, by_name)), None) => Ok((format, by_name, false)),
            (None, _) if given.is_none() && is_unknown_file(output) => {
                bail!(
                    "{output}: its ending says no format that codif writes; for a directory of this name end it with /"
                )
            }
            (None, _) => Ok((given.unwrap_or(Format::Parquet), compression, true)),
        }
    }
}

impl Codes {
    /// The codes the rows had.
    pub fn previous(&self) -> anyhow::Result<Option<Previous>> {
        let Some(column) = &self.previous_code else { return Ok(None) };
        Nomenclatures::embedded()?.nomenclature(&self.previous_nomenclature)?;
        Ok(Some(Previous {
            column: column.clone(),
            nomenclature: self.previous_nomenclature.clone(),
            constrain: self.constrain_to_successors,
        }))
    }
}

impl Running {
    /// How the run is carried out.
    pub fn options(&self) -> RunOptions {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        RunOptions {
            threads: self.threads.map_or_else(cores, usize::from),
            max_errors: self.max_errors,
            restart: self.restart,
            overwrite: self.overwrite,
            in_background: false,
        }
    }
}

/// Whether the name of an output ends like that of a file, of a format that is not written.
fn is_unknown_file(output: &str) -> bool {
    let name = output.rsplit('/').next().unwrap_or_default();
    Path::new(name).extension().is_some() && !Path::new(output).is_dir()
}
