//! A real file system of one's own that fills up, turns read-only, or loses its power.
//!
//! ```text
//! Disk::memory   tmpfs of so many bytes and files        fill · free · read_only
//! Disk::image    ext4 in a file behind a loop device     cut_power ─▶ (kill the job) ─▶ power_on
//! ```
//!
//! * It is mounted in a mount namespace of its own, held by a small shell: the machine does not see
//!   it, and it is gone once that shell and the job are, however the test ends. [`Disk::inside`] makes a
//!   program run there; [`Disk::seen`] is how the test itself looks at a file in it.
//! * The power cut is the kernel's own: `FS_IOC_SHUTDOWN` without flushing the log. From that moment
//!   nothing reaches the image; what was neither written back nor synced is gone after the next mount,
//!   names included. `data=writeback` and `noauto_da_alloc` take away what ext4 does for careless programs.
//! * Needs root, loop devices, `unshare`, `nsenter`, `mkfs.ext4` and `perl` (of which each Debian has
//!   all); [`Disk::missing`] says what a machine lacks.
//! * Source of the idea: `src/godown.c` of xfstests.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use millstream_core::{Code, Error, Result};
use parking_lot::Mutex;

use crate::supervisor::Program;

/// Longest single command on a disk, in seconds.
const SECONDS: &str = "60";

/// `FS_IOC_SHUTDOWN`, with the flag that leaves the log as it is.
const GO_DOWN: &str = r#"my $f = pack("L", 2); open(F, "<", $ARGV[0]) or die "$!"; ioctl(F, 0x8004587d, $f) or die "$!""#;

/// A file system in a namespace of its own.
#[derive(Debug)]
pub struct Disk {
    holder: Mutex<Child>,
    pid: u32,
    // Its end is the sign to go.
    stdin: Option<ChildStdin>,
    point: PathBuf,
    mount: String,
}

impl Disk {
    /// What is missing on this machine; `None` if disks can be made.
    pub fn missing() -> Option<String> {
        let own = fs::metadata("/proc/self").map(|of| std::os::unix::fs::MetadataExt::uid(&of));
        if own.ok() != Some(0) {
            return Some("mounting wants root".into());
        }
        let tools = ["unshare", "nsenter", "mkfs.ext4", "perl", "timeout"];
        let missing = tools.iter().find(|tool| find(tool).is_none());
        missing.map(|tool| format!("there is no '{tool}'"))
    }

    /// A file system in memory at `point`, with room for so many bytes and files.
    pub fn memory(point: &Path, bytes: u64, files: u64) -> Result<Disk> {
        let options = format!("size={bytes},nr_inodes={files},mode=0755");
        Disk::mounted(point, format!("mount -t tmpfs -o {options} disk \"$1\""))
    }

    /// An ext4 file system at `point`, in the file `image` of so many bytes.
    pub fn image(point: &Path, image: &Path, bytes: u64) -> Result<Disk> {
        let file = fs::File::create(image).and_then(|file| file.set_len(bytes));
        file.map_err(|cause| failed("make an image", &cause.to_string()))?;
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"])
            .arg(image);
        succeeds(&mut make, "make a file system")?;
        let options = "loop,data=writeback,noauto_da_alloc";
        let image = image.display();
        Disk::mounted(point, format!("mount -o {options} '{image}' \"$1\""))
    }

