//! The settings of a bucket. Only CORS can be configured; for the others, the answer is the one of S3 for a bucket where
//! they are not configured, because clients ask for them on their own.

use hyper::{Response, StatusCode};
use serde::Deserialize;

use super::beside;
use super::bucket::Bucket;
use super::error::{Code, S3Error};
use super::operation::Setting;
use super::xml::{self, DECLARATION, NAMESPACE};
use crate::body::Body;

/// Who owns everything.
const OWNER: &str = "devmedia";

/// The file with the CORS configuration.
const CORS: &str = "cors.xml";

#[derive(Deserialize)]
struct CorsConfiguration {
    #[serde(rename = "CORSRule")]
    rules: Vec<CorsRule>,
}

#[derive(Deserialize)]
struct CorsRule {
    #[serde(rename = "AllowedMethod")]
    methods: Vec<String>,
    #[serde(rename = "AllowedOrigin")]
    origins: Vec<String>,
}

/// Answers a request for a setting. Blocks.
pub fn get(bucket: &Bucket, setting: Setting) -> Result<Response<Body>, S3Error> {
    let empty = |name: &str, content: &str| {
        let document = format!("{DECLARATION}<{name} xmlns=\"{NAMESPACE}\">{content}</{name}>");
        Ok(xml::raw(StatusCode::OK, document))
    };
    let missing = |code, what: &str| {
        let message = format!("The bucket has no {what}.");
        Err(S3Error::new(code, message).with("BucketName", &bucket.name))
    };
    match setting {
        Setting::Location => empty("LocationConstraint", ""),
        Setting::Versioning => empty("VersioningConfiguration", ""),
        Setting::Accelerate => empty("AccelerateConfiguration", ""),
        Setting::Logging => empty("BucketLoggingStatus", ""),
        Setting::Notification => empty("NotificationConfiguration", ""),
        Setting::RequestPayment => empty("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
        Setting::Acl => Ok(acl()),
        Setting::Cors => match beside::read(bucket.root(), CORS).and_then(|text| String::from_utf8(text).ok()) {
            Some(text) => Ok(xml::raw(StatusCode::OK, text)),
            None => missing(Code::NoSuchCORSConfiguration, "CORS configuration"),
        },
        Setting::Encryption => {
            missing(Code::ServerSideEncryptionConfigurationNotFoundError, "server-side encryption configuration")
        }
        Setting::Lifecycle => missing(Code::NoSuchLifecycleConfiguration, "lifecycle configuration"),
        Setting::ObjectLock => missing(Code::ObjectLockConfigurationNotFoundError, "object lock configuration"),
        Setting::OwnershipControls => missing(Code::OwnershipControlsNotFoundError, "ownership controls"),
        Setting::Policy | Setting::PolicyStatus => {
            missing(Code::NoSuchBucketPolicy, "bucket policy; the access rules of its mount decide")
        }
        Setting::PublicAccessBlock => {
            missing(Code::NoSuchPublicAccessBlockConfiguration, "public access block configuration")
        }
        Setting::Replication => missing(Code::ReplicationConfigurationNotFoundError, "replication configuration"),
        Setting::Tagging => missing(Code::NoSuchTagSet, "tags"),
        Setting::Website => missing(Code::NoSuchWebsiteConfiguration, "website configuration"),
    }
}

/// Stores a setting, if it is one that can be stored. Blocks.
pub fn put(bucket: &Bucket, setting: Setting, canned: Option<&str>, body: &[u8]) -> Result<Response<Body>, S3Error> {
    match setting {
        Setting::Cors => {
            let configuration: CorsConfiguration = xml::parse(body)?;
            let is_empty = |rule: &CorsRule| rule.methods.is_empty() || rule.origins.is_empty();
            if configuration.rules.is_empty() || configuration.rules.iter().any(is_empty) {
                let message = "Each CORSRule needs an AllowedMethod and an AllowedOrigin.";
                return Err(S3Error::new(Code::MalformedXML, message));
            }
            bucket.check_writable()?;
            beside::write(bucket.root(), CORS, body).map_err(S3Error::system)?;
        }
        Setting::Acl => check_acl(canned, body)?,
        other => return Err(S3Error::not_implemented(&format!("setting the {other:?} of a bucket"))),
    }
    Ok(Response::new(Body::Empty))
}

/// Removes a setting: 204, also if there is none. Blocks.
pub fn delete(bucket: &Bucket, setting: Setting) -> Response<Body> {
    if setting == Setting::Cors {
        beside::remove(bucket.root(), CORS);
    }
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The access control list that everything has: its owner may do everything.
pub fn acl() -> Response<Body> {
    let owner = format!("<ID>{OWNER}</ID><DisplayName>{OWNER}</DisplayName>");
    let document = format!(
        "{DECLARATION}<AccessControlPolicy xmlns=\"{NAMESPACE}\"><Owner>{owner}</Owner><AccessControlList><Grant><Grantee \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\">{owner}</Grantee>\
         <Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
    );
    xml::raw(StatusCode::OK, document)
}

#[derive(Deserialize)]
struct AccessControlPolicy {
    #[serde(rename = "AccessControlList")]
    list: Grants,
}

#[derive(Deserialize)]
struct Grants {
    #[serde(rename = "Grant")]
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(rename = "Grantee")]
    grantee: Grantee,
    #[serde(rename = "Permission")]
    permission: String,
}

#[derive(Deserialize)]
struct Grantee {
    #[serde(rename = "ID")]
    id: Option<String>,
}

/// Refuses an access control list other than the one that everything has, as S3 does where lists are disabled. A client
/// that copies an object with its list (s3cmd) sends the document of [`acl`].
pub fn check_acl(canned: Option<&str>, body: &[u8]) -> Result<(), S3Error> {
    let is_usual = match canned {
        Some(name) => matches!(name, "private" | "bucket-owner-read" | "bucket-owner-full-control"),
        // the list is in headers for each grantee
        None if body.is_empty() => false,
        None => {
            let policy: AccessControlPolicy = xml::parse(body)?;
            let is_owners =
                |grant: &Grant| grant.permission == "FULL_CONTROL" && grant.grantee.id.as_deref() == Some(OWNER);
            policy.list.grants.iter().all(is_owners)
        }
    };
    if is_usual {
        return Ok(());
    }
    Err(S3Error::new(
        Code::AccessControlListNotSupported,
        "The bucket does not allow ACLs: the access rules of its mount decide who may read it. Set access = \"public\" in the \
         [[mount]].",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::bucket::tests::bucket_at;

    #[test]
    fn cors_is_stored_and_other_settings_are_not_configured() {
        let folder = tempfile::tempdir().expect("a folder");
        let bucket = bucket_at(folder.path());
        let code = |result: Result<Response<Body>, S3Error>| {
            result.map(|response| response.status().as_u16()).map_err(|error| error.code)
        };
        assert_eq!(code(get(&bucket, Setting::Cors)), Err(Code::NoSuchCORSConfiguration));
        let rule = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
        assert_eq!(code(put(&bucket, Setting::Cors, None, rule)), Ok(200));
        assert_eq!(code(put(&bucket, Setting::Cors, None, b"<CORSConfiguration/>")), Err(Code::MalformedXML));
        assert_eq!(code(get(&bucket, Setting::Cors)), Ok(200));
        assert_eq!(delete(&bucket, Setting::Cors).status(), 204);
        assert_eq!(code(get(&bucket, Setting::Cors)), Err(Code::NoSuchCORSConfiguration));
        assert_eq!(code(put(&bucket, Setting::Policy, None, b"{}")), Err(Code::NotImplemented));
        assert_eq!(
            code(put(&bucket, Setting::Acl, Some("public-read"), b"")),
            Err(Code::AccessControlListNotSupported)
        );
        let acl = |id: &str| {
            format!(
                "<AccessControlPolicy xmlns='{NAMESPACE}'><Owner><ID>{OWNER}</ID></Owner><AccessControlList><Grant><Grantee \
                 xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='CanonicalUser'><ID>{id}</ID></Grantee>\
                 <Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
            )
        };
        assert_eq!(code(put(&bucket, Setting::Acl, None, acl(OWNER).as_bytes())), Ok(200));
        for other in [acl("other"), String::new()] {
            let result = code(put(&bucket, Setting::Acl, None, other.as_bytes()));
            assert_eq!(result, Err(Code::AccessControlListNotSupported), "{other}");
        }
        assert_eq!(code(get(&bucket, Setting::Versioning)), Ok(200));
        assert_eq!(code(get(&bucket, Setting::Lifecycle)), Err(Code::NoSuchLifecycleConfiguration));
    }
}
