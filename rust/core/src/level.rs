//! Which instructions kernels may use.

use std::fmt;

/// A set of instructions that this machine has. Kernels rely on that, so there is no other way to one than to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    /// What the target that was compiled for has.
    Portable,
    /// AVX2 and F16C.
    Avx2,
    /// AVX-512 F, BW, VL and VBMI, and the ones before.
    Avx512,
}

/// Why there is no such level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    #[error("there is no level {0:?}, only portable, avx2 and avx512")]
    Unknown(String),
    #[error("this machine lacks the instructions of {0}")]
    Lacking(Level),
}

impl Level {
    const ALL: [Self; 3] = [Self(Set::Portable), Self(Set::Avx2), Self(Set::Avx512)];

    /// Those that this machine has, the best one last.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.is_here())
    }

    /// The best one that this machine has.
    #[must_use]
    pub fn best() -> Self {
        Self::available().last().unwrap_or(Self(Set::Portable))
    }

    /// The one of that name: portable, avx2 or avx512.
    ///
    /// # Errors
    ///
    /// [`LevelError`], if there is none or this machine lacks its instructions.
    pub fn named(name: &str) -> Result<Self, LevelError> {
        let level = Self::ALL.into_iter().find(|level| level.name() == name);
        let level = level.ok_or_else(|| LevelError::Unknown(name.to_owned()))?;
        level.is_here().then_some(level).ok_or(LevelError::Lacking(level))
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            Set::Avx2 => "avx2",
            Set::Avx512 => "avx512",
        }
    }

    pub(crate) fn set(self) -> Set {
        self.0
    }

    /// The standard library looks once and remembers.
    #[cfg(target_arch = "x86_64")]
    fn is_here(self) -> bool {
        let avx2 = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c");
        match self.0 {
            Set::Portable => true,
            Set::Avx2 => avx2(),
            Set::Avx512 => {
                avx2()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vbmi")
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_here(self) -> bool {
        self.0 == Set::Portable
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_level_is_one_that_can_be_had_by_name() {
        let best = Level::best();
        assert_eq!(Level::named(best.name()), Ok(best));
        assert_eq!(Level::available().last(), Some(best));
        assert_eq!(Level::available().next().map(Level::name), Some("portable"));
    }

    #[test]
    fn other_names_are_refused() {
        for name in ["", "AVX2", "sse"] {
            assert_eq!(Level::named(name), Err(LevelError::Unknown(name.to_owned())));
        }
        for level in Level::ALL {
            if !level.is_here() {
                assert_eq!(Level::named(level.name()), Err(LevelError::Lacking(level)));
            }
        }
    }
}
