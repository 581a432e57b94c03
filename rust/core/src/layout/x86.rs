//! Transposing in registers: a vector is made of 16-byte lanes that are loaded from different rows, so that exchanging
//! elements within lanes is all there is to do.

#[allow(clippy::wildcard_imports, reason = "their names tell them")]
use std::arch::x86_64::*;

use super::Transpose;
use crate::level::{Level, Set};
use crate::memory::{Source, Target, steps};

mod lanes;

use lanes::{
    blend_avx2, blend_avx512, combine_avx2, combine_avx512, each, interleave, load, parts_avx2, parts_avx512,
    pixels_of_words, transposed, words_of_pixels,
};

/// Whole lines of the cache.
const LINE: usize = 64;

/// Whether it was done: the shape must be one of those that there are kernels for.
///
/// # Safety
///
/// As [`Transpose`] demands, with contiguous rows of the source.
pub(super) unsafe fn transpose<const E: usize>(job: Transpose<'_>, level: Level, stream: bool) -> bool {
    // SAFETY: the machine has the level.
    unsafe {
        match level.set() {
            Set::Portable => false,
            Set::Avx2 => avx2::transpose(job, E, stream),
            Set::Avx512 => avx512::transpose(job, E, stream),
        }
    }
}

impl Transpose<'_> {
    /// The rows and columns from these on.
    fn rest(self, row: usize, col: usize, element: usize) -> Self {
        Self {
            from: self.source_at(row, col),
            to: self.target_at(row, col, element),
            rows: self.rows - row,
            cols: self.cols - col,
            ..self
        }
    }
}

/// Lines of a row of the target that are written one after another, if it is too large for the second cache.
const RUN: usize = 4;

/// Bytes of a target from which on that pays.
const FAR_FROM: usize = if cfg!(test) { 32 << 10 } else { 1 << 20 };

/// Where blocks of `run` tiles begin, and then single tiles, of `tile` rows or columns each, and how many they have.
fn blocks(len: usize, tile: usize, run: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = run * tile;
    let whole = len / size * size;
    let rest = (whole..len)
        .step_by(tile)
        .map(move |begin| (begin.min(len - tile), tile));
    (0..whole).step_by(size).map(move |begin| (begin, size)).chain(rest)
}

#[repr(align(64))]
struct Scratch<const N: usize>([u8; N]);

