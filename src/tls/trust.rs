//! How this system and its browsers learn to trust a certificate authority. Pure, but for [`System::of_this_machine`].

use std::path::{Path, PathBuf};

/// Where a system keeps the authorities that its administrator adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Debian, Ubuntu, Alpine and their kind.
    Debian,
    /// Fedora, RHEL and their kind.
    Fedora,
    /// Arch Linux.
    Arch,
    /// openSUSE.
    Suse,
    /// macOS.
    MacOs,
    /// One that is not known.
    Other,
}

impl System {
    const FOLDERS: [(Self, &str); 4] = [
        (Self::Fedora, "/etc/pki/ca-trust/source/anchors"),
        (Self::Debian, "/usr/local/share/ca-certificates"),
        (Self::Arch, "/etc/ca-certificates/trust-source/anchors"),
        (Self::Suse, "/usr/share/pki/trust/anchors"),
    ];

    /// The system that this process runs on, by the folder that it has.
    pub fn of_this_machine() -> Self {
        if cfg!(target_os = "macos") {
            return Self::MacOs;
        }
        let found = Self::FOLDERS.iter().find(|(_, folder)| Path::new(folder).is_dir());
        found.map_or(Self::Other, |(system, _)| *system)
    }

    fn folder(self) -> Option<&'static str> {
        Self::FOLDERS.iter().find(|(system, _)| *system == self).map(|(_, folder)| *folder)
    }

    /// The command that makes this system trust the authority in this file; `None` where it is not known.
    pub fn command(self, authority: &Path) -> Option<String> {
        let file = quoted(authority);
        let copy = |name, update| Some(format!("sudo cp {file} {}/{name} && sudo {update}", self.folder()?));
        match self {
            Self::Debian => copy("devmedia.crt", "update-ca-certificates"),
            Self::Fedora => copy("devmedia.pem", "update-ca-trust"),
            Self::Arch => copy("devmedia.crt", "trust extract-compat"),
            Self::Suse => copy("devmedia.pem", "update-ca-certificates"),
            Self::MacOs => Some(format!(
                "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}"
            )),
            Self::Other => None,
        }
    }

    /// Whether that command has been run for this very authority.
    pub fn trusts(self, authority: &Path) -> bool {
        let Some(folder) = self.folder() else { return false };
        let Ok(own) = std::fs::read(authority) else { return false };
        ["devmedia.crt", "devmedia.pem"]
            .iter()
            .any(|name| std::fs::read(PathBuf::from(folder).join(name)).is_ok_and(|installed| installed == own))
    }
}

/// The command for Chromium, Chrome and Brave on Linux, which have a list of their own (NSS).
pub fn chromium_command(authority: &Path) -> String {
    format!("certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n devmedia -i {}", quoted(authority))
}

/// The command that shows a URL without any of that.
pub fn curl_command(authority: &Path, url: &str) -> String {
    format!("curl --cacert {} {url}", quoted(authority))
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_each_system() {
        for (system, file, expected) in [
            (
                System::Debian,
                "/home/a/ca.pem",
                Some(
                    "sudo cp /home/a/ca.pem /usr/local/share/ca-certificates/devmedia.crt && sudo update-ca-certificates",
                ),
            ),
            (
                System::Fedora,
                "/home/a b/ca.pem",
                Some(
                    "sudo cp '/home/a b/ca.pem' /etc/pki/ca-trust/source/anchors/devmedia.pem && sudo update-ca-trust",
                ),
            ),
            (
                System::Arch,
                "/a'b/ca.pem",
                Some(
                    r"sudo cp '/a'\''b/ca.pem' /etc/ca-certificates/trust-source/anchors/devmedia.crt && sudo trust extract-compat",
                ),
            ),
            (
                System::MacOs,
                "/ca.pem",
                Some("sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain /ca.pem"),
            ),
            (System::Other, "/ca.pem", None),
        ] {
            assert_eq!(system.command(Path::new(file)).as_deref(), expected, "{system:?}");
        }
    }
}
