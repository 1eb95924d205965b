//! Presigned POST: a form whose fields a signed policy restricts ("Browser-Based Uploads Using POST" in the S3 API
//! reference).
//!
//! The signature covers the policy, and the policy covers every field of the form, so a form with another key, type or
//! size is refused.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::digest::{mac_sha1, unhex};
use super::error::{Code, SignatureError};
use super::explain;
use super::key::{Key, find};
use super::time;
use super::v4::{self, ALGORITHM, Credential};
use super::verdict::Version;
use crate::request::path::Visible;

/// The largest number of fields. S3 allows 20 KB for all of them.
const MOST_FIELDS: usize = 500;

/// A form that its policy allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedForm {
    /// The access key ID that signed the policy.
    pub key_id: String,
    /// The kind of signature.
    pub version: Version,
    /// The sizes that the policy allows.
    length: Option<RangeInclusive<u64>>,
}

impl SignedForm {
    /// The largest allowed size; the caller stops reading the file there.
    pub fn max_length(&self) -> Option<u64> {
        self.length.as_ref().map(|range| *range.end())
    }

    /// Checks the size of the whole file.
    pub fn check_length(&self, length: u64) -> Result<(), SignatureError> {
        let Some(range) = self.length.as_ref().filter(|range| !range.contains(&length)) else { return Ok(()) };
        let is_large = length > *range.end();
        let (code, what) = if is_large {
            (Code::EntityTooLarge, "exceeds the maximum allowed size")
        } else {
            (Code::EntityTooSmall, "is smaller than the minimum allowed size")
        };
        let message =
            format!("Your proposed upload {what}: content-length-range is {} to {}.", range.start(), range.end());
        Err(SignatureError::new(code, message)
            .with("ProposedSize", length.to_string())
            .with("MinSizeAllowed", range.start().to_string())
            .with("MaxSizeAllowed", range.end().to_string()))
    }
}

/// Checks the fields of a form before its file. Returns `None` if the form has no policy and no signature.
///
/// `fields` are the fields in their order, without the file. `${filename}` in the key must have been replaced. `bucket` is
/// the bucket that the form is posted to.
pub fn verify_form(
    fields: &[(String, String)],
    bucket: &str,
    keys: &[Key],
    now: Timestamp,
) -> Result<Option<SignedForm>, SignatureError> {
    let form = Form { fields, bucket };
    let is_signed = ["policy", "signature", "x-amz-signature"].iter().any(|name| form.get(name).is_some());
    if !is_signed {
        return Ok(None);
    }
    if fields.len() > MOST_FIELDS {
        return Err(SignatureError::new(
            Code::InvalidArgument,
            format!("The form has more than {MOST_FIELDS} fields."),
        ));
    }
    if let Some((name, _)) = fields.iter().enumerate().find_map(|(index, field)| {
        fields[..index].iter().any(|(name, _)| name.eq_ignore_ascii_case(&field.0)).then_some(field)
    }) {
        return Err(SignatureError::new(
            Code::InvalidArgument,
            format!("The form has the field {} twice.", Visible(name)),
        )
        .with("ArgumentName", name.clone()));
    }
    let policy = form.required("policy")?;
    let (key_id, version) = if form.get("x-amz-signature").is_some() || form.get("x-amz-algorithm").is_some() {
        (check_v4(&form, policy, keys)?, Version::V4)
    } else {
        (check_v2(&form, policy, keys)?, Version::V2)
    };
    let policy = Policy::parse(policy)?;
    if now > policy.expiration {
        return Err(denied("Policy expired.").with("ServerTime", now.to_string()));
    }
    policy.check(&form, version)?;
    Ok(Some(SignedForm { key_id, version, length: policy.length }))
}

struct Form<'a> {
    fields: &'a [(String, String)],
    bucket: &'a str,
}

impl<'a> Form<'a> {
    /// The value of a field; names are case-insensitive.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> Result<&'a str, SignatureError> {
        self.get(name).ok_or_else(|| {
            let message = format!(
                "Bucket POST must contain a field named '{name}'. If it is specified, please check the order of the fields: \
                 the file is the last one."
            );
            SignatureError::new(Code::InvalidArgument, message).with("ArgumentName", name)
        })
    }
}

