//! Finds out whether a command specifies a port. Pure.

use std::ffi::OsString;

/// Whether a command specifies the port of its app, so that `PORT` is not set: by an argument that is a number, ends in
/// `:number`, or is `--port=number` or `-p8000`.
pub(super) fn is_named(command: &[OsString]) -> bool {
    let words = command.iter().skip(1).filter_map(|word| word.to_str());
    // a command in one word: sh -c 'php artisan serve --port 8000'
    words.flat_map(|word| word.split([' ', ';', '"', '\''])).any(names_port)
}

fn names_port(word: &str) -> bool {
    let number = word.rsplit([':', '=']).next().unwrap_or(word);
    let number = number.strip_prefix("-p").unwrap_or(number);
    // one or two digits are more likely a number of workers than a port
    number.len() >= 3 && number.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_commands_are_found() {
        for (command, expected) in [
            ("python manage.py runserver", false),
            ("python manage.py runserver 8000", true),
            ("python manage.py runserver 0.0.0.0:8000", true),
            ("npm run dev", false),
            ("npm run dev -- --port=5180", true),
            ("next dev -p 3001", true),
            ("next dev -p3001", true),
            ("bin/rails server", false),
            ("bin/rails server -p 3000", true),
            ("gunicorn -w 4 site.wsgi", false),
            ("gunicorn -b 127.0.0.1:8000 -w 4 site.wsgi", true),
            ("uvicorn main:app", false),
            ("flask run", false),
            ("php -S localhost:8000", true),
            ("8000", false),
        ] {
            let words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
            assert_eq!(is_named(&words), expected, "{command}");
        }
        let words = ["sh", "-c", "php artisan serve --port 8000"].map(OsString::from);
        assert!(is_named(&words));
    }
}
