//! The rooms of `src/` in their order: a room (a top-level module) uses only rooms below it.
//!
//! The order is written in one place, the `pub mod` lines of `src/lib.rs`, top room first; `main` is not a room. From every
//! file in `src/` this test takes all paths that begin with `crate`, `self`, `super` or the name of a module in sight, in
//! `use` items (groups, globs, `as`, `pub use`) as well as in expressions, types and the arguments of macros. It fails
//!
//! - on a path that leads to a room above ("an arrow that points up"). The order being a line, every circle of rooms
//!   has such an arrow;
//! - on a room that is not in the list;
//! - on two files of one room that use each other.
//!
//! For the last of these a path counts as a use of the file that has the item at its end:
//!
//! - A name that a module has from elsewhere by a `use` belongs to the file it comes from. `super::Verdict`, where the
//!   parent says `pub use self::verdict::Verdict`, uses `verdict.rs`, not the parent.
//! - A re-export (`pub use` and `pub(…) use`) is a signpost, not a use: a parent may re-export what uses it.
//! - `mod child;` is not a use, and the code of unit tests (`tests.rs`, `tests/`, `mod tests { … }`) is free to use any file
//!   of its room. In the order of the rooms it is bound as all other code.
//! - A parent and its child are two files like any others: what both need belongs into a third one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::iter::Peekable;
use std::path::Path;
use std::vec::IntoIter;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// The path of a module below the crate: `["fallback", "client"]`.
type Module = Vec<String>;

/// A source file, read.
#[derive(Debug)]
struct File {
    module: Module,
    paths: Vec<Named>,
    /// Its modules that are written in it, with their full paths.
    inline: BTreeSet<Module>,
}

/// A path as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    /// In which module: the file's own, or one that is written in it.
    inside: Module,
    path: Vec<String>,
    /// The name under which a `use` brings it into the module.
    imported_as: Option<String>,
    is_reexport: bool,
    line: usize,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A file of a room that the list does not have.
    NotListed { room: String },
    /// A path to something that is not a room.
    NoRoom { from: String, line: usize, path: String },
    /// A path to a room above.
    Up { from: String, line: usize, path: String },
    /// Two files of a room that use each other: the one, the line in it, the other, the line in that.
    Circle { one: String, in_one: usize, other: String, in_other: usize },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed { room } => write!(f, "{room}: this room is not in the list of src/lib.rs"),
            Self::NoRoom { from, line, path } => write!(f, "{from}:{line}: {path} leads to no room"),
            Self::Up { from, line, path } => write!(f, "{from}:{line}: {path} is in a room above"),
            Self::Circle { one, in_one, other, in_other } => {
                write!(f, "{one}:{in_one} and {other}:{in_other} use each other")
            }
        }
    }
}

/// Reads the source of a module.
fn read(module: &[&str], source: &str) -> File {
    let module: Module = module.iter().map(ToString::to_string).collect();
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
    let mut file = File { module: module.clone(), paths: Vec::new(), inline: BTreeSet::new() };
    file.take(tokens, &module);
    file
}

/// The modules that a source declares, in their order: `mod a;` and `pub mod b;`.
fn declared(source: &str) -> Vec<String> {
    let tokens: Vec<TokenTree> = source.parse::<TokenStream>().expect("Rust").into_iter().collect();
    let mut names = Vec::new();
    for three in tokens.windows(3) {
        if let [TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Punct(end)] = three
            && keyword == "mod"
            && end.as_char() == ';'
        {
            names.push(name.to_string());
        }
    }
    names
}

type Tokens = Peekable<IntoIter<TokenTree>>;

