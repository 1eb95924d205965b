//! Which frameworks a project uses. Pure.

use super::plan::Framework;
use super::snapshot::Snapshot;

/// A framework, and the file that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub framework: Framework,
    /// Relative to the project.
    pub file: String,
}

/// All frameworks that are seen, the preferred one first.
pub(super) fn frameworks(snapshot: &Snapshot) -> Vec<Seen> {
    let all = [
        (Framework::Django, django(snapshot)),
        (Framework::Rails, rails(snapshot)),
        (Framework::Laravel, laravel(snapshot)),
        (Framework::Phoenix, phoenix(snapshot)),
        (Framework::FastApi, python_package(snapshot, "fastapi")),
        (Framework::Flask, python_package(snapshot, "flask")),
        (Framework::Go, snapshot.has("go.mod").then(|| "go.mod".to_owned())),
        (Framework::Express, node_package(snapshot, "express")),
        (Framework::Next, node_package(snapshot, "next").or_else(|| settings_of(snapshot, "next.config."))),
        (Framework::Vite, node_package(snapshot, "vite").or_else(|| settings_of(snapshot, "vite.config."))),
    ];
    all.into_iter().filter_map(|(framework, file)| Some(Seen { framework, file: file? })).collect()
}

fn with(snapshot: &Snapshot, path: &str, word: &str) -> Option<String> {
    snapshot.text(path).filter(|text| text.contains(word)).map(|_| path.to_owned())
}

fn django(snapshot: &Snapshot) -> Option<String> {
    with(snapshot, "manage.py", "django")
}

fn rails(snapshot: &Snapshot) -> Option<String> {
    let gemfile = snapshot.text("Gemfile").is_some_and(|text| {
        text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("gem \"rails\"") || line.starts_with("gem 'rails'")
        })
    });
    if gemfile { Some("Gemfile".to_owned()) } else { with(snapshot, "config/application.rb", "Rails::Application") }
}

fn laravel(snapshot: &Snapshot) -> Option<String> {
    with(snapshot, "composer.json", "laravel/framework").filter(|_| snapshot.has("artisan"))
}

fn phoenix(snapshot: &Snapshot) -> Option<String> {
    with(snapshot, "mix.exs", "{:phoenix,")
}

/// A dependency in `package.json`.
fn node_package(snapshot: &Snapshot, name: &str) -> Option<String> {
    let package: serde_json::Value = serde_json::from_str(snapshot.text("package.json")?).ok()?;
    let is_listed = |list: &&str| package.get(list).and_then(|list| list.get(name)).is_some();
    ["dependencies", "devDependencies"].iter().find(|list| is_listed(list)).map(|_| "package.json".to_owned())
}

fn settings_of(snapshot: &Snapshot, start: &str) -> Option<String> {
    let extensions = ["js", "mjs", "cjs", "ts", "mts"];
    extensions.iter().map(|extension| format!("{start}{extension}")).find(|path| snapshot.has(path))
}

/// A Python package in the files that list dependencies, or else imported by a module at the top.
fn python_package(snapshot: &Snapshot, name: &str) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let names = |text: &str| {
        let lower = text.to_ascii_lowercase();
        lower.match_indices(name).any(|(at, _)| {
            let after = &lower[at + name.len()..];
            !lower[..at].ends_with(is_word) && !after.starts_with(is_word)
        })
    };
    let listed = ["requirements.txt", "pyproject.toml", "Pipfile", "requirements/base.txt", "requirements/dev.txt"];
    let by_list = listed.into_iter().find(|path| snapshot.text(path).is_some_and(names)).map(str::to_owned);
    let imports = [format!("from {name} import"), format!("import {name}")];
    let is_import = |text: &str| text.lines().any(|line| imports.iter().any(|import| line.starts_with(import)));
    let mut modules = snapshot.texts(&["py"]).filter(|(path, _)| path.matches('/').count() <= 1);
    by_list.or_else(|| modules.find(|(_, text)| is_import(text)).map(|(path, _)| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files<'a> = &'a [(&'a str, &'a str)];
    type Expected<'a> = &'a [(Framework, &'a str)];

    #[test]
    fn frameworks_are_seen_by_their_files() {
        let rows: &[(Files<'_>, Expected<'_>)] = &[
            (&[], &[]),
            (&[("manage.py", "import django")], &[(Framework::Django, "manage.py")]),
            (&[("manage.py", "from flask_script import Manager")], &[]),
            (&[("Gemfile", "source \"x\"\ngem \"rails\", \"~> 8\"")], &[(Framework::Rails, "Gemfile")]),
            (&[("Gemfile", "# gem \"rails\"\ngem 'sinatra'")], &[]),
            (
                &[("composer.json", "{\"require\": {\"laravel/framework\": \"^12\"}}"), ("artisan", "")],
                &[(Framework::Laravel, "composer.json")],
            ),
            (&[("mix.exs", "defp deps, do: [{:phoenix, \"~> 1.8\"}]")], &[(Framework::Phoenix, "mix.exs")]),
            (&[("mix.exs", "{:plug, \"~> 1\"}")], &[]),
            (&[("requirements.txt", "Flask==3.1\nflask-login")], &[(Framework::Flask, "requirements.txt")]),
            (&[("requirements.txt", "flask-login")], &[]),
            (
                &[("pyproject.toml", "dependencies = [\"fastapi[standard]>=0.115\"]")],
                &[(Framework::FastApi, "pyproject.toml")],
            ),
            (&[("main.py", "from fastapi import FastAPI\n")], &[(Framework::FastApi, "main.py")]),
            (&[("go.mod", "module a")], &[(Framework::Go, "go.mod")]),
            (&[("package.json", "{\"dependencies\": {\"express\": \"^5\"}}")], &[(Framework::Express, "package.json")]),
            (&[("package.json", "{\"dependencies\": {\"next\": \"16\"}}")], &[(Framework::Next, "package.json")]),
            (&[("package.json", "{\"name\": \"express\"}")], &[]),
            (&[("package.json", "not JSON"), ("vite.config.ts", "")], &[(Framework::Vite, "vite.config.ts")]),
            (
                &[("manage.py", "django"), ("package.json", "{\"devDependencies\": {\"vite\": \"^7\"}}")],
                &[(Framework::Django, "manage.py"), (Framework::Vite, "package.json")],
            ),
        ];
        for (entries, expected) in rows {
            let seen = frameworks(&Snapshot::of(entries));
            let seen: Vec<_> = seen.iter().map(|seen| (seen.framework, seen.file.as_str())).collect();
            assert_eq!(seen, *expected, "{entries:?}");
        }
    }
}
