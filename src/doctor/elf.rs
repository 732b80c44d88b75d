//! Whether a program brings everything with it: an ELF file without a loader (`PT_INTERP`).
//!
//! A dozen fields at fixed places do not need a crate that reads all of ELF.

/// What the first bytes of a program say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linkage {
    /// No loader and no libraries: what is executed is this file and nothing else.
    Static,
    /// The kernel starts this loader first, which looks for libraries.
    Dynamic(String),
    /// A script or anything else.
    NotElf,
    /// ELF, but cut off or damaged.
    Damaged,
}

const PT_INTERP: u64 = 3;
/// More than any linker writes.
const HEADERS_MAX: u64 = 256;
/// `PATH_MAX`; the kernel takes no longer one.
const LOADER_MAX: u64 = 4096;

/// Reads the headers. `read_at` gives so many bytes from an offset of the file, or none at all.
pub fn linkage(read_at: impl Fn(u64, u64) -> Option<Vec<u8>>) -> Linkage {
    if read_at(0, 4).as_deref() != Some(b"\x7fELF") {
        return Linkage::NotElf;
    }
    loader(&read_at).map_or(Linkage::Damaged, |loader| match loader {
        None => Linkage::Static,
        Some(loader) => Linkage::Dynamic(loader),
    })
}

fn loader(read_at: &impl Fn(u64, u64) -> Option<Vec<u8>>) -> Option<Option<String>> {
    let identity = read_at(0, 16)?;
    let is_64 = match identity.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let little = match identity.get(5)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let number = |offset: u64, size: u64| {
        let bytes = read_at(offset, size)?;
        let fold = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(if little {
            bytes.iter().rev().fold(0, fold)
        } else {
            bytes.iter().fold(0, fold)
        })
    };
    // elf(5): e_phoff, e_phentsize, e_phnum; in a program header p_offset and p_filesz.
    let word = if is_64 { 8 } else { 4 };
    let (phoff_at, phentsize_at) = if is_64 { (32, 54) } else { (28, 42) };
    let (p_offset_at, p_filesz_at) = if is_64 { (8, 32) } else { (4, 16) };
    let phoff = number(phoff_at, word)?;
    let (size, count) = (number(phentsize_at, 2)?, number(phentsize_at + 2, 2)?);
    for index in 0..count.min(HEADERS_MAX) {
        let header = phoff.checked_add(index * size)?;
        if number(header, 4)? != PT_INTERP {
            continue;
        }
        let at = number(header.checked_add(p_offset_at)?, word)?;
        let length = number(header.checked_add(p_filesz_at)?, word)?;
        let bytes = read_at(at, length.min(LOADER_MAX))?;
        let path = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        return Some(Some(String::from_utf8_lossy(path).into_owned()));
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Linkage, linkage};

    fn read(bytes: &[u8]) -> Linkage {
        linkage(|at, length| {
            let at = usize::try_from(at).ok()?;
            let end = at.checked_add(usize::try_from(length).ok()?)?;
            bytes.get(at..end).map(<[u8]>::to_vec)
        })
    }

    /// A file of one class and byte order with these program header types.
    fn file(class: u8, order: u8, types: &[u8]) -> Vec<u8> {
        let (header, size) = if class == 2 { (64, 56) } else { (52, 32) };
        let mut bytes = vec![0; header];
        bytes.splice(0..6, [0x7f, b'E', b'L', b'F', class, order]);
        let mut put = |at: usize, width: usize, value: usize| {
            let low = if order == 1 { at } else { at + width - 1 };
            *bytes.get_mut(low).unwrap() = u8::try_from(value).unwrap();
        };
        let (phoff, sizes, width) = if class == 2 { (32, 54, 8) } else { (28, 42, 4) };
        put(phoff, width, header);
        put(sizes, 2, size);
        put(sizes + 2, 2, types.len());
        let end = header + size * types.len();
        for kind in types {
            let mut entry = vec![0; size];
            let mut put = |at: usize, width: usize, value: usize| {
                let low = if order == 1 { at } else { at + width - 1 };
                *entry.get_mut(low).unwrap() = u8::try_from(value).unwrap();
            };
            put(0, 4, usize::from(*kind));
            let (offset, length) = if class == 2 { (8, 32) } else { (4, 16) };
            put(offset, width, end);
            put(length, width, 11);
            bytes.extend(entry);
        }
        bytes.extend(b"/lib/ld.so\0");
        bytes
    }

    #[test]
    fn a_loader_makes_it_dynamic() {
        for (class, order) in [(2, 1), (2, 2), (1, 1), (1, 2)] {
            assert_eq!(read(&file(class, order, &[1, 6])), Linkage::Static);
            assert_eq!(
                read(&file(class, order, &[6, 3, 1])),
                Linkage::Dynamic("/lib/ld.so".to_owned()),
                "class {class}, order {order}"
            );
        }
    }

    #[test]
    fn what_is_no_program_is_none() {
        assert_eq!(read(b"#!/bin/sh\n"), Linkage::NotElf);
        assert_eq!(read(b""), Linkage::NotElf);
        assert_eq!(read(b"\x7fELF\x02\x01"), Linkage::Damaged);
        assert_eq!(read(b"\x7fELF\x07\x01aaaaaaaaaaaaaaaaa"), Linkage::Damaged);
        let whole = file(2, 1, &[1, 3]);
        for length in 6..whole.len() {
            let cut = whole.get(..length).unwrap();
            assert_eq!(read(cut), Linkage::Damaged, "{length} bytes");
        }
    }
}
