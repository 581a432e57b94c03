use proptest::prelude::*;

use super::reference::{GUARD_BYTE, Guarded, Owned, reference};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn cutting_gives_the_samples_back(case in case(), steps in any::<bool>()) {
        let item = case.fill.len();
        let samples: Vec<_> = case.samples.iter().filter(|_| !case.narrow).collect();
        let rows = samples.len();
        let mut bytes = reference(samples.iter().copied(), &case.room, &case.fill, case.side, <[u8]>::to_vec);
        if steps {
            // A batch may have gaps.
            bytes = bytes.chunks(item).flat_map(|element| [element, &[9; 3]].concat()).collect();
        }
        let step = if steps { item + 3 } else { item };
        let batch = Owned { item, ..Owned::plain(bytes, &[&[rows], case.room.as_slice()].concat(), step) };
        let wanted: Vec<_> = samples
            .iter()
            .map(|sample| reference([*sample], &sample.shape, &case.fill, case.side, <[u8]>::to_vec))
            .collect();
        for level in Level::available() {
            let mut memory: Vec<_> = wanted.iter().map(|wanted| Guarded::new(wanted.len())).collect();
            let outs = memory.iter_mut().zip(&samples).map(|(memory, sample)| Batch {
                bytes: memory.lend(),
                shape: &sample.shape,
            });
            let unpadding = Unpadding { batch: batch.borrow(), outs: outs.collect(), item, side: case.side };
            prop_assert_eq!(unpad(unpadding, level), Ok(()));
            for (memory, wanted) in memory.iter().zip(&wanted) {
                prop_assert_eq!(memory.written(), wanted);
            }
        }
    }
}

#[test]
fn nothing_is_cut_when_a_shape_is_wrong() {
    let batch = Owned::plain(vec![1; 12], &[2, 2, 3], 1);
    let outside = Owned {
        bytes: vec![1; 11],
        ..batch.clone()
    };
    let scalar = Owned::plain(vec![1], &[], 1);
    let too_large = UnpadError::TooLarge {
        out: 1,
        axis: 1,
        size: 4,
        room: 3,
    };
    let rank = UnpadError::Rank {
        out: 1,
        rank: 1,
        expected: 2,
    };
    for (batch, shape, memory, item, error) in [
        (&batch, &[2, 4][..], 8, 1, too_large),
        (&batch, &[2], 2, 1, rank),
        (&batch, &[2, 3], 5, 1, UnpadError::Memory(1)),
        (&batch, &[2, 3], 6, 3, UnpadError::Item(3)),
        (&outside, &[2, 3], 6, 1, UnpadError::OutsideMemory),
        (&scalar, &[2, 3], 6, 1, UnpadError::NoBatch),
    ] {
        let (mut first, mut second) = (Guarded::new(6), Guarded::new(memory));
        let outs = vec![
            Batch {
                bytes: first.lend(),
                shape: &[2, 3],
            },
            Batch {
                bytes: second.lend(),
                shape,
            },
        ];
        let unpadding = Unpadding {
            batch: batch.borrow(),
            outs,
            item,
            side: Side::Right,
        };
        assert_eq!(unpad(unpadding, Level::best()), Err(error));
        assert!(
            first
                .written()
                .iter()
                .chain(second.written())
                .all(|&byte| byte == GUARD_BYTE)
        );
    }
}

#[test]
fn a_batch_is_cut_into_as_many_as_it_has_rows() {
    let batch = Owned::plain(vec![1; 4], &[2, 2], 1);
    let unpadding = Unpadding {
        batch: batch.borrow(),
        outs: Vec::new(),
        item: 1,
        side: Side::Right,
    };
    assert_eq!(
        unpad(unpadding, Level::best()),
        Err(UnpadError::Count { outs: 0, rows: 2 })
    );
}
