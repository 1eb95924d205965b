//! What a bucket's error means for a person: what happened, and what to do.

use hyper::StatusCode;

use super::Bucket;
use super::error::{Action, BucketError};
use super::url::Service;

/// An error, for a response or for a message at start-up.
#[derive(Debug)]
pub struct Explanation {
    /// The status of the response.
    pub status: StatusCode,
    /// A stable name.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl Bucket {
    /// Explains an error of this bucket. The text contains no secret.
    pub fn explain(&self, error: &BucketError) -> Explanation {
        let (url, bucket) = (&self.url, &self.url.bucket);
        let endpoint = self.endpoint.as_deref().unwrap_or(match url.service {
            Service::S3 => "Amazon S3",
            Service::Gcs => "Google Cloud Storage",
            Service::Azure => "Azure Blob Storage",
        });
        let (endpoint_variable, keys) = match url.service {
            Service::S3 => ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"),
            Service::Gcs => ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"),
            Service::Azure => ("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY"),
        };
        let (status, code, what, advice) = match error {
            BucketError::Missing => (
                StatusCode::NOT_FOUND,
                "not-found",
                format!("There is no such object in {url}."),
                "Check the key as it is stored: keys distinguish upper and lower case.".to_owned(),
            ),
            BucketError::NoBucket => (
                StatusCode::BAD_GATEWAY,
                "no-bucket",
                format!("There is no bucket {bucket} at {endpoint}."),
                match url.service {
                    Service::S3 => format!(
                        "Check the name and {endpoint_variable}; create the bucket with: aws s3 mb s3://{bucket}"
                    ),
                    Service::Gcs => format!("Create the bucket with: gcloud storage buckets create gs://{bucket}"),
                    Service::Azure => format!("Create it with: az storage container create --name {bucket}"),
                },
            ),
            BucketError::Denied(action) => (
                StatusCode::FORBIDDEN,
                "bucket-denied",
                format!("{endpoint} denies permission to {} in {url} ({}).", doing(*action), self.signer),
                self.permission(*action, keys),
            ),
            BucketError::Keys(reason) => (
                StatusCode::BAD_GATEWAY,
                "bucket-keys",
                format!("{endpoint} does not accept the credentials ({reason}). Requests are {}.", self.signer),
                format!("Set {keys} to valid credentials, and check the clock of this machine."),
            ),
            BucketError::Region(reason) => (
                StatusCode::BAD_GATEWAY,
                "bucket-region",
                format!("The bucket {bucket} is in another region ({reason})."),
                match self.region.get() {
                    Some(region) => format!("Set AWS_REGION={region}"),
                    None => "Set AWS_REGION to the region of the bucket (for Garage, s3_region in its garage.toml)"
                        .to_owned(),
                },
            ),
            BucketError::Throttled => (
                StatusCode::SERVICE_UNAVAILABLE,
                "bucket-throttled",
                format!("{endpoint} asks to slow down, and still did after several retries."),
                "Try again in a moment.".to_owned(),
            ),
            BucketError::Unreachable(cause) => (
                StatusCode::BAD_GATEWAY,
                "bucket-unreachable",
                format!("There is no connection to {endpoint} ({cause})."),
                format!("Check that the store runs, and {endpoint_variable}."),
            ),
            BucketError::Silent => (
                StatusCode::GATEWAY_TIMEOUT,
                "bucket-silent",
                format!("{endpoint} does not answer."),
                format!("Check that the store runs, and {endpoint_variable}."),
            ),
            BucketError::Changed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "bucket-changed",
                "The object changes at the moment.".to_owned(),
                "Request it again.".to_owned(),
            ),
            BucketError::Key(why) => (
                StatusCode::BAD_GATEWAY,
                "bucket-key",
                format!("A key in this folder of {url} is not a path, so the folder cannot be listed ({why})."),
                "Rename that object: the segments of a key must not be empty, '.' or '..', or contain control characters. \
                 The other objects of the folder can be requested by their URLs."
                    .to_owned(),
            ),
            BucketError::Garbled(why) => (
                StatusCode::BAD_GATEWAY,
                "bucket-garbled",
                format!("The answer of {endpoint} does not fit the request ({why})."),
                format!("Check that {endpoint_variable} is the address of a store of this kind."),
            ),
            BucketError::Answered(status, reason) => (
                StatusCode::BAD_GATEWAY,
                "bucket-failed",
                format!("{endpoint} answered with status {status} ({reason})."),
                "Try again; if it stays, look into the log of the store.".to_owned(),
            ),
        };
        Explanation { status, code, what, advice }
    }

    /// Which permission is missing, and what to set.
    fn permission(&self, action: Action, keys: &str) -> String {
        let (bucket, prefix) = (&self.url.bucket, &self.url.prefix);
        if !self.is_signed {
            return format!("Set {keys}; without credentials, only public buckets can be read.");
        }
        let objects = format!("arn:aws:s3:::{bucket}/{prefix}*");
        match (self.url.service, action) {
            (Service::S3, Action::Read) => format!(
                "Allow s3:GetObject on {objects}, and s3:ListBucket on arn:aws:s3:::{bucket}: without the latter, missing \
                 objects are denied as well."
            ),
            (Service::S3, Action::List) => format!("Allow s3:ListBucket on arn:aws:s3:::{bucket}."),
            (Service::S3, Action::Write) => {
                format!("Allow s3:PutObject and s3:AbortMultipartUpload on {objects}.")
            }
            (Service::S3, Action::Delete) => format!("Allow s3:DeleteObject on {objects}."),
            (Service::Gcs, Action::Read) => "Grant storage.objects.get (roles/storage.objectViewer).".to_owned(),
            (Service::Gcs, Action::List) => "Grant storage.objects.list (roles/storage.objectViewer).".to_owned(),
            (Service::Gcs, Action::Write | Action::Delete) => {
                "Grant storage.objects.create and storage.objects.delete (roles/storage.objectUser).".to_owned()
            }
            (Service::Azure, Action::Read | Action::List) => "Grant the role Storage Blob Data Reader.".to_owned(),
            (Service::Azure, Action::Write | Action::Delete) => {
                "Grant the role Storage Blob Data Contributor.".to_owned()
            }
        }
    }
}

fn doing(action: Action) -> &'static str {
    match action {
        Action::Read => "read an object",
        Action::List => "list the keys",
        Action::Write => "write an object",
        Action::Delete => "remove an object",
    }
}
