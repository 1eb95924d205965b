use super::*;

fn path(text: &str) -> MediaPath {
    MediaPath::parse(text.as_bytes()).expect("a path")
}

fn access(rules: &[(&str, Option<Policy>)]) -> Access {
    let rules = rules.iter().map(|(pattern, policy)| {
        let patterns = Patterns::parse(std::iter::once(*pattern)).expect("a glob");
        // a Policy cannot be cloned
        let access = policy.as_ref().map(|policy| if policy.is_public() { Policy::Public } else { Policy::Deny });
        (patterns, Rule { access, ..Rule::default() })
    });
    Access::new(Policy::Public, rules.collect())
}

#[test]
fn patterns_match_as_in_a_gitignore() {
    for (pattern, matches, others) in [
        ("*.pdf", &["a.pdf", "deep/er/a.pdf", ".pdf", "a.pdf/"][..], &["a.pdf.txt", "pdf"][..]),
        ("private/**", &["private/a", "private/b/c", "private", "private/"], &["privateX", "a/private/b"]),
        ("private/", &["private", "private/a"], &["privateX", "private.txt"]),
        ("private", &["private", "a/private", "private/a", "a/private/b"], &["privately"]),
        ("/private", &["private", "private/a"], &["a"]),
        ("invoices/*.pdf", &["invoices/a.pdf"], &["invoices/2024/a.pdf", "a.pdf", "x/invoices/a.pdf"]),
        ("invoices/**/*.pdf", &["invoices/a.pdf", "invoices/2024/a.pdf"], &["a.pdf"]),
        ("user-[0-9]/{a,b}.txt", &["user-1/a.txt", "user-9/b.txt"], &["user-a/a.txt", "user-1/c.txt"]),
        (r"100\*", &["100*"], &["1000"]),
        ("été/*", &["%C3%A9t%C3%A9/a"], &["ete/a"]),
        ("**", &["a", "a/b", ""], &[]),
        ("?", &["a", "a/b", "b/a"], &["", "ab"]), // found by fuzzing: the root was treated as a file named "."
        (".*", &[".git", ".git/config", "a/.env"], &["", "a"]),
    ] {
        let access = access(&[(pattern, None)]);
        for text in matches {
            assert!(access.exact(&path(text)).next().is_some(), "{pattern} matches {text}");
        }
        for text in others {
            assert!(access.exact(&path(text)).next().is_none(), "{pattern} does not match {text}");
        }
    }
}

/// A rule about caching must not disable the access control of a later rule.
#[test]
fn the_first_rule_with_a_setting_decides_it() {
    let access = access(&[("*.jpg", None), ("private/**", Some(Policy::Deny)), ("**", Some(Policy::Public))]);
    assert!(!access.is_public(&path("private/a.jpg")));
    assert!(access.is_public(&path("a.jpg")));
}

#[test]
fn a_comma_is_a_name_and_a_separator_in_a_group() {
    for (pattern, matching) in [("a/,", "a/,"), ("a/,,/b", "a/,,/b"), ("a{/,}b", "a/b")] {
        let access = access(&[(pattern, Some(Policy::Deny))]);
        assert!(!access.is_public(&path(matching)), "{pattern}");
    }
}

#[test]
fn a_pattern_that_matches_nothing_is_refused() {
    for pattern in [
        "",
        "/",
        "./a/**",
        "../a",
        "a//b",
        "a/{}", // the only alternative is empty
        "{,}/b",
        "a/./b",
        " a/**",
        "a/** ",
        "a/**, b/**",
        "{a, b}/**",
        "!a",
        "a**",
        "a/**.txt",
        "a[",
        "{a",
        "http://a/b",
    ] {
        assert!(Patterns::parse(std::iter::once(pattern)).is_err(), "{pattern:?}");
    }
}

