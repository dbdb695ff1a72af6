//! Ways to bring the table of a large version into memory, and to gather its rows; beside `benches/reading.sh`, which runs
//! each of them in a process of its own. FILE is the `model.safetensors` of a version in its directory.
//!
//!     reading whole|streamed|loaded|mapped FILE       into numbers of 32 bits
//!     reading widened FILE TABLE                      writes TABLE, the rows as 32 bits, for the two that follow
//!     reading gathered|gathered-in-place FILE TABLE   rows at random, from memory and from a mapping of TABLE
//!     reading cut-streamed|cut-mapped FILE            what happens when FILE loses its second half while it is read: give a copy
//!
//! Each prints lines of: what was done, milliseconds, peak of resident memory in MiB, minor and major page faults; after gathering
//! also the median, the 99th percentile and the longest of its texts, in µs. Memory comes from codif's own allocator.

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use codif::model::bundle;
use codif::model::weights::Weights;
use codif::nomenclature::Nomenclatures;
use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use safetensors::{Dtype, SafeTensors};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Numbers that become others at once, as in codif's own reader.
const PIECE: usize = 64 << 10;
/// Texts whose rows are gathered, and rows of each.
const TEXTS: usize = 10_000;
const ROWS_OF_TEXT: usize = 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["whole", file] => measured("whole file, then numbers", || numbers(&fs::read(file)?)),
        ["streamed", file] => measured("numbers as they come", || streamed(Path::new(file), File::open(file)?)),
        ["loaded", file] => measured("the same, digested and checked: the loader", || loaded(Path::new(file))),
        ["mapped", file] => measured("mapping, then numbers", || numbers(&mapped(file)?)),
        ["widened", file, table] => widened_table(file, table),
        ["gathered", file, table] => gathered(Path::new(file), table),
        ["gathered-in-place", file, table] => gathered_in_place(Path::new(file), table),
        ["cut-streamed", file] => cut_streamed(Path::new(file)),
        ["cut-mapped", file] => cut_mapped(file),
        _ => Err("which way, and of which file? See the beginning of benches/reading.rs".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reading: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what it costs to make something, which is dropped after that.
fn measured<T>(way: &str, make: impl FnOnce() -> Result<T>) -> Result<()> {
    let cost = Cost::begin()?;
    let made = black_box(make()?);
    cost.print(way, "")?;
    drop(made);
    Ok(())
}

/// Time, memory and page faults from one moment on.
struct Cost {
    faults: [u64; 2],
    started: Instant,
}

impl Cost {
    fn begin() -> Result<Self> {
        // The peak is what is resident now.
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self { faults: faults()?, started: Instant::now() })
    }

    fn print(&self, way: &str, more: &str) -> Result<()> {
        let milliseconds = self.started.elapsed().as_secs_f64() * 1000.0;
        let [minor, major] = faults()?;
        let (minor, major) = (minor - self.faults[0], major - self.faults[1]);
        println!("{way}\t{milliseconds:.1}\t{:.1}\t{minor}\t{major}\t{more}", peak()?);
        Ok(())
    }
}

/// Peak of resident memory, in MiB.
fn peak() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let kibibytes: f64 = peak.ok_or("the kernel tells no peak")?.trim().parse()?;
    Ok(kibibytes / 1024.0)
}

/// Minor and major page faults of this process: fields 10 and 12 of `/proc/self/stat`, of which the second may hold spaces.
fn faults() -> Result<[u64; 2]> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("the kernel tells no page faults")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Ok([fields[7].parse()?, fields[9].parse()?])
}

/// Those of halves, and the others.
type Tensors = (Vec<Vec<f32>>, Vec<Vec<u8>>);

/// The tensors of a file that is in memory: the halves as numbers of 32 bits, the others as they are.
fn numbers(bytes: &[u8]) -> Result<Tensors> {
    let (mut numbers, mut others) = (Vec::new(), Vec::new());
    for (_, tensor) in SafeTensors::deserialize(bytes)?.iter() {
        match tensor.dtype() {
            Dtype::F16 => numbers.push(widened(tensor.data())?),
            _ => others.push(tensor.data().to_vec()),
        }
    }
    Ok((numbers, others))
}

/// Halves as numbers of 32 bits, each finite; as codif's own reader does it.
fn widened(bytes: &[u8]) -> Result<Vec<f32>> {
    let mut values = Vec::with_capacity(bytes.len() / 2);
    for piece in bytes.chunks(2 * PIECE) {
        let start = values.len();
        let halves: Vec<f16> = piece.as_chunks::<2>().0.iter().map(|pair| f16::from_le_bytes(*pair)).collect();
        values.resize(start + halves.len(), 0f32);
        halves.convert_to_f32_slice(&mut values[start..]);
        if !values[start..].iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Err("a number is not finite".into());
        }
    }
    Ok(values)
}

