//! The usual S3 clients, each on its usual round through the endpoint of the real binary.
//!
//! `.ci/run` installs them: boto3, django-storages, the AWS CLI and minio-py for Python; the AWS SDK for JavaScript and
//! minio-js; rclone and s3cmd. A test without its client says so and passes; with `CI=true` it fails. The proofs that take
//! longer, and the same rows against other servers, are in `.ci/s3`.

#[path = "s3/endpoint.rs"]
mod endpoint;
mod support;

use std::fs;
use std::process::Command;

use endpoint::{KEY, S3, program, run, script};
use support::{python, skip};

/// Bytes that differ at every offset; more than the AWS CLI, rclone and s3cmd send in one part.
fn large() -> Vec<u8> {
    (0..17_000_000_usize).map(|at| (at.wrapping_mul(31) ^ (at >> 8)).to_le_bytes()[0]).collect()
}

/// A folder `name` beside the media root with an album of odd names and a large file; the names below it, in key order.
fn album(s3: &S3, name: &str) -> Vec<(&'static str, Vec<u8>)> {
    let files = vec![
        ("a b+c.txt", b"1".to_vec()),
        ("empty.txt", Vec::new()),
        ("large.bin", large()),
        ("sub/100% & more.txt", b"2".to_vec()),
        ("sub/deep/\u{e9}t\u{e9}.txt", b"3".to_vec()),
    ];
    let folder = s3.server.outside.join(name);
    for (path, content) in &files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("folders");
        fs::write(path, content).expect("a file");
    }
    files
}