impl File {
    /// Takes all paths out of tokens that stand in the module `inside`.
    fn take(&mut self, tokens: TokenStream, inside: &Module) {
        let mut tokens = tokens.into_iter().collect::<Vec<_>>().into_iter().peekable();
        let mut is_public = false;
        while let Some(token) = tokens.next() {
            let was_public = std::mem::take(&mut is_public);
            match token {
                TokenTree::Ident(word) if word == "pub" => {
                    is_public = true;
                    // pub(crate), pub(in crate::room)
                    tokens.next_if(|next| is_group(next, Delimiter::Parenthesis));
                }
                // `impl Trait + use<'a>` names what is captured
                TokenTree::Ident(word) if word == "use" && !tokens.peek().is_some_and(|next| is_punct(next, '<')) => {
                    self.take_use(&mut tokens, &[], inside, was_public);
                }
                TokenTree::Ident(word) if word == "mod" => self.take_module(&mut tokens, inside),
                TokenTree::Ident(word) => self.take_path(&word, &mut tokens, inside),
                // the rest of `<Type as Trait>::name`, or the name of another crate
                TokenTree::Punct(punct) if punct.as_char() == ':' && take_colons(&mut tokens, true) => {
                    tokens.next_if(|next| matches!(next, TokenTree::Ident(_)));
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                TokenTree::Group(group) => self.take(group.stream(), inside),
            }
        }
    }

    /// The rest of a module: its name, and its content if it is written here.
    fn take_module(&mut self, tokens: &mut Tokens, inside: &Module) {
        let Some(TokenTree::Ident(name)) = tokens.next_if(|next| matches!(next, TokenTree::Ident(_))) else { return };
        if let Some(TokenTree::Group(content)) = tokens.next_if(|next| is_group(next, Delimiter::Brace)) {
            let module = join(inside, [name.to_string()]);
            self.inline.insert(module.clone());
            self.take(content.stream(), &module);
        }
    }

    /// The rest of a path in an expression, a type or a macro; its `first` word has been taken.
    fn take_path(&mut self, first: &Ident, tokens: &mut Tokens, inside: &Module) {
        let line = first.span().start().line;
        let mut path = vec![first.to_string()];
        while take_colons(tokens, false) {
            match tokens.next_if(|next| matches!(next, TokenTree::Ident(_))) {
                Some(TokenTree::Ident(name)) => path.push(name.to_string()),
                // the `<` of `Vec::<u8>`
                _ => break,
            }
        }
        if path.len() > 1 {
            self.paths.push(Named { inside: inside.clone(), path, imported_as: None, is_reexport: false, line });
        }
    }

    /// What follows `use`, or a part of it: up to its end, its comma, or the end of its group.
    fn take_use(&mut self, tokens: &mut Tokens, before: &[String], inside: &Module, is_reexport: bool) {
        let mut path = before.to_vec();
        let mut line = 0;
        let mut imported_as = None;
        loop {
            match tokens.next() {
                Some(TokenTree::Ident(word)) if word == "as" => {
                    imported_as = tokens.next().map(|name| name.to_string());
                }
                Some(TokenTree::Ident(word)) => {
                    line = word.span().start().line;
                    // `{self, Client}` is the module itself
                    if word != "self" || path.is_empty() {
                        path.push(word.to_string());
                    }
                }
                Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => {}
                Some(TokenTree::Punct(punct)) if punct.as_char() == '*' => imported_as = Some("*".to_owned()),
                Some(TokenTree::Group(group)) => {
                    let mut members = group.stream().into_iter().collect::<Vec<_>>().into_iter().peekable();
                    while members.peek().is_some() {
                        self.take_use(&mut members, &path, inside, is_reexport);
                    }
                    path.clear();
                }
                // a comma, a semicolon, or the end of the group
                _ => break,
            }
        }
        if path.len() > 1 || path.first().is_some_and(|only| only != "self") {
            let imported_as = imported_as.or_else(|| path.last().cloned());
            self.paths.push(Named { inside: inside.clone(), path, imported_as, is_reexport, line });
        }
    }

    fn name(&self) -> String {
        format!("src/{}.rs", self.module.join("/"))
    }

    /// Whether these lines are those of unit tests.
    fn is_test(module: &Module) -> bool {
        module.iter().any(|name| name == "tests")
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_group(token: &TokenTree, wanted: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == wanted)
}

/// Takes a `::` off the front, or its second half when `half` of it is gone already. A single colon, as before a type, stays.
fn take_colons(tokens: &mut Tokens, half: bool) -> bool {
    if half {
        return tokens.next_if(|next| is_punct(next, ':')).is_some();
    }
    let mut ahead = tokens.clone();
    let is_double =
        ahead.next().is_some_and(|one| is_punct(&one, ':')) && ahead.next().is_some_and(|two| is_punct(&two, ':'));
    if is_double {
        tokens.next();
        tokens.next();
    }
    is_double
}

fn join(module: &Module, more: impl IntoIterator<Item = String>) -> Module {
    module.iter().cloned().chain(more).collect()
}

/// All files, for looking up what a path leads to.
struct Crate<'a> {
    files: BTreeMap<&'a Module, &'a File>,
    modules: BTreeSet<&'a Module>,
}

impl<'a> Crate<'a> {
    fn new(files: &'a [File]) -> Self {
        let modules = files.iter().flat_map(|file| std::iter::once(&file.module).chain(&file.inline)).collect();
        Self { files: files.iter().map(|file| (&file.module, file)).collect(), modules }
    }

