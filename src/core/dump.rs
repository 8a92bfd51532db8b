//! Keeps what is in this process's memory out of core dumps and from other processes of the same user.
//! Must stay true: it is done before any key is read.

use std::io;

/// Forbids core dumps, and that another process of this user looks into this one. What the kernel writes to swap is not
/// reached by it.
///
/// # Errors
/// When the kernel refuses.
pub fn forbid() -> io::Result<()> {
    rustix::process::setrlimit(rustix::process::Resource::Core, rustix::process::Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_this_process_is_dumped() {
        forbid().expect("the kernel lets us");
        let core = rustix::process::getrlimit(rustix::process::Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        assert_eq!(rustix::process::dumpable_behavior(), Ok(rustix::process::DumpableBehavior::NotDumpable));
    }
}
