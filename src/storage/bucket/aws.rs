//! The settings of S3, from where every AWS tool takes them: `AWS_*` variables, then the profile in `~/.aws/config` and
//! `~/.aws/credentials`. Pure: it gets the variables and the files.
//!
//! The order is that of the AWS SDKs and Tools Reference Guide ("Settings reference", "Service-specific endpoints"):
//! variables before files, `AWS_ENDPOINT_URL_S3` before `AWS_ENDPOINT_URL`.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::system::advice::Family;

/// The keys that sign requests. `Debug` does not show the secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// `AWS_ACCESS_KEY_ID`: names the keys, and is not a secret.
    pub id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
    /// `AWS_SESSION_TOKEN`, for temporary keys.
    pub token: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Who signs requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// Keys from variables or a profile.
    Keys(Keys),
    /// A role of the machine: a web identity or a container's credentials, which the client fetches by itself.
    Role,
    /// Nobody: only public buckets can be read.
    Nobody,
}

/// The settings of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The endpoint, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region, if one is set.
    pub region: Option<String>,
    /// Who signs requests.
    pub signer: Signer,
}

/// What is wrong with the settings. `Display` gives advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsError {
    /// One of the two keys is missing.
    Half {
        /// The variable that is set.
        set: &'static str,
        /// The variable that is missing.
        missing: &'static str,
    },
    /// The profile is in neither file.
    NoProfile {
        /// The name that was asked for.
        name: String,
        /// The profiles in the files.
        known: Vec<String>,
    },
    /// The profile gets its keys in a way that is not supported.
    Unsupported {
        /// The profile.
        name: String,
        /// The way, as the profile calls it.
        key: &'static str,
    },
    /// The endpoint is not an http URL.
    Endpoint(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Half { set, missing } => {
                write!(f, "{set} is set, and {missing} is not; set both, or neither to read a public bucket")
            }
            Self::NoProfile { name, known } => {
                write!(f, "AWS_PROFILE={name}: there is no such profile in ~/.aws/config and ~/.aws/credentials; ")?;
                match known.as_slice() {
                    [] => f.write_str("these files have none. Create it with: aws configure --profile ")?,
                    known => return write!(f, "they have: {}", known.join(", ")),
                }
                f.write_str(name)
            }
            Self::Unsupported { name, key } => write!(
                f,
                "the profile {name} gets its keys by {key}, which devmedia does not support. Put them into the \
                 environment before you start it: {}",
                Family::HERE.export_aws_profile(name)
            ),
            Self::Endpoint(endpoint) => {
                write!(f, "the endpoint {endpoint:?} is not a URL; write one such as http://127.0.0.1:9000")
            }
        }
    }
}

/// Ways to get keys that a profile may name, and that need more than a file.
const UNSUPPORTED: [&str; 5] = ["credential_process", "sso_session", "sso_start_url", "role_arn", "login_session"];

/// Variables by which a machine gets a role.
const ROLES: [&str; 3] =
    ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

/// Finds the settings. `variable` returns an environment variable, and `read` the text of a file.
pub fn settings(
    variable: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> Result<Settings, SettingsError> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let file = |name: &str, usual: &str| {
        let path = variable(name)
            .map(PathBuf::from)
            .or_else(|| Some(Path::new(&variable(Family::HERE.home_variable())?).join(".aws").join(usual)));
        path.and_then(|path| read(&path)).map(|text| Sections::parse(&text)).unwrap_or_default()
    };
    let (config, credentials) = (file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
    let asked = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
    let name = asked.clone().unwrap_or_else(|| "default".to_owned());
    let section = if name == "default" && config.has("default") { name.clone() } else { format!("profile {name}") };
    if asked.is_some() && !config.has(&section) && !credentials.has(&name) {
        let known = config.profiles().chain(credentials.0.keys().cloned()).collect::<std::collections::BTreeSet<_>>();
        return Err(SettingsError::NoProfile { name, known: known.into_iter().collect() });
    }
    let of_profile = |key: &str| credentials.get(&name, key).or_else(|| config.get(&section, key));

    let services = config.get(&section, "services").map(|services| format!("services {services}"));
    let of_service = services.and_then(|services| config.get(&services, "s3.endpoint_url"));
    let is_ignored =
        variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let endpoint = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.or(of_service).or_else(|| of_profile("endpoint_url")).filter(|_| !is_ignored);
    if let Some(endpoint) = &endpoint
        && !url::Url::parse(endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    {
        return Err(SettingsError::Endpoint(endpoint.clone()));
    }
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).or_else(|| of_profile("region"));

    let signer = match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Signer::Keys(Keys { id, secret, token: variable("AWS_SESSION_TOKEN") }),
        (Some(_), None) => {
            return Err(SettingsError::Half { set: "AWS_ACCESS_KEY_ID", missing: "AWS_SECRET_ACCESS_KEY" });
        }
        (None, Some(_)) => {
            return Err(SettingsError::Half { set: "AWS_SECRET_ACCESS_KEY", missing: "AWS_ACCESS_KEY_ID" });
        }
        (None, None) => match (of_profile("aws_access_key_id"), of_profile("aws_secret_access_key")) {
            (Some(id), Some(secret)) => Signer::Keys(Keys { id, secret, token: of_profile("aws_session_token") }),
            _ if ROLES.iter().any(|role| variable(role).is_some()) => Signer::Role,
            _ => match UNSUPPORTED.into_iter().find(|key| of_profile(key).is_some()) {
                Some(key) => return Err(SettingsError::Unsupported { name, key }),
                None => Signer::Nobody,
            },
        },
    };
    Ok(Settings { endpoint, region, signer })
}

/// The sections of a file in AWS's INI format. A nested value has the key `outer.inner`.
#[derive(Debug, Default)]
struct Sections(HashMap<String, HashMap<String, String>>);

impl Sections {
    fn parse(text: &str) -> Self {
        let mut sections: HashMap<String, HashMap<String, String>> = HashMap::new();
        let (mut here, mut outer) = (None, String::new());
        for line in text.lines() {
            let is_nested = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| Some(rest.split_once(']')?.0)) {
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                sections.entry(name.clone()).or_default();
                here = Some(name);
            } else if let (Some((key, value)), Some(section)) = (line.split_once('='), &here) {
                let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
                let section = sections.entry(section.clone()).or_default();
                if is_nested && !outer.is_empty() {
                    section.insert(format!("{outer}.{key}"), value.to_owned());
                } else {
                    section.insert(key.clone(), value.to_owned());
                    outer = if value.is_empty() { key } else { String::new() };
                }
            }
        }
        Self(sections)
    }

    fn has(&self, section: &str) -> bool {
        self.0.contains_key(section)
    }

    fn get(&self, section: &str, key: &str) -> Option<String> {
        self.0.get(section)?.get(key).filter(|value| !value.is_empty()).cloned()
    }

    /// The names of the profiles in a config file.
    fn profiles(&self) -> impl Iterator<Item = String> {
        let sections = self.0.keys().map(String::as_str);
        let names = sections.filter_map(|name| name.strip_prefix("profile ").or((name == "default").then_some(name)));
        names.map(str::to_owned)
    }
}

#[cfg(test)]
mod tests;