    fn mounted(point: &Path, mount: String) -> Result<Disk> {
        let broken = |cause: std::io::Error| failed("hold a namespace", &cause.to_string());
        fs::create_dir_all(point).map_err(broken)?;
        let point = fs::canonicalize(point).map_err(broken)?;
        let script = format!("{mount} && echo ready && cat");
        let mut holder = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                &script,
                "sh",
            ])
            .arg(&point)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(broken)?;
        let mut line = String::new();
        if let Some(stdout) = &mut holder.stdout {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(broken)?;
        }
        let disk = Disk {
            pid: holder.id(),
            stdin: holder.stdin.take(),
            holder: Mutex::new(holder),
            point,
            mount,
        };
        if line.trim() == "ready" {
            return Ok(disk);
        }
        let mut said = String::new();
        if let Some(stderr) = &mut disk.holder.lock().stderr {
            stderr.read_to_string(&mut said).map_err(broken)?;
        }
        Err(failed("mount", said.trim()))
    }

    /// Where it is mounted, as programs inside see it.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// How this process, which is outside, sees a path inside.
    pub fn seen(&self, path: &Path) -> PathBuf {
        let mut name = std::ffi::OsString::from(format!("/proc/{}/root", self.pid));
        name.push(path);
        name.into()
    }

    /// The same program, run where the disk is.
    pub fn inside(&self, program: Program) -> Result<Program> {
        let enter = find("nsenter").ok_or_else(|| failed("enter it", "there is no 'nsenter'"))?;
        let mut args = vec![
            self.namespace(),
            "--".into(),
            program.path.display().to_string(),
        ];
        args.extend(program.args);
        Ok(Program {
            path: enter,
            args,
            env: program.env,
        })
    }

    fn namespace(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.pid)
    }

    /// Takes all the room there is: not one byte more can be written.
    pub fn fill(&self) -> Result<()> {
        let script = "dd if=/dev/zero of=\"$1/.ballast\" bs=4096 2>/dev/null; \
                      for i in $(seq 64); do echo >>\"$1/.ballast\" || exit 0; done 2>/dev/null; exit 0";
        self.run(script, "fill it")
    }

    /// Takes all the files there can be.
    pub fn take_files(&self) -> Result<()> {
        let script = "mkdir -p \"$1/.many\"; i=0; \
                      while true >\"$1/.many/$i\"; do i=$((i + 1)); done 2>/dev/null; exit 0";
        self.run(script, "take its files")
    }

    /// Gives back what [`Disk::fill`] and [`Disk::take_files`] took.
    pub fn free(&self) -> Result<()> {
        self.run("rm -rf \"$1/.ballast\" \"$1/.many\"", "free it")
    }

    /// Lets nobody write, also not to files that are open, or lets them again.
    pub fn read_only(&self, only: bool) -> Result<()> {
        let word = if only { "ro" } else { "rw" };
        self.run(&format!("mount -o remount,{word} \"$1\""), "remount it")
    }

    /// From now on nothing reaches the disk. Processes that use it get errors; kill them, then call
    /// [`Disk::power_on`].
    pub fn cut_power(&self) -> Result<()> {
        let script = format!("perl -e '{GO_DOWN}' \"$1\"");
        self.run(&script, "cut its power")
    }

    /// Mounts what is left, after the log was replayed. No process may use it.
    pub fn power_on(&self) -> Result<()> {
        let script = format!(
            "for i in $(seq 100); do umount \"$1\" && break; sleep 0.05; done; {}",
            self.mount
        );
        self.run(&script, "mount it again")
    }

    fn run(&self, script: &str, doing: &str) -> Result<()> {
        let mut command = Command::new("timeout");
        command
            .args([
                SECONDS,
                "nsenter",
                &self.namespace(),
                "--",
                "sh",
                "-c",
                script,
                "sh",
            ])
            .arg(&self.point);
        succeeds(&mut command, doing)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let ended = self.holder.lock().wait();
        if let Err(cause) = ended {
            eprintln!("the holder of a disk could not be ended: {cause}");
        }
    }
}

fn succeeds(command: &mut Command, doing: &str) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| failed(doing, &cause.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(failed(
                doing,
                &format!("{}: {}", output.status, said.trim()),
            ))
        }
    }
}

/// The program of that name in the search path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Where administrators' tools are, for those whose path does not say so.
    let more = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    let mut folders = std::env::split_paths(&path).chain(more);
    folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
}

fn failed(doing: &str, what: &str) -> Error {
    Error::new(
        Code::Write,
        format!("a disk for tests: cannot {doing}: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(disk: &Disk, script: &str) -> Result<()> {
        disk.run(script, "do what a test wants")
    }

    #[test]
    fn a_full_disk_takes_nothing_until_it_is_freed() {
        if Disk::missing().is_some() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::memory(&folder.path().join("m"), 1 << 20, 20).unwrap();
        say(&disk, "echo kept > \"$1/a\"").unwrap();
        disk.fill().unwrap();
        assert!(say(&disk, "echo more > \"$1/b\"").is_err());
        disk.free().unwrap();
        disk.take_files().unwrap();
        assert!(say(&disk, "echo more > \"$1/c\"").is_err());
        disk.free().unwrap();
        say(&disk, "echo more > \"$1/c\"").unwrap();
        disk.read_only(true).unwrap();
        assert!(say(&disk, "echo more > \"$1/d\"").is_err());
        disk.read_only(false).unwrap();
        let seen = disk.seen(&disk.point().join("a"));
        assert_eq!(fs::read_to_string(seen).unwrap(), "kept\n");
        assert!(!disk.point().join("a").exists(), "others do not see it");
    }

    #[test]
    fn a_power_cut_takes_what_was_not_synced() {
        if Disk::missing().is_some() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (point, image) = (folder.path().join("m"), folder.path().join("image"));
        let disk = Disk::image(&point, &image, 16 << 20).unwrap();
        say(
            &disk,
            "echo synced > \"$1/a\"; sync \"$1/a\" \"$1\"; echo lost > \"$1/b\"",
        )
        .unwrap();
        disk.cut_power().unwrap();
        assert!(say(&disk, "echo late > \"$1/c\"").is_err());
        disk.power_on().unwrap();
        let there = |name: &str| disk.seen(&disk.point().join(name)).exists();
        assert_eq!((there("a"), there("b"), there("c")), (true, false, false));
    }
}
