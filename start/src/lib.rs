//! The `main` of a program that runs for less than a millisecond, and all its `unsafe`.
//!
//! What the standard library does before a `main` of its own are 19 system calls: for the most part it looks for
//! the stack's bounds and lays out another stack, only to print a line when the stack overflows, before the program
//! dies anyway. [`main!`] leaves that out and does the rest:
//!
//! * descriptors 0 to 2 are open, so that no file of the program's can become its stderr;
//! * writing to a pipe without a reader is an error, not a signal;
//! * with musl, which leaves it to the dynamic loader that a static program has not: what the linker marked
//!   is read-only once its addresses are put in (RELRO). With glibc it is already.
//!
//! What the standard library offers works as ever, but `std::env::args`: [`main!`] hands the arguments on. The program
//! ends with `_exit`: no function that was registered with `atexit` runs.

pub mod memory;

use std::ffi::{CStr, OsStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

/// Makes a `fn(Vec<OsString>) -> u8`, arguments to exit status, the program. In a crate with `#![no_main]`. What the
/// function has written must not be left in a buffer: standard output ends each line with a system call, standard
/// error has no buffer.
#[macro_export]
macro_rules! main {
    ($run:path) => {
        // SAFETY: there is one `main` in a program, and the C library calls it like this (C11, 5.1.2.2.1).
        #[unsafe(no_mangle)]
        extern "C" fn main(
            count: ::core::ffi::c_int,
            arguments: *const *const ::core::ffi::c_char,
        ) -> ::core::ffi::c_int {
            // SAFETY: these are main's arguments, and this is the program's start.
            unsafe { $crate::start(count, arguments, $run) }
        }
    };
}

/// What [`main!`] calls: prepares the process and runs the program.
///
/// # Safety
///
/// The arguments are those of `main`: `count` pointers to C strings that stay. No other thread runs.
pub unsafe fn start(
    count: c_int,
    arguments: *const *const c_char,
    run: fn(Vec<OsString>) -> u8,
) -> c_int {
    if !open_standard_descriptors() || !relro::protect() {
        return 1;
    }
    // SAFETY: no handler is set, and nothing depends on the one that was.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let argument = |nth| {
        // SAFETY: of main's arguments, by what our caller promises.
        let argument = unsafe { CStr::from_ptr(*arguments.add(nth)) };
        OsStr::from_bytes(argument.to_bytes()).to_owned()
    };
    let count = usize::try_from(count).unwrap_or_default();
    let status = run((0..count).map(argument).collect());
    // The C library's own end looks at the buffers of its streams, which are not used.
    // SAFETY: the process ends here.
    unsafe { libc::_exit(status.into()) }
}

/// Opens `/dev/null` in the place of each of descriptors 0 to 2 that is not open. Whether all of them are now.
fn open_standard_descriptors() -> bool {
    let look = |fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    };
    let mut three = [look(0), look(1), look(2)];
    // SAFETY: the kernel writes to the three, and to nothing else.
    let is_told = unsafe { libc::poll(three.as_mut_ptr(), 3, 0) } >= 0;
    three.iter().all(|descriptor| {
        let is_closed = if is_told {
            descriptor.revents & libc::POLLNVAL != 0
        } else {
            // SAFETY: this only looks, whatever the number refers to.
            unsafe { libc::fcntl(descriptor.fd, libc::F_GETFD) == -1 }
        };
        // The smallest free number is taken: this one, as those below it are open.
        // SAFETY: the path is a C string. The descriptor stays open to the end.
        !is_closed || unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } == descriptor.fd
    })
}

#[cfg(not(target_env = "musl"))]
mod relro {
    /// glibc's start has done it.
    pub(crate) fn protect() -> bool {
        true
    }
}

#[cfg(target_env = "musl")]
mod relro {
    use std::ffi::{c_int, c_void};

    /// Makes what the linker marked (`PT_GNU_RELRO`, elf(5)) read-only. Whether the kernel has done it.
    pub(crate) fn protect() -> bool {
        // SAFETY: the function is what is asked for, and it is called before this call returns.
        unsafe { libc::dl_iterate_phdr(Some(protect_object), std::ptr::null_mut()) == 0 }
    }

    /// Called once, for the program itself: it is static. Not 0 when the kernel refuses.
    unsafe extern "C" fn protect_object(
        object: *mut libc::dl_phdr_info,
        _: usize,
        _: *mut c_void,
    ) -> c_int {
        // SAFETY: dl_iterate_phdr(3) hands on a description that lasts as long as this call, and in it the
        // program headers, which are part of the program.
        let (object, headers) = unsafe {
            let object = &*object;
            let count = usize::from(object.dlpi_phnum);
            (object, std::slice::from_raw_parts(object.dlpi_phdr, count))
        };
        // SAFETY: no memory is touched.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let floor = |address: usize| address & !(page - 1);
        let of_relro = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_GNU_RELRO);
        for header in of_relro {
            let start = object.dlpi_addr as usize + header.p_vaddr as usize;
            let (from, to) = (floor(start), floor(start + header.p_memsz as usize));
            // SAFETY: the linker has laid out whole pages of what the program no longer writes once
            // its addresses are put in, and that was before main.
            if unsafe { libc::mprotect(from as *mut c_void, to - from, libc::PROT_READ) } != 0 {
                return 1;
            }
        }
        0
    }
}
