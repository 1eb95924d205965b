use super::*;

fn path(text: &str) -> MediaPath {
    MediaPath::parse(text.as_bytes()).expect("a path")
}

fn access(rules: &[(&str, Option<Policy>)]) -> Access {
    let rules = rules.iter().map(|(pattern, policy)| {
        let patterns = Patterns::parse(std::iter::once(*pattern)).expect("a glob");
        // policies are told apart by name here
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
    ] {
        let access = access(&[(pattern, None)]);
        for text in matches {
            assert!(access.rule(&path(text)).is_some(), "{pattern} matches {text}");
        }
        for text in others {
            assert!(access.rule(&path(text)).is_none(), "{pattern} does not match {text}");
        }
    }
}

#[test]
fn the_first_match_decides() {
    let access = access(&[("open/**", Some(Policy::Public)), ("**", Some(Policy::Deny))]);
    assert!(access.is_public(&path("open/a")));
    assert!(!access.is_public(&path("a")));
    assert!(!access.is_public(&path("opened/a")));
}

/// Where the file system tells no case, `OPEN/a` is `open/a`; where it does, it is another file. No rule may let it pass
/// that does not let both.
#[test]
fn a_spelling_that_some_file_system_takes_for_another_is_judged_as_both() {
    let guarded = access(&[("private/**", Some(Policy::Deny)), ("e\u{301}te\u{301}/**", Some(Policy::Deny))]);
    for text in ["private/a", "PRIVATE/a", "Private/A", "%50rivate/a", "private//a", "private/./a", "./private/a"] {
        assert!(!guarded.is_public(&path(text)), "{text}");
    }
    for text in ["e\u{301}te\u{301}/a", "\u{e9}t\u{e9}/a", "\u{c9}T\u{c9}/a"] {
        assert!(!guarded.is_public(&path(text)), "{text}");
    }
    let opened = access(&[("open/**", Some(Policy::Public)), ("**", Some(Policy::Deny))]);
    assert!(!opened.is_public(&path("OPEN/a")), "it may be another folder");
}

#[test]
fn each_policy_judges_once() {
    let access = access(&[("a/**", Some(Policy::Deny))]);
    assert_eq!(access.judges([path("a/b"), path("a/b")].iter()).len(), 1);
    assert_eq!(access.judges([path("b"), path("a/b")].iter()).len(), 2, "a link leads from b to a/b");
    assert!(access.judges_alike(&path("a"), &path("a/b")));
    assert!(!access.judges_alike(&path(""), &path("a")));
}