fn known<'a>(keys: &'a [Key], id: &str) -> Result<&'a Key, SignatureError> {
    find(keys, id).ok_or_else(|| {
        let message = "The AWS Access Key Id you provided does not exist in our records. Give the app the keys that devmedia \
                       prints at its start.";
        SignatureError::new(Code::InvalidAccessKeyId, message).with("AWSAccessKeyId", id)
    })
}

fn check_v4(form: &Form<'_>, policy: &str, keys: &[Key]) -> Result<String, SignatureError> {
    let argument = |name: &'static str, message: &str| {
        SignatureError::new(Code::InvalidArgument, message).with("ArgumentName", name)
    };
    if form.required("x-amz-algorithm")? != ALGORITHM {
        return Err(argument("x-amz-algorithm", "The field x-amz-algorithm should be AWS4-HMAC-SHA256."));
    }
    let credential = Credential::parse(form.required("x-amz-credential")?)
        .filter(|credential| credential.service == "s3")
        .ok_or_else(|| {
            let message = format!("The field x-amz-credential should be {}.", Credential::EXPECTED);
            argument("x-amz-credential", &message)
        })?;
    let date = form.required("x-amz-date")?;
    if time::basic(date).is_none() || date.get(..8) != Some(&credential.day) {
        let message = "The field x-amz-date should be a date such as 20130524T000000Z, of the day in x-amz-credential.";
        return Err(argument("x-amz-date", message));
    }
    let sent = form.required("x-amz-signature")?;
    let signature = unhex(sent.as_bytes()).ok_or_else(|| {
        argument("x-amz-signature", "The field x-amz-signature should be 64 lower-case hexadecimal digits.")
    })?;
    let key = known(keys, &credential.key_id)?;
    let scope = credential.scope();
    let is_valid = |key: &Key| v4::is_signature(&v4::signing_key(&key.secret, &scope), policy, &signature);
    signed_by(key, keys, policy, sent, is_valid)
}

fn check_v2(form: &Form<'_>, policy: &str, keys: &[Key]) -> Result<String, SignatureError> {
    let key = known(keys, form.required("AWSAccessKeyId")?)?;
    let sent = form.required("signature")?;
    let signature = STANDARD.decode(sent).unwrap_or_default();
    let is_valid = |key: &Key| mac_sha1(key.secret.as_bytes(), policy.as_bytes()).verify_slice(&signature).is_ok();
    signed_by(key, keys, policy, sent, is_valid)
}

fn signed_by(
    key: &Key,
    keys: &[Key],
    policy: &str,
    sent: &str,
    is_valid: impl Fn(&Key) -> bool,
) -> Result<String, SignatureError> {
    if is_valid(key) {
        return Ok(key.id.clone());
    }
    let other = keys.iter().find(|other| is_valid(other));
    let reason = match other {
        Some(other) => explain::other_secret(&key.id, &other.id),
        None => "The text to sign is the field policy exactly as the form sends it, in Base64: check the secret, and that the \
                 page does not change the policy."
            .to_owned(),
    };
    Err(explain::mismatch(Some(reason), &key.id, policy, sent))
}

/// A policy document.
#[derive(Debug)]
struct Policy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
    length: Option<RangeInclusive<u64>>,
}

/// A condition on one field.
#[derive(Debug)]
struct Condition {
    field: String,
    value: String,
    is_prefix: bool,
}

fn invalid(what: &str) -> SignatureError {
    SignatureError::new(Code::InvalidPolicyDocument, format!("Invalid Policy: {what}"))
}

fn denied(what: &str) -> SignatureError {
    SignatureError::new(Code::AccessDenied, format!("Invalid according to Policy: {what}"))
}

