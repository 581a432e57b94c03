//! `pad` once more, element by element.

use crate::pad::{Element, Sample, Side};

const GUARD: usize = 32;
pub const GUARD_BYTE: u8 = 0xA5;

/// Memory for an output, of which only the middle is lent.
pub struct Guarded(Vec<u8>);

impl Guarded {
    pub fn new(len: usize) -> Self {
        Self(vec![GUARD_BYTE; len + 2 * GUARD])
    }

    pub fn lend(&mut self) -> &mut [u8] {
        let end = self.0.len() - GUARD;
        &mut self.0[GUARD..end]
    }

    pub fn written(&self) -> &[u8] {
        let (inner, after) = self.0.split_at(self.0.len() - GUARD);
        let (before, inner) = inner.split_at(GUARD);
        assert!(before.iter().chain(after).all(|&byte| byte == GUARD_BYTE));
        inner
    }
}

pub fn element(bytes: &[u8]) -> Element {
    let eight = || bytes.try_into().map(Element::Eight);
    let four = || bytes.try_into().map(Element::Four);
    let two = || bytes.try_into().map(Element::Two);
    let one = || bytes.try_into().map(Element::One);
    eight()
        .or_else(|_| four())
        .or_else(|_| two())
        .or_else(|_| one())
        .unwrap()
}

/// A sample that owns what it describes.
#[derive(Debug, Clone)]
pub struct Owned {
    pub bytes: Vec<u8>,
    pub origin: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<isize>,
    /// Bytes of an element.
    pub item: usize,
}

impl Owned {
    pub fn borrow(&self) -> Sample<'_> {
        Sample {
            bytes: &self.bytes,
            origin: self.origin,
            shape: &self.shape,
            strides: &self.strides,
        }
    }

    /// C-contiguous.
    pub fn plain(bytes: Vec<u8>, shape: &[usize], item: usize) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut step = item.cast_signed();
        for (stride, &size) in strides.iter_mut().zip(shape).rev() {
            *stride = step;
            step *= size.cast_signed();
        }
        Self {
            bytes,
            origin: 0,
            shape: shape.to_vec(),
            strides,
            item,
        }
    }

    fn at(&self, index: &[usize]) -> &[u8] {
        let offset: isize = index
            .iter()
            .zip(&self.strides)
            .map(|(&i, &stride)| i.cast_signed() * stride)
            .sum();
        &self.bytes[self.origin.wrapping_add_signed(offset)..][..self.item]
    }
}

/// All indices of `shape` in C order.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |heads, &size| {
        heads
            .iter()
            .flat_map(|head| (0..size).map(|i| [head.as_slice(), &[i]].concat()))
            .collect()
    })
}

/// What `pad` has to write, element by element.
pub fn reference<'a>(
    samples: impl IntoIterator<Item = &'a Owned>,
    room: &[usize],
    fill: &[u8],
    side: Side,
    copy: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let mut out = Vec::new();
    for sample in samples {
        for index in indices(room) {
            let at = index
                .iter()
                .zip(room)
                .zip(&sample.shape)
                .map(|((&i, &room), &size)| match side {
                    Side::Right => (i < size).then_some(i),
                    Side::Left => i.checked_sub(room - size),
                });
            let at: Option<Vec<_>> = at.collect();
            out.extend(at.map_or(fill.to_vec(), |at| copy(sample.at(&at))));
        }
    }
    out
}

pub fn mask_reference(samples: &[Owned], axis: usize, room: usize, one: &[u8], side: Side) -> Vec<u8> {
    let mut mask = Vec::new();
    for sample in samples {
        let valid = sample.shape[axis];
        for i in 0..room {
            let valid = match side {
                Side::Right => i < valid,
                Side::Left => i >= room - valid,
            };
            mask.extend(if valid { one.to_vec() } else { vec![0; one.len()] });
        }
    }
    mask
}
