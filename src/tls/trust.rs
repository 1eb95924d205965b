//! How this system and its browsers learn to trust a certificate authority. Pure, but for [`System::of_this_machine`].

use std::path::{Path, PathBuf};

use crate::system::advice::Family;

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
    /// Windows.
    Windows,
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
        if cfg!(windows) {
            return Self::Windows;
        }
        let found = Self::FOLDERS.iter().find(|(_, folder)| Path::new(folder).is_dir());
        found.map_or(Self::Other, |(system, _)| *system)
    }

    fn folder(self) -> Option<&'static str> {
        Self::FOLDERS.iter().find(|(system, _)| *system == self).map(|(_, folder)| *folder)
    }

    /// The command that makes this system trust the authority in this file; `None` where it is not known.
    pub fn command(self, authority: &Path) -> Option<String> {
        let file = Family::Unix.quoted_path(authority);
        let copy = |name, update| Some(format!("sudo cp {file} {}/{name} && sudo {update}", self.folder()?));
        match self {
            Self::Debian => copy("devmedia.crt", "update-ca-certificates"),
            Self::Fedora => copy("devmedia.pem", "update-ca-trust"),
            Self::Arch => copy("devmedia.crt", "trust extract-compat"),
            Self::Suse => copy("devmedia.pem", "update-ca-certificates"),
            Self::MacOs => Some(format!(
                "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}"
            )),
            // for this user, so no administrator is needed
            Self::Windows => Some(format!("certutil -user -addstore Root {}", Family::Windows.quoted_path(authority))),
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
    format!("certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n devmedia -i {}", Family::Unix.quoted_path(authority))
}

/// The command that shows a URL without any of that.
pub fn curl_command(authority: &Path, url: &str) -> String {
    let curl = match Family::HERE {
        Family::Unix => "curl",
        // PowerShell has another curl; this one asks for revocation lists, which a local authority does not have
        Family::Windows => "curl.exe --ssl-no-revoke",
    };
    format!("{curl} --cacert {} {url}", Family::HERE.quoted_path(authority))
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
            (System::Windows, r"C:\Users\A B\ca.pem", Some("certutil -user -addstore Root \"C:\\Users\\A B\\ca.pem\"")),
            (System::Other, "/ca.pem", None),
        ] {
            assert_eq!(system.command(Path::new(file)).as_deref(), expected, "{system:?}");
        }
    }
}
