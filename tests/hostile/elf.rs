//! The program headers of a 64-bit ELF file (elf(5)).

use std::ops::Range;

pub(crate) const PT_LOAD: u64 = 1;
pub(crate) const PT_INTERP: u64 = 3;
pub(crate) const PT_GNU_STACK: u64 = 0x6474_e551;
pub(crate) const PT_GNU_RELRO: u64 = 0x6474_e552;
pub(crate) const PF_X: u64 = 1;
pub(crate) const PF_W: u64 = 2;
/// What a position-independent program is, as a shared library is.
pub(crate) const ET_DYN: u64 = 3;

pub(crate) struct Elf {
    pub(crate) kind: u64,
    pub(crate) segments: Vec<Segment>,
}

pub(crate) struct Segment {
    pub(crate) kind: u64,
    pub(crate) flags: u64,
    /// Its addresses before the program is moved to where it runs.
    pub(crate) addresses: Range<u64>,
}

impl Elf {
    pub(crate) fn read(path: &str) -> Self {
        let elf = std::fs::read(path).unwrap();
        let number = |at: u64, length: u64| {
            let bytes = elf[at as usize..(at + length) as usize].iter().rev();
            bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let (headers, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
        let segment = |nth| {
            let header = headers + nth * size;
            let start = number(header + 0x10, 8);
            Segment {
                kind: number(header, 4),
                flags: number(header + 4, 4),
                addresses: start..start + number(header + 0x28, 8),
            }
        };
        Self {
            kind: number(0x10, 2),
            segments: (0..count).map(segment).collect(),
        }
    }

    pub(crate) fn of_kind(&self, kind: u64) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .filter(move |segment| segment.kind == kind)
    }
}