macro_rules! level {
    (
        $level:ident, $features:literal, $vector:ident, $lanes:tt, $load:ident, $store:ident, $stream:ident,
        $combine:ident, $parts:ident, $shuffle:ident, $broadcast:ident, $blend:ident, $low32:ident, $high32:ident;
        $($name:ident $element:literal $n:tt $low:ident $high:ident),+
    ) => {
        mod $level {
            use super::*;

            const WIDTH: usize = 16 * $lanes;

            /// # Safety
            ///
            /// As [`Transpose`] demands, with contiguous rows of the source; the machine has this level.
            #[target_feature(enable = $features)]
            pub unsafe fn transpose(job: Transpose<'_>, element: usize, stream: bool) -> bool {
                // SAFETY: as this function demands.
                unsafe {
                    match element {
                        $($element if stream => $name::transpose::<true>(job),
                        $element => $name::transpose::<false>(job),)+
                        _ => false,
                    }
                }
            }

            /// # Safety
            ///
            /// `WIDTH` bytes are there and nobody else's.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn store<const STREAM: bool>(to: *mut u8, vector: $vector) {
                // SAFETY: the caller vouches for it. Only the streaming store asks for alignment.
                unsafe {
                    if STREAM && to.addr().is_multiple_of(WIDTH) {
                        $stream(to.cast(), vector);
                    } else {
                        $store(to.cast(), vector);
                    }
                }
            }

            /// # Safety
            ///
            /// As `store`, with 16 bytes at each of `to`.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn store_lanes<const STREAM: bool>(to: impl Fn(usize) -> *mut u8, vector: $vector) {
                for (lane, part) in $parts(vector).into_iter().enumerate() {
                    let to = to(lane);
                    // SAFETY: as above.
                    unsafe {
                        if STREAM && to.addr().is_multiple_of(16) {
                            _mm_stream_si128(to.cast(), part);
                        } else {
                            _mm_storeu_si128(to.cast(), part);
                        }
                    }
                }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn shuffled(vector: $vector, mask: [u8; 16]) -> $vector {
                // SAFETY: both are 16 bytes of anything.
                let mask = unsafe { std::mem::transmute::<[u8; 16], __m128i>(mask) };
                $shuffle(vector, $broadcast(mask))
            }

            $(mod $name {
                use super::*;

                const E: usize = $element;
                /// Elements of a lane.
                const N: usize = 16 / E;
                /// Elements of a vector.
                const V: usize = WIDTH / E;
                /// Elements of a line.
                const L: usize = LINE / E;

                #[target_feature(enable = $features)]
                pub unsafe fn transpose<const STREAM: bool>(job: Transpose<'_>) -> bool {
                    // SAFETY: as this function demands; every step lies within rows and columns.
                    unsafe {
                        if job.cols == 3 && job.rows >= V && job.row_step == (3 * E).cast_signed() && E < 8 {
                            to_planes::<3, STREAM>(job);
                        } else if job.cols == 4 && job.rows >= V && job.row_step == (4 * E).cast_signed() && E < 8 {
                            to_planes::<4, STREAM>(job);
                        } else if job.rows == 3 && job.cols >= V && job.to_step == 3 * E && E < 8 {
                            to_pixels::<3, STREAM>(job);
                        } else if job.rows == 4 && job.cols >= V && job.to_step == 4 * E && E < 8 {
                            to_pixels::<4, STREAM>(job);
                        } else if job.rows >= L && job.cols >= L {
                            tiles::<STREAM>(job);
                        } else if job.rows >= L && job.cols >= N {
                            for row in steps(job.rows, L) {
                                for col in steps(job.cols, N) {
                                    for half in (0..L).step_by(V) {
                                        tall::<STREAM>(job, row + half, col);
                                    }
                                }
                            }
                        } else if job.rows >= N && job.cols >= V {
                            for col in steps(job.cols, V) {
                                for row in steps(job.rows, N) {
                                    wide::<STREAM>(job, row, col);
                                }
                            }
                        } else {
                            return false;
                        }
                        if STREAM {
                            _mm_sfence();
                        }
                    }
                    true
                }

                /// # Safety
                ///
                /// There are `L` rows and columns.
                #[target_feature(enable = $features)]
                unsafe fn tiles<const STREAM: bool>(job: Transpose<'_>) {
                    let far = STREAM || job.rows * job.cols * E >= FAR_FROM;
                    let read = &mut Scratch([0; LINE * LINE]);
                    let written = &mut far.then(|| Scratch([0; LINE * LINE * RUN]));
                    // Pixels are the longer side; of some of them, all channels.
                    if job.rows > job.cols {
                        for (row, rows) in blocks(job.rows, L, RUN) {
                            for col in steps(job.cols, L) {
                                let (size, next) = ([rows, L], (rows, 0));
                                // SAFETY: the block lies within rows and columns.
                                unsafe { block::<STREAM>(job.rest(row, col, E), size, next, read, written.as_mut()) }
                            }
                        }
                    } else {
                        // Planes lie in a page each, of which some lines are read before it is left.
                        let run = if far { LINE / L } else { 1 };
                        for (col, cols) in blocks(job.cols, L, run) {
                            for (row, rows) in blocks(job.rows, L, RUN) {
                                let (size, next) = ([rows, cols], (0, cols));
                                // SAFETY: as above.
                                unsafe { block::<STREAM>(job.rest(row, col, E), size, next, read, written.as_mut()) }
                            }
                        }
                    }
                }

                /// The first rows and columns, multiples of `L`; `next` is where the block after it begins.
                #[target_feature(enable = $features)]
                unsafe fn block<const STREAM: bool>(
                    job: Transpose<'_>,
                    [rows, cols]: [usize; 2],
                    next: (usize, usize),
                    read: &mut Scratch<{ LINE * LINE }>,
                    mut written: Option<&mut Scratch<{ LINE * LINE * RUN }>>,
                ) {
                    // Lines that are a multiple of 64 lines apart displace each other from the first cache.
                    let sets = 64 >> (job.row_step / 64).trailing_zeros().min(6);
                    let aliased = job.row_step % 64 == 0 && L > 6 * sets;
                    for first_row in (0..rows).step_by(L) {
                        for first_col in (0..cols).step_by(L) {
                            let mut tile = job.rest(first_row, first_col, E);
                            // SAFETY: the tile lies within rows and columns, and within what is made for one.
                            unsafe {
                                if written.is_some() && job.row_step != LINE.cast_signed() {
                                    for row in 0..L {
                                        let ahead = tile.source_at(row + next.0, next.1);
                                        let start = tile.source.0.as_ptr();
                                        _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(ahead).cast());
                                    }
                                }
                                if aliased {
                                    copy(tile, read);
                                    tile.source = Source(&read.0);
                                    tile.from = 0;
                                    tile.row_step = LINE.cast_signed();
                                }
                                if let Some(written) = &mut written {
                                    tile.target = Target::new(&mut written.0);
                                    tile.to = first_row * E + first_col * RUN * LINE;
                                    tile.to_step = RUN * LINE;
                                }
                                for col in (0..L).step_by(N) {
                                    for half in (0..L).step_by(V) {
                                        tall::<false>(tile, half, col);
                                    }
                                }
                            }
                        }
                    }
                    let Some(written) = written else { return };
                    for col in 0..cols {
                        // SAFETY: the column exists.
                        unsafe {
                            let from = written.0.as_ptr().add(col * RUN * LINE);
                            let to = job.target.at(job.target_at(0, col, E), rows * E);
                            for at in (0..rows * E).step_by(WIDTH) {
                                store::<STREAM>(to.add(at), $load(from.add(at).cast()));
                            }
                        }
                    }
                }

                /// Copies `L` rows and columns.
                #[inline]
                #[target_feature(enable = $features)]
                unsafe fn copy(tile: Transpose<'_>, to: &mut Scratch<{ LINE * LINE }>) {
                    for (row, to) in to.0.chunks_exact_mut(LINE).take(L).enumerate() {
                        for (part, to) in to.chunks_exact_mut(WIDTH).enumerate() {
                            // SAFETY: the row and the columns exist.
                            unsafe {
                                let from = tile.source.at(tile.source_at(row, 0) + part * WIDTH, WIDTH);
                                $store(to.as_mut_ptr().cast(), $load(from.cast()));
                            }
                        }
                    }
                }

                /// `V` rows of `N` columns.
                #[inline]
                #[target_feature(enable = $features)]
                unsafe fn tall<const STREAM: bool>(job: Transpose<'_>, row: usize, col: usize) {
                    // SAFETY: the rows and columns exist.
                    unsafe {
                        let from = |row| load(job.source.at(job.source_at(row, col), 16));
                        let rows = each!($n, |i| $combine(each!($lanes, |lane| from(row + lane * N + i))));
                        for (i, vector) in transposed!($n, rows, $low, $high).into_iter().enumerate() {
                            store::<STREAM>(job.target.at(job.target_at(row, col + i, E), WIDTH), vector);
                        }
                    }
                }

                /// `N` rows of `V` columns.
                #[inline]
                #[target_feature(enable = $features)]
                unsafe fn wide<const STREAM: bool>(job: Transpose<'_>, row: usize, col: usize) {
                    // SAFETY: the rows and columns exist.
                    unsafe {
                        let rows = each!($n, |i: usize| {
                            $load(job.source.at(job.source_at(row + i, col), WIDTH).cast())
                        });
                        for (i, vector) in transposed!($n, rows, $low, $high).into_iter().enumerate() {
                            let to = |lane| job.target.at(job.target_at(row, col + lane * N + i, E), 16);
                            store_lanes::<STREAM>(to, vector);
                        }
                    }
                }

                /// Rows are pixels of `C` channels, one after another, at least `V`.
                #[target_feature(enable = $features)]
                unsafe fn to_planes<const C: usize, const STREAM: bool>(job: Transpose<'_>) {
                    // A lane takes 4 * C bytes. What every fourth one reads ends with them, so as not to read beyond.
                    let (mask, last_mask) = const { (words_of_pixels(C, E, 0), words_of_pixels(C, E, 16 - 4 * C)) };
                    for row in steps(job.rows, V) {
                        let from = job.from + row * C * E;
                        // SAFETY: `V` pixels follow, and are this job's to write.
                        unsafe {
                            let words = |i: usize| {
                                let before = if i == 3 { 16 - 4 * C } else { 0 };
                                let lanes = $combine(each!($lanes, |lane: usize| {
                                    load(job.source.at(from + lane * 16 * C + i * 4 * C - before, 16))
                                }));
                                shuffled(lanes, if i == 3 { last_mask } else { mask })
                            };
                            let planes = transposed!(4, each!(4, words), $low32, $high32);
                            for (col, plane) in planes.into_iter().take(C).enumerate() {
                                store::<STREAM>(job.target.at(job.target_at(row, col, E), WIDTH), plane);
                            }
                        }
                    }
                }

                /// Columns are pixels of `C` channels, one after another in the target, at least `V`.
                #[target_feature(enable = $features)]
                unsafe fn to_pixels<const C: usize, const STREAM: bool>(job: Transpose<'_>) {
                    // Three channels fill three quarters of a lane. Each lane is turned so that its words stand where
                    // they go when four of them are put together to three.
                    let turn = if C == 3 { 4 } else { 0 };
                    let masks = [0, 3 * turn, 2 * turn, turn].map(|shift| pixels_of_words(C, E, shift));
                    for col in steps(job.cols, V) {
                        // SAFETY: `V` pixels are there, and are this job's to write.
                        unsafe {
                            let plane = |row: usize| {
                                $load(job.source.at(job.source_at(row.min(C - 1), col), WIDTH).cast())
                            };
                            let words = transposed!(4, each!(4, plane), $low32, $high32);
                            let words = each!(4, |i: usize| shuffled(words[i], masks[i]));
                            let [a, b, c, d] = words;
                            let parts = if C == 3 {
                                [$blend::<0b1000>(a, b), $blend::<0b1100>(b, c), $blend::<0b1110>(c, d), d]
                            } else {
                                words
                            };
                            for (i, part) in parts.into_iter().take(C).enumerate() {
                                let to = |lane| job.target.at(job.target_at(0, col, E) + (lane * C + i) * 16, 16);
                                store_lanes::<STREAM>(to, part);
                            }
                        }
                    }
                }
            })+
        }
    };
}

