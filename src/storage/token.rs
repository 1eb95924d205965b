//! Random text that cannot be guessed: upload ids, file names, multipart boundaries.

/// Returns `length` random letters and digits from the system's random numbers (getrandom(2)), about 5.95 bits each.
///
/// # Panics
/// If the system has no random numbers, which is possible only while a machine boots.
pub fn token(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    /// The largest multiple of 62 that a byte can hold: larger bytes would favour some characters.
    const FAIR: u8 = 248;
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 32];
    while text.len() < length {
        getrandom::fill(&mut bytes).expect("the system has random numbers");
        let letters =
            bytes.iter().filter(|byte| **byte < FAIR).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(letters.take(length - text.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_requested_length_and_differ() {
        for length in [0, 1, 7, 22, 33, 100] {
            let token = token(length);
            assert_eq!(token.len(), length);
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric()), "{token}");
        }
        assert_ne!(token(22), token(22));
    }
}
