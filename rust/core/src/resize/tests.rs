use proptest::prelude::*;

use super::*;

const GUARD: usize = 96;
const GUARD_BYTE: u8 = 0xA5;

/// The weighted means, exactly, of one row of one channel.
#[expect(clippy::cast_precision_loss, reason = "sides are short")]
fn exact(row: &[f64], to: usize) -> Vec<f64> {
    let scale = row.len() as f64 / to as f64;
    let reach = scale.max(1.0);
    let pixel = |pixel| {
        let centre = (f64::from(pixel) + 0.5) * scale;
        let weights: Vec<_> = (0..row.len())
            .map(|at| (1.0 - (at as f64 + 0.5 - centre).abs() / reach).max(0.0))
            .collect();
        let sum: f64 = weights.iter().zip(row).map(|(weight, value)| weight * value).sum();
        sum / weights.iter().sum::<f64>()
    };
    (0..u32::try_from(to).unwrap()).map(pixel).collect()
}

/// The same of rows and columns, channel by channel.
fn reference(bytes: &[u8], [height, width, channels]: [usize; 3], [to_height, to_width]: [usize; 2]) -> Vec<f64> {
    let mut out = vec![0.0; to_height * to_width * channels];
    for channel in 0..channels {
        let value = |row: usize, col: usize| f64::from(bytes[(row * width + col) * channels + channel]);
        let rows: Vec<_> = (0..height)
            .map(|row| exact(&(0..width).map(|col| value(row, col)).collect::<Vec<_>>(), to_width))
            .collect();
        for col in 0..to_width {
            let column = exact(&rows.iter().map(|row| row[col]).collect::<Vec<_>>(), to_height);
            for (row, value) in column.into_iter().enumerate() {
                out[(row * to_width + col) * channels + channel] = value;
            }
        }
    }
    out
}

fn contiguous(bytes: &[u8], [count, height, width, channels]: [usize; 4]) -> Images<'_> {
    Images {
        bytes,
        origin: 0,
        shape: [count, height, width, channels],
        strides: [height * width * channels, width * channels, channels, 1].map(usize::cast_signed),
        element: 1,
    }
}

fn resized(images: &Images<'_>, size: [usize; 2], level: Level) -> Result<Vec<u8>, ResizeError> {
    let len = images.shape[0] * size[0] * size[1] * images.shape[3];
    let mut memory = vec![GUARD_BYTE; len + 2 * GUARD];
    let done = resize(images, size, &mut memory[GUARD..GUARD + len], level);
    let out = memory[GUARD..GUARD + len].to_vec();
    memory.drain(GUARD..GUARD + len);
    assert!(memory.iter().all(|&byte| byte == GUARD_BYTE));
    assert!(done.is_ok() || out.iter().all(|&byte| byte == GUARD_BYTE));
    done.map(|()| out)
}

proptest! {
    #[test]
    fn values_are_the_weighted_means_and_the_same_at_every_level(
        (shape, size) in ([1..40_usize, 1..40_usize], [0..40_usize, 0..40_usize]),
        count in 1..3_usize,
        channels in prop::sample::select(vec![1_usize, 3, 4]),
        seed in prop::collection::vec(any::<u8>(), 997),
    ) {
        let len = shape[0] * shape[1] * channels;
        let bytes: Vec<_> = seed.into_iter().cycle().take(count * len).collect();
        let images = contiguous(&bytes, [count, shape[0], shape[1], channels]);
        let best = resized(&images, size, Level::best()).unwrap();
        for level in Level::available() {
            prop_assert_eq!(&resized(&images, size, level), &Ok(best.clone()));
        }
        for (picture, out) in bytes.chunks(len).zip(best.chunks((size[0] * size[1] * channels).max(1))) {
            for (found, wanted) in out.iter().zip(reference(picture, [shape[0], shape[1], channels], size)) {
                // Half of one for each of two roundings, and a little for weights of 15 bits.
                prop_assert!((f64::from(*found) - wanted).abs() < 1.05);
            }
        }
    }

    #[test]
    fn strides_change_nothing(
        [height, width] in [1..9_usize, 1..9_usize],
        size in [1..9_usize, 1..9_usize],
        channels in prop::sample::select(vec![1_usize, 3, 4]),
        signs in [prop::sample::select(vec![1_isize, -1]), prop::sample::select(vec![1, -1]), prop::sample::select(vec![1, -1])],
        gap in 1..3_usize,
    ) {
        let shape = [2, height, width, channels];
        let steps = [height * width * channels, width * channels, channels, 1].map(|step| (step * gap).cast_signed());
        let strides = [steps[0], steps[1] * signs[0], steps[2] * signs[1], steps[3] * signs[2]];
        let back = |axis: usize| if strides[axis] < 0 { steps[axis] * (shape[axis].cast_signed() - 1) } else { 0 };
        let bytes: Vec<_> = (0..2 * gap * height * width * channels).map(|at| (at * 37 % 251).to_le_bytes()[0]).collect();
        let origin = (1..4).map(back).sum::<isize>().cast_unsigned();
        let images = Images { bytes: &bytes, origin, shape, strides, element: 1 };
        let mut straight = vec![0; 2 * height * width * channels];
        repack(&images, Order::ChannelsLast, &mut straight, Level::best(), 1).unwrap();
        let wanted = resized(&contiguous(&straight, shape), size, Level::best());
        for level in Level::available() {
            prop_assert_eq!(&resized(&images, size, level), &wanted);
        }
    }
}