    /// A path from the root of the crate; `None` if it leads elsewhere, or if the name is not a module.
    fn absolute(&self, named: &Named) -> Option<Module> {
        let mut at = named.inside.clone();
        let mut rest = named.path.as_slice();
        match rest.first()?.as_str() {
            "crate" => (at, rest) = (Module::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while let Some(("super", more)) = rest.split_first().map(|(first, more)| (first.as_str(), more)) {
                    at.pop()?;
                    rest = more;
                }
            }
            _ if self.modules.contains(&join(&at, [rest[0].clone()])) => {}
            _ => return None,
        }
        Some(join(&at, rest.iter().cloned()))
    }

    /// The file that has what an absolute path leads to.
    fn owner(&self, path: &Module, hops: usize) -> Option<&'a File> {
        let (module, file) = (1..=path.len()).rev().find_map(|len| self.files.get_key_value(&path[..len].to_vec()))?;
        let name = path.get(module.len())?;
        let mut imports = file.paths.iter().filter(|named| named.inside == **module);
        let import = imports.find(|named| named.imported_as.as_ref() == Some(name));
        let elsewhere = import.filter(|_| hops > 0).and_then(|import| self.owner(&self.absolute(import)?, hops - 1));
        elsewhere.or(Some(file))
    }

    /// The file that a path uses: a module that is named as a whole is used as well.
    fn used(&self, named: &Named) -> Option<&'a File> {
        let path = self.absolute(named)?;
        self.files.get(&path).copied().or_else(|| self.owner(&path, 8))
    }
}

/// What is wrong with files, given the list of rooms from top to bottom.
fn faults(rooms: &[String], files: &[File]) -> BTreeSet<Fault> {
    let all = Crate::new(files);
    let height = |room: &str| rooms.iter().rev().position(|listed| listed == room);
    let mut faults = BTreeSet::new();
    let mut uses: BTreeMap<(&Module, &Module), usize> = BTreeMap::new();
    for file in files {
        let Some(own) = height(&file.module[0]) else {
            faults.insert(Fault::NotListed { room: file.module[0].clone() });
            continue;
        };
        for named in &file.paths {
            let Some(path) = all.absolute(named) else { continue };
            let Some(room) = path.first() else { continue };
            let (from, line) = (file.name(), named.line);
            match height(room) {
                None => drop(faults.insert(Fault::NoRoom { from, line, path: path.join("::") })),
                Some(other) if other > own => drop(faults.insert(Fault::Up { from, line, path: path.join("::") })),
                Some(_) => {}
            }
            if named.is_reexport || File::is_test(&named.inside) {
                continue;
            }
            if let Some(used) = all.used(named)
                && used.module[0] == file.module[0]
                && used.module != file.module
            {
                uses.entry((&file.module, &used.module)).or_insert(named.line);
            }
        }
    }
    for ((one, other), in_one) in &uses {
        if one < other
            && let Some(in_other) = uses.get(&(*other, *one))
        {
            let (one, other) = (all.files[one].name(), all.files[other].name());
            faults.insert(Fault::Circle { one, in_one: *in_one, other, in_other: *in_other });
        }
    }
    faults
}

/// The files of `src/`, without `lib.rs` and `main.rs`.
fn source() -> Vec<File> {
    fn below(folder: &Path, module: &[&str], files: &mut Vec<File>) {
        let mut entries: Vec<_> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            let module = [module, &[&name]].concat();
            if path.is_dir() {
                below(&path, &module, files);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && module != ["lib"]
                && module != ["main"]
            {
                files.push(read(&module, &fs::read_to_string(&path).expect("a file")));
            }
        }
    }
    let mut files = Vec::new();
    below(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &[], &mut files);
    files
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let lib = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).expect("a file");
    let faults = faults(&declared(&lib), &source());
    let list: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), list.join("\n"));
}

