//! Transposing in plain Rust. The loops over pixels of 2, 3 and 4 channels are ones that the compiler vectorizes.

use std::{ptr, slice};

use super::Transpose;

/// Elements of a row of the target that are written together: a line of the cache or more.
const RUN: usize = 64;

/// # Safety
///
/// As [`Transpose`] demands.
pub(super) unsafe fn transpose<const E: usize>(job: Transpose<'_>) {
    for begin in (0..job.rows).step_by(RUN) {
        let end = job.rows.min(begin + RUN);
        for col in 0..job.cols {
            for row in begin..end {
                // SAFETY: the row and the column exist.
                unsafe {
                    let from = job.source.at(job.from_at(row, col), E);
                    ptr::copy_nonoverlapping(from, job.target.at(job.to_at(row, col, E), E), E);
                }
            }
        }
    }
}

/// Contiguous pixels of `C` channels to `C` planes.
///
/// # Safety
///
/// As [`Transpose`] demands; `cols` is `C` and rows follow one another.
pub(super) unsafe fn to_planes<const C: usize, const E: usize>(job: Transpose<'_>) {
    // SAFETY: `rows` pixels are there, and each plane has as many places that are this job's alone.
    let (pixels, mut planes) = unsafe {
        let pixels = job.source.at(job.from, job.rows * C * E);
        let plane = |col| {
            let place = job.target.at(job.to_at(0, col, E), job.rows * E);
            slice::from_raw_parts_mut(place.cast::<[u8; E]>(), job.rows)
        };
        let pixels = slice::from_raw_parts(pixels.cast::<[[u8; E]; C]>(), job.rows);
        (pixels, std::array::from_fn::<_, C, _>(plane))
    };
    for (index, pixel) in pixels.iter().enumerate() {
        for (plane, element) in planes.iter_mut().zip(pixel) {
            plane[index] = *element;
        }
    }
}

/// `C` planes to contiguous pixels of `C` channels.
///
/// # Safety
///
/// As [`Transpose`] demands; `rows` is `C` and rows of the target follow one another.
pub(super) unsafe fn to_pixels<const C: usize, const E: usize>(job: Transpose<'_>) {
    // SAFETY: each plane has `cols` elements, and as many pixels are this job's alone.
    let (planes, pixels) = unsafe {
        let plane = |row| {
            let plane = job.source.at(job.from_at(row, 0), job.cols * E);
            slice::from_raw_parts(plane.cast::<[u8; E]>(), job.cols)
        };
        let pixels = job.target.at(job.to, job.cols * C * E);
        let pixels = slice::from_raw_parts_mut(pixels.cast::<[[u8; E]; C]>(), job.cols);
        (std::array::from_fn::<_, C, _>(plane), pixels)
    };
    for (index, pixel) in pixels.iter_mut().enumerate() {
        for (plane, element) in planes.iter().zip(pixel) {
            *element = plane[index];
        }
    }
}
