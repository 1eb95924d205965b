//! Advice that differs between systems, such as a command to paste. Pure, and tested on every system.

use std::path::{Path, PathBuf};

/// A family of operating systems, by what their users type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Linux, macOS and others, with a shell such as `sh`.
    Unix,
    /// Windows. The commands work in PowerShell and in the Command Prompt, unless they say otherwise.
    Windows,
}

impl Family {
    /// The family of this system.
    pub const HERE: Self = if cfg!(windows) { Self::Windows } else { Self::Unix };

    /// One word of a command, quoted if necessary.
    pub fn quoted(self, word: &str) -> String {
        let plain = match self {
            Self::Unix => "/._-+,@:=%",
            Self::Windows => r"\/._-+:",
        };
        if !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || plain.contains(c)) {
            return word.to_owned();
        }
        match self {
            Self::Unix => format!("'{}'", word.replace('\'', r"'\''")),
            // between double quotes, PowerShell expands these; the Command Prompt does not know single quotes
            Self::Windows if word.contains(['$', '`']) => format!("'{}'", word.replace('\'', "''")),
            Self::Windows => format!("\"{word}\""),
        }
    }

    /// A path as a word of a command.
    pub fn quoted_path(self, path: &Path) -> String {
        let text = path.display().to_string();
        // the form that Windows gives for the path of an open file; people do not type it
        let plain = match text.strip_prefix(r"\\?\") {
            Some(rest) if self == Self::Windows && rest.get(1..3) == Some(r":\") => rest,
            _ => &text,
        };
        self.quoted(plain)
    }

    /// The command that creates a folder and those above it.
    pub fn create_folder(self, path: &Path) -> String {
        let command = match self {
            Self::Unix => "mkdir -p",
            // it creates the folders above as well, and would take -p for a name
            Self::Windows => "mkdir",
        };
        format!("{command} {}", self.quoted_path(path))
    }

    /// The command that removes a folder with all that it contains.
    pub fn remove_folder(self, path: &Path) -> String {
        let command = match self {
            Self::Unix => "rm -r",
            // PowerShell's own rmdir has other options
            Self::Windows => "cmd /c rmdir /s",
        };
        format!("{command} {}", self.quoted_path(path))
    }

    /// The command that appends `.old` to the name of a file.
    pub fn set_aside(self, path: &Path) -> String {
        let command = match self {
            Self::Unix => "mv",
            Self::Windows => "move",
        };
        let old = format!("{}.old", path.display());
        format!("{command} {} {}", self.quoted_path(path), self.quoted(&old))
    }

    /// The command that shows the target of a symbolic link.
    pub fn show_link(self, path: &Path) -> String {
        match self {
            Self::Unix => format!("ls -l {}", self.quoted_path(path)),
            // all links of the folder: dir would look for the target
            Self::Windows => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                format!("cmd /c dir /al {}", self.quoted_path(folder))
            }
        }
    }

    /// The command that shows who may read a folder.
    pub fn show_permissions(self, folder: &Path) -> String {
        let command = match self {
            Self::Unix => "ls -ld",
            Self::Windows => "icacls",
        };
        format!("{command} {}", self.quoted_path(folder))
    }

    /// The command that sets an environment variable, for the shell that most people use: PowerShell on Windows.
    pub fn set_variable(self, name: &str, value: &str) -> String {
        match self {
            Self::Unix => format!("export {name}={}", self.quoted(value)),
            Self::Windows => format!("$env:{name} = '{}'", value.replace('\'', "''")),
        }
    }

    /// The command that puts the keys of a profile of the AWS CLI into the environment, for the same shell.
    pub fn export_aws_profile(self, profile: &str) -> String {
        match self {
            Self::Unix => format!("eval \"$(aws configure export-credentials --profile {profile} --format env)\""),
            Self::Windows => {
                format!("aws configure export-credentials --profile {profile} --format powershell | Invoke-Expression")
            }
        }
    }

    /// The environment variable with the home folder.
    pub fn home_variable(self) -> &'static str {
        match self {
            Self::Unix => "HOME",
            Self::Windows => "USERPROFILE",
        }
    }

    /// The folder of Google's command line tool, by the environment.
    pub fn gcloud_folder(self, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        match self {
            Self::Unix => Some(Path::new(&variable("HOME")?).join(".config/gcloud")),
            Self::Windows => Some(Path::new(&variable("APPDATA")?).join("gcloud")),
        }
    }

    /// A home folder, as an example.
    pub fn example_home(self) -> &'static Path {
        Path::new(match self {
            Self::Unix => "/home/me",
            Self::Windows => r"C:\Users\me",
        })
    }

    /// When no more files or connections can be opened.
    pub fn too_many_open(self) -> &'static str {
        match self {
            Self::Unix => "Raise the limit with ulimit -n, or open fewer connections.",
            Self::Windows => "Open fewer connections, or end programs that have many of them.",
        }
    }

    /// When a file may not be read.
    pub fn not_readable(self) -> &'static str {
        match self {
            Self::Unix => "Check the permissions of the file and of the folders above it with ls -l.",
            Self::Windows => "Check the permissions of the file and of the folders above it with icacls.",
        }
    }

    /// When nothing may be written to a folder.
    pub fn not_writable(self) -> &'static str {
        match self {
            Self::Unix => "Check the permissions of the folder with ls -ld, and whether its disk is mounted read-only.",
            Self::Windows => "Check the permissions of the folder with icacls, and whether the file is read-only.",
        }
    }

    /// When the disk is full.
    pub fn disk_full(self) -> &'static str {
        match self {
            Self::Unix => "Free some space (see df -h), then send the file again.",
            Self::Windows => "Free some space, then send the file again.",
        }
    }

    /// When a file is too large for the process or its file system.
    pub fn file_too_large(self) -> &'static str {
        match self {
            Self::Unix => "Check the limit of the process with ulimit -f, and the type of the file system with df -T.",
            Self::Windows => "Check the type of the file system: FAT32 cannot hold files of 4 GiB.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        use Family::{Unix, Windows};
        for (family, word, expected) in [
            (Unix, "/srv/media", "/srv/media"),
            (Unix, "M\u{e9}dia,1@x", "M\u{e9}dia,1@x"),
            (Unix, "it's here", r"'it'\''s here'"),
            (Unix, r"a\b", r"'a\b'"),
            (Unix, "", "''"),
            (Windows, r"C:\Users\me\media", r"C:\Users\me\media"),
            (Windows, r".\media", r".\media"),
            (Windows, r"C:\My Media", "\"C:\\My Media\""),
            (Windows, "it's", "\"it's\""),
            (Windows, "a,b", "\"a,b\""), // two words for PowerShell
            (Windows, "@a", "\"@a\""),
            (Windows, "a&b", "\"a&b\""),
            (Windows, "a$b's", "'a$b''s'"),
            (Windows, "", "\"\""),
        ] {
            assert_eq!(family.quoted(word), expected, "{family:?} {word}");
        }
    }

    #[test]
    fn commands_are_those_of_the_system() {
        let commands = |family: Family, path: &str| {
            let path = Path::new(path);
            [
                family.create_folder(path),
                family.remove_folder(path),
                family.set_aside(path),
                family.show_link(path),
                family.show_permissions(path),
                family.set_variable("AWS_REGION", "us-east-1"),
            ]
        };
        assert_eq!(
            commands(Family::Unix, "/a b/c"),
            [
                "mkdir -p '/a b/c'",
                "rm -r '/a b/c'",
                "mv '/a b/c' '/a b/c.old'",
                "ls -l '/a b/c'",
                "ls -ld '/a b/c'",
                "export AWS_REGION=us-east-1",
            ]
        );
        // the parent is written with a slash, so that the row holds on every system
        assert_eq!(
            commands(Family::Windows, "C:/a b/c"),
            [
                "mkdir \"C:/a b/c\"",
                "cmd /c rmdir /s \"C:/a b/c\"",
                "move \"C:/a b/c\" \"C:/a b/c.old\"",
                "cmd /c dir /al \"C:/a b\"",
                "icacls \"C:/a b/c\"",
                "$env:AWS_REGION = 'us-east-1'",
            ]
        );
        for (path, expected) in [
            (r"\\?\C:\media", r"C:\media"),
            (r"\\?\UNC\host\media", "\"\\\\?\\UNC\\host\\media\""),
            (r"\\host\media", r"\\host\media"),
        ] {
            assert_eq!(Family::Windows.quoted_path(Path::new(path)), expected);
        }
        assert_eq!(Family::Windows.show_link(Path::new("media")), "cmd /c dir /al .");
    }

    #[test]
    fn windows_gets_no_commands_of_unix() {
        let family = Family::Windows;
        for text in [
            family.too_many_open(),
            family.not_readable(),
            family.not_writable(),
            family.disk_full(),
            family.file_too_large(),
            &family.export_aws_profile("dev"),
        ] {
            for command in ["ulimit", " ls ", " df ", "mounted", "eval "] {
                assert!(!text.contains(command), "{text}");
            }
        }
    }
}