impl Policy {
    fn parse(encoded: &str) -> Result<Self, SignatureError> {
        // encoders may break lines
        let encoded: String = encoded.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let json = STANDARD.decode(encoded).map_err(|_| invalid("Invalid Base64."))?;
        let document: Map<String, Value> = serde_json::from_slice(&json).map_err(|_| invalid("Invalid JSON."))?;
        let expiration = document.get("expiration").and_then(Value::as_str);
        let expiration = expiration.and_then(|text| text.parse().ok());
        let expiration = expiration
            .ok_or_else(|| invalid("Invalid 'expiration' value: it should be a date such as 2026-11-30T12:00:00Z."))?;
        let conditions = document.get("conditions").and_then(Value::as_array);
        let conditions = conditions.ok_or_else(|| invalid("Policy missing conditions."))?;
        let mut policy = Self { expiration, conditions: Vec::new(), length: None };
        for condition in conditions {
            policy.add(condition)?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Result<(), SignatureError> {
        let simple = || invalid("Invalid Simple-Condition: a condition should be {\"field\": \"value\"}.");
        match condition {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let value = text(value).ok_or_else(simple)?;
                    self.conditions.push(Condition { field: name.to_ascii_lowercase(), value, is_prefix: false });
                }
                Ok(())
            }
            Value::Array(parts) => {
                let list = || {
                    invalid(
                        "Invalid Condition: it should be [\"eq\", \"$field\", \"value\"], [\"starts-with\", \"$field\", \
                         \"value\"] or [\"content-length-range\", min, max].",
                    )
                };
                let [operator, first, second] = parts.as_slice() else { return Err(list()) };
                let operator = operator.as_str().map(str::to_ascii_lowercase).unwrap_or_default();
                if operator == "content-length-range" {
                    let (Some(min), Some(max)) = (number(first), number(second)) else { return Err(list()) };
                    // several ranges must all hold
                    let (start, end) =
                        self.length.as_ref().map_or((0, u64::MAX), |range| (*range.start(), *range.end()));
                    self.length = Some(min.max(start)..=max.min(end));
                    return Ok(());
                }
                let field = first.as_str().and_then(|field| field.strip_prefix('$')).ok_or_else(list)?;
                let value = text(second).ok_or_else(list)?;
                let is_prefix = match operator.as_str() {
                    "eq" => false,
                    "starts-with" => true,
                    _ => return Err(list()),
                };
                self.conditions.push(Condition { field: field.to_ascii_lowercase(), value, is_prefix });
                Ok(())
            }
            _ => Err(simple()),
        }
    }

    fn check(&self, form: &Form<'_>, version: Version) -> Result<(), SignatureError> {
        if let Some(other) = form.get("bucket").filter(|bucket| *bucket != form.bucket) {
            let (other, bucket) = (Visible(other), Visible(form.bucket));
            return Err(denied(&format!(
                "the field bucket is {other}, but the form is posted to the bucket {bucket}."
            )));
        }
        for condition in &self.conditions {
            let sent = form.get(&condition.field);
            let value = if condition.field == "bucket" { sent.or(Some(form.bucket)) } else { sent };
            if !value.is_some_and(|value| condition.is_met(value)) {
                let sent = value.map_or_else(
                    || "the form does not have this field".to_owned(),
                    |value| format!("the form has {:?}", Visible(value).to_string()),
                );
                return Err(denied(&format!("Policy Condition failed: {}: {sent}.", condition.text())));
            }
        }
        let is_covered = |name: &str| self.conditions.iter().any(|condition| condition.field == name);
        let names = form.fields.iter().map(|(name, _)| name.to_ascii_lowercase());
        let extra: Vec<_> = std::iter::once("bucket".to_owned())
            .chain(names)
            .filter(|name| !is_exempt(name, version) && !is_covered(name))
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        let names = Visible(&extra.join(", ")).to_string();
        Err(denied(&format!(
            "Extra input fields: {names}. Add a condition for each, such as [\"starts-with\", \"${}\", \"\"].",
            Visible(&extra[0])
        )))
    }
}

impl Condition {
    fn is_met(&self, value: &str) -> bool {
        match (self.is_prefix, self.field.as_str()) {
            (false, _) => value == self.value,
            // "values that contain a comma-separated list": each must start with the prefix
            (true, "content-type") => value.split(',').all(|part| part.trim_start().starts_with(&self.value)),
            (true, _) => value.starts_with(&self.value),
        }
    }

    /// The condition as S3 writes it.
    fn text(&self) -> String {
        let operator = if self.is_prefix { "starts-with" } else { "eq" };
        serde_json::json!([operator, format!("${}", self.field), self.value]).to_string()
    }
}

/// Fields that need no condition.
fn is_exempt(name: &str, version: Version) -> bool {
    let own: &[&str] = match version {
        Version::V2 => &["awsaccesskeyid", "signature"],
        Version::V4 => &["x-amz-signature"],
    };
    own.contains(&name) || ["file", "policy"].contains(&name) || name.starts_with("x-ignore-")
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}
