//! What this machine could do at most, for docs/PERFORMANCE.md: memory read in a stretch and by rows, products of matrices.
//!
//!     cargo run --release --example limits

use std::hint::black_box;
use std::time::Instant;

use candle_core::{Device, Tensor};
use codif::coding::table::Table;
use codif::process::{leave_threads_to_codif, take_large_pages};
use rand::{RngExt, SeedableRng};

/// The production shape: rows of 180 numbers, 732 labels, 30 rows a text.
const DIMENSION: usize = 180;
const LABELS: usize = 732;
const ROWS: usize = 2_000_000;
const GATHERED: usize = 30;
const TEXTS: usize = 64;

fn main() -> candle_core::Result<()> {
    leave_threads_to_codif();
    let mut values: Vec<f32> = Vec::with_capacity(ROWS * DIMENSION);
    take_large_pages(&mut values);
    values.resize(ROWS * DIMENSION, 1.0);
    let seconds = best(5, || black_box(values.chunks(16).map(|line| line[0]).sum::<f32>()));
    println!("memory read in a stretch: {:.1} GB/s", 4e-9 * values.len() as f64 / seconds);

    let table = Table::Dense(Tensor::from_vec(values, (ROWS, DIMENSION), &Device::Cpu)?);
    let mut random = rand_pcg::Pcg64::seed_from_u64(1);
    let batches: Vec<(Tensor, Tensor)> = (0..200)
        .map(|_| {
            let ids: Vec<u32> = (0..TEXTS * GATHERED).map(|_| random.random_range(0..ROWS as u32)).collect();
            let bounds = (0..TEXTS * GATHERED).step_by(GATHERED);
            let bounds: Vec<u32> = bounds
                .flat_map(|start| [start, start + GATHERED, start + GATHERED, GATHERED].map(|place| place as u32))
                .collect();
            let ids = Tensor::from_vec(ids, TEXTS * GATHERED, &Device::Cpu)?;
            Ok((ids, Tensor::from_vec(bounds, (TEXTS, 4), &Device::Cpu)?))
        })
        .collect::<candle_core::Result<_>>()?;
    let seconds = best(5, || {
        batches.iter().for_each(|(ids, bounds)| {
            black_box(table.bags(ids, bounds).unwrap());
        });
    });
    let texts = (batches.len() * TEXTS) as f64;
    let bytes = texts * (GATHERED * DIMENSION * 4) as f64;
    println!(
        "rows gathered at random: {:.1} GB/s, {:.2} µs a text of {GATHERED} rows",
        1e-9 * bytes / seconds,
        1e6 * seconds / texts
    );

    for lines in [1, TEXTS] {
        let hidden = Tensor::ones((lines, DIMENSION), candle_core::DType::F32, &Device::Cpu)?;
        let head = Tensor::ones((DIMENSION, LABELS), candle_core::DType::F32, &Device::Cpu)?;
        let times = 64_000 / lines / 8;
        let seconds = best(5, || (0..times).for_each(|_| drop(black_box(hidden.matmul(&head).unwrap()))));
        let a_text = seconds / (times * lines) as f64;
        let flops = 2.0 * (DIMENSION * LABELS) as f64 / a_text;
        println!("head of {lines} texts at once: {:.1} Gflop/s, {:.2} µs a text", 1e-9 * flops, 1e6 * a_text);
    }
    Ok(())
}

/// The shortest of some runs, in seconds.
fn best<T>(runs: usize, mut run: impl FnMut() -> T) -> f64 {
    let times = (0..runs).map(|_| {
        let started = Instant::now();
        black_box(run());
        started.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}
