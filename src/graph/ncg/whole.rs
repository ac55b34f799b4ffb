//! Files that are there whole or not at all.
//!
//! A path and bytes go in; the file is there with them, or as it was.
//!
//! **Invariants**
//! - On Linux the file has no name until all of it is written, so a process that is killed leaves
//!   none. Elsewhere, and where a file system has no such files, it is written under a name beside it;
//!   what was left under such a name an hour ago is removed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How old a file must be to be taken for left behind: nobody writes one for so long.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

/// How many names are tried.
const ATTEMPTS: u32 = 1000;

/// Writes a file, in place of what is there.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path has no file name"))?;
    let folder = path.parent().filter(|parent| *parent != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    remove_left_behind(folder, name);
    let temporary = match written_without_name(folder, name, bytes) {
        Some(written) => written?,
        None => written_beside(folder, name, bytes)?,
    };
    let renamed = fs::rename(&temporary, path);
    if renamed.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    renamed
}

/// Writes a file that gets a name, beside the one it is to have, once it is whole: a name that is taken
/// cannot be given at once. None where there are no such files.
#[cfg(target_os = "linux")]
fn written_without_name(folder: &Path, name: &OsStr, bytes: &[u8]) -> Option<io::Result<PathBuf>> {
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use std::os::fd::AsRawFd;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o666);
    let mut file = fs::File::from(open(folder, flags, mode).ok()?);
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        return Some(Err(error));
    }
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    for temporary in names(folder, name) {
        match linkat(CWD, &from, CWD, &temporary, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => return Some(Ok(temporary)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // As where there is no /proc.
            Err(_) => return None,
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
fn written_without_name(_: &Path, _: &OsStr, _: &[u8]) -> Option<io::Result<PathBuf>> {
    None
}

/// Writes a file under another name in the same folder.
fn written_beside(folder: &Path, name: &OsStr, bytes: &[u8]) -> io::Result<PathBuf> {
    for temporary in names(folder, name) {
        let mut options = fs::OpenOptions::new();
        let mut file = match options.write(true).create_new(true).open(&temporary) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // The first error is the one to tell.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        return Ok(temporary);
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Names for files that are not whole.
fn names(folder: &Path, name: &OsStr) -> impl Iterator<Item = PathBuf> {
    (0..ATTEMPTS).map(move |attempt| {
        let mut temporary = beginning(name);
        temporary.push(format!("{}-{attempt}.tmp", std::process::id()));
        folder.join(temporary)
    })
}

/// What the names of such files begin with.
fn beginning(name: &OsStr) -> OsString {
    let mut beginning = OsString::from(".");
    beginning.push(name);
    beginning.push(".");
    beginning
}

/// Removes what earlier writers of the same file left when they were killed.
fn remove_left_behind(folder: &Path, name: &OsStr) {
    let beginning = beginning(name);
    let beginning = beginning.as_encoded_bytes();
    // The first few entries of a folder will do: it may be large, and this is no promise.
    for entry in fs::read_dir(folder)
        .into_iter()
        .flatten()
        .take(10_000)
        .flatten()
    {
        let other = entry.file_name();
        let other = other.as_encoded_bytes();
        let is_one = other.starts_with(beginning) && is_temporary(&other[beginning.len()..]);
        let is_old = || {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT_BEHIND))
        };
        if is_one && is_old() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether that is how names of ours end: `123-0.tmp`.
fn is_temporary(end: &[u8]) -> bool {
    let Some(numbers) = end.strip_suffix(b".tmp") else {
        return false;
    };
    let mut parts = numbers.split(|&byte| byte == b'-');
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let both = [parts.next(), parts.next()];
    both.iter().all(|part| part.is_some_and(is_number)) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("dmci-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names
            .map(|name| name.into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_replaced_and_nothing_is_left() {
        let folder = folder("whole");
        let path = folder.join("a.ncg");
        for text in ["one", "two"] {
            save(&path, text.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("there"), text);
            assert_eq!(names_in(&folder), ["a.ncg"]);
        }
        let beside = written_beside(&folder, OsStr::new("a.ncg"), b"three").expect("written");
        assert_eq!(fs::read_to_string(beside).expect("there"), "three");
        assert!(save(&folder.join("none").join("a.ncg"), b"").is_err());
        assert!(save(&folder, b"").is_err());
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn what_is_long_left_behind_is_removed() {
        let folder = folder("left");
        let (old, new) = (".a.ncg.123-0.tmp", ".a.ncg.124-0.tmp");
        for (name, age) in [
            (old, 7200),
            (new, 60),
            (".a.ncg.x-0.tmp", 7200),
            ("a.tmp", 7200),
        ] {
            let file = fs::File::create(folder.join(name)).expect("a file");
            let at = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(at).expect("a time");
        }
        save(&folder.join("a.ncg"), b"").expect("written");
        assert_eq!(names_in(&folder), [new, ".a.ncg.x-0.tmp", "a.ncg", "a.tmp"]);
        fs::remove_dir_all(folder).expect("removed");
    }
}
