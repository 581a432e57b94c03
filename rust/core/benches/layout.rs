//! Repacking at every level that the machine has, against copying as many bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use npuspec_core::layout::{Images, Order, repack};
use npuspec_core::level::Level;

/// Bytes of an element, channels, and height and width.
const WORKLOADS: [(&str, usize, usize, usize); 10] = [
    ("u8 3x224x224", 1, 3, 224),
    ("u8 4x640x640", 1, 4, 640),
    ("f16 3x224x224", 2, 3, 224),
    ("f32 3x112x112", 4, 3, 112),
    ("f32 3x1080x1080", 4, 3, 1080),
    ("u8 64x32x32", 1, 64, 32),
    ("f16 64x32x32", 2, 64, 32),
    ("f32 64x28x28", 4, 64, 28),
    ("f32 16x224x224", 4, 16, 224),
    ("f32 256x224x224", 4, 256, 224),
];

fn benches(criterion: &mut Criterion) {
    for (name, element, channels, side) in WORKLOADS {
        let len = element * channels * side * side;
        let source = vec![1_u8; len];
        let mut out = vec![0_u8; len];
        let [pixel, row] = [channels * element, side * channels * element];
        let last = [len, row, pixel, element];
        let first = [len, side * element, element, side * side * element];

        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function("memcpy", |bencher| {
            bencher.iter(|| black_box(&mut out).copy_from_slice(black_box(&source)));
        });
        for (to, order, strides) in [
            ("channels first", Order::ChannelsFirst, last),
            ("channels last", Order::ChannelsLast, first),
        ] {
            let images = Images {
                bytes: &source,
                origin: 0,
                shape: [1, side, side, channels],
                strides: strides.map(usize::cast_signed),
                element,
            };
            for level in Level::available() {
                group.bench_function(format!("{to}, {level}"), |bencher| {
                    bencher.iter(|| repack(black_box(&images), order, &mut out, level, 1));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
