//! Opens a bucket: credentials and endpoint from the environment, as the tools of each service take them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

use super::aws::{self, SettingsError, Signer};
use super::http::{self, Client};
use super::url::{BucketUrl, Service};
use crate::system::advice::Family;
use crate::{environment, outgoing};

/// The clients of one bucket, and how they sign.
pub(super) struct Opened {
    /// Reads and writes objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Lists keys.
    pub pages: Arc<dyn PaginatedListStore>,
    /// The endpoint, if it is not the usual one of the service.
    pub endpoint: Option<String>,
    /// Who signs, for messages.
    pub signer: String,
    /// Whether requests are signed.
    pub is_signed: bool,
    /// The region in which the store says that the bucket is.
    pub region: Arc<OnceLock<String>>,
}

/// Why a bucket cannot be opened. `Display` gives advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenBucketError {
    /// The settings of S3 are wrong.
    Settings(SettingsError),
    /// There are no certificate authorities.
    Certificates(String),
    /// The settings of another service are wrong or incomplete.
    Service(String),
}

impl fmt::Display for OpenBucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::Certificates(error) => write!(
                f,
                "this system trusts no certificate authority ({error}); install ca-certificates, or write the path of a \
                 file of certificates into SSL_CERT_FILE"
            ),
            Self::Service(error) => f.write_str(error),
        }
    }
}

/// A request that fails for a reason that passes is repeated this often.
const RETRIES: usize = 5;

/// The body of a response may also break off, perhaps because the client has paused; its rest is requested again within this
/// time. It does not prolong the repetitions of a request that is not answered.
const RETRY_FOR: Duration = Duration::from_secs(60 * 60);

fn retry() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(3), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_FOR }
}

/// Opens a bucket. No request is sent.
pub(super) fn open(url: &BucketUrl) -> Result<Opened, OpenBucketError> {
    match url.service {
        Service::S3 => s3(url),
        Service::Gcs => gcs(url),
        Service::Azure => azure(url),
    }
}

fn client(endpoint: Option<&str>) -> Result<Client, OpenBucketError> {
    let connector = outgoing::connector(http::is_https(endpoint));
    connector.map(Client::new).map_err(|error| OpenBucketError::Certificates(error.to_string()))
}

/// A variable of the process or of `--env-file`.
fn variable(name: &str) -> Option<String> {
    environment::variable(name).filter(|value| !value.is_empty())
}

/// The variables of one service, which the builder of its client knows by the same names. Its own `from_env` does not see
/// those of `--env-file`.
fn configured<B, K: FromStr>(builder: B, start: &str, set: impl Fn(B, K, String) -> B) -> B {
    let of_service = environment::variables(start).into_iter().filter(|(_, value)| !value.is_empty());
    of_service.fold(builder, |builder, (name, value)| match name.to_ascii_lowercase().parse() {
        Ok(key) => set(builder, key, value),
        Err(_) => builder,
    })
}

fn s3(url: &BucketUrl) -> Result<Opened, OpenBucketError> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let settings = aws::settings(variable, read).map_err(OpenBucketError::Settings)?;
    let client = client(settings.endpoint.as_deref())?;
    let region = Arc::clone(&client.region);
    // roles of the machine have more variables, which the builder knows
    let mut builder = match settings.signer {
        Signer::Role => configured(AmazonS3Builder::new(), "AWS_", AmazonS3Builder::with_config),
        Signer::Keys(_) | Signer::Nobody => AmazonS3Builder::new(),
    };
    builder = builder
        .with_bucket_name(&url.bucket)
        .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
        .with_virtual_hosted_style_request(false)
        .with_disable_bulk_delete(true)
        .with_retry(retry())
        .with_http_connector(client);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    let is_signed = settings.signer != Signer::Nobody;
    let signer = match settings.signer {
        Signer::Keys(keys) => {
            builder = builder.with_access_key_id(&keys.id).with_secret_access_key(keys.secret);
            if let Some(token) = keys.token {
                builder = builder.with_token(token);
            }
            format!("signed by the key {}", keys.id)
        }
        Signer::Role => "signed by this machine's role".to_owned(),
        Signer::Nobody => {
            builder = builder.with_skip_signature(true);
            "not signed: there are no AWS keys, so only a public bucket can be read".to_owned()
        }
    };
    let store = Arc::new(builder.build().map_err(|error| OpenBucketError::Service(error.to_string()))?);
    let (objects, pages) = (Arc::clone(&store) as Arc<dyn ObjectStore>, store as Arc<dyn PaginatedListStore>);
    Ok(Opened { objects, pages, endpoint: settings.endpoint, signer, is_signed, region })
}

