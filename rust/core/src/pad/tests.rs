use half::f16;
use proptest::prelude::*;

use super::*;

mod cutting;
mod reference;

use reference::{GUARD_BYTE, Guarded, Owned, element, mask_reference, reference};

#[derive(Debug)]
struct Case {
    samples: Vec<Owned>,
    room: Vec<usize>,
    fill: Vec<u8>,
    one: Vec<u8>,
    side: Side,
    axis: usize,
    wide: bool,
    narrow: bool,
}

fn pattern() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1_usize, 2, 4, 8])
}

/// A view into memory of its own: each axis may be stepped over, turned round or broadcast, and axes may be in any
/// order in memory.
fn sample(shape: Vec<usize>, item: usize) -> impl Strategy<Value = Owned> {
    let rank = shape.len();
    let steps = prop::collection::vec(prop_oneof![3 => Just(1_isize), 1 => -2..=2_isize], rank);
    let order = Just((0..rank).rev().collect::<Vec<_>>());
    let order = prop_oneof![2 => order.clone(), 1 => order.prop_shuffle()];
    (steps, order, 0..3_usize, any::<u64>()).prop_map(move |(steps, order, before, seed)| {
        let mut strides = vec![0_isize; rank];
        let (mut origin, mut extent) = (before, item);
        for &axis in &order {
            strides[axis] = steps[axis] * extent.cast_signed();
            let reach = strides[axis].unsigned_abs() * shape[axis].saturating_sub(1);
            if strides[axis] < 0 {
                origin += reach;
            }
            extent += reach;
        }
        let empty = shape.contains(&0);
        let bytes = if empty { 0 } else { before + extent };
        let bytes = (0..bytes as u64).map(|i| (seed.wrapping_add(i).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8);
        Owned {
            bytes: bytes.collect(),
            origin: if empty { 0 } else { origin },
            shape: shape.clone(),
            strides,
            item,
        }
    })
}

fn case() -> impl Strategy<Value = Case> {
    let sizes = (
        prop_oneof![3 => prop::collection::vec(0..6_usize, 1..=4), 1 => prop::collection::vec(0..700_usize, 1)],
        0..4_usize,
        pattern(),
        pattern(),
        prop::bool::weighted(0.2),
    );
    sizes.prop_flat_map(|(room, rows, item, mask_item, narrow)| {
        let (from, item) = if narrow { (4, 2) } else { (item, item) };
        let shape: Vec<_> = room
            .iter()
            .map(|&room| prop_oneof![1 => Just(room), 1 => 0..=room])
            .collect();
        let samples = prop::collection::vec(shape.prop_flat_map(move |shape| sample(shape, from)), rows);
        let rank = room.len();
        (
            samples,
            Just(room),
            prop_oneof![Just(vec![0; item]), prop::collection::vec(any::<u8>(), item)],
            prop::collection::vec(any::<u8>(), mask_item),
            prop::bool::ANY.prop_map(|left| if left { Side::Left } else { Side::Right }),
            0..rank,
            any::<bool>(),
        )
            .prop_map(move |(samples, room, fill, one, side, axis, wide)| Case {
                samples,
                room,
                fill,
                one,
                side,
                axis,
                wide,
                narrow,
            })
    })
}

fn run(case: &Case, level: Level, threads: usize) -> (Guarded, Guarded, Guarded) {
    let rows = case.samples.len();
    let row: usize = case.room.iter().product();
    let mut out = Guarded::new(rows * row * case.fill.len());
    let mut lengths = Guarded::new(rows * if case.wide { 8 } else { 4 });
    let mut mask = Guarded::new(rows * case.room[case.axis] * case.one.len());
    let samples: Vec<_> = case.samples.iter().map(Owned::borrow).collect();
    let padding = Padding {
        samples: &samples,
        out: Batch {
            bytes: out.lend(),
            shape: &[&[rows], case.room.as_slice()].concat(),
        },
        fill: element(&case.fill),
        narrow: case.narrow,
        side: case.side,
        finite: None,
        axis: case.axis,
        lengths: Some(if case.wide {
            Lengths::I64(lengths.lend())
        } else {
            Lengths::I32(lengths.lend())
        }),
        mask: Some(Mask {
            bytes: mask.lend(),
            one: element(&case.one),
        }),
    };
    pad(padding, level, threads).unwrap();
    (out, lengths, mask)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn equals_the_reference_at_every_level(case in case(), threads in 1..4_usize) {
        let copy = |element: &[u8]| match case.narrow.then(|| element.try_into()) {
            Some(Ok(bytes)) => f16::from_f32_const(f32::from_ne_bytes(bytes)).to_ne_bytes().to_vec(),
            _ => element.to_vec(),
        };
        let wanted = reference(&case.samples, &case.room, &case.fill, case.side, copy);
        let room = case.room[case.axis];
        let wanted_mask = mask_reference(&case.samples, case.axis, room, &case.one, case.side);
        let sizes = case.samples.iter().map(|sample| sample.shape[case.axis] as u64);
        let width = if case.wide { 8 } else { 4 };
        let sizes: Vec<u8> = sizes.flat_map(|size| u64::to_le_bytes(size)[..width].to_vec()).collect();
        for level in Level::available() {
            let (out, lengths, mask) = run(&case, level, threads);
            prop_assert_eq!(out.written(), &wanted);
            prop_assert_eq!(mask.written(), &wanted_mask);
            if cfg!(target_endian = "little") {
                prop_assert_eq!(lengths.written(), &sizes);
            }
        }
    }

    #[test]
    fn finiteness_is_checked_everywhere(
        float in prop::sample::select(vec![Float::F16, Float::Bf16, Float::F32, Float::F64]),
        len in 1..6000_usize,
        at in any::<prop::sample::Index>(),
        kind in 0..3_usize,
        contiguous in any::<bool>(),
    ) {
        let at = at.index(len);
        let bad = match float {
            Float::F16 => [0x7c00_u16, 0xfc00, 0x7c01][kind].to_ne_bytes().to_vec(),
            Float::Bf16 => [0x7f80_u16, 0xff80, 0xffff][kind].to_ne_bytes().to_vec(),
            Float::F32 => [f32::INFINITY, f32::NEG_INFINITY, f32::NAN][kind].to_ne_bytes().to_vec(),
            Float::F64 => [f64::INFINITY, f64::NEG_INFINITY, -f64::NAN][kind].to_ne_bytes().to_vec(),
        };
        // The largest finite value, so that its neighbour in the encoding is what has to be found.
        let good = match float {
            Float::F16 => 0xfbff_u16.to_ne_bytes().to_vec(),
            Float::Bf16 => 0xff7f_u16.to_ne_bytes().to_vec(),
            Float::F32 => f32::MIN.to_ne_bytes().to_vec(),
            Float::F64 => f64::MIN.to_ne_bytes().to_vec(),
        };
        let item = good.len();
        let mut bytes = good.repeat(len);
        let finite = Owned::plain(bytes.clone(), &[len], item);
        let origin = if contiguous { at } else { len - 1 - at };
        bytes[origin * item..][..item].copy_from_slice(&bad);
        let mut sample = Owned::plain(bytes, &[len], item);
        if !contiguous {
            sample.origin = (len - 1) * item;
            sample.strides = vec![-item.cast_signed()];
        }
        let samples = [finite.borrow(), sample.borrow()];
        let mut out = Guarded::new(2 * (len + 1) * item);
        let result = padded(padding(&samples, out.lend(), &[2, len + 1], item, Some(float)));
        prop_assert_eq!(result, Err(PadError::NonFinite { sample: 1, index: at }));
        out.written();
        let mut out = Guarded::new((len + 1) * item);
        prop_assert_eq!(padded(padding(&samples[..1], out.lend(), &[1, len + 1], item, Some(float))), Ok(()));
    }
}

fn padded(request: Padding<'_>) -> Result<(), PadError> {
    pad(request, Level::best(), 1)
}

fn padding<'a>(
    samples: &'a [Sample<'a>],
    bytes: &'a mut [u8],
    shape: &'a [usize],
    item: usize,
    finite: Option<Float>,
) -> Padding<'a> {
    Padding {
        samples,
        out: Batch { bytes, shape },
        fill: element(&[0, 0, 0, 0, 0, 0, 0, 0][..item]),
        narrow: false,
        side: Side::Right,
        finite,
        axis: 0,
        lengths: None,
        mask: None,
    }
}

