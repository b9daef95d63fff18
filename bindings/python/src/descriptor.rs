//! A file descriptor that an event loop waits on: an eventfd on Linux, a pipe on other Unixes.

#[cfg(unix)]
pub(crate) use unix::Descriptor;

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsRawFd, OwnedFd, RawFd};

    use rustix::io;

    /// A descriptor that is readable from [`signal`](Self::signal) to [`clear`](Self::clear).
    #[derive(Debug)]
    pub(crate) struct Descriptor {
        read: OwnedFd,
        /// The end that is written to, where it is another one.
        write: Option<OwnedFd>,
    }

    impl Descriptor {
        /// A descriptor that is not readable yet, and that no program started by this process inherits.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        pub(crate) fn new() -> io::Result<Self> {
            use rustix::event::{EventfdFlags, eventfd};
            let read = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
            Ok(Self { read, write: None })
        }

        /// A descriptor that is not readable yet, and that no program started by this process inherits.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        pub(crate) fn new() -> io::Result<Self> {
            let (read, write) = rustix::pipe::pipe()?;
            for end in [&read, &write] {
                io::fcntl_setfd(end, io::FdFlags::CLOEXEC)?;
                io::ioctl_fionbio(end, true)?;
            }
            Ok(Self { read, write: Some(write) })
        }

        /// Makes it readable. It fails only when it is readable already, or when nobody reads any more.
        pub(crate) fn signal(&self) {
            let end = self.write.as_ref().unwrap_or(&self.read);
            let _ = io::write(end, &1u64.to_ne_bytes());
        }

        /// Makes it unreadable. It fails only when it is so already.
        pub(crate) fn clear(&self) {
            let _ = io::read(&self.read, &mut [0u8; 64]);
        }

        /// Its number.
        pub(crate) fn number(&self) -> RawFd {
            self.read.as_raw_fd()
        }
    }
}
