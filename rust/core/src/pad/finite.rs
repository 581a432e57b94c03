//! Finding NaN and infinities.

/// A binary floating-point type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    F16,
    Bf16,
    F32,
    F64,
}

/// Gives the index of the first element that is a NaN or an infinity.
pub(super) type FirstNonFinite = fn(&[u8]) -> Option<usize>;

impl Float {
    /// Size in bytes.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    pub(super) fn first_non_finite(self) -> FirstNonFinite {
        match self {
            Self::F16 => first_u16::<0x7c00>,
            Self::Bf16 => first_u16::<0x7f80>,
            Self::F32 => first_u32,
            Self::F64 => first_u64,
        }
    }
}

/// The bits of a value that isn't finite have an exponent of ones, and only then does adding one to the exponent
/// carry into the sign. So a block is looked through with and, add and or alone, which every vector unit has at every
/// width; which element it was is asked only when there is one.
macro_rules! first_non_finite {
    ($name:ident $(<const $mask:ident>)?, $bits:ty, $exponent:expr) => {
        fn $name $(<const $mask: $bits>)? (bytes: &[u8]) -> Option<usize> {
            const SIGN: $bits = 1 << (<$bits>::BITS - 1);
            let exponent: $bits = $exponent;
            let lowest = exponent & exponent.wrapping_neg();
            let (items, _) = bytes.as_chunks();
            let carried = items.iter().fold(0, |carried, item| {
                carried | (<$bits>::from_ne_bytes(*item) & exponent).wrapping_add(lowest)
            });
            if carried & SIGN == 0 {
                return None;
            }
            items
                .iter()
                .position(|item| <$bits>::from_ne_bytes(*item) & exponent == exponent)
        }
    };
}

first_non_finite!(first_u16<const EXPONENT>, u16, EXPONENT);
first_non_finite!(first_u32, u32, 0x7f80_0000);
first_non_finite!(first_u64, u64, 0x7ff0_0000_0000_0000);
