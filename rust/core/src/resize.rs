//! Pictures of bytes in another size.
//!
//! Each pixel is the mean of those around its centre, weighted by a triangle that is as wide as two pixels of the picture,
//! or of the output where those are larger: what Pillow calls `BILINEAR`. As there, rows are resized before columns, and
//! what is between is rounded to bytes.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{CpuExtensions, FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use crate::layout::{Images, LayoutError, Order, repack};
use crate::level::{Level, Set};
use crate::memory::product;

/// The longest side of a picture, and of what it becomes. Of more pixels, weights would be too small to be exact.
pub const MAX_SIDE: u16 = u16::MAX;

/// Why pictures can't be resized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResizeError {
    #[error("pictures have {0} channels, not 1, 3 or 4")]
    Channels(usize),
    #[error("a side of {0} is longer than {MAX_SIDE}")]
    Side(usize),
    #[error("there are no pixels to make others of")]
    Empty,
    #[error("{0} bytes of memory aren't there")]
    NoMemory(usize),
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

/// Writes pictures in another height and width to `out`, C-contiguous `[N, height, width, C]`.
///
/// # Errors
///
/// [`ResizeError`]; nothing is written then.
pub fn resize(
    images: &Images<'_>,
    [height, width]: [usize; 2],
    out: &mut [u8],
    level: Level,
) -> Result<(), ResizeError> {
    let [count, from_height, from_width, channels] = images.shape;
    if images.element != 1 {
        return Err(LayoutError::Element(images.element).into());
    }
    let side = |side| u16::try_from(side).map_err(|_| ResizeError::Side(side));
    let from = [side(from_height)?, side(from_width)?];
    let to = [side(height)?, side(width)?];
    let kernel = match channels {
        1 => picture::<U8>,
        3 => picture::<U8x3>,
        4 => picture::<U8x4>,
        other => return Err(ResizeError::Channels(other)),
    };
    let bytes = images.check()?;
    if product(&[count, height, width, channels], 1) != Some(out.len()) {
        return Err(LayoutError::Memory.into());
    }
    if out.is_empty() {
        return Ok(());
    }
    if bytes == 0 {
        return Err(ResizeError::Empty);
    }
    let mut job = Job {
        from,
        to,
        between: memory(if at_once(from, to) {
            0
        } else {
            from_height * width * channels
        })?,
        resizer: resizer(level),
    };
    let len = bytes / count;
    let in_one_piece = images.strides[1..] == [from_width * channels, channels, 1].map(usize::cast_signed);
    let mut copy = memory(if in_one_piece { 0 } else { len })?;
    for (number, out) in out.chunks_exact_mut(height * width * channels).enumerate() {
        let offset = images.strides[0].wrapping_mul(number.cast_signed());
        let origin = images.origin.wrapping_add_signed(offset);
        let picture = if in_one_piece {
            &images.bytes[origin..][..len]
        } else {
            let [_, shape @ ..] = images.shape;
            let image = Images {
                origin,
                shape: [1, shape[0], shape[1], shape[2]],
                ..*images
            };
            repack(&image, Order::ChannelsLast, &mut copy, level, 1)?;
            &copy
        };
        kernel(&mut job, picture, out)?;
    }
    Ok(())
}

/// Whether no more than one axis changes, or both do in such a way that rows of the old height and the new width could
/// be more than both pictures: then columns are resized before rows.
fn at_once(from: [u16; 2], to: [u16; 2]) -> bool {
    from[0] == to[0] || from[1] == to[1] || from[0] > to[0] && from[1] < to[1]
}

/// What an array of any strides asks for needn't be there.
fn memory(len: usize) -> Result<Vec<u8>, ResizeError> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| ResizeError::NoMemory(len))?;
    bytes.resize(len, 0);
    Ok(bytes)
}

fn resizer(level: Level) -> Resizer {
    let extensions = match level.set() {
        Set::Portable if cfg!(target_arch = "x86_64") => CpuExtensions::None,
        _ => CpuExtensions::default(),
    };
    let mut resizer = Resizer::new();
    // SAFETY: the library's default is the best that the machine has.
    unsafe { resizer.set_cpu_extensions(extensions) };
    resizer
}

/// Heights and widths, and what is used for one picture after another.
struct Job {
    from: [u16; 2],
    to: [u16; 2],
    /// Rows in their new width.
    between: Vec<u8>,
    resizer: Resizer,
}

fn picture<P: PixelTrait>(job: &mut Job, picture: &[u8], out: &mut [u8]) -> Result<(), ResizeError> {
    let (from, to) = (job.from, job.to);
    if at_once(from, to) {
        return pass::<P>(&mut job.resizer, picture, from, out, to);
    }
    let half_way = [from[0], to[1]];
    pass::<P>(&mut job.resizer, picture, from, &mut job.between, half_way)?;
    pass::<P>(&mut job.resizer, &job.between, half_way, out, to)
}

fn pass<P: PixelTrait>(
    resizer: &mut Resizer,
    picture: &[u8],
    from: [u16; 2],
    out: &mut [u8],
    to: [u16; 2],
) -> Result<(), ResizeError> {
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false);
    let ([height, width], [to_height, to_width]) = (from.map(u32::from), to.map(u32::from));
    // All sizes are those that they are to be.
    let wrong = |_| LayoutError::Memory;
    let picture = TypedImageRef::<P>::from_buffer(width, height, picture).map_err(wrong)?;
    let mut out = TypedImage::<P>::from_buffer(to_width, to_height, out).map_err(wrong)?;
    resizer
        .resize_typed(&picture, &mut out, &options)
        .map_err(|_| LayoutError::Memory.into())
}

#[cfg(test)]
mod tests;
