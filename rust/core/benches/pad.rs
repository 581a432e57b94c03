//! Padding a batch, against its limit: one memcpy of as much as is read and one memset of the rest of what is written.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use npuspec_core::level::Level;
use npuspec_core::pad::{Batch, Element, Float, Mask, Padding, Sample, Side, pad};

#[derive(Clone, Copy)]
struct Workload {
    name: &'static str,
    /// `[B, T, ..]`
    shape: &'static [usize],
    fill: Element,
    narrow: bool,
    finite: Option<Float>,
    masked: bool,
}

const TOKENS: Workload = Workload {
    name: "tokens 8x128 i64, mask",
    shape: &[8, 128],
    fill: Element::Eight([1, 0, 0, 0, 0, 0, 0, 0]),
    narrow: false,
    finite: None,
    masked: true,
};

const FRAMES: Workload = Workload {
    name: "frames 8x3000x80 f32",
    shape: &[8, 3000, 80],
    fill: Element::Four([0; 4]),
    narrow: false,
    finite: None,
    masked: false,
};

const WORKLOADS: [Workload; 8] = [
    TOKENS,
    Workload {
        name: "tokens 32x512 i64, mask",
        shape: &[32, 512],
        ..TOKENS
    },
    Workload {
        name: "tokens 256x128 i64, mask",
        shape: &[256, 128],
        ..TOKENS
    },
    Workload {
        name: "tokens 256x3000 i64, mask",
        shape: &[256, 3000],
        ..TOKENS
    },
    FRAMES,
    Workload {
        name: "frames 8x3000x80 f32, finite",
        finite: Some(Float::F32),
        ..FRAMES
    },
    Workload {
        name: "frames 1x200x80 f32",
        shape: &[1, 200, 80],
        ..FRAMES
    },
    Workload {
        name: "frames 8x3000x80 f32 to f16",
        fill: Element::Two([0; 2]),
        narrow: true,
        ..FRAMES
    },
];

fn benches(criterion: &mut Criterion) {
    for workload in &WORKLOADS {
        let (item, from) = (
            workload.fill.size(),
            if workload.narrow { 4 } else { workload.fill.size() },
        );
        let (rows, room) = (workload.shape[0], &workload.shape[1..]);
        let width = room[1..].iter().product::<usize>();
        let len = rows * room[0] * width;
        // Lengths from a quarter to the whole of the room, in no order.
        let shapes = (1..=rows).map(|row| {
            let mut shape = room.to_vec();
            shape[0] -= room[0] * (row * 7 % rows) / rows * 3 / 4;
            shape
        });
        let shapes: Vec<_> = shapes.collect();
        let strides = if room.len() == 1 {
            vec![from]
        } else {
            vec![width * from, from]
        };
        let strides: Vec<_> = strides.into_iter().map(usize::cast_signed).collect();
        let source = vec![1_u8; len * from];
        let samples = shapes.iter().enumerate().map(|(row, shape)| Sample {
            bytes: &source[row * room[0] * width * from..][..shape[0] * width * from],
            origin: 0,
            shape,
            strides: &strides,
        });
        let samples: Vec<_> = samples.collect();
        let copied: usize = samples.iter().map(|sample| sample.bytes.len()).sum();
        let mut out = vec![0_u8; len * item];
        let mut mask = vec![0_u8; if workload.masked { rows * room[0] * item } else { 0 }];

        let mut group = criterion.benchmark_group(workload.name);
        group.throughput(Throughput::Bytes((out.len() + mask.len()) as u64));
        // As many bytes are read and written as by padding, though half as many are read twice where f32 becomes f16.
        let whole = out.len() + mask.len();
        let mut place = vec![0_u8; whole.max(copied)];
        let (moved, set) = if workload.narrow {
            (copied * 3 / 4, whole - copied / 2)
        } else {
            (copied, whole - copied)
        };
        group.bench_function("limit", |bencher| {
            bencher.iter(|| {
                let place = black_box(&mut place);
                place[..moved].copy_from_slice(black_box(&source[..moved]));
                let end = place.len();
                place[end - set..].fill(0);
            });
        });
        for level in Level::available() {
            for (side, threads) in [(Side::Right, 1), (Side::Left, 1), (Side::Right, 2)] {
                let name = format!("{level}, {side:?}, {threads}");
                group.bench_function(name, |bencher| {
                    bencher.iter(|| {
                        let padding = Padding {
                            samples: black_box(&samples),
                            out: Batch {
                                bytes: &mut out,
                                shape: workload.shape,
                            },
                            fill: workload.fill,
                            narrow: workload.narrow,
                            side,
                            finite: workload.finite,
                            axis: 0,
                            lengths: None,
                            mask: workload.masked.then_some(Mask {
                                bytes: &mut mask,
                                one: Element::Eight([1, 0, 0, 0, 0, 0, 0, 0]),
                            }),
                        };
                        pad(padding, level, threads)
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
