//! What a process holds, as Linux says, and a bound on it such as a container has.

use std::{fs, path::PathBuf, process};

/// The most memory since the last [`forget_peak`], in bytes.
pub fn peak(pid: u32) -> u64 {
    row(pid, "VmHWM:").expect("it is running") << 10
}

/// What it holds now, in bytes.
pub fn resident(pid: u32) -> u64 {
    row(pid, "VmRSS:").expect("it is running") << 10
}

/// How many threads it has.
pub fn threads(pid: u32) -> u64 {
    row(pid, "Threads:").unwrap_or_default()
}

/// From now on the peak is counted anew.
pub fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
}

/// Whether it runs, and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    row(pid, "VmRSS:").is_some()
}

/// A number in `/proc/PID/status`.
fn row(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let row = status.lines().find_map(|line| line.strip_prefix(name))?;
    row.split_whitespace().next()?.parse().ok()
}

/// A control group with a limit on memory, removed when dropped. Root alone can make one.
#[derive(Debug)]
pub struct Bound {
    folder: PathBuf,
    /// Version 1 and 2 call the same things differently.
    is_first: bool,
}

impl Bound {
    /// A group for one process. Nothing if this machine lets us have none.
    pub fn new(bytes: u64) -> Option<Self> {
        let name = format!("chittychat-attack-{}", process::id());
        let roots = [("/sys/fs/cgroup/memory", true), ("/sys/fs/cgroup", false)];
        roots.into_iter().find_map(|(root, is_first)| {
            let folder = PathBuf::from(root).join(&name);
            fs::create_dir(&folder).ok()?;
            let bound = Self { folder, is_first };
            let limit = if is_first { "memory.limit_in_bytes" } else { "memory.max" };
            bound.write(limit, &bytes.to_string())?;
            Some(bound)
        })
    }

    /// Where a process writes its number to be in it.
    pub fn procs(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// How often something in it was killed for its memory.
    pub fn kills(&self) -> u64 {
        let file = if self.is_first { "memory.oom_control" } else { "memory.events" };
        let text = fs::read_to_string(self.folder.join(file)).expect("a control group");
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.and_then(|kills| kills.parse().ok()).unwrap_or_default()
    }

    fn write(&self, file: &str, value: &str) -> Option<()> {
        let path = self.folder.join(file);
        // Opening it with O_CREAT would make a file where there is no such control.
        path.exists().then(|| fs::write(path, value).ok()).flatten()
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        // It is not empty until the process in it has been waited for; what is left over is empty then.
        let _ = fs::remove_dir(&self.folder);
    }
}