/// Checks that a folder beside the media root has these files.
fn assert_album(s3: &S3, folder: &str, files: &[(&'static str, Vec<u8>)]) {
    for (path, content) in files {
        let found = fs::read(s3.server.outside.join(folder).join(path));
        assert!(found.is_ok_and(|found| found == *content), "{folder}/{path} is not as it was sent");
    }
}

#[test]
fn every_row_of_the_rounds_is_as_the_reference_says_or_known() {
    let Some(python) = python(&["boto3"]) else { return };
    let s3 = S3::start(&[]);
    let mut command = s3.client(&python);
    command.arg("-B").arg(script("rounds.py")).args(["devmedia", "--endpoint", &s3.endpoint]);
    eprintln!("{}", run(&mut command));
}

#[test]
fn django_storages_saves_opens_lists_and_deletes() {
    let Some(python) = python(&["django", "storages", "boto3"]) else { return };
    let s3 = S3::start(&[]);
    eprintln!("{}", run(s3.client(&python).arg("-B").arg(script("django_round.py")).args([&s3.endpoint, "media"])));
}

#[test]
fn minio_py_does_its_round() {
    let Some(python) = python(&["minio"]) else { return };
    let s3 = S3::start(&[]);
    eprintln!("{}", run(s3.client(&python).arg("-B").arg(script("minio_round.py")).args([&s3.endpoint, "media"])));
}

#[test]
fn the_aws_sdk_for_javascript_and_minio_js_do_their_rounds() {
    let Some(node) = program("node") else { return };
    let modules = std::env::var("DEVMEDIA_TEST_NODE_MODULES").unwrap_or_default();
    if !std::path::Path::new(&modules).join("@aws-sdk/lib-storage").is_dir() {
        skip("DEVMEDIA_TEST_NODE_MODULES has no @aws-sdk/lib-storage");
        return;
    }
    let s3 = S3::start(&[]);
    let mut command = s3.client(&node);
    command.arg("--no-warnings").arg(script("sdk_round.mjs")).args([&s3.endpoint, "media", &modules]);
    eprintln!("{}", run(&mut command));
}

#[test]
fn the_aws_cli_copies_syncs_presigns_and_removes() {
    let Some(aws) = program("aws") else { return };
    let s3 = S3::start(&[]);
    let files = album(&s3, "album");
    let aws = |args: &str| s3.run(&aws, args);
    aws("s3 mb s3://made");
    assert!(aws("s3 ls").contains(" made"));
    aws("s3 sync album s3://media/album --no-progress");
    assert_album(&s3, "media/album", &files);
    assert_eq!(aws("s3 sync album s3://media/album --no-progress").trim(), "", "a second sync sends nothing");
    assert_eq!(aws("s3 ls s3://media/album/ --recursive").lines().count(), files.len());
    let listed = aws("s3 ls s3://media/album/");
    assert!(listed.contains("PRE sub/") && listed.contains(" large.bin"), "{listed}");
    aws("s3 sync s3://media/album back --no-progress");
    assert_album(&s3, "back", &files);
    aws("s3 cp s3://media/album/large.bin s3://made/copy.bin --no-progress");
    assert_album(&s3, "buckets/made", &[("copy.bin", large())]);
    aws("s3 mv s3://made/copy.bin s3://made/moved.bin --no-progress");
    let url = aws("s3 presign s3://media/album/empty.txt --expires-in 60");
    assert_eq!(run(Command::new("curl").args(["-sSf", "-w", "%{http_code}", url.trim()])), "200");
    assert!(aws("s3api head-object --bucket media --key album/large.bin").contains("17000000"));
    aws("s3 rm s3://media/album --recursive --quiet");
    assert_eq!(
        aws("s3api list-objects-v2 --bucket media --prefix album/ --query Contents --output text").trim(),
        "None"
    );
    aws("s3 rb s3://made --force");
    assert!(!s3.server.outside.join("buckets/made").exists());
}

#[test]
fn rclone_copies_checks_and_purges() {
    let Some(rclone) = program("rclone") else { return };
    let s3 = S3::start(&[]);
    let files = album(&s3, "album");
    let rclone = |args: &str| {
        let mut command = s3.client(&rclone);
        command.env("RCLONE_CONFIG_DEV_TYPE", "s3").env("RCLONE_CONFIG_DEV_PROVIDER", "Minio");
        command.env("RCLONE_CONFIG_DEV_ENV_AUTH", "true").env("RCLONE_CONFIG_DEV_ENDPOINT", &s3.endpoint);
        command.env("RCLONE_S3_UPLOAD_CUTOFF", "8M").env("RCLONE_S3_CHUNK_SIZE", "5M").env("RCLONE_RETRIES", "1");
        run(command.args(args.split_whitespace()))
    };
    assert!(rclone("lsd dev:").contains(" media"));
    rclone("mkdir dev:made");
    rclone("copy album dev:media/album");
    assert_album(&s3, "media/album", &files);
    rclone("check album dev:media/album");
    rclone("check --download album dev:media/album");
    assert_eq!(rclone("lsf -R --files-only dev:media/album").lines().count(), files.len());
    rclone("sync dev:media/album dev:made/copy");
    assert_album(&s3, "buckets/made/copy", &files);
    rclone("copy dev:made/copy back");
    assert_album(&s3, "back", &files);
    rclone("touch --no-create dev:made/copy/empty.txt");
    rclone("moveto dev:made/copy/empty.txt dev:made/moved.txt");
    rclone("deletefile dev:made/moved.txt");
    rclone("purge dev:made");
    assert!(!s3.server.outside.join("buckets/made").exists());
}

#[test]
fn s3cmd_puts_gets_syncs_and_deletes_with_both_versions_of_signatures() {
    let Some(s3cmd) = program("s3cmd") else { return };
    for version in ["", "--signature-v2"] {
        let s3 = S3::start(&[]);
        let files = album(&s3, "album");
        let host = s3.endpoint.trim_start_matches("http://");
        let common = format!(
            "--access_key={KEY} --secret_key={KEY} --host={host} --host-bucket={host} --no-ssl --config=/dev/null \
             --region=us-east-1 --no-progress --multipart-chunk-size-mb=5 {version}"
        );
        let s3cmd = |args: &str| s3.run(&s3cmd, &format!("{common} {args}"));
        s3cmd("mb s3://made");
        assert!(s3cmd("ls").contains("s3://made"), "{version}");
        s3cmd("put album/large.bin s3://made/large.bin");
        assert_album(&s3, "buckets/made", &[("large.bin", large())]);
        s3cmd("sync album/ s3://media/album/");
        assert_album(&s3, "media/album", &files);
        assert_eq!(s3cmd("ls -r s3://media/album/").lines().count(), files.len());
        s3cmd("get s3://made/large.bin back.bin");
        assert_album(&s3, "", &[("back.bin", large())]);
        s3cmd("cp s3://made/large.bin s3://media/copy.bin");
        assert!(s3cmd("info s3://media/copy.bin").contains("17000000"), "{version}");
        let url = s3cmd("signurl s3://media/copy.bin +60");
        let got = run(Command::new("curl").args(["-sSf", "-o", "/dev/null", "-w", "%{size_download}", url.trim()]));
        assert_eq!(got, "17000000", "{url}");
        s3cmd("del -r --force s3://media/album/");
        assert_eq!(s3cmd("ls -r s3://media/album/"), "");
        s3cmd("rb --force --recursive s3://made");
        assert!(!s3.server.outside.join("buckets/made").exists(), "{version}");
    }
}

/// Prints a URL presigned for another host name: endpoint, signature version, operation.
const PRESIGN: &str = r"
import sys, boto3
from botocore.config import Config
endpoint, version, operation = sys.argv[1:]
s3 = boto3.client('s3', endpoint_url=endpoint, config=Config(signature_version=version))
print(s3.generate_presigned_url(operation, Params={'Bucket': 'media', 'Key': 'a b.txt'}))
";

#[test]
fn a_url_presigned_for_a_name_in_s3_hosts_opens_under_another_name() {
    let Some(python) = python(&["boto3"]) else { return };
    let s3 = S3::start(&["--s3-hosts", "media:9000"]);
    s3.server.put("a b.txt", "content");
    for version in ["s3v4", "s3"] {
        for (host, expected) in [("media:9000", "200"), ("other:9000", "403")] {
            let signed = |operation: &str| {
                let mut command = s3.client(&python);
                command.args(["-B", "-c", PRESIGN, &format!("http://{host}"), version, operation]);
                let url = run(&mut command).trim().to_owned();
                url.replace(host, &format!("localhost:{}", s3.port()))
            };
            // the signature of version 2 does not cover the host
            let expected = if version == "s3" { "200" } else { expected };
            let curl = ["-sS", "-o", "/dev/null", "-w", "%{http_code}"];
            let got = run(Command::new("curl").args(curl).arg(signed("get_object")));
            assert_eq!(got, expected, "GET, {version}, {host}");
            let put = run(Command::new("curl").args(curl).args(["-T", "/dev/null"]).arg(signed("put_object")));
            assert_eq!(put, expected, "PUT, {version}, {host}");
            s3.server.put("a b.txt", "content");
        }
    }
}