fn streamed(file: &Path, reader: impl Read) -> Result<Weights> {
    let manifest = bundle::manifest(directory(file))?;
    let length = fs::metadata(file)?.len();
    let words = manifest.features.as_ref().map_or(0, |features| features.words);
    Ok(Weights::read(reader, length, manifest.sizes()?, words)?)
}

fn loaded(file: &Path) -> Result<codif::coding::Coder> {
    Ok(bundle::load(directory(file), &Nomenclatures::embedded()?)?)
}

fn directory(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

#[expect(unsafe_code, reason = "a mapping is what is measured")]
fn mapped(file: &str) -> Result<Mmap> {
    // SAFETY: sound only as long as nobody changes the file or cuts it short, which nothing here makes sure of: it is what speaks
    // against mappings, and `cut-mapped` shows it.
    Ok(unsafe { Mmap::map(&File::open(file)?)? })
}

fn widened_table(file: &str, table: &str) -> Result<()> {
    let file = mapped(file)?;
    let halves = SafeTensors::deserialize(&file)?.tensor("table")?.data();
    let mut table = BufWriter::new(File::create(table)?);
    for piece in halves.chunks(2 * PIECE) {
        for value in widened(piece)? {
            table.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(table.into_inner()?.sync_all()?)
}

fn gathered(file: &Path, table: &str) -> Result<()> {
    let dimension = dimension(file)?;
    let cost = Cost::begin()?;
    let table = table_in_memory(table)?;
    cost.print("table in memory: read", "")?;
    gather(
        "table in memory: rows at random",
        table.len() / dimension,
        |row, sum| {
            let row = &table[row * dimension..][..sum.len()];
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        },
        dimension,
    )
}

fn gathered_in_place(file: &Path, table: &str) -> Result<()> {
    let dimension = dimension(file)?;
    let cost = Cost::begin()?;
    let table = mapped(table)?;
    cost.print("table in place: mapped", "")?;
    let table = table.as_chunks::<4>().0;
    gather(
        "table in place: rows at random",
        table.len() / dimension,
        |row, sum| {
            let row = &table[row * dimension..][..sum.len()];
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f32::from_le_bytes(*value));
        },
        dimension,
    )
}

fn dimension(file: &Path) -> Result<usize> {
    Ok(bundle::manifest(directory(file))?.architecture.dimension)
}

fn table_in_memory(table: &str) -> Result<Vec<f32>> {
    let mut file = File::open(table)?;
    let count = fs::metadata(table)?.len() as usize / 4;
    let mut values = Vec::with_capacity(count);
    let mut bytes = vec![0; 4 * PIECE];
    while values.len() < count {
        let some = &mut bytes[..4 * PIECE.min(count - values.len())];
        file.read_exact(some)?;
        values.extend(some.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)));
    }
    Ok(values)
}

/// Adds rows at random to the sum of each text, and prints what it costs.
fn gather(way: &str, rows: usize, add: impl Fn(usize, &mut [f32]), dimension: usize) -> Result<()> {
    let mut random = Pcg64::seed_from_u64(1);
    let mut sum = vec![0f32; dimension];
    let mut times = Vec::with_capacity(TEXTS);
    let cost = Cost::begin()?;
    for _ in 0..TEXTS {
        let started = Instant::now();
        for _ in 0..ROWS_OF_TEXT {
            add(random.random_range(0..rows), &mut sum);
        }
        times.push(started.elapsed().as_nanos() as f64 / 1000.0);
    }
    black_box(&sum);
    times.sort_by(f64::total_cmp);
    let [median, tail, longest] = [TEXTS / 2, TEXTS * 99 / 100, TEXTS - 1].map(|place| times[place]);
    cost.print(way, &format!("{median:.1}\t{tail:.1}\t{longest:.1}"))
}

/// A reader under which its file loses its second half, once the first was read.
struct CutShort {
    file: File,
    left: u64,
    half: u64,
}

impl Read for CutShort {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.file.read(buffer)?;
        let before = self.left;
        self.left = before.saturating_sub(length as u64);
        if before > 0 && self.left == 0 {
            self.file.set_len(self.half)?;
        }
        Ok(length)
    }
}

fn cut_streamed(path: &Path) -> Result<()> {
    let half = fs::metadata(path)?.len() / 2;
    let file = File::options().read(true).write(true).open(path)?;
    streamed(path, CutShort { file, left: half, half })?;
    Err("read to its end, though it was cut".into())
}

fn cut_mapped(path: &str) -> Result<()> {
    let file = mapped(path)?;
    let half = file.len() / 2;
    let halves = SafeTensors::deserialize(&file)?.tensor("table")?.data();
    let (first, second) = halves.split_at(halves.len() / 4 * 2);
    black_box(widened(first)?);
    File::options().write(true).open(path)?.set_len(half as u64)?;
    black_box(widened(second)?);
    Err("read to its end, though it was cut".into())
}