level!(
    avx2, "avx2", __m256i, 2, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_stream_si256,
    combine_avx2, parts_avx2,
    _mm256_shuffle_epi8, _mm256_broadcastsi128_si256, blend_avx2, _mm256_unpacklo_epi32, _mm256_unpackhi_epi32;
    one 1 16 _mm256_unpacklo_epi8 _mm256_unpackhi_epi8,
    two 2 8 _mm256_unpacklo_epi16 _mm256_unpackhi_epi16,
    four 4 4 _mm256_unpacklo_epi32 _mm256_unpackhi_epi32,
    eight 8 2 _mm256_unpacklo_epi64 _mm256_unpackhi_epi64
);

level!(
    avx512, "avx512f,avx512bw,avx512vl", __m512i, 4, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_stream_si512,
    combine_avx512, parts_avx512,
    _mm512_shuffle_epi8, _mm512_broadcast_i32x4, blend_avx512, _mm512_unpacklo_epi32, _mm512_unpackhi_epi32;
    one 1 16 _mm512_unpacklo_epi8 _mm512_unpackhi_epi8,
    two 2 8 _mm512_unpacklo_epi16 _mm512_unpackhi_epi16,
    four 4 4 _mm512_unpacklo_epi32 _mm512_unpackhi_epi32,
    eight 8 2 _mm512_unpacklo_epi64 _mm512_unpackhi_epi64
);
