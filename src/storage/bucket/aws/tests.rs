use super::*;

const CONFIG: &str = "\
[default]
region = eu-west-1

[profile garage]
region = garage
endpoint_url = http://127.0.0.1:3900
services = mine

[profile  plain ]
# comments and unknown keys are skipped
output = json
endpoint_url = http://127.0.0.1:3901

[profile sso]
sso_session = work

[services mine]
s3 =
  endpoint_url = http://127.0.0.1:3902
dynamodb =
  endpoint_url = http://127.0.0.1:8000
";

const CREDENTIALS: &str = "\
[default]
aws_access_key_id = D
aws_secret_access_key = DS
[garage]
aws_access_key_id=G
aws_secret_access_key=GS
aws_session_token = GT
";

fn find(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variable = |name: &str| {
        let home = (name == "HOME").then(|| "/home/me".to_owned());
        home.or_else(|| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    };
    settings(variable, |path| match path.to_str()? {
        "/home/me/.aws/config" => Some(CONFIG.to_owned()),
        "/home/me/.aws/credentials" => Some(CREDENTIALS.to_owned()),
        "/none" => None,
        other => panic!("{other}"),
    })
}

const NO_FILES: [(&str, &str); 2] = [("AWS_CONFIG_FILE", "/none"), ("AWS_SHARED_CREDENTIALS_FILE", "/none")];

fn signer(settings: &Settings) -> String {
    match &settings.signer {
        Signer::Keys(keys) => format!("{}/{}/{}", keys.id, keys.secret, keys.token.as_deref().unwrap_or("")),
        other => format!("{other:?}"),
    }
}

#[test]
fn variables_come_before_the_profile() {
    for (variables, endpoint, region, signs) in [
        (&[][..], None, Some("eu-west-1"), "D/DS/"),
        (&[("AWS_REGION", "a"), ("AWS_DEFAULT_REGION", "b")], None, Some("a"), "D/DS/"),
        (&[("AWS_DEFAULT_REGION", "b")], None, Some("b"), "D/DS/"),
        (&[("AWS_ACCESS_KEY_ID", "I"), ("AWS_SECRET_ACCESS_KEY", "S")], None, Some("eu-west-1"), "I/S/"),
        (
            &[("AWS_ACCESS_KEY_ID", "I"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_SESSION_TOKEN", "T")],
            None,
            Some("eu-west-1"),
            "I/S/T",
        ),
        (&[("AWS_PROFILE", "garage")], Some("http://127.0.0.1:3902"), Some("garage"), "G/GS/GT"),
        (&[("AWS_PROFILE", "plain")], Some("http://127.0.0.1:3901"), None, "Nobody"),
        (
            &[("AWS_PROFILE", "garage"), ("AWS_ENDPOINT_URL", "http://a:1")],
            Some("http://a:1"),
            Some("garage"),
            "G/GS/GT",
        ),
        (
            &[("AWS_ENDPOINT_URL", "http://a:1"), ("AWS_ENDPOINT_URL_S3", "http://b:2")],
            Some("http://b:2"),
            Some("eu-west-1"),
            "D/DS/",
        ),
        (
            &[("AWS_PROFILE", "garage"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
            None,
            Some("garage"),
            "G/GS/GT",
        ),
        // a variable that is set to nothing counts as not set
        (&[("AWS_PROFILE", ""), ("AWS_ACCESS_KEY_ID", "")], None, Some("eu-west-1"), "D/DS/"),
        (&NO_FILES, None, None, "Nobody"),
        (&[NO_FILES[0], NO_FILES[1], ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], None, None, "Role"),
    ] {
        let found = find(variables).expect("settings");
        assert_eq!(found.endpoint.as_deref(), endpoint, "{variables:?}");
        assert_eq!(found.region.as_deref(), region, "{variables:?}");
        assert_eq!(signer(&found), signs, "{variables:?}");
    }
}

#[test]
fn mistakes_are_explained() {
    for (variables, says) in [
        (&[("AWS_ACCESS_KEY_ID", "I")][..], "AWS_SECRET_ACCESS_KEY is not"),
        (&[("AWS_SECRET_ACCESS_KEY", "S")], "AWS_ACCESS_KEY_ID is not"),
        (&[("AWS_PROFILE", "grage")], "they have: default, garage, plain, sso"),
        (&[("AWS_PROFILE", "x"), NO_FILES[0], NO_FILES[1]], "aws configure --profile x"),
        (&[("AWS_PROFILE", "sso")], "aws configure export-credentials --profile sso --format env"),
        (&[("AWS_ENDPOINT_URL", "localhost:9000")], "http://127.0.0.1:9000"),
    ] {
        let error = find(variables).expect_err("a mistake").to_string();
        assert!(error.contains(says), "{variables:?}: {error}");
    }
}

#[test]
fn secrets_are_not_in_debug_texts() {
    let found = find(&[("AWS_PROFILE", "garage")]).expect("settings");
    let text = format!("{found:?}");
    assert!(text.contains("\"G\"") && !text.contains("GS") && !text.contains("GT"), "{text}");
}
