//! Padding a batch, against copying as many bytes as the batch has.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use npuspec_core::level::Level;
use npuspec_core::pad::{Batch, Element, Float, Mask, Padding, Sample, Side, pad};

struct Workload {
    name: &'static str,
    /// `[B, T, ..]`
    shape: &'static [usize],
    fill: Element,
    finite: Option<Float>,
    masked: bool,
}

const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "waveform 1x128000 f32",
        shape: &[1, 128_000],
        fill: Element::Four([0; 4]),
        finite: None,
        masked: false,
    },
    Workload {
        name: "waveform 1x128000 f32, finite",
        shape: &[1, 128_000],
        fill: Element::Four([0; 4]),
        finite: Some(Float::F32),
        masked: false,
    },
    Workload {
        name: "features 8x3000x80 f32",
        shape: &[8, 3000, 80],
        fill: Element::Four([0; 4]),
        finite: None,
        masked: false,
    },
    Workload {
        name: "tokens 32x512 i64, mask",
        shape: &[32, 512],
        fill: Element::Eight([1, 0, 0, 0, 0, 0, 0, 0]),
        finite: None,
        masked: true,
    },
];

fn benches(criterion: &mut Criterion) {
    for workload in &WORKLOADS {
        let item = workload.fill.size();
        let (rows, room) = (workload.shape[0], &workload.shape[1..]);
        let step = room[1..].iter().product::<usize>() * item;
        let len = rows * room[0] * step;
        // Lengths from a half to the whole of the room.
        let shapes = (0..rows).map(|row| {
            let mut shape = room.to_vec();
            shape[0] -= room[0] * (rows - row) / rows / 2;
            shape
        });
        let shapes: Vec<_> = shapes.collect();
        let strides = if room.len() == 1 { vec![step] } else { vec![step, item] };
        let strides: Vec<_> = strides.into_iter().map(usize::cast_signed).collect();
        let source = vec![1_u8; len];
        let samples = shapes.iter().enumerate().map(|(row, shape)| Sample {
            bytes: &source[row * room[0] * step..][..shape[0] * step],
            origin: 0,
            shape,
            strides: &strides,
        });
        let samples: Vec<_> = samples.collect();
        let mut out = vec![0_u8; len];
        let mut mask = vec![0_u8; rows * room[0] * item];

        let mut group = criterion.benchmark_group(workload.name);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function("memcpy", |bencher| {
            bencher.iter(|| black_box(&mut out).copy_from_slice(black_box(&source)));
        });
        for (name, side) in [("right", Side::Right), ("left", Side::Left)] {
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let padding = Padding {
                        samples: black_box(&samples),
                        out: Batch {
                            bytes: &mut out,
                            shape: workload.shape,
                        },
                        fill: workload.fill,
                        narrow: false,
                        side,
                        finite: workload.finite,
                        axis: 0,
                        lengths: None,
                        mask: workload.masked.then_some(Mask {
                            bytes: &mut mask,
                            one: workload.fill,
                        }),
                    };
                    pad(padding, Level::best(), 1)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
