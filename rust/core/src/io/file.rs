//! The system calls: reading straight into place, and replacing a file all or nothing.

use crate::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Say which file a failure of the operating system is about.
pub fn at(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |source| match source.kind() {
        io::ErrorKind::OutOfMemory => {
            Error::Memory(format!("{}: there is no memory to read it", path.display()))
        }
        _ => Error::Io {
            context: path.to_string_lossy().into_owned(),
            source,
        },
    }
}

/// Open a file for reading. A pipe that nobody writes to is an empty file rather than a wait.
pub fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK);
    }
    options.open(path).map_err(at(path))
}

/// Bytes of an open file.
pub fn size(file: &File, path: &Path) -> Result<u64> {
    let metadata = file.metadata().map_err(at(path))?;
    if metadata.is_dir() {
        return Err(at(path)(io::ErrorKind::IsADirectory.into()));
    }
    Ok(metadata.len())
}

/// Append up to `bytes` bytes from the current place on, fewer if the file ends before.
pub fn read_more(file: &File, buffer: &mut Vec<u8>, bytes: usize) -> io::Result<()> {
    // Not filled with zeros first: for small files that would be a good part of the work.
    buffer
        .try_reserve(bytes)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut left = bytes;
    while left > 0 {
        let used = buffer.len();
        // SAFETY: `reserve` has made room for what is left, and only what was read counts.
        let count = unsafe {
            let count = platform::read_to(file, buffer.as_mut_ptr().add(used), left)?;
            buffer.set_len(used + count);
            count
        };
        if count == 0 {
            break;
        }
        left -= count;
    }
    Ok(())
}

/// Append exactly `bytes` bytes from a place in the file; fails if the file ends before.
pub fn read_at(mut file: &File, buffer: &mut Vec<u8>, bytes: usize, offset: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    let used = buffer.len();
    read_more(file, buffer, bytes)?;
    if buffer.len() - used < bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Read `head`, then `bytes` bytes to `start`, then at most one byte more, from the current place
/// on. Gives back how many bytes were read: more than `head.len() + bytes` if the file goes on.
///
/// A file that has the expected size takes one system call, which also tells that it has.
///
/// # Safety
/// `start` must be valid for writing `bytes` bytes, which nothing else uses meanwhile.
pub unsafe fn read_scattered(
    file: &File,
    head: &mut [u8],
    start: *mut u8,
    bytes: usize,
) -> io::Result<usize> {
    let mut excess = [0_u8; 1];
    let wanted = head.len() + bytes;
    // SAFETY: as this function's caller promises.
    let mut count = unsafe { platform::read_scattered(file, head, start, bytes, &mut excess) }?;
    // Files of a network may come in pieces.
    while count < wanted {
        let more = if count < head.len() {
            read_head(file, &mut head[count..])?
        } else {
            // SAFETY: within the caller's `bytes` bytes.
            unsafe {
                let done = count - head.len();
                platform::read_to(file, start.add(done), bytes - done)
            }?
        };
        if more == 0 {
            break;
        }
        count += more;
    }
    Ok(count)
}

/// One read, for the rare file whose first bytes come in pieces.
fn read_head(mut file: &File, head: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(head) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;

    /// What a call has done; nothing if a signal came first.
    fn outcome(count: isize) -> Option<io::Result<usize>> {
        if let Ok(count) = usize::try_from(count) {
            return Some(Ok(count));
        }
        let error = io::Error::last_os_error();
        (error.kind() != io::ErrorKind::Interrupted).then_some(Err(error))
    }

    /// # Safety
    /// `start` must be valid for writing `bytes` bytes.
    pub unsafe fn read_scattered(
        file: &File,
        head: &mut [u8],
        start: *mut u8,
        bytes: usize,
        excess: &mut [u8; 1],
    ) -> io::Result<usize> {
        let parts = [
            (head.as_mut_ptr(), head.len()),
            (start, bytes),
            (excess.as_mut_ptr(), 1),
        ]
        .map(|(address, length)| libc::iovec {
            iov_base: address.cast(),
            iov_len: length,
        });
        loop {
            // SAFETY: three spans that are valid for writing, as the caller promises.
            let count = unsafe { libc::readv(file.as_raw_fd(), parts.as_ptr(), 3) };
            if let Some(result) = outcome(count) {
                return result;
            }
        }
    }

    /// # Safety
    /// `start` must be valid for writing `bytes` bytes.
    pub unsafe fn read_to(file: &File, start: *mut u8, bytes: usize) -> io::Result<usize> {
        loop {
            // SAFETY: as the caller promises.
            let count = unsafe { libc::read(file.as_raw_fd(), start.cast(), bytes) };
            if let Some(result) = outcome(count) {
                return result;
            }
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::fs::File;
    use std::io::{self, IoSliceMut, Read};

    /// # Safety
    /// `start` must be valid for writing `bytes` bytes.
    pub unsafe fn read_scattered(
        mut file: &File,
        head: &mut [u8],
        start: *mut u8,
        bytes: usize,
        excess: &mut [u8; 1],
    ) -> io::Result<usize> {
        // SAFETY: as the caller promises; the component's memory is always initialised.
        let place = unsafe { std::slice::from_raw_parts_mut(start, bytes) };
        file.read_vectored(&mut [
            IoSliceMut::new(head),
            IoSliceMut::new(place),
            IoSliceMut::new(excess),
        ])
    }

    /// # Safety
    /// `start` must be valid for writing `bytes` bytes.
    pub unsafe fn read_to(mut file: &File, start: *mut u8, bytes: usize) -> io::Result<usize> {
        // SAFETY: as above.
        file.read(unsafe { std::slice::from_raw_parts_mut(start, bytes) })
    }
}

/// A file that takes the place of another, or does not: never a part of it.
///
/// The content goes to a temporary file in the same folder. [`Replacement::commit`] renames it; a
/// replacement dropped before that removes it. The new file replaces a symbolic link rather than
/// being written through it.
#[derive(Debug)]
pub struct Replacement<'a> {
    target: &'a Path,
    temporary: PathBuf,
    file: File,
    committed: bool,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

impl<'a> Replacement<'a> {
    /// Begin to replace (or create) `target`.
    pub fn new(target: &'a Path) -> Result<Self> {
        let process = std::process::id();
        loop {
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            let temporary = target.with_file_name(format!(".ironbatch-{process}-{serial}.tmp"));
            // `create_new` never follows a link that somebody has put there.
            match OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&temporary)
            {
                Ok(file) => {
                    return Ok(Self {
                        target,
                        temporary,
                        file,
                        committed: false,
                    });
                }
                // Left behind by a killed process that had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(target)(error)),
            }
        }
    }

    /// Append bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(at(self.target))
    }

    /// Write bytes at the beginning again.
    pub fn write_at_start(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(bytes))
            .map_err(at(self.target))
    }

    /// Put the file in its place, after the disk has it if `sync` is set.
    pub fn commit(mut self, sync: bool) -> Result<()> {
        if sync {
            self.file.sync_all().map_err(at(self.target))?;
        }
        std::fs::rename(&self.temporary, self.target).map_err(at(self.target))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing better can be done about a file that cannot be removed.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Wait until the disk has the names of a folder.
pub fn sync_folder(folder: &Path) -> Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(at(folder))
}
