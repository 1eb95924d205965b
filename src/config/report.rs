//! What the flags and the file come to, for a person: `devmedia check`. No secret is in it.

use std::fmt;

use bytesize::ByteSize;

use super::Config;
use crate::access::Policy;
use crate::access::rules::Rule;
use crate::mount::Mount;

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => writeln!(f, "configuration  {}", file.display())?,
            None => writeln!(f, "configuration  flags and environment only; there is no {}", super::file::NAME)?,
        }
        for listen in &self.listen {
            writeln!(f, "listen         {listen}")?;
        }
        for host in &self.guard.hosts {
            writeln!(f, "allow_host     {host}")?;
        }
        for origin in &self.guard.origins {
            writeln!(f, "allow_origin   {origin}")?;
        }
        if let Some(app) = &self.app {
            writeln!(f, "app            {app}")?;
            let prefixes: Vec<&str> = self.mounts.iter().map(|mount| mount.site.prefix.as_str()).collect();
            writeln!(f, "               gets every path but those below {}", prefixes.join(", "))?;
        }
        writeln!(f, "grace          {} s", self.grace.as_secs_f64())?;
        if let Some(poll) = self.poll {
            writeln!(f, "poll           {} s", poll.as_secs_f64())?;
        }
        for mount in self.mounts.iter() {
            writeln!(f)?;
            describe(mount, f)?;
        }
        for warning in self.mounts.overlaps() {
            writeln!(f, "\nwarning: {warning}")?;
        }
        Ok(())
    }
}

fn describe(mount: &Mount, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "{}", mount.site.prefix)?;
    writeln!(f, "  root           {}", mount.site.root.path().display())?;
    if mount.internal {
        writeln!(f, "  internal       only the app hands out its files, by X-Accel-Redirect or X-Sendfile")?;
    }
    writeln!(f, "  access         {}", mount.site.access.default_policy())?;
    for (patterns, rule) in mount.site.access.rules() {
        writeln!(f, "  {patterns:<14} {}", said(rule))?;
    }
    writeln!(f, "  cache_control  {}", String::from_utf8_lossy(mount.site.cache_control.as_bytes()))?;
    let mut words = vec![if mount.listing { "folders are listed" } else { "folders are not listed" }];
    words.extend(mount.site.hidden.then_some("hidden names are served"));
    words.extend(mount.site.root.follows_links().then_some("links are followed anywhere"));
    writeln!(f, "  shows          {}", words.join(", "))?;
    if let Some(fallback) = &mount.fallback {
        let kept = if fallback.stores() { "stored" } else { "streamed only" };
        writeln!(f, "  fallback       {}, {kept}", fallback.upstream)?;
    }
    if let Some(placeholder) = mount.placeholder {
        let status = if placeholder.keeps_status { "with status 404" } else { "with status 200" };
        writeln!(f, "  placeholder    {status}")?;
    }
    match &mount.uploads {
        None => writeln!(f, "  upload         no"),
        Some(uploads) => writeln!(f, "  upload         up to {} each", ByteSize::b(uploads.max).display().iec()),
    }
}

/// All that a rule says.
fn said(rule: &Rule) -> String {
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let access = rule.access.as_ref().map(Policy::to_string);
    let cache = rule.cache_control.as_ref().map(|value| format!("Cache-Control: {}", text(value)));
    let disposition = rule.disposition.map(|disposition| format!("Content-Disposition: {}", disposition.word()));
    let fields = rule.fields.iter().map(|(name, value)| format!("{name}: {}", text(value)));
    let all: Vec<String> = [access, cache, disposition].into_iter().flatten().chain(fields).collect();
    if all.is_empty() { "as the mount".to_owned() } else { all.join("; ") }
}