#[test]
fn the_list_is_the_modules_of_a_file_in_their_order() {
    let lib = "//! mod no;\npub mod c;\n/// b\n#[cfg(unix)]\npub mod b;\nmod a;\nmod inline { mod other {} }\n";
    assert_eq!(declared(lib), ["c", "b", "a"]);
}

/// The paths that a source names, as they are written, and the names of imports.
#[test]
fn every_way_to_name_something_is_read() {
    for (source, expected) in [
        ("use crate::a;", &["crate::a as a"][..]),
        ("use crate::a::B;", &["crate::a::B as B"]),
        ("use crate::a::B as C;", &["crate::a::B as C"]),
        ("use crate::a::*;", &["crate::a as *"]),
        (
            "use crate::a::{B, c::{self, D as E, f::*}, G,};",
            &["crate::a::B as B", "crate::a::c as c", "crate::a::c::D as E", "crate::a::c::f as *", "crate::a::G as G"],
        ),
        ("use {crate::a::B, crate::c};", &["crate::a::B as B", "crate::c as c"]),
        ("pub use crate::a::B;", &["crate::a::B as B, again"]),
        ("pub(crate) use self::a::{B, C};", &["self::a::B as B, again", "self::a::C as C, again"]),
        ("pub(in crate::a) use super::B;", &["super::B as B, again"]),
        ("pub struct A; use super::super::b::C;", &["super::super::b::C as C"]),
        ("fn a() { crate::b::c(); }", &["crate::b::c"]),
        ("fn a(b: crate::c::D) -> Option<super::e::F<self::g::H>> {}", &["crate::c::D", "super::e::F", "self::g::H"]),
        ("type A = <crate::b::C as crate::d::E>::F;", &["crate::b::C", "crate::d::E"]),
        ("fn a() { let b = crate::c::D::<u8>::new(); }", &["crate::c::D"]),
        ("fn a() { info!(\"{}\", crate::b::c()); }", &["crate::b::c"]),
        ("macro_rules! a { () => { $crate::b::c() } }", &["crate::b::c"]),
        ("#[serde(with = \"crate::a\")] #[derive(crate::b::C)] struct D;", &["crate::b::C"]),
        ("impl<'a> crate::a::B for C<'a> { const D: char = ':'; }", &["crate::a::B"]),
        ("fn a() -> impl Iterator + use<'a> { crate::b::c() }", &["crate::b::c"]),
        ("/// [`crate::a`]\n// crate::b::c\n/* use crate::d; */ const E: &str = r#\"use crate::f;\"#;", &[]),
        ("struct A { b: u8 } fn c() { match d { e: f => {} } }", &[]),
        ("pub(crate) mod a { }", &[]),
        ("fn a() { ::std::mem::take(b); }", &[]),
    ] {
        let file = read(&["room"], source);
        let shown = |named: &Named| {
            let name = named.imported_as.as_ref().map(|name| format!(" as {name}")).unwrap_or_default();
            format!("{}{name}{}", named.path.join("::"), if named.is_reexport { ", again" } else { "" })
        };
        assert_eq!(file.paths.iter().map(shown).collect::<Vec<_>>(), expected, "{source}");
    }
}

/// A module that is written in its file has its own `super`.
#[test]
fn paths_are_read_from_where_they_stand() {
    let files = [
        read(
            &["room"],
            "mod inner { use super::file; mod deep { use super::super::super::other; fn f() { self::g(); } } }",
        ),
        read(&["room", "file"], "use super::inner; use inner::x; use room::y; use std::z; fn f() { Self::g(); }"),
    ];
    let all = Crate::new(&files);
    let absolute = |file: &File| -> Vec<String> {
        file.paths.iter().map(|named| all.absolute(named).map_or("-".to_owned(), |path| path.join("::"))).collect()
    };
    assert_eq!(absolute(&files[0]), ["room::file", "other", "room::inner::deep::g"]);
    assert_eq!(absolute(&files[1]), ["room::inner", "-", "-", "-", "-"]);
}

