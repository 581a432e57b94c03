use proptest::prelude::*;

use super::*;

const GUARD: usize = 96;
const GUARD_BYTE: u8 = 0xA5;

/// Pictures with rows and pixels at any distance, and what is to be made of them.
#[derive(Debug, Clone)]
struct Case {
    bytes: Vec<u8>,
    shape: [usize; 4],
    strides: [isize; 4],
    origin: usize,
    channels: Vec<Channel>,
    canvas: Canvas,
    order: Order,
    float: Float,
}

impl Case {
    fn job(&self) -> Normalization<'_> {
        Normalization {
            images: Images {
                bytes: &self.bytes,
                origin: self.origin,
                shape: self.shape,
                strides: self.strides,
                element: 1,
            },
            channels: &self.channels,
            canvas: self.canvas,
            order: self.order,
            float: self.float,
        }
    }

    /// Value by value.
    fn reference(&self) -> Vec<u8> {
        let [count, height, width, _] = self.shape;
        let (canvas, d, e) = (self.canvas, self.channels.len(), self.float.size());
        let mut out = vec![0; count * canvas.height * canvas.width * d * e];
        for image in 0..count {
            for (row, col) in (0..canvas.height).flat_map(|row| (0..canvas.width).map(move |col| (row, col))) {
                for (k, channel) in self.channels.iter().enumerate() {
                    let (y, x) = (row.wrapping_sub(canvas.top), col.wrapping_sub(canvas.left));
                    let value = if y < height && x < width {
                        let index = [image, y, x, channel.source];
                        let offset: isize = index.iter().zip(self.strides).map(|(&i, s)| i.cast_signed() * s).sum();
                        f32::from(self.bytes[self.origin.strict_add_signed(offset)]) * channel.scale + channel.offset
                    } else {
                        channel.fill
                    };
                    let at = match self.order {
                        Order::ChannelsFirst => ((image * d + k) * canvas.height + row) * canvas.width + col,
                        Order::ChannelsLast => ((image * canvas.height + row) * canvas.width + col) * d + k,
                    };
                    match self.float {
                        Float::F16 => out[at * 2..][..2].copy_from_slice(&f16::from_f32(value).to_ne_bytes()),
                        Float::F32 => out[at * 4..][..4].copy_from_slice(&value.to_ne_bytes()),
                    }
                }
            }
        }
        out
    }

    fn assert_normalized(&self, shift: usize, threads: usize) {
        let wanted = self.reference();
        for level in Level::available() {
            let mut memory = vec![GUARD_BYTE; wanted.len() + 2 * GUARD];
            let (before, rest) = memory.split_at_mut(GUARD + shift);
            let (out, after) = rest.split_at_mut(wanted.len());
            assert_eq!(normalize(&self.job(), out, level, threads), Ok(()));
            assert!(out == wanted, "{level} {:?} {:?}", self.shape, self.canvas);
            assert!(before.iter().chain(after.iter()).all(|&byte| byte == GUARD_BYTE));
        }
    }
}

prop_compose! {
    fn cases(largest: usize)(
        count in 1..3_usize,
        (height, width) in (0..5_usize, 0..largest),
        available in 1..=MAX_CHANNELS,
        (above, below) in (0..3_usize, 0..3_usize),
        (left, right) in (0..40_usize, 0..40_usize),
        boxed in any::<bool>(),
        (crop, upside_down, spread) in (any::<bool>(), any::<bool>(), prop::sample::select(vec![1_usize, 1, 1, 2])),
        order in prop::sample::select(vec![Order::ChannelsFirst, Order::ChannelsLast]),
        float in prop::sample::select(vec![Float::F16, Float::F32]),
    )(
        bytes in prop::collection::vec(any::<u8>(), count * height * (width + 1) * available * spread),
        channels in prop::collection::vec((0..available, -3.0..3_f32, -300.0..300_f32, -10.0..300_f32), 1..=MAX_CHANNELS),
        (count, height, width, available) in Just((count, height, width, available)),
        (above, below, left, right) in Just(if boxed { (above, below, left, right) } else { (0, 0, 0, 0) }),
        (crop, upside_down, spread, order, float) in Just((crop, upside_down, spread, order, float)),
    ) -> Case {
        let pixel = available * spread;
        let row = if crop { (width + 1) * pixel } else { width * pixel };
        let turned = upside_down && height > 0;
        Case {
            bytes,
            shape: [count, height, width, available],
            strides: [height * row, row, pixel, spread].map(usize::cast_signed)
                .map(|stride| stride),
            origin: 0,
            channels: channels.into_iter()
                .map(|(source, scale, offset, fill)| Channel { source, scale, offset, fill })
                .collect(),
            canvas: Canvas { height: above + height + below, width: left + width + right, top: above, left },
            order,
            float,
        }.turned(turned)
    }
}

