//! Normalizing pictures at every level that the machine has, against filling as many bytes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use npuspec_core::image::{Canvas, Channel, Float, Normalization, normalize};
use npuspec_core::layout::{Images, Order};
use npuspec_core::level::Level;

/// Height and width of the picture, and of what it is put onto.
const WORKLOADS: [(&str, [usize; 2], [usize; 2]); 4] = [
    ("224x224", [224, 224], [224, 224]),
    ("640x640", [640, 640], [640, 640]),
    ("1080x1920", [1080, 1920], [1080, 1920]),
    ("360x640 in 640x640", [360, 640], [640, 640]),
];

fn benches(criterion: &mut Criterion) {
    for (name, [height, width], [room, across]) in WORKLOADS {
        let picture = vec![1_u8; height * width * 3];
        let channels = [0, 1, 2].map(|source| Channel {
            source,
            scale: 0.017,
            offset: -2.0,
            fill: 114.0,
        });
        for (float, order, kind) in [
            (Float::F32, Order::ChannelsFirst, "f32 channels first"),
            (Float::F32, Order::ChannelsLast, "f32 channels last"),
            (Float::F16, Order::ChannelsFirst, "f16 channels first"),
        ] {
            let normalization = Normalization {
                images: Images {
                    bytes: &picture,
                    origin: 0,
                    shape: [1, height, width, 3],
                    strides: [height * width * 3, width * 3, 3, 1].map(usize::cast_signed),
                    element: 1,
                },
                channels: &channels,
                canvas: Canvas {
                    height: room,
                    width: across,
                    top: (room - height) / 2,
                    left: (across - width) / 2,
                },
                order,
                float,
            };
            let mut out = vec![0_u8; room * across * 3 * float.size()];
            let mut group = criterion.benchmark_group(format!("{name} {kind}"));
            group.throughput(Throughput::Bytes(out.len() as u64));
            group.bench_function("fill", |bencher| {
                bencher.iter(|| black_box(&mut *out).fill(black_box(1)));
            });
            for level in Level::available() {
                group.bench_function(level.name(), |bencher| {
                    bencher.iter(|| normalize(black_box(&normalization), &mut out, level, 1));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(all, benches);
criterion_main!(all);
