/// Why a batch can't be padded. Samples and axes are counted from zero, axes without that of the batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PadError {
    #[error("out has no batch axis")]
    NoBatch,
    #[error("there are {samples} samples, but out has {rows} rows")]
    Count { samples: usize, rows: usize },
    #[error("sample {sample} has rank {rank}, but rows of out have rank {expected}")]
    Rank {
        sample: usize,
        rank: usize,
        expected: usize,
    },
    #[error("sample {sample} has size {size} on axis {axis}, but out has room for {room}")]
    TooLarge {
        sample: usize,
        axis: usize,
        size: usize,
        room: usize,
    },
    #[error("sample {sample} has length {size}, which the dtype of lengths can't hold")]
    LengthOverflow { sample: usize, size: usize },
    #[error("there is no axis {axis} in samples of rank {rank}")]
    Axis { axis: usize, rank: usize },
    #[error("sample {sample} reaches outside its memory")]
    OutsideMemory { sample: usize },
    #[error("the memory of {0} doesn't have the size that its shape asks for")]
    Memory(&'static str),
    #[error("finiteness was asked for in a float type whose size isn't that of the elements")]
    FloatSize,
    #[error("f32 can be converted to f16 alone")]
    Narrow,
    #[error("sample {sample} holds a NaN or an infinity at flat index {index}")]
    NonFinite { sample: usize, index: usize },
}
