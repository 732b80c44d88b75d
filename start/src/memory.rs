//! The allocator of a program that runs for less than a millisecond.
//!
//! Small pieces are handed out one after the other and are never handed out again: the process ends before that
//! would save memory. A large piece is a mapping of its own, which is given back to the kernel. So the number of
//! bytes that are still in use never matters, and a pointer to a freed piece never refers to another one, except
//! in a large mapping.
//!
//! musl's allocator takes 400 instructions for a piece and makes seven system calls in a run of the hook; see
//! `docs/performance.md`.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::{copy_nonoverlapping, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};

/// A piece of this size or more, in bytes, is a mapping of its own.
const LARGE: usize = 64 * 1024;
/// The size of a chunk, from which small pieces are taken, in bytes. The kernel allocates only the pages that are
/// used.
const CHUNK: usize = 4 * LARGE;
/// The size of the first chunk, which is part of the program (`.bss`), in bytes.
const FIRST: usize = 2 * LARGE;
/// A larger alignment is refused. No type of the standard library has one.
const ALIGN_MAX: usize = 4096;

/// The allocator, for `#[global_allocator]`.
// In this order, the first pieces are in the page of the other fields.
#[repr(C)]
#[derive(Debug)]
pub struct Memory {
    is_locked: AtomicBool,
    /// The rest of the current chunk.
    rest: UnsafeCell<Rest>,
    first: UnsafeCell<[u8; FIRST]>,
}

/// The rest of a chunk, by its addresses.
#[derive(Debug)]
struct Rest {
    start: usize,
    end: usize,
}

// SAFETY: both cells are used only under the lock. What is in the first chunk belongs to whoever has allocated it.
unsafe impl Sync for Memory {}

impl Memory {
    /// An allocator that has allocated nothing. All its bytes are zero, so it takes no space in the file.
    #[expect(clippy::new_without_default, reason = "only for a static")]
    pub const fn new() -> Self {
        Self {
            is_locked: AtomicBool::new(false),
            rest: UnsafeCell::new(Rest { start: 0, end: 0 }),
            first: UnsafeCell::new([0; FIRST]),
        }
    }

    /// Runs `act` with the rest of the current chunk, one thread at a time.
    fn with_rest<T>(&self, act: impl FnOnce(&mut Rest) -> T) -> T {
        while self.is_locked.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        // SAFETY: this thread has the lock, and `act` does not call this function.
        let rest = unsafe { &mut *self.rest.get() };
        if rest.end == 0 {
            rest.start = self.first.get() as usize;
            rest.end = rest.start + FIRST;
        }
        let result = act(rest);
        self.is_locked.store(false, Ordering::Release);
        result
    }
}

impl Rest {
    /// The address of a small piece of this layout; 0 if there is no memory. The piece's bytes are zero: no byte
    /// is handed out twice.
    fn take(&mut self, layout: Layout) -> usize {
        let start = self.start.next_multiple_of(layout.align());
        if start <= self.end && layout.size() <= self.end - start {
            self.start = start + layout.size();
            return start;
        }
        let chunk = map(CHUNK);
        if chunk != 0 {
            // A chunk begins at a page, so it is aligned.
            self.start = chunk + layout.size();
            self.end = chunk + CHUNK;
        }
        chunk
    }

    /// Makes the last piece longer in its place, if it is the last one and there is room.
    fn grow(&mut self, piece: usize, old: usize, new: usize) -> bool {
        let grows = piece + old == self.start && new <= self.end - piece;
        if grows {
            self.start = piece + new;
        }
        grows
    }
}