fn gcs(url: &BucketUrl) -> Result<Opened, OpenBucketError> {
    const CREDENTIALS: [&str; 4] = [
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_BEARER_TOKEN",
    ];
    // Google's own libraries read this one; the emulators document it
    let emulator = variable("STORAGE_EMULATOR_HOST");
    let emulator = emulator.map(|host| if host.contains("://") { host } else { format!("http://{host}") });
    let endpoint = emulator.clone().or_else(|| variable("GOOGLE_BASE_URL"));
    let client = client(endpoint.as_deref())?;
    let region = Arc::clone(&client.region);
    let by_gcloud = Family::HERE
        .gcloud_folder(variable)
        .is_some_and(|folder| folder.join("application_default_credentials.json").is_file());
    let set = CREDENTIALS.into_iter().find(|name| variable(name).is_some());
    let mut builder = configured(GoogleCloudStorageBuilder::new(), "GOOGLE_", GoogleCloudStorageBuilder::with_config)
        .with_bucket_name(&url.bucket)
        .with_retry(retry())
        .with_http_connector(client);
    if let Some(emulator) = &emulator {
        builder = builder.with_base_url(emulator);
    }
    if let Some(file) = variable("GOOGLE_APPLICATION_CREDENTIALS") {
        builder = builder.with_application_credentials(file);
    }
    let (signer, is_signed) = match set {
        _ if emulator.is_some() => ("not signed: STORAGE_EMULATOR_HOST is an emulator".to_owned(), false),
        Some(name) => (format!("signed by {name}"), true),
        None if by_gcloud => ("signed by gcloud's application default credentials".to_owned(), true),
        None => ("not signed: there are no Google credentials, so only a public bucket can be read".to_owned(), false),
    };
    let builder = builder.with_skip_signature(!is_signed);
    let store = builder.build().map_err(|error| {
        OpenBucketError::Service(format!(
            "{error}; set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or run: gcloud auth \
             application-default login"
        ))
    })?;
    let store = Arc::new(store);
    let (objects, pages) = (Arc::clone(&store) as Arc<dyn ObjectStore>, store as Arc<dyn PaginatedListStore>);
    Ok(Opened { objects, pages, endpoint, signer, is_signed, region })
}

/// Google Cloud and Azure have many ways to sign, which `object_store` implements; these are the ones that need no network.
fn azure(url: &BucketUrl) -> Result<Opened, OpenBucketError> {
    const CREDENTIALS: [&str; 6] = [
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
    ];
    let connection =
        variable("AZURE_STORAGE_CONNECTION_STRING").map(|text| Connection::parse(&text)).unwrap_or_default();
    let endpoint = connection.endpoint.or_else(|| variable("AZURE_STORAGE_ENDPOINT"));
    let account = connection.account.or_else(|| variable("AZURE_STORAGE_ACCOUNT"));
    let account = account.or_else(|| variable("AZURE_STORAGE_ACCOUNT_NAME")).ok_or_else(|| {
        OpenBucketError::Service(
            "the storage account is missing; set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or \
             AZURE_STORAGE_CONNECTION_STRING"
                .to_owned(),
        )
    })?;
    let client = client(endpoint.as_deref())?;
    let region = Arc::clone(&client.region);
    let key = connection.key.or_else(|| variable("AZURE_STORAGE_KEY"));
    let set = CREDENTIALS.into_iter().find(|name| variable(name).is_some());
    let mut builder = configured(MicrosoftAzureBuilder::new(), "AZURE_", MicrosoftAzureBuilder::with_config)
        .with_container_name(&url.bucket)
        .with_account(&account)
        .with_allow_http(true)
        .with_disable_tagging(true)
        .with_retry(retry())
        .with_http_connector(client);
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let is_signed = key.is_some() || set.is_some();
    if let Some(key) = key {
        builder = builder.with_access_key(key);
    }
    let signer = if is_signed {
        format!("signed for the account {account}")
    } else {
        format!("not signed: there is no key for the account {account}, so only a public container can be read")
    };
    let builder = builder.with_skip_signature(!is_signed);
    let store = builder.build().map_err(|error| OpenBucketError::Service(error.to_string()))?;
    let store = Arc::new(store);
    let (objects, pages) = (Arc::clone(&store) as Arc<dyn ObjectStore>, store as Arc<dyn PaginatedListStore>);
    Ok(Opened { objects, pages, endpoint, signer, is_signed, region })
}

/// The parts of Azure's connection string that matter here ("Configure Azure Storage connection strings").
#[derive(Default, PartialEq, Eq)]
struct Connection {
    account: Option<String>,
    key: Option<String>,
    endpoint: Option<String>,
}

impl Connection {
    fn parse(text: &str) -> Self {
        const AZURITE: [&str; 3] = [
            "devstoreaccount1",
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
            "http://127.0.0.1:10000/devstoreaccount1",
        ];
        let part = |wanted: &str| {
            let parts = text.split(';').filter_map(|part| part.split_once('='));
            let mut found = parts.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            found.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        if part("UseDevelopmentStorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            let [account, key, endpoint] = AZURITE.map(|value| Some(value.to_owned()));
            return Self { account, key, endpoint };
        }
        let account = part("AccountName");
        let endpoint = part("BlobEndpoint").or_else(|| {
            let suffix = part("EndpointSuffix")?;
            let protocol = part("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
            Some(format!("{protocol}://{}.blob.{suffix}", account.as_deref()?))
        });
        Self { account, key: part("AccountKey"), endpoint: endpoint.map(|url| url.trim_end_matches('/').to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_parsed() {
        for (text, account, key, endpoint) in [
            ("", None, None, None),
            (
                "UseDevelopmentStorage=true",
                Some("devstoreaccount1"),
                Some("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="),
                Some("http://127.0.0.1:10000/devstoreaccount1"),
            ),
            (
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k==;EndpointSuffix=core.windows.net",
                Some("a"),
                Some("k=="),
                Some("https://a.blob.core.windows.net"),
            ),
            (
                "AccountName=a;AccountKey=k;BlobEndpoint=http://127.0.0.1:1/a/;",
                Some("a"),
                Some("k"),
                Some("http://127.0.0.1:1/a"),
            ),
        ] {
            let found = Connection::parse(text);
            let found = (found.account, found.key, found.endpoint);
            let expected = [account, key, endpoint].map(|value| value.map(str::to_owned));
            assert_eq!([found.0, found.1, found.2], expected, "{text}");
        }
    }
}