#[test]
fn each_fault_is_found_and_nothing_else_is_one() {
    /// A file: its module and its source.
    type Source<'a> = (&'a [&'a str], &'a str);
    let rooms = ["top", "middle", "bottom"].map(str::to_owned);
    let rows: &[(&str, &[Source<'_>], &[&str])] = &[
        ("down", &[(&["top"], "use crate::middle::A; fn f() { crate::bottom::g(); }"), (&["bottom"], "")], &[]),
        ("up", &[(&["bottom"], "\nuse crate::top::A;")], &["src/bottom.rs:2: top::A is in a room above"]),
        (
            "up in a group",
            &[(&["middle"], "use {crate::{bottom, top::{self, B}}};")],
            &["src/middle.rs:1: top is in a room above", "src/middle.rs:1: top::B is in a room above"],
        ),
        (
            "up without a use",
            &[(&["middle"], "fn f() { crate::top::g() }")],
            &["src/middle.rs:1: top::g is in a room above"],
        ),
        (
            "up by super",
            &[(&["middle", "a"], "use super::super::top;")],
            &["src/middle/a.rs:1: top is in a room above"],
        ),
        (
            "up by a re-export",
            &[(&["middle"], "pub use crate::top::A;")],
            &["src/middle.rs:1: top::A is in a room above"],
        ),
        ("up in a macro", &[(&["middle"], "f!(crate::top::A)")], &["src/middle.rs:1: top::A is in a room above"]),
        (
            "up in a test",
            &[(&["middle"], "#[cfg(test)] mod tests { use crate::top::A; }")],
            &["src/middle.rs:1: top::A is in a room above"],
        ),
        (
            "a circle of rooms",
            &[(&["top"], "use crate::bottom::A;"), (&["bottom"], "use crate::top::B;")],
            &["src/bottom.rs:1: top::B is in a room above"],
        ),
        ("not listed", &[(&["else"], "use crate::top::A;")], &["else: this room is not in the list of src/lib.rs"]),
        ("no room", &[(&["top"], "use crate::missing::A;")], &["src/top.rs:1: missing::A leads to no room"]),
        (
            "two files",
            &[(&["top", "a"], "use super::b::B;"), (&["top", "b"], "\nfn f() { crate::top::a::g() }")],
            &["src/top/a.rs:1 and src/top/b.rs:2 use each other"],
        ),
        ("one way", &[(&["top", "a"], "use super::b::B;"), (&["top", "b"], "use crate::bottom::a;")], &[]),
        (
            "a parent and its child",
            &[(&["top"], "mod a; use self::a::A;"), (&["top", "a"], "use super::B;")],
            &["src/top.rs:1 and src/top/a.rs:1 use each other"],
        ),
        (
            "a child's name without self",
            &[(&["top"], "mod a; fn f() { a::g() }"), (&["top", "a"], "use super::*;")],
            &["src/top.rs:1 and src/top/a.rs:1 use each other"],
        ),
        (
            "a parent that re-exports",
            &[(&["top"], "mod a; pub use self::a::A;"), (&["top", "a"], "use super::B;")],
            &[],
        ),
        (
            "a sibling by its parent's re-export",
            &[(&["top"], "pub use self::b::B;"), (&["top", "a"], "use super::B;"), (&["top", "b"], "use super::a::A;")],
            &["src/top/a.rs:1 and src/top/b.rs:1 use each other"],
        ),
        (
            "what the parent imports from elsewhere",
            &[(&["top"], "use self::a::A; use crate::bottom::B;"), (&["top", "a"], "use super::B;"), (&["bottom"], "")],
            &[],
        ),
        (
            "a test",
            &[(&["top"], "#[cfg(test)] mod tests; fn f() { tests::g() }"), (&["top", "tests"], "use super::*;")],
            &[],
        ),
        (
            "a test that is written in its file",
            &[(&["top", "a"], "mod tests { use super::super::b::B; }"), (&["top", "b"], "use super::a::A;")],
            &[],
        ),
    ];
    for (what, sources, expected) in rows {
        let files: Vec<File> = sources.iter().map(|(module, source)| read(module, source)).collect();
        let found: Vec<String> = faults(&rooms, &files).iter().map(ToString::to_string).collect();
        assert_eq!(found, *expected, "{what}");
    }
}
