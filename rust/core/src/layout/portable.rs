//! Transposing in plain Rust. The loops over pixels of 2, 3 and 4 channels are ones that the compiler vectorizes.

use std::{array, ptr};

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
                    let from = job.source.at(job.source_at(row, col), E);
                    ptr::copy_nonoverlapping(from, job.target.at(job.target_at(row, col, E), E), E);
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
    // SAFETY: as many pixels are there as each plane has places, which are this job's alone.
    unsafe {
        let pixels = job.source.at(job.from, job.rows * C * E);
        let planes: [_; C] = array::from_fn(|col| job.target.at(job.target_at(0, col, E), job.rows * E));
        for row in 0..job.rows {
            for (col, plane) in planes.iter().enumerate() {
                ptr::copy_nonoverlapping(pixels.add((row * C + col) * E), plane.add(row * E), E);
            }
        }
    }
}

/// `C` planes to contiguous pixels of `C` channels.
///
/// # Safety
///
/// As [`Transpose`] demands; `rows` is `C` and rows of the target follow one another.
pub(super) unsafe fn to_pixels<const C: usize, const E: usize>(job: Transpose<'_>) {
    // SAFETY: as many pixels are this job's alone as each plane has elements.
    unsafe {
        let planes: [_; C] = array::from_fn(|row| job.source.at(job.source_at(row, 0), job.cols * E));
        let pixels = job.target.at(job.to, job.cols * C * E);
        for col in 0..job.cols {
            for (row, plane) in planes.iter().enumerate() {
                ptr::copy_nonoverlapping(plane.add(col * E), pixels.add((col * C + row) * E), E);
            }
        }
    }
}
