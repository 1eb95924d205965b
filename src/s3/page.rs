//! `Page`: the next keys of a listing, and the common prefixes that stand for several of them.

use std::io;

use super::bucket::Bucket;
use super::walk::{Step, Walk};
use crate::request::path::MediaPath;

/// What to list ("ListObjectsV2" in the S3 API reference).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only keys that start with this.
    pub prefix: String,
    /// Keys that are equal up to this text after the prefix become one common prefix. Empty for none.
    pub delimiter: String,
    /// Only keys and common prefixes after this one.
    pub after: String,
    /// The most keys and common prefixes together.
    pub max: usize,
}

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys and their files, in order.
    pub objects: Vec<(String, MediaPath)>,
    /// The common prefixes, in order.
    pub common_prefixes: Vec<String>,
    /// The last key or common prefix, if there are more after it.
    pub next: Option<String>,
}

impl Page {
    /// Reads a page. Blocks.
    pub fn read(bucket: &Bucket, wanted: &Wanted) -> io::Result<Self> {
        let mut page = Self::default();
        if wanted.max == 0 {
            return Ok(page);
        }
        let mut last: Option<String> = None;
        let mut walk = Walk::start(bucket, &wanted.prefix, &wanted.after)?;
        while let Some(step) = walk.step()? {
            let (key, object) = match step {
                Step::Object(key, path) => (key, Some(path)),
                Step::Folder(key, _) => (key, None),
            };
            let common = wanted.common_prefix(&key);
            if object.is_none() {
                // a folder with a common prefix of its own stands for all its keys, so it need not be walked
                let is_one = common == Some(key.as_str());
                if !is_one {
                    walk.enter()?;
                    continue;
                }
                if !walk.has_object()? {
                    continue;
                }
            }
            let item = common.unwrap_or(&key).to_owned();
            if common.is_some() && (item <= wanted.after || last.as_ref() == Some(&item)) {
                continue;
            }
            if page.objects.len() + page.common_prefixes.len() == wanted.max {
                page.next = last;
                return Ok(page);
            }
            last = Some(item.clone());
            match (common.is_some(), object) {
                (false, Some(path)) => page.objects.push((key, path)),
                _ => page.common_prefixes.push(item),
            }
        }
        Ok(page)
    }
}

impl Wanted {
    /// The common prefix of a key, if it has the delimiter after the prefix.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let rest = key.strip_prefix(&self.prefix).filter(|_| !self.delimiter.is_empty())?;
        let end = rest.find(&self.delimiter)? + self.delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::s3::bucket::tests::bucket_at;

    /// The definition of S3: filter, then replace by common prefixes.
    fn model(keys: &BTreeSet<String>, wanted: &Wanted) -> (Vec<String>, Vec<String>, Option<String>) {
        let (mut objects, mut prefixes, mut last) = (Vec::new(), Vec::new(), None);
        let mut items: Vec<(String, bool)> = Vec::new();
        for key in keys.iter().filter(|key| key.starts_with(&wanted.prefix) && **key > wanted.after) {
            match wanted.common_prefix(key) {
                Some(common) if *common > *wanted.after => items.push((common.to_owned(), true)),
                Some(_) => {}
                None => items.push((key.clone(), false)),
            }
        }
        items.dedup();
        let is_cut = wanted.max > 0 && items.len() > wanted.max;
        for (item, is_common) in items.into_iter().take(wanted.max) {
            last = Some(item.clone());
            if is_common { prefixes.push(item) } else { objects.push(item) }
        }
        (objects, prefixes, last.filter(|_| is_cut))
    }

    fn store(root: &Path, keys: &[&str]) -> BTreeSet<String> {
        let mut stored = BTreeSet::new();
        for key in keys {
            let path = root.join(key);
            // a file is in the way of a folder, or the other way round
            if std::fs::create_dir_all(path.parent().expect("below the root")).is_ok() && !path.is_dir() {
                std::fs::write(path, "x").expect("a file");
                stored.insert((*key).to_owned());
            }
        }
        stored
    }

    fn check(root: &Path, keys: &BTreeSet<String>, wanted: &Wanted) {
        let page = Page::read(&bucket_at(root), wanted).expect("a page");
        let objects: Vec<String> = page.objects.into_iter().map(|(key, _)| key).collect();
        assert_eq!((objects, page.common_prefixes, page.next), model(keys, wanted), "{wanted:?} of {keys:?}");
    }

    fn wanted(prefix: &str, delimiter: &str, after: &str, max: usize) -> Wanted {
        Wanted { prefix: prefix.into(), delimiter: delimiter.into(), after: after.into(), max }
    }

    #[test]
    fn keys_are_in_the_order_of_bytes_over_nested_folders() {
        let root = tempfile::tempdir().expect("a root");
        let keys = ["a.txt", "a/b", "a/c/d", "a-b", "a0", "B", "\u{e9}", "a/c.txt", "z/z/z", "b c", "a!/x"];
        let keys = store(root.path(), &keys);
        std::fs::create_dir_all(root.path().join("empty/er")).expect("folders without objects");
        for delimiter in ["", "/", "-", "/c", "."] {
            for prefix in ["", "a", "a/", "a/c", "a/c/", "a/b", "nothing/", "../", "a//", "z/z", "em"] {
                for after in ["", "a", "a/", "a/b", "a/c.txt", "a/c/", "a/zz", "a0", "a.", "b", "zzz", "\u{e9}"] {
                    for max in [0, 1, 2, 1000] {
                        check(root.path(), &keys, &wanted(prefix, delimiter, after, max));
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_page_is_what_the_definition_says(
            keys in prop::collection::vec("[ab.\\-]{1,2}(/[ab.0]{1,2}){0,2}", 0..20),
            prefix in "[ab.]{0,1}(/[ab]{0,1}){0,1}",
            after in "[ab.0/\\-]{0,4}",
            delimiter in "(|/|b|a/)",
            max in 0_usize..6,
        ) {
            let is_path = |key: &&String| !key.split('/').any(|name| name == "." || name == "..");
            let keys: Vec<&str> = keys.iter().filter(is_path).map(String::as_str).collect();
            let root = tempfile::tempdir().expect("a root");
            let stored = store(root.path(), &keys);
            check(root.path(), &stored, &wanted(&prefix, &delimiter, &after, max));
        }
    }

    #[test]
    fn pages_follow_each_other_through_a_large_folder() {
        let root = tempfile::tempdir().expect("a root");
        let count = 10_000;
        for number in 0..count {
            std::fs::write(root.path().join(format!("{number:05}")), "").expect("a file");
        }
        let bucket = bucket_at(root.path());
        let (mut after, mut seen) = (String::new(), Vec::new());
        loop {
            let page = Page::read(&bucket, &wanted("", "/", &after, 999)).expect("a page");
            seen.extend(page.objects.into_iter().map(|(key, _)| key));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(seen.len(), count);
        assert!(seen.is_sorted());
    }
}