#[test]
fn the_same_size_is_a_copy_and_one_colour_stays_it() {
    let bytes: Vec<_> = (0..7 * 5 * 3).collect();
    let images = contiguous(&bytes, [1, 7, 5, 3]);
    assert_eq!(resized(&images, [7, 5], Level::best()), Ok(bytes.clone()));
    for value in [0, 1, 127, 254, 255] {
        let bytes = vec![value; 3000 * 3];
        for shape in [[1, 3000, 1, 3], [1, 1, 3000, 3]] {
            for size in [[1, 1], [2, 7], [4000, 1], [1, 4000]] {
                let out = resized(&contiguous(&bytes, shape), size, Level::best()).unwrap();
                assert!(out.iter().all(|&byte| byte == value), "{value} {shape:?} {size:?}");
            }
        }
    }
}

#[test]
fn long_thin_pictures_take_no_more_memory_than_they_have() {
    let bytes = vec![7; 65535];
    for (shape, size) in [([1, 65535, 1, 1], [1, 65535]), ([1, 1, 65535, 1], [65535, 1])] {
        let out = resized(&contiguous(&bytes, shape), size, Level::best()).unwrap();
        assert!(out.iter().all(|&byte| byte == 7));
    }
}

#[test]
fn memory_that_is_not_there_is_no_end() {
    assert_eq!(memory(usize::MAX), Err(ResizeError::NoMemory(usize::MAX)));
}

#[test]
fn what_does_not_fit_is_refused() {
    let bytes = vec![0; 65536 * 2];
    let images = |shape| contiguous(&bytes, shape);
    for (images, size, error) in [
        (images([1, 2, 2, 2]), [1, 1], ResizeError::Channels(2)),
        (images([1, 2, 2, 5]), [1, 1], ResizeError::Channels(5)),
        (images([1, 65536, 1, 1]), [1, 1], ResizeError::Side(65536)),
        (images([1, 1, 1, 1]), [1, 65536], ResizeError::Side(65536)),
        (images([1, 0, 3, 3]), [1, 1], ResizeError::Empty),
        (images([1, 3, 0, 3]), [1, 1], ResizeError::Empty),
        (images([1, 400, 400, 1]), [1, 1], LayoutError::OutsideMemory.into()),
        (
            Images {
                element: 2,
                ..images([1, 2, 2, 3])
            },
            [1, 1],
            LayoutError::Element(2).into(),
        ),
    ] {
        assert_eq!(resized(&images, size, Level::best()), Err(error));
    }
    let short = resize(&images([1, 2, 2, 3]), [1, 2], &mut [0; 5], Level::best());
    assert_eq!(short, Err(LayoutError::Memory.into()));
    assert_eq!(resized(&images([0, 0, 0, 3]), [4, 4], Level::best()), Ok(vec![]));
    assert_eq!(resized(&images([1, 0, 0, 3]), [0, 4], Level::best()), Ok(vec![]));
}
