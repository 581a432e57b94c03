use proptest::prelude::*;

use super::*;

const GUARD: usize = 96;
const GUARD_BYTE: u8 = 0xA5;
const ORDERS: [Order; 2] = [Order::ChannelsFirst, Order::ChannelsLast];

/// Images that own what they describe.
#[derive(Debug, Clone)]
struct Owned {
    bytes: Vec<u8>,
    origin: usize,
    shape: [usize; 4],
    strides: [isize; 4],
    element: usize,
}

impl Owned {
    /// Axes lie in memory in the order of `axes`, the last one closest, each stored `steps` times as wide as it is, or
    /// backwards, after `shift` bytes.
    fn new(shape: [usize; 4], element: usize, axes: [usize; 4], steps: [isize; 4], shift: usize) -> Self {
        let (mut strides, mut step, mut origin) = ([0; 4], element, shift);
        for axis in axes.into_iter().rev() {
            strides[axis] = step.cast_signed() * steps[axis];
            if steps[axis] < 0 {
                origin += step * steps[axis].unsigned_abs() * shape[axis].saturating_sub(1);
            }
            step *= shape[axis] * steps[axis].unsigned_abs();
        }
        let bytes = (0..=250).cycle().take(shift + step).collect();
        Self {
            bytes,
            origin,
            shape,
            strides,
            element,
        }
    }

    fn borrow(&self) -> Images<'_> {
        Images {
            bytes: &self.bytes,
            origin: self.origin,
            shape: self.shape,
            strides: self.strides,
            element: self.element,
        }
    }

    /// Element by element.
    fn reference(&self, order: Order) -> Vec<u8> {
        let [images, height, width, channels] = self.shape;
        let mut out = Vec::new();
        let mut push = |index: [usize; 4]| {
            let offset: isize = index
                .iter()
                .zip(self.strides)
                .map(|(&i, stride)| i.cast_signed() * stride)
                .sum();
            let at = self.origin.strict_add_signed(offset);
            out.extend_from_slice(&self.bytes[at..at + self.element]);
        };
        for image in 0..images {
            match order {
                Order::ChannelsFirst => {
                    for (c, h, w) in triples(channels, height, width) {
                        push([image, h, w, c]);
                    }
                }
                Order::ChannelsLast => {
                    for (h, w, c) in triples(height, width, channels) {
                        push([image, h, w, c]);
                    }
                }
            }
        }
        out
    }

    fn assert_copied(&self, order: Order, shift: usize, threads: usize) {
        let wanted = self.reference(order);
        for level in Level::available() {
            let mut memory = vec![GUARD_BYTE; wanted.len() + 2 * GUARD];
            let (before, rest) = memory.split_at_mut(GUARD + shift);
            let (out, after) = rest.split_at_mut(wanted.len());
            assert_eq!(repack(&self.borrow(), order, out, level, threads), Ok(()));
            assert!(out == wanted, "{level} {:?} {:?} {order:?}", self.shape, self.strides);
            assert!(before.iter().chain(after.iter()).all(|&byte| byte == GUARD_BYTE));
        }
    }
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |x| (0..b).flat_map(move |y| (0..c).map(move |z| (x, y, z))))
}

fn element() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1_usize, 2, 4, 8])
}

proptest! {
    #[test]
    fn views_of_all_kinds(
        shape in [0..3_usize, 0..6_usize, 0..6_usize, 0..6_usize],
        element in element(),
        axes in Just([0_usize, 1, 2, 3]).prop_shuffle(),
        steps in prop::array::uniform4(prop::sample::select(vec![1_isize, 1, 1, 2, -1, -3])),
        shift in 0..17_usize,
        order in prop::sample::select(ORDERS.to_vec()),
    ) {
        Owned::new(shape, element, axes, steps, shift).assert_copied(order, shift, 1);
    }

    #[test]
    fn the_usual_orders(
        images in 1..3_usize,
        (height, width) in (1..12_usize, 1..80_usize),
        channels in prop_oneof![1..6_usize, 1..150_usize],
        element in element(),
        crop in prop::sample::select(vec![1_isize, 1, 2]),
        last in any::<bool>(),
        shift in 0..65_usize,
    ) {
        let (axes, order) = if last {
            ([0, 1, 2, 3], Order::ChannelsFirst)
        } else {
            ([0, 3, 1, 2], Order::ChannelsLast)
        };
        let source = Owned::new([images, height, width, channels], element, axes, [1, crop, 1, 1], shift);
        source.assert_copied(order, (shift * 5) % 65, 1);
    }
}

#[test]
fn rows_that_are_pages_apart() {
    for (channels, element) in [(64, 1), (64, 2), (48, 4), (20, 8)] {
        let shape = [1, 64, 64, channels];
        Owned::new(shape, element, [0, 3, 1, 2], [1; 4], 0).assert_copied(Order::ChannelsLast, 0, 1);
        Owned::new([1, 5, 33, 4096 / element], element, [0, 1, 2, 3], [1; 4], 0).assert_copied(
            Order::ChannelsFirst,
            0,
            1,
        );
    }
}

#[test]
fn large_outputs_and_threads() {
    for (channels, element) in [(3, 1), (3, 2), (4, 4), (3, 4), (70, 1), (33, 4), (2, 8), (1, 4)] {
        let width = STREAM_FROM / (channels * element * 57 * 2) + 3;
        for threads in [1, 3] {
            Owned::new([2, 57, width, channels], element, [0, 1, 2, 3], [1; 4], 1).assert_copied(
                Order::ChannelsFirst,
                0,
                threads,
            );
            Owned::new([2, 57, width, channels], element, [0, 3, 1, 2], [1; 4], 0).assert_copied(
                Order::ChannelsLast,
                3,
                threads,
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let owned = Owned::new([1, 2, 2, 3], 2, [0, 1, 2, 3], [1; 4], 0);
    let level = Level::best();
    let repack = |images: Images<'_>, out: &mut [u8]| repack(&images, Order::ChannelsFirst, out, level, 1);
    let mut out = [0; 24];
    assert_eq!(repack(owned.borrow(), &mut out[1..]), Err(LayoutError::Memory));
    assert_eq!(
        repack(
            Images {
                element: 3,
                ..owned.borrow()
            },
            &mut out
        ),
        Err(LayoutError::Element(3))
    );
    for images in [
        Images {
            origin: 1,
            ..owned.borrow()
        },
        Images {
            origin: usize::MAX,
            ..owned.borrow()
        },
        Images {
            strides: [0, -12, 6, 2],
            ..owned.borrow()
        },
        Images {
            strides: [0, isize::MAX, 6, 2],
            ..owned.borrow()
        },
        Images {
            shape: [usize::MAX; 4],
            strides: [0; 4],
            ..owned.borrow()
        },
    ] {
        assert_eq!(repack(images, &mut out), Err(LayoutError::OutsideMemory));
    }
    assert_eq!(out, [0; 24]);
}
