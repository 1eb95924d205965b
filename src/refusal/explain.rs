//! The texts that people read: what was wrong, and what to do about it.

use super::{Explanation, Refusal};
use crate::body::incoming::BodyError;
use crate::mount::READ_METHODS;
use crate::request::path::PathError;

impl Refusal {
    /// What a person is told.
    #[expect(clippy::too_many_lines, reason = "a text for each refusal, in one match that the compiler keeps complete")]
    pub fn explain(&self) -> Explanation {
        let (what, advice) = match self {
            Self::BadPath(PathError::Nul) => {
                ("The path holds a NUL byte (%00), which no file name can.".to_owned(), "Look for what built this URL.")
            }
            Self::BadPath(PathError::Parent) => (
                "The path holds a '..' segment.".to_owned(),
                "Ask for the file by its own path; nothing above the media root is served.",
            ),
            Self::BadHost { why } => (
                format!("The request cannot be placed: {why}."),
                "Send one Host field, such as 'Host: localhost:8001'.",
            ),
            Self::UnknownHost { host } => {
                return Explanation {
                    what: format!("This server is not known by the name {host}."),
                    advice: format!(
                        "Names that a stranger could point at this machine are refused (DNS rebinding). If {host} is \
                         yours, start devmedia with --allow-host {host}"
                    ),
                    meant: None,
                };
            }
            Self::Stranger { origin: Some(origin) } => {
                return Explanation {
                    what: format!("This request was made by a page of {origin}, which may not read media from here."),
                    advice: format!(
                        "If the page is yours, start devmedia with --allow-origin {origin}; behind a proxy, let the \
                         proxy keep the Host field (Vite: changeOrigin: false)"
                    ),
                    meant: None,
                };
            }
            Self::Stranger { origin: None } => (
                "This request was made by a page of another site, which may not read media from here.".to_owned(),
                "If the page is yours, open it under the same name as the media: localhost or 127.0.0.1 for both.",
            ),
            Self::Denied => (
                "The access rules of this mount let nobody see it.".to_owned(),
                "Its access is \"deny\" in the configuration; 'devmedia check' prints which rule says so.",
            ),
            Self::Guarded { path } => (
                format!("The upload would go to {path}, which an access rule guards."),
                "Send it by PUT to its own URL, where that rule can say yes.",
            ),
            Self::Unsigned(bad) => {
                return Explanation { what: bad.to_string(), advice: bad.advice(), meant: None };
            }
            Self::AppSaysNo(answer) => (
                format!("The app was asked and answered {}.", answer.status()),
                "Log in to the app, or see its view that decides about media.",
            ),
            Self::AppFailed { app, error } => (
                format!("The app at {app}, which says who may see this, could not be asked: {error}."),
                "Start the app, or mend the mount's access = { ask = ... }; until then nothing is shown.",
            ),
            Self::MethodNotAllowed { allow: allow @ READ_METHODS } => (
                format!("Only {allow} are served here."),
                "Uploads are not taken; the files are read only. devmedia --upload takes uploads to its mounts.",
            ),
            Self::MethodNotAllowed { allow } => (
                format!("Only {allow} are served here."),
                "POST a form to a folder, PUT or DELETE a file by its own URL.",
            ),
            Self::NoMount { path, .. } => {
                (format!("No mount serves /{path}."), "The page at / lists the mounts; --url and --mount make them.")
            }
            Self::NotFound { path, .. } if path.is_top() => {
                ("There is no such file.".to_owned(), "The media root itself is missing something.")
            }
            Self::NotFound { path, .. } => (
                format!("There is no {path} in the media root."),
                "Check the name as it is stored: case, accents and the extension count.",
            ),
            Self::NotFetched { path, origin, why, .. } => {
                (format!("There is no {path} in the media root, and the fallback {origin} {why}."), why.advice())
            }
            Self::Hidden => (
                "Names that start with a dot are not served.".to_owned(),
                "Start devmedia with --hidden to serve them.",
            ),
            Self::Own => (
                "Names that start with .devmedia- are devmedia's own: uploads that are not complete.".to_owned(),
                "Ask for the file by the name it gets when it is complete.",
            ),
            Self::RootGone => (
                "The media root does not exist at the moment.".to_owned(),
                "It is served again as soon as the folder is back; the log at start-up says which it is.",
            ),
            Self::NotRegular => (
                "It is not a regular file (a FIFO, a socket or a device).".to_owned(),
                "Only files and folders are served.",
            ),
            Self::ListingOff => (
                "It is a folder, and listings are turned off (--no-index).".to_owned(),
                "Ask for a file in it, or start devmedia without --no-index.",
            ),
            Self::LeavesRoot => (
                "A symbolic link on the way leads out of the media root, or nowhere.".to_owned(),
                "Start devmedia with --follow-links to serve what such links lead to; links of /proc never are.",
            ),
            Self::Unreadable => (
                "The system does not let devmedia read it.".to_owned(),
                "Check its permissions and those of the folders above it (ls -l).",
            ),
            Self::TooManyStreams => (
                "Too many streams of events are open (256).".to_owned(),
                "Close pages that show folders, or EventSource objects that an app forgot to close.",
            ),
            Self::TooManyThumbnails => (
                "Too many thumbnails are waiting to be made.".to_owned(),
                "Ask again, and keep the connection open in both directions until the answer has come.",
            ),
            Self::BadThumbnail => (
                "The size of the thumbnail is not a number.".to_owned(),
                "Write ?thumbnail=256 for one that fits into 256 by 256 pixels (128, 256 and 512 are made), or leave \
                 ?thumbnail away for the file itself.",
            ),
            Self::PreconditionFailed => (
                "The file is not in the state that the request demands (If-Match or If-Unmodified-Since).".to_owned(),
                "Fetch it again to learn its current ETag.",
            ),
            Self::RangeNotSatisfiable { len } => (
                format!("The file has only {len} bytes, and the range begins beyond its end."),
                "Ask for a range that starts before its end.",
            ),
            Self::Body(BodyError::HungUp) => (
                "The connection ended before the body was complete.".to_owned(),
                "Nothing half-sent is served: send it again, or go on where it broke off if it is a tus upload.",
            ),
            Self::Body(BodyError::Stalled) => (
                "Nothing more came of the body for 300 s.".to_owned(),
                "Nothing half-sent is served: send it again, or go on where it broke off if it is a tus upload.",
            ),
            Self::Body(BodyError::TooLarge(limit)) => (
                format!(
                    "The upload is larger than the {} that are taken.",
                    bytesize::ByteSize::b(*limit).display().iec()
                ),
                "Start devmedia with a larger --max-upload, such as --max-upload 10GiB.",
            ),
            Self::UnsupportedMediaType { wanted } => (
                format!("The body is of another kind: {wanted} is taken here."),
                "POST a form to a folder (curl -F file=@photo.jpg URL), or PUT the bytes to the file's own URL (curl -T \
                 photo.jpg URL).",
            ),
            Self::BadForm { why } => (
                format!("The form cannot be read: {why}. Nothing was stored."),
                "Let an HTTP library make the form, or curl -F file=@photo.jpg URL.",
            ),
            Self::NoFile => (
                "The form has no file with a name.".to_owned(),
                "Choose a file, or send one: curl -F file=@photo.jpg URL",
            ),
            Self::BadName(error) => (
                format!("Nothing can be stored under this name: {error}."),
                "Choose a name with letters or digits in it, of at most 255 bytes.",
            ),
            Self::WouldBeHidden { path } => (
                format!("It would be stored as {path}, which is not served; nothing was stored."),
                "Choose a name that does not start with a dot, or start devmedia with --hidden (names that start with \
                 .devmedia- are never served).",
            ),
            Self::PartialPut => (
                "A PUT with Content-Range would pass a part of the file for the whole.".to_owned(),
                "Send the whole file, or resume an upload by the tus protocol.",
            ),
            Self::IsFolder => (
                "It is a folder, and only files can be put or removed.".to_owned(),
                "Name a file in it; POST a form to a folder.",
            ),
            Self::InTheWay { path } => (
                format!("{path} is a file, so nothing can be stored below it."),
                "Choose another folder, or remove the file first.",
            ),
            Self::Unwritable => (
                "The system does not let devmedia write there.".to_owned(),
                "Check the permissions of the folder (ls -ld), and whether its disk is mounted read-only.",
            ),
            Self::DiskFull => (
                "The disk is full, or this user's share of it; nothing was stored.".to_owned(),
                "Make room (df -h), then send it again.",
            ),
            Self::Tus(refusal) => (refusal.to_string(), refusal.advice()),
            Self::OutOfDescriptors => (
                "This process may open no more files.".to_owned(),
                "Raise the limit (ulimit -n) or open fewer connections.",
            ),
            Self::Failed(_) => ("The system failed to do it.".to_owned(), "The log of devmedia has the cause."),
            Self::Panicked => (
                "devmedia has a bug: this request made it panic.".to_owned(),
                "The log has the place; please report it.",
            ),
        };
        let meant = match self {
            Self::NoMount { meant, .. } | Self::NotFound { meant, .. } | Self::NotFetched { meant, .. } => {
                meant.clone()
            }
            _ => None,
        };
        Explanation { what, advice: advice.to_owned(), meant }
    }
}