#[test]
fn the_flat_index_runs_through_all_axes() {
    let mut values = [1.0_f32; 6];
    values[5] = f32::NAN;
    let sample = Owned::plain(
        values.iter().flat_map(|value| value.to_ne_bytes()).collect(),
        &[2, 3],
        4,
    );
    let mut out = vec![0; 3 * 4 * 4];
    let result = padded(padding(&[sample.borrow()], &mut out, &[1, 3, 4], 4, Some(Float::F32)));
    assert_eq!(result, Err(PadError::NonFinite { sample: 0, index: 5 }));
}

#[test]
fn samples_of_rank_zero_are_rows_of_one_element() {
    let samples = [7_u8, 8].map(|value| Owned::plain(vec![value], &[], 1));
    let samples = [samples[0].borrow(), samples[1].borrow()];
    let mut out = [0; 2];
    assert_eq!(padded(padding(&samples, &mut out, &[2], 1, None)), Ok(()));
    assert_eq!(out, [7, 8]);
}

#[test]
fn nothing_is_written_when_a_shape_is_wrong() {
    let sample = |shape: &[usize]| Owned::plain(vec![1; shape.iter().product()], shape, 1);
    let (good, long, flat) = (sample(&[2, 3]), sample(&[2, 4]), sample(&[2]));
    let outside = Owned {
        bytes: vec![1; 5],
        ..good.clone()
    };
    let below = Owned {
        strides: vec![-3, 1],
        ..good.clone()
    };
    let too_large = PadError::TooLarge {
        sample: 1,
        axis: 1,
        size: 4,
        room: 3,
    };
    let rank = PadError::Rank {
        sample: 1,
        rank: 1,
        expected: 2,
    };
    for (other, error) in [
        (&long, too_large),
        (&flat, rank),
        (&outside, PadError::OutsideMemory { sample: 1 }),
        (&below, PadError::OutsideMemory { sample: 1 }),
    ] {
        let mut out = Guarded::new(2 * 6);
        let samples = [good.borrow(), other.borrow()];
        assert_eq!(padded(padding(&samples, out.lend(), &[2, 2, 3], 1, None)), Err(error));
        assert!(out.written().iter().all(|&byte| byte == GUARD_BYTE));
    }
}

