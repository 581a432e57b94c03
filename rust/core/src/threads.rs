//! Work shared out among threads.

use std::ops::Range;
use std::thread;

/// Bytes of output from which a second thread pays: to start one takes as long as to write a half of them.
const SHARE_FROM: usize = if cfg!(test) { 1 << 10 } else { 4 << 20 };

/// How many of `threads` pay where so many bytes are written in so many parts.
pub(crate) fn paying(threads: usize, bytes: usize, parts: usize) -> usize {
    threads.min(bytes / (SHARE_FROM / 2)).min(parts)
}

/// Calls `work` with ranges that make up `0..total`, on up to as many threads as `threads` says. `bytes` is what the
/// whole writes. All ranges but the last end at multiples of `grain`.
pub(crate) fn share(total: usize, grain: usize, bytes: usize, threads: usize, work: impl Fn(Range<usize>) + Sync) {
    let threads = paying(threads, bytes, total / grain);
    if threads < 2 {
        return work(0..total);
    }
    let bound = |part: usize| {
        if part == threads {
            total
        } else {
            total / grain * part / threads * grain
        }
    };
    let work = &work;
    thread::scope(|scope| {
        for part in 1..threads {
            scope.spawn(move || work(bound(part)..bound(part + 1)));
        }
        work(0..bound(1));
    });
}

/// The parts of `range` that lie in each run of `len`: the number of the run and which of it.
pub(crate) fn split(range: Range<usize>, len: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let runs = if range.is_empty() {
        0..0
    } else {
        range.start / len..range.end.div_ceil(len)
    };
    runs.map(move |run| {
        let begin = run * len;
        (run, range.start.max(begin) - begin..range.end.min(begin + len) - begin)
    })
}
