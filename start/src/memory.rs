//! The allocator of a program that runs for less than a millisecond.
//!
//! Small pieces have a power of two of bytes. They are taken from chunks, one after the other, and a piece that was
//! freed is handed out again for the next one of its size. A large piece is a mapping of its own, which is given back
//! to the kernel. Chunks are never given back: the process ends before that would save memory.
//!
//! musl's allocator takes 400 instructions for a piece and makes eight system calls in a run of the hook; see
//! `docs/performance.md`.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::{copy_nonoverlapping, null_mut, write_bytes};
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest small piece, in bytes.
const SMALL_MAX: usize = 32 * 1024;
/// The smallest piece, in bytes. A free piece contains a pointer to the next one.
const SMALLEST: usize = 16;
/// The sizes of small pieces: 16, 32 and so on to 32 KiB.
const SIZES: usize = (SMALL_MAX / SMALLEST).ilog2() as usize + 1;
/// The size of a chunk, in bytes. The kernel allocates only the pages that are used.
const CHUNK: usize = 256 * 1024;
/// The size of the first chunk, which is part of the program (`.bss`), in bytes.
const FIRST: usize = 128 * 1024;
/// The alignment of a mapping. A larger one is refused: no type of the standard library has one.
const ALIGN_MAX: usize = 4096;

/// The allocator, for `#[global_allocator]`.
// In this order, the first pieces are in the page of the other fields.
#[repr(C)]
#[derive(Debug)]
pub struct Memory {
    is_locked: AtomicBool,
    pieces: UnsafeCell<Pieces>,
    first: UnsafeCell<[u8; FIRST]>,
}

/// The small pieces that can be handed out, by their addresses; 0 for none.
#[derive(Debug)]
struct Pieces {
    /// The rest of the current chunk.
    start: usize,
    end: usize,
    /// For each size the piece that was freed last, which contains the address of the one before it.
    free: [usize; SIZES],
}

// SAFETY: both cells are used only under the lock. A piece of the first chunk is used only by the code that has allocated it.
unsafe impl Sync for Memory {}

impl Memory {
    /// An allocator that has allocated nothing. All its bytes are zero, so it takes no space in the file.
    #[expect(clippy::new_without_default, reason = "only for a static")]
    pub const fn new() -> Self {
        Self {
            is_locked: AtomicBool::new(false),
            pieces: UnsafeCell::new(Pieces {
                start: 0,
                end: 0,
                free: [0; SIZES],
            }),
            first: UnsafeCell::new([0; FIRST]),
        }
    }

    /// Runs `act` with the free pieces, one thread at a time.
    fn with_pieces<T>(&self, act: impl FnOnce(&mut Pieces) -> T) -> T {
        while self.is_locked.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        // SAFETY: this thread has the lock, and `act` does not call this function.
        let pieces = unsafe { &mut *self.pieces.get() };
        if pieces.end == 0 {
            // Each piece has a multiple of this many bytes, so all are aligned.
            pieces.start = (self.first.get() as usize).next_multiple_of(SMALLEST);
            pieces.end = self.first.get() as usize + FIRST;
        }
        let result = act(pieces);
        self.is_locked.store(false, Ordering::Release);
        result
    }
}

impl Pieces {
    /// A piece of this size; 0 if there is no memory.
    fn take(&mut self, size: SmallSize) -> usize {
        let Some(free) = self.free.get_mut(size.nth) else {
            return 0;
        };
        if *free != 0 {
            let piece = *free;
            // SAFETY: a free piece is aligned, contains this address, and is not in use.
            *free = unsafe { *(piece as *const usize) };
            return piece;
        }
        if size.bytes > self.end - self.start {
            let chunk = map(CHUNK);
            if chunk == 0 {
                return 0;
            }
            (self.start, self.end) = (chunk, chunk + CHUNK);
        }
        let piece = self.start;
        self.start += size.bytes;
        piece
    }

    /// Takes a piece of this size back.
    ///
    /// # Safety
    ///
    /// It comes from [`Self::take`] and is no longer used.
    unsafe fn give_back(&mut self, piece: *mut u8, size: SmallSize) {
        if let Some(free) = self.free.get_mut(size.nth) {
            // SAFETY: the piece is aligned, has at least 16 bytes, and is no longer used.
            unsafe { *piece.cast() = *free };
            *free = piece as usize;
        }
    }
}

/// One of the sizes of small pieces.
#[derive(Clone, Copy, PartialEq, Eq)]
struct SmallSize {
    bytes: usize,
    nth: usize,
}

impl SmallSize {
    /// The smallest one for this layout; `None` if its piece is a mapping.
    fn of(size: usize, align: usize) -> Option<Self> {
        if size > SMALL_MAX || align > SMALLEST {
            return None;
        }
        let bytes = size.max(SMALLEST).next_power_of_two();
        let nth = (bytes.ilog2() - SMALLEST.ilog2()) as usize;
        Some(Self { bytes, nth })
    }
}

