//! The descendants of a process.

use rustix::process::Pid;

/// All descendants of the supervisor, including the command.
#[cfg(target_os = "linux")]
pub(super) fn descendants(_command: Pid) -> Vec<Pid> {
    below(rustix::process::getpid())
}

/// Whether any of them is still running.
#[cfg(target_os = "linux")]
pub(super) fn any_running(command: Pid) -> bool {
    !descendants(command).is_empty()
}

/// All descendants of a process, without zombies.
#[cfg(target_os = "linux")]
pub(super) fn below(ancestor: Pid) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let processes: Vec<(i32, i32)> = ids
        .filter_map(|id| {
            let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
            let (parent, is_dead) = parent(&stat)?;
            (!is_dead).then_some((id, parent))
        })
        .collect();
    let mut found = vec![ancestor.as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.into_iter().skip(1).filter_map(Pid::from_raw).collect()
}

/// Parses the parent in `/proc/PID/stat`, and whether the process is a zombie. The name in parentheses may contain anything.
#[cfg(target_os = "linux")]
fn parent(stat: &[u8]) -> Option<(i32, bool)> {
    let end = stat.iter().rposition(|&b| b == b')')?;
    let mut rest = stat[end + 1..].split(|&b| b == b' ').filter(|word| !word.is_empty());
    let state = rest.next()?;
    let parent = std::str::from_utf8(rest.next()?).ok()?.parse().ok()?;
    Some((parent, matches!(state, b"Z" | b"X")))
}

/// On other systems, only the command itself is known; it has to end the processes that it has started.
#[cfg(not(target_os = "linux"))]
pub(super) fn descendants(command: Pid) -> Vec<Pid> {
    vec![command]
}

#[cfg(not(target_os = "linux"))]
pub(super) fn any_running(_command: Pid) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn below(_ancestor: Pid) -> Vec<Pid> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_may_contain_parentheses_and_spaces() {
        for (stat, expected) in [
            (&b"12 (node) S 11 12 11 0"[..], Some((11, false))),
            (b"12 (a) R 99 (b)) Z 7 1", Some((7, true))),
            (b"12 (node", None),
            (b"", None),
        ] {
            assert_eq!(parent(stat), expected);
        }
    }
}