#[test]
fn sizes_that_disagree_are_refused() {
    let good = Owned::plain(vec![1; 4], &[4], 1);
    let samples = [good.borrow()];
    let mut out = [0; 4];
    assert_eq!(
        padded(padding(&samples, &mut out, &[], 1, None)),
        Err(PadError::NoBatch)
    );
    assert_eq!(
        padded(padding(&samples, &mut out, &[2, 2], 1, None)),
        Err(PadError::Count { samples: 1, rows: 2 })
    );
    assert_eq!(
        padded(padding(&samples, &mut out, &[1, 5], 1, None)),
        Err(PadError::Memory("out"))
    );
    assert_eq!(
        padded(padding(&samples, &mut out, &[1, usize::MAX], 2, None)),
        Err(PadError::Memory("out"))
    );
    assert_eq!(
        padded(padding(&samples, &mut out, &[1, 4], 1, Some(Float::F16))),
        Err(PadError::FloatSize)
    );
    let mut small = [0; 3];
    let mut request = padding(&samples, &mut out, &[1, 4], 1, None);
    request.lengths = Some(Lengths::I32(&mut small));
    assert_eq!(padded(request), Err(PadError::Memory("lengths")));
    let mut request = padding(&samples, &mut out, &[1, 4], 1, None);
    request.mask = Some(Mask {
        bytes: &mut small,
        one: Element::One([1]),
    });
    assert_eq!(padded(request), Err(PadError::Memory("mask")));
    let mut request = padding(&samples, &mut out, &[1, 4], 1, None);
    request.axis = 1;
    assert_eq!(padded(request), Err(PadError::Axis { axis: 1, rank: 1 }));
    assert_eq!(out, [0; 4]);
}

#[test]
fn a_length_beyond_its_integer_is_refused() {
    // A broadcast sample with a second axis of size 0 may be as long as it likes without any memory.
    let size = 1 << 31;
    let empty = Owned {
        bytes: Vec::new(),
        origin: 0,
        shape: vec![size, 0],
        strides: vec![0, 0],
        item: 1,
    };
    let (samples, mut lengths) = ([empty.borrow()], [9; 4]);
    let shape = [1, size, 0];
    let mut request = padding(&samples, &mut [], &shape, 1, None);
    request.lengths = Some(Lengths::I32(&mut lengths));
    assert_eq!(padded(request), Err(PadError::LengthOverflow { sample: 0, size }));
    assert_eq!(lengths, [9; 4]);
}

#[test]
fn the_first_sample_that_is_not_finite_is_named_whatever_threads_there_are() {
    let good = Owned::plain(
        [1.0_f32; 400].iter().flat_map(|value| value.to_ne_bytes()).collect(),
        &[400],
        4,
    );
    let mut bad = good.clone();
    bad.bytes[399 * 4..].copy_from_slice(&f32::INFINITY.to_ne_bytes());
    let samples = [&good, &good, &bad, &good, &bad].map(Owned::borrow);
    for threads in 1..=5 {
        let mut out = Guarded::new(5 * 400 * 4);
        let result = pad(
            padding(&samples, out.lend(), &[5, 400], 4, Some(Float::F32)),
            Level::best(),
            threads,
        );
        assert_eq!(result, Err(PadError::NonFinite { sample: 2, index: 399 }));
        out.written();
    }
}

#[test]
fn what_is_too_large_for_f16_is_not_finite() {
    let sample = Owned::plain(
        [1.0_f32, 65519.9, 65520.0]
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect(),
        &[3],
        4,
    );
    let samples = [sample.borrow()];
    let mut out = [0; 8];
    let mut request = padding(&samples, &mut out, &[1, 4], 2, Some(Float::F16));
    request.narrow = true;
    assert_eq!(padded(request), Err(PadError::NonFinite { sample: 0, index: 2 }));
    let mut request = padding(&samples, &mut out, &[1, 4], 2, None);
    request.narrow = true;
    assert_eq!(padded(request), Ok(()));
    assert_eq!(
        out.as_chunks()
            .0
            .iter()
            .map(|&item| f16::from_ne_bytes(item))
            .collect::<Vec<_>>(),
        [f16::ONE, f16::MAX, f16::INFINITY, f16::ZERO]
    );
    let mut out = [0; 16];
    let mut request = padding(&samples, &mut out, &[1, 4], 4, None);
    request.narrow = true;
    assert_eq!(padded(request), Err(PadError::Narrow));
}