impl Case {
    fn turned(mut self, turned: bool) -> Self {
        if turned {
            self.origin = (self.shape[1] - 1) * self.strides[1].unsigned_abs();
            self.strides[1] = -self.strides[1];
        }
        self
    }
}

proptest! {
    #[test]
    fn pictures_of_all_kinds(case in cases(100), shift in 0..65_usize) {
        case.assert_normalized(shift, 1);
    }
}

fn plain(height: usize, width: usize, float: Float, order: Order) -> Case {
    let channel = |source| Channel {
        source,
        scale: [0.017, 0.027, 0.037][source],
        offset: -2.1,
        fill: 114.0,
    };
    Case {
        bytes: (0..=250).cycle().take(height * width * 3).collect(),
        shape: [1, height, width, 3],
        strides: [height * width * 3, width * 3, 3, 1].map(usize::cast_signed),
        origin: 0,
        channels: [2, 1, 0].map(channel).to_vec(),
        canvas: Canvas {
            height,
            width,
            top: 0,
            left: 0,
        },
        order,
        float,
    }
}

#[test]
fn large_outputs_and_threads() {
    for (float, order) in [
        (Float::F32, Order::ChannelsFirst),
        (Float::F16, Order::ChannelsFirst),
        (Float::F32, Order::ChannelsLast),
        (Float::F16, Order::ChannelsLast),
    ] {
        let mut case = plain(130, 251, float, order);
        for threads in [1, 2, 5] {
            case.assert_normalized(0, threads);
        }
        case.canvas = Canvas {
            height: 200,
            width: 256,
            top: 33,
            left: 2,
        };
        case.assert_normalized(7, 3);
    }
}

#[test]
fn every_byte_is_what_the_formula_says() {
    for scale in [1.0 / 255.0, 1.0, 1e-7, 3e37, 300.0] {
        for float in [Float::F16, Float::F32] {
            let mut case = plain(16, 16, float, Order::ChannelsFirst);
            for channel in &mut case.channels {
                channel.scale = scale;
            }
            case.assert_normalized(0, 1);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let case = plain(2, 3, Float::F32, Order::ChannelsFirst);
    let job = case.job();
    let mut out = [0; 72];
    let mut refused = |job: Normalization<'_>, len: usize| {
        normalize(&job, &mut out[..len], Level::best(), 1).expect_err("it should be refused")
    };
    assert_eq!(refused(job, 71), LayoutError::Memory.into());
    assert_eq!(
        refused(Normalization { channels: &[], ..job }, 72),
        ImageError::Channels(0)
    );
    let five = vec![case.channels[0]; 5];
    assert_eq!(
        refused(Normalization { channels: &five, ..job }, 72),
        ImageError::Channels(5)
    );
    let other = [Channel {
        source: 3,
        ..case.channels[0]
    }];
    let missing = ImageError::NoChannel {
        channel: 3,
        available: 3,
    };
    assert_eq!(
        refused(
            Normalization {
                channels: &other,
                ..job
            },
            72
        ),
        missing
    );
    for odd in [f32::NAN, f32::INFINITY] {
        for channel in [
            Channel {
                scale: odd,
                ..case.channels[0]
            },
            Channel {
                offset: odd,
                ..case.channels[0]
            },
            Channel {
                fill: odd,
                ..case.channels[0]
            },
        ] {
            assert_eq!(
                refused(
                    Normalization {
                        channels: &[channel],
                        ..job
                    },
                    72
                ),
                ImageError::NotFinite
            );
        }
    }
    for (top, left) in [(1, 0), (0, 1), (usize::MAX, 0)] {
        let canvas = Canvas {
            top,
            left,
            ..job.canvas
        };
        let beyond = ImageError::BeyondCanvas {
            height: 2,
            width: 3,
            top,
            left,
        };
        assert_eq!(refused(Normalization { canvas, ..job }, 72), beyond);
    }
    let images = Images {
        bytes: &case.bytes[1..],
        ..job.images
    };
    assert_eq!(
        refused(Normalization { images, ..job }, 72),
        LayoutError::OutsideMemory.into()
    );
    let images = Images {
        element: 2,
        ..job.images
    };
    assert_eq!(
        refused(Normalization { images, ..job }, 72),
        LayoutError::Element(2).into()
    );
    assert_eq!(out, [0; 72]);
}
