//! `devmedia check`: prints the effective configuration, without secrets.

use std::fmt::{self, Write as _};

use bytesize::ByteSize;

use crate::access::Policy;
use crate::access::rules::Rule;
use crate::config::{Certificate, Config, Problems, file};
use crate::mount::Mount;
use crate::server::listener::Listen;
use crate::signature::Key;
use crate::storage::root::Root;

/// Returns the effective configuration and its warnings, or the problems that prevent devmedia from starting.
pub fn report(config: &Config) -> Result<String, Problems> {
    config.check_fallbacks()?;
    let mut text = String::new();
    write(config, &mut text).expect("writing to a String never fails");
    Ok(text)
}

fn write(config: &Config, f: &mut String) -> fmt::Result {
    match &config.file {
        Some(file) => writeln!(f, "configuration  {}", file.display())?,
        None => writeln!(f, "configuration  flags and environment only; no {} was read", file::NAME)?,
    }
    if let Some(file) = &config.env_file {
        writeln!(f, "env_file       {file}")?;
    }
    for listen in &config.listen {
        match listen {
            Listen::Loopback(port) => writeln!(f, "listen         {listen} and [::1]:{port}")?,
            listen => writeln!(f, "listen         {listen}")?,
        }
    }
    for host in &config.guard.hosts {
        writeln!(f, "allow_host     {host}")?;
    }
    for origin in &config.guard.origins {
        writeln!(f, "allow_origin   {origin}")?;
    }
    if let Some(app) = &config.app {
        let prefixes: Vec<&str> = config.mounts.iter().map(|mount| mount.site.prefix.as_str()).collect();
        writeln!(f, "app            {app}, for all paths but those below {}", prefixes.join(", "))?;
    }
    match &config.certificate {
        None => {}
        Some(Certificate::Files(_)) => writeln!(f, "tls            by the certificate of --tls-cert")?,
        Some(Certificate::Local(names)) => {
            writeln!(f, "tls            by a local certificate authority, for {}", names.hosts.join(", "))?;
        }
    }
    if let Some(s3) = &config.s3 {
        writeln!(f, "s3             {}, with the keys {}", s3.listen, key_ids(&s3.keys))?;
        if !s3.hosts.is_empty() {
            writeln!(f, "s3_hosts       {}", s3.hosts.join(", "))?;
        }
        if let Some(folder) = &s3.buckets {
            writeln!(f, "s3_buckets     each folder in {}", folder.display())?;
        }
    }
    writeln!(f, "grace          {} s", config.grace.as_secs_f64())?;
    if let Some(poll) = config.poll {
        writeln!(f, "poll           {} s", poll.as_secs_f64())?;
    }
    if let Some(file) = &config.ready_file {
        writeln!(f, "ready_file     {}", file.display())?;
    }
    if config.exit_with_parent {
        writeln!(f, "exit_with_parent yes")?;
    }
    for mount in config.mounts.iter() {
        writeln!(f)?;
        describe(mount, f)?;
    }
    for folder in &config.created {
        writeln!(f, "\ncreated the folder {}", folder.display())?;
    }
    for warning in &config.warnings {
        writeln!(f, "\nwarning: {warning}")?;
    }
    Ok(())
}

fn describe(mount: &Mount, f: &mut String) -> fmt::Result {
    writeln!(f, "{}", mount.site.prefix)?;
    writeln!(f, "  root           {}", mount.site.root)?;
    if let Some(bucket) = mount.site.root.bucket() {
        writeln!(f, "  endpoint       {}", bucket.endpoint().unwrap_or("the usual one of the service"))?;
        writeln!(f, "  requests       {}", bucket.signer())?;
    }
    if mount.internal {
        writeln!(f, "  internal       files are only available through the app (X-Accel-Redirect or X-Sendfile)")?;
    }
    writeln!(f, "  access         {}", mount.site.access.default_policy())?;
    for (patterns, rule) in mount.site.access.rules() {
        writeln!(f, "  {patterns:<14} {}", effect(rule))?;
    }
    writeln!(f, "  cache_control  {}", String::from_utf8_lossy(mount.site.cache_control.as_bytes()))?;
    let mut words = vec![if mount.listing { "folders are listed" } else { "folders are not listed" }];
    words.extend(mount.site.hidden.then_some("hidden files are served"));
    words.extend(
        mount.site.root.folder().is_ok_and(Root::follows_links).then_some("links out of the root are followed"),
    );
    writeln!(f, "  shows          {}", words.join(", "))?;
    if let Some(fallback) = &mount.fallback {
        let kept = if fallback.stores() { "stored" } else { "streamed only" };
        writeln!(f, "  fallback       {}, {kept}", fallback.upstream)?;
    }
    if let Some(placeholder) = mount.placeholder {
        let status = if placeholder.keeps_status { "with status 404" } else { "with status 200" };
        writeln!(f, "  placeholder    {status}")?;
    }
    if let Some(network) = &mount.network {
        writeln!(f, "  network        {}", network.conditions())?;
    }
    if let Some(bucket) = &mount.bucket {
        writeln!(f, "  bucket         {bucket}")?;
    }
    match &mount.uploads {
        None => writeln!(f, "  upload         no"),
        Some(uploads) => writeln!(f, "  upload         up to {} each", ByteSize::b(uploads.max).display().iec()),
    }
}

/// The keys without their secrets.
fn key_ids(keys: &[Key]) -> String {
    keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// All settings of a rule.
fn effect(rule: &Rule) -> String {
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let access = rule.access.as_ref().map(Policy::to_string);
    let cache = rule.cache_control.as_ref().map(|value| format!("Cache-Control: {}", text(value)));
    let disposition = rule.disposition.map(|disposition| format!("Content-Disposition: {}", disposition.word()));
    let fields = rule.fields.iter().map(|(name, value)| format!("{name}: {}", text(value)));
    let all: Vec<String> = [access, cache, disposition].into_iter().flatten().chain(fields).collect();
    if all.is_empty() { "same as the mount".to_owned() } else { all.join("; ") }
}