#[test]
fn the_first_match_decides() {
    let access = access(&[("open/**", Some(Policy::Public)), ("**", Some(Policy::Deny))]);
    assert!(access.is_public(&path("open/a")));
    assert!(!access.is_public(&path("a")));
    assert!(!access.is_public(&path("opened/a")));
}

/// On a file system that ignores case, `OPEN/a` is `open/a`; on others it is a different file. It is public only if both are.
#[test]
fn another_spelling_is_guarded_by_both_policies() {
    let guarded = access(&[("private/**", Some(Policy::Deny)), ("e\u{301}te\u{301}/**", Some(Policy::Deny))]);
    for text in ["private/a", "PRIVATE/a", "Private/A", "%50rivate/a", "private//a", "private/./a", "./private/a"] {
        assert!(!guarded.is_public(&path(text)), "{text}");
    }
    for text in ["e\u{301}te\u{301}/a", "\u{e9}t\u{e9}/a", "\u{c9}T\u{c9}/a"] {
        assert!(!guarded.is_public(&path(text)), "{text}");
    }
    let sharp = access(&[("stra\u{df}e/**", Some(Policy::Deny))]);
    for text in ["stra\u{df}e/a", "STRASSE/a", "stra\u{1e9e}e/a", "\u{17f}tra\u{df}e/a"] {
        assert!(!sharp.is_public(&path(text)), "{text}");
    }
    let opened = access(&[("open/**", Some(Policy::Public)), ("**", Some(Policy::Deny))]);
    assert!(!opened.is_public(&path("OPEN/a")), "it may be a different folder");
    // an exact "public" does not override the "deny" of the same folder in another spelling
    let both = access(&[("private/**", Some(Policy::Deny)), ("PRIVATE/**", Some(Policy::Public))]);
    assert!(!both.is_public(&path("PRIVATE/a")));
}

/// VFAT and NTFS drop dots and spaces at the end of a name; ext4 with casefold and HFS+ drop invisible characters.
#[test]
fn a_rule_guards_every_spelling_that_a_file_system_accepts() {
    let guarded =
        access(&[("invoices/**", Some(Policy::Deny)), ("*.key", Some(Policy::Deny)), ("etc.", Some(Policy::Deny))]);
    for text in [
        "invoices./a",
        "invoices.../a",
        "invoices%20/a",
        "invoices%20.%20/a",
        "INVOICES./a",
        "in%C2%ADvoices/a",    // soft hyphen
        "%E2%80%8Binvoices/a", // zero-width space
        "invoices%E2%80%8D/a", // zero-width joiner
        "invoices%EF%B8%8F/a", // variation selector
        "%EF%BB%BFinvoices/a", // byte order mark
        "invoices%C2%AD./a",
        "a/x.key.",
        "a/x.KEY%20",
        "a/x.k%C2%ADey",
        "etc",
        "etc./a",
    ] {
        assert!(!guarded.is_public(&path(text)), "{text}");
    }
    for text in ["invoices.d/a", ".invoices/a", "invoices%C2%A0/a", "x.keys", ".../a", "%20/a"] {
        assert!(guarded.is_public(&path(text)), "{text}");
    }
    let dots = access(&[("...", Some(Policy::Deny)), (r"a\ /**", Some(Policy::Deny))]);
    assert!(
        !dots.is_public(&path(".../a")) && !dots.is_public(&path("a%20/b")),
        "names that consist of dots or spaces match themselves"
    );
}

#[test]
fn each_policy_is_applied_once() {
    let access = access(&[("a/**", Some(Policy::Deny))]);
    assert_eq!(access.policies_for([path("a/b"), path("a/b")].iter()).len(), 1);
    assert_eq!(access.policies_for([path("b"), path("a/b")].iter()).len(), 2, "a link leads from b to a/b");
    let of = |text: &str| access.policies_for([path(text)].iter()).into_iter().map(Policy::name).collect::<Vec<_>>();
    assert_eq!((of("a"), of("a/b"), of("")), (vec!["deny"], vec!["deny"], vec!["public"]));
}