/// Maps new memory. Its address; 0 if the kernel refuses.
fn map(size: usize) -> usize {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: the kernel chooses a place where nothing is.
    let start = unsafe {
        libc::mmap(
            null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            flags,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        0
    } else {
        start as usize
    }
}

// SAFETY: pieces do not overlap, have the size and alignment of their layout, and stay until they are freed. None of
// the functions unwinds.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGN_MAX {
            return null_mut();
        }
        let piece = if layout.size() >= LARGE {
            map(layout.size())
        } else {
            self.with_rest(|rest| rest.take(layout))
        };
        piece as *mut u8
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by what the caller promises. Both kinds of pieces are zero.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        if layout.size() >= LARGE {
            // SAFETY: a large piece is a whole mapping, and the caller no longer uses it.
            unsafe { libc::munmap(piece.cast(), layout.size()) };
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let was = layout.size();
        if was >= LARGE && size >= LARGE {
            // SAFETY: a large piece is a whole mapping, and the caller uses only the result.
            let moved = unsafe { libc::mremap(piece.cast(), was, size, libc::MREMAP_MAYMOVE) };
            return if moved == libc::MAP_FAILED {
                null_mut()
            } else {
                moved.cast()
            };
        }
        if was < LARGE && size <= was {
            return piece;
        }
        if size < LARGE && self.with_rest(|rest| rest.grow(piece as usize, was, size)) {
            return piece;
        }
        // SAFETY: the caller promises that the alignment fits the new size.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both pieces have this many bytes, and the new one overlaps nothing. The caller no longer
            // uses the old one.
            unsafe {
                copy_nonoverlapping(piece, new, was.min(size));
                self.dealloc(piece, layout);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::{GlobalAlloc, Layout};
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};
    use std::thread;

    use super::{ALIGN_MAX, CHUNK, FIRST, LARGE, Memory};

    /// One test at a time: another one could map memory where this one has just given it back.
    fn alone() -> MutexGuard<'static, ()> {
        static ONE: Mutex<()> = Mutex::new(());
        ONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Allocates, and checks that the piece is aligned and zero.
    fn zeroed(memory: &Memory, size: usize, align: usize) -> *mut u8 {
        // SAFETY: the size is not zero.
        let piece = unsafe { memory.alloc_zeroed(Layout::from_size_align(size, align).unwrap()) };
        assert!(!piece.is_null(), "{size} bytes");
        assert_eq!(piece as usize % align, 0, "{size} bytes at {align}");
        assert!(bytes(piece, size).iter().all(|byte| *byte == 0));
        piece
    }

    fn bytes<'a>(piece: *mut u8, size: usize) -> &'a mut [u8] {
        // SAFETY: each test keeps to the sizes that it has allocated.
        unsafe { std::slice::from_raw_parts_mut(piece, size) }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    /// Sizes around each border, in three orders: no piece overlaps another one, and each keeps its bytes.
    #[test]
    fn pieces_do_not_overlap() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        let borders = [1, 4096, LARGE, FIRST, CHUNK];
        let sizes = borders
            .into_iter()
            .flat_map(|size| [size, size + 1, size - size / 7]);
        let sizes: Vec<usize> = sizes.cycle().take(60).collect();
        let mut pieces = BTreeMap::new();
        for (nth, size) in sizes.into_iter().enumerate() {
            let piece = zeroed(&MEMORY, size, 1 << (nth % 13));
            bytes(piece, size).fill(nth as u8 + 1);
            pieces.insert(piece as usize, (size, nth as u8 + 1));
        }
        let mut end = 0;
        for (piece, (size, filled)) in pieces {
            assert!(piece >= end);
            end = piece + size;
            assert!(
                bytes(piece as *mut u8, size)
                    .iter()
                    .all(|byte| *byte == filled)
            );
        }
    }

    /// A piece that grows and shrinks over both borders, while others are allocated, keeps its beginning.
    #[test]
    fn a_piece_keeps_its_bytes() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        let sizes = [
            1,
            2,
            100,
            99,
            5000,
            LARGE - 1,
            LARGE,
            LARGE + 1,
            10 * LARGE,
            3 * LARGE,
            LARGE,
            10,
            20,
            CHUNK,
            1,
        ];
        for others in [false, true] {
            let mut piece = zeroed(&MEMORY, sizes[0], 1);
            bytes(piece, 1)[0] = 1;
            for pair in sizes.windows(2) {
                if others {
                    bytes(zeroed(&MEMORY, 7, 1), 7).fill(0xff);
                }
                // SAFETY: the piece has the first size.
                piece = unsafe { MEMORY.realloc(piece, layout(pair[0]), pair[1]) };
                let kept = pair[0].min(pair[1]);
                let expected = |nth: usize| (nth % 251) as u8 + 1;
                let all = bytes(piece, pair[1]);
                assert!((0..kept).all(|nth| all[nth] == expected(nth)), "{pair:?}");
                (0..pair[1]).for_each(|nth| all[nth] = expected(nth));
            }
        }
    }

    #[test]
    fn the_last_piece_grows_in_its_place_and_others_move() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        let first = zeroed(&MEMORY, 10, 1);
        // SAFETY: each piece has the size that is given.
        unsafe {
            assert_eq!(MEMORY.realloc(first, layout(10), 20), first);
            assert_eq!(zeroed(&MEMORY, 1, 1), first.add(20));
            assert_ne!(MEMORY.realloc(first, layout(20), 21), first);
            assert_eq!(MEMORY.realloc(first, layout(20), 5), first);
        }
    }

    /// The first chunk has room for two of the longest small pieces, each further one for four, and a piece that
    /// does not fit behind the others moves.
    #[test]
    fn chunks_have_an_end() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        const LONGEST: usize = LARGE - 1;
        let pieces: Vec<_> = (0..7).map(|_| zeroed(&MEMORY, LONGEST, 1)).collect();
        let follows = |nth: usize| pieces[nth + 1] as usize == pieces[nth] as usize + LONGEST;
        let expected = [true, false, true, true, true, false];
        assert_eq!([0, 1, 2, 3, 4, 5].map(follows), expected);
        let program = &raw const MEMORY as usize;
        let behind = program + size_of::<Memory>();
        assert!((program..behind - LONGEST).contains(&(pieces[1] as usize)));

        let three: Vec<_> = (0..3).map(|_| zeroed(&MEMORY, LONGEST, 1)).collect();
        let last = zeroed(&MEMORY, 1, 1);
        assert_eq!(last as usize, three[2] as usize + LONGEST);
        // SAFETY: the piece has the size that is given.
        unsafe {
            assert_eq!(MEMORY.realloc(last, layout(1), 4), last);
            assert_ne!(MEMORY.realloc(last, layout(4), 5), last);
        }
    }

    /// Only large pieces are given back: their memory is no longer mapped.
    #[test]
    fn large_pieces_are_given_back() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        let is_mapped = |piece: *mut u8| {
            // SAFETY: this only looks.
            unsafe { libc::madvise(piece.cast(), 4096, libc::MADV_NORMAL) == 0 }
        };
        let piece = zeroed(&MEMORY, CHUNK, 4096);
        assert!(is_mapped(piece));
        // SAFETY: the piece has this size.
        unsafe { MEMORY.dealloc(piece, layout(CHUNK)) };
        assert!(!is_mapped(piece));
        let piece = zeroed(&MEMORY, CHUNK, 4096);
        // SAFETY: the piece has this size.
        let small = unsafe { MEMORY.realloc(piece, layout(CHUNK), 10) };
        assert!(is_mapped((small as usize & !4095) as *mut u8) && !is_mapped(piece));
    }

    #[test]
    fn what_cannot_be_allocated_is_null() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        for (size, align) in [(isize::MAX as usize - 4095, 1), (1, 2 * ALIGN_MAX)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            // SAFETY: the size is not zero.
            assert!(unsafe { MEMORY.alloc(layout) }.is_null());
        }
        let piece = zeroed(&MEMORY, LARGE, 1);
        // SAFETY: the piece has this size.
        let moved = unsafe { MEMORY.realloc(piece, layout(LARGE), isize::MAX as usize) };
        assert!(moved.is_null());
        assert!(bytes(piece, LARGE).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn threads_do_not_get_the_same_piece() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        let work = |filled: u8| {
            let pieces = (1..2000).map(|size| {
                let piece = zeroed(&MEMORY, size % 97 + 1, 1);
                bytes(piece, size % 97 + 1).fill(filled);
                (piece as usize, size % 97 + 1)
            });
            let pieces: Vec<_> = pieces.collect();
            for (piece, size) in pieces {
                assert!(
                    bytes(piece as *mut u8, size)
                        .iter()
                        .all(|byte| *byte == filled)
                );
            }
        };
        thread::scope(|scope| {
            for filled in 1..=4 {
                scope.spawn(move || work(filled));
            }
        });
    }
}