/// Maps new memory, all of it zero. Its address; 0 if the kernel refuses.
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
        let piece = match SmallSize::of(layout.size(), layout.align()) {
            Some(size) => self.with_pieces(|pieces| pieces.take(size)),
            None if layout.align() > ALIGN_MAX => 0,
            None => map(layout.size()),
        };
        piece as *mut u8
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by what the caller promises.
        let piece = unsafe { self.alloc(layout) };
        // A mapping is zero.
        if !piece.is_null() && SmallSize::of(layout.size(), layout.align()).is_some() {
            // SAFETY: the piece has this many bytes.
            unsafe { write_bytes(piece, 0, layout.size()) };
        }
        piece
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match SmallSize::of(layout.size(), layout.align()) {
            // SAFETY: the caller has it from `alloc` and no longer uses it.
            Some(size) => self.with_pieces(|pieces| unsafe { pieces.give_back(piece, size) }),
            // SAFETY: it is a whole mapping, and the caller no longer uses it.
            None => drop(unsafe { libc::munmap(piece.cast(), layout.size()) }),
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (was, align) = (layout.size(), layout.align());
        match (SmallSize::of(was, align), SmallSize::of(size, align)) {
            (None, None) => {
                // SAFETY: it is a whole mapping, and the caller uses only the result.
                let moved = unsafe { libc::mremap(piece.cast(), was, size, libc::MREMAP_MAYMOVE) };
                return if moved == libc::MAP_FAILED {
                    null_mut()
                } else {
                    moved.cast()
                };
            }
            (Some(old), Some(new)) if old == new => return piece,
            _ => {}
        }
        // SAFETY: the caller promises that the alignment fits the new size.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, align)) };
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

    use super::{ALIGN_MAX, CHUNK, FIRST, Memory, SMALL_MAX};

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
        let borders = [1, 16, 100, 4096, SMALL_MAX, FIRST, CHUNK];
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
            SMALL_MAX - 1,
            SMALL_MAX,
            SMALL_MAX + 1,
            10 * SMALL_MAX,
            3 * SMALL_MAX,
            SMALL_MAX,
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

    /// The first chunk has room for four of the largest small pieces or a little less, each further one for eight.
    #[test]
    fn chunks_have_an_end() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        let pieces: Vec<_> = (0..12).map(|_| zeroed(&MEMORY, SMALL_MAX, 1)).collect();
        let program = &raw const MEMORY as usize;
        let behind = program + size_of::<Memory>();
        let is_inside = |piece: &*mut u8| {
            let piece = *piece as usize;
            (program..behind).contains(&piece)
        };
        let inside: Vec<_> = pieces.iter().copied().filter(is_inside).collect();
        assert!([3, 4].contains(&inside.len()), "{}", inside.len());
        assert!(
            inside
                .iter()
                .all(|piece| *piece as usize + SMALL_MAX <= behind)
        );
        let follows = |pair: &&[*mut u8]| pair[1] as usize == pair[0] as usize + SMALL_MAX;
        let (first, others) = pieces.split_at(inside.len());
        assert_eq!(first.windows(2).filter(follows).count(), first.len() - 1);
        assert_eq!(others[..8].windows(2).filter(follows).count(), 7);
        assert_eq!(others.get(7..9).filter(|pair| follows(pair)), None);
    }

    /// A piece that was freed is handed out again, the last one first, for a piece of its size only.
    #[test]
    fn freed_pieces_are_handed_out_again() {
        static MEMORY: Memory = Memory::new();
        let _alone = alone();
        let (first, second) = (zeroed(&MEMORY, 33, 1), zeroed(&MEMORY, 64, 1));
        bytes(first, 33).fill(0xff);
        // SAFETY: the pieces have these sizes.
        unsafe {
            MEMORY.dealloc(first, layout(33));
            MEMORY.dealloc(second, layout(64));
        }
        assert!(![first, second].contains(&zeroed(&MEMORY, 32, 1)));
        assert!(![first, second].contains(&zeroed(&MEMORY, 65, 1)));
        assert_eq!(zeroed(&MEMORY, 50, 1), second);
        assert_eq!(zeroed(&MEMORY, 40, 1), first);
        assert!(![first, second].contains(&zeroed(&MEMORY, 64, 1)));
        // SAFETY: the piece has this size.
        assert_eq!(unsafe { MEMORY.realloc(first, layout(40), 64) }, first);
        // SAFETY: the same.
        assert_ne!(unsafe { MEMORY.realloc(first, layout(64), 65) }, first);
        assert_eq!(zeroed(&MEMORY, 64, 1), first);
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
        let piece = zeroed(&MEMORY, FIRST, 1);
        // SAFETY: the piece has this size.
        let moved = unsafe { MEMORY.realloc(piece, layout(FIRST), isize::MAX as usize) };
        assert!(moved.is_null());
        assert!(bytes(piece, FIRST).iter().all(|byte| *byte == 0));
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
                let piece = piece as *mut u8;
                assert!(bytes(piece, size).iter().all(|byte| *byte == filled));
                // SAFETY: the piece has this size.
                unsafe { MEMORY.dealloc(piece, layout(size)) };
            }
        };
        thread::scope(|scope| {
            for filled in 1..=4 {
                scope.spawn(move || (0..3).for_each(|_| work(filled)));
            }
        });
    }
}
