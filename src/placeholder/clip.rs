//! Placeholder video and audio files of a few KiB each: a second of grey, or half a second of silence. They were generated
//! with the `color` and `anullsrc` sources of `FFmpeg`, so nobody holds a copyright on them.

/// A media type, and a file of that type.
type Clip = (&'static str, &'static [u8]);

const MP4: Clip = ("video/mp4", include_bytes!("silence.mp4"));
const WEBM: Clip = ("video/webm", include_bytes!("silence.webm"));
const OGV: Clip = ("video/ogg", include_bytes!("silence.ogv"));
const MP3: Clip = ("audio/mpeg", include_bytes!("silence.mp3"));
const OGG: Clip = ("audio/ogg", include_bytes!("silence.ogg"));
const WAV: Clip = ("audio/wav", include_bytes!("silence.wav"));
const M4A: Clip = ("audio/mp4", include_bytes!("silence.m4a"));
const FLAC: Clip = ("audio/flac", include_bytes!("silence.flac"));
const AAC: Clip = ("audio/aac", include_bytes!("silence.aac"));

/// The placeholder for a video or audio file of this type: a file of the same type, or one that every browser can play.
pub(super) fn of(essence: &str) -> Option<Clip> {
    let same = [MP4, WEBM, OGV, MP3, OGG, WAV, M4A, FLAC, AAC].into_iter().find(|(of, _)| *of == essence);
    same.or(match essence.split('/').next() {
        Some("video") => Some(MP4),
        Some("audio") => Some(MP3),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clip_is_small_and_has_its_media_type() {
        for clip in [MP4, WEBM, OGV, MP3, OGG, WAV, M4A, FLAC, AAC] {
            let (media_type, bytes) = of(clip.0).expect("a clip of its own type");
            assert_eq!(clip, (media_type, bytes));
            assert!(bytes.len() < 10_000, "{media_type}");
            let found = infer::get(bytes).map(|found| found.mime_type());
            let family: &[&str] = match media_type {
                "audio/mp4" => &["audio/m4a", "audio/mp4", "video/mp4"],
                "video/ogg" => &["audio/ogg", "video/ogg"],
                "audio/wav" => &["audio/x-wav"],
                "audio/flac" => &["audio/x-flac"],
                same => &[same],
            };
            assert!(found.is_some_and(|found| family.contains(&found)), "{media_type}: {found:?}");
        }
    }

    #[test]
    fn unknown_video_and_audio_types_get_a_default_clip() {
        for (essence, expected) in [
            ("video/quicktime", Some("video/mp4")),
            ("audio/webm", Some("audio/mpeg")),
            ("application/pdf", None),
            ("image/png", None),
            ("text/vtt", None),
        ] {
            assert_eq!(of(essence).map(|(media_type, _)| media_type), expected, "{essence}");
        }
    }
}
