//! Reading commits that were made to hurt: each odd entry is shown and stops nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fixture;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use etl_git::{Limits, Source, SourceConfig};
use fixture::{Remote, files, follow, refusals};

const SUBMODULE: &str = "0123456789012345678901234567890123456789";

#[tokio::test]
async fn odd_entries_are_refused_one_by_one() {
    let remote = Remote::empty();
    let spec = remote.blob(b"spec");
    let link = |target: &str| remote.blob(target.as_bytes());
    let inner = remote.tree(&[("100644", b"x.etl.yaml", &spec)]);
    let root = remote.tree(&[
        ("40000", b"..", &inner),
        ("40000", b".git", &inner),
        ("100644", b"/etc/x.etl.yaml", &spec),
        ("100644", b"esc\x1b[2J.etl.yaml", &spec),
        ("40000", b"folder", &inner),
        ("100755", b"good.etl.yaml", &spec),
        ("120000", b"link-absolute", &link("/etc")),
        ("120000", b"link-dangling", &link("nowhere")),
        ("120000", b"link-file", &link("readme")),
        ("120000", b"link-folder", &link("folder")),
        ("120000", b"link-loop", &link("link-loop")),
        ("120000", b"link-out", &link("../../../etc")),
        ("120000", b"link-to-link", &link("link-folder")),
        ("120000", b"link.etl.yaml", &link("/etc/shadow")),
        ("100644", b"readme", &spec),
        ("160000", b"sub", SUBMODULE),
        ("160000", b"sub.etl.yaml", SUBMODULE),
        ("100644", b"\xff.etl.yaml", &spec),
    ]);
    remote.commit_tree(&root);
    let checkout = follow(&remote.source()).await;
    assert_eq!(files(&checkout), ["folder/x.etl.yaml=spec", "good.etl.yaml=spec"]);
    assert_eq!(
        refusals(&checkout),
        [
            "../x.etl.yaml: UnsafeName",
            ".git/x.etl.yaml: UnsafeName",
            "/etc/x.etl.yaml: AbsoluteName",
            "esc?[2J.etl.yaml: ControlCharacter",
            "link-absolute: SymlinkedFolder",
            "link-folder: SymlinkedFolder",
            "link-out: SymlinkedFolder",
            "link-to-link: SymlinkedFolder",
            "link.etl.yaml: Symlink",
            "sub: Submodule",
            "sub.etl.yaml: Submodule",
            "\u{fffd}.etl.yaml: NotUtf8",
        ]
    );
}

#[tokio::test]
async fn links_inside_the_repository_are_judged_from_its_root() {
    let remote = Remote::with(&[("shared/x.etl.yaml", "1"), ("etl/a.etl.yaml", "2"), ("LICENSE", "free")]);
    std::os::unix::fs::symlink("../shared", remote.folder().join("etl/shared")).unwrap();
    std::os::unix::fs::symlink("../LICENSE", remote.folder().join("etl/LICENSE")).unwrap();
    remote.commit(&[]);
    let source = Source::new(SourceConfig { path: "etl".to_owned(), ..remote.config() }).unwrap();
    let checkout = follow(&source).await;
    assert_eq!(files(&checkout), ["a.etl.yaml=2"]);
    assert_eq!(refusals(&checkout), ["shared: SymlinkedFolder"]);
}

#[tokio::test]
async fn a_path_is_not_reached_through_a_link() {
    let remote = Remote::with(&[("real/a.etl.yaml", "1")]);
    std::os::unix::fs::symlink("real", remote.folder().join("etl")).unwrap();
    remote.commit(&[]);
    let source = Source::new(SourceConfig { path: "etl".to_owned(), ..remote.config() }).unwrap();
    let commit = source.fetch().await.unwrap();
    assert_eq!(source.read(&commit).await.expect_err("a link is no folder").reason(), "PathNotFound");
}

#[tokio::test]
async fn limits_refuse_what_is_beyond_and_read_the_rest() {
    let files_given =
        [("a.etl.yaml", "12345"), ("b.etl.yaml", "123456"), ("c.etl.yaml", "12345"), ("d.etl.yaml", "1")];
    let remote = Remote::with(&files_given);
    let all = Limits::default();
    for (limits, read, refused) in [
        (Limits { max_file_bytes: 5, ..all.clone() }, "acd", vec!["b.etl.yaml: TooLarge"]),
        (Limits { max_files: 3, ..all.clone() }, "abc", vec!["d.etl.yaml: TooManyFiles"]),
        (Limits { max_total_bytes: 12, ..all.clone() }, "abd", vec!["c.etl.yaml: TotalTooLarge"]),
        (
            Limits { max_files: 0, max_file_bytes: 5, ..all },
            "",
            vec![
                "a.etl.yaml: TooManyFiles",
                "b.etl.yaml: TooLarge",
                "c.etl.yaml: TooManyFiles",
                "d.etl.yaml: TooManyFiles",
            ],
        ),
    ] {
        let source = Source::new(SourceConfig { limits: limits.clone(), ..remote.config() }).unwrap();
        let checkout = follow(&source).await;
        let names: String = checkout.files.iter().map(|file| &file.path[..1]).collect();
        assert_eq!(
            (names.as_str(), refusals(&checkout)),
            (read, refused.into_iter().map(str::to_owned).collect()),
            "{limits:?}"
        );
    }
}

/// Makes every hook and filter that git knows write to `trap`, if it ever runs.
fn plant_traps(repository: &Path, trap: &Path) {
    let evil = format!("echo sprung >> '{}'; cat", trap.display());
    let hooks = repository.join("hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-checkout", "post-merge", "reference-transaction", "pre-auto-gc", "fsmonitor-watchman"]
    {
        fs::write(hooks.join(hook), format!("#!/bin/sh\n{evil}\n")).unwrap();
        fs::set_permissions(hooks.join(hook), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for key in ["uploadpack.packObjectsHook", "core.fsmonitor", "filter.evil.smudge", "filter.evil.clean"] {
        fixture::git_with(repository, b"", &["config", key, &evil]);
    }
}

#[tokio::test]
async fn hooks_and_filters_never_run() {
    let remote = Remote::with(&[
        ("a.etl.yaml", "as it is\n"),
        (".gitattributes", "* eol=crlf filter=evil\n"),
        (".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ./x\n\tupdate = checkout\n"),
    ]);
    let trap = remote.folder().join("../trap");
    let source = remote.source();
    plant_traps(&remote.folder().join(".git"), &trap);
    assert_eq!(files(&follow(&source).await), ["a.etl.yaml=as it is\n"]);
    assert!(!trap.exists(), "nothing of the remote runs");
    // The hooks work, or the test would show nothing.
    remote.git(&["update-ref", "refs/heads/other", "HEAD"]);
    fs::remove_file(&trap).expect("the remote's own hook runs for those who work in it");
    plant_traps(&remote.mirror().join("mirror.git"), &trap);
    let root = remote.tree(&[("100644", b"b.etl.yaml", &remote.blob(b"2"))]);
    remote.commit_tree(&root);
    fs::remove_file(&trap).expect("again that of the remote");
    assert_eq!(files(&follow(&source).await), ["b.etl.yaml=2"]);
    assert!(!trap.exists(), "nothing planted in the mirror runs");
    assert!(!remote.mirror().join("broken.git").exists(), "and the planted mirror was the one in use");
}

#[tokio::test]
async fn contents_are_given_as_they_are() {
    let remote = Remote::empty();
    let binary: Vec<u8> = (0..=255).collect();
    let root = remote.tree(&[
        ("100644", b"bin.etl.yaml", &remote.blob(&binary)),
        ("100644", b"empty.etl.yaml", &remote.blob(b"")),
        ("100644", b"lines.etl.yaml", &remote.blob(b"\n\n")),
    ]);
    remote.commit_tree(&root);
    let checkout = follow(&remote.source()).await;
    let bytes: Vec<&[u8]> = checkout.files.iter().map(|file| file.bytes.as_slice()).collect();
    assert_eq!(bytes, [binary.as_slice(), b"", b"\n\n"]);
}

#[tokio::test]
async fn equal_contents_have_equal_blobs_and_order_is_by_path() {
    let remote = Remote::with(&[("b.etl.yaml", "same"), ("a/z.etl.yaml", "same"), ("a.etl.yaml", "other")]);
    let checkout = follow(&remote.source()).await;
    assert_eq!(files(&checkout), ["a.etl.yaml=other", "a/z.etl.yaml=same", "b.etl.yaml=same"]);
    assert_eq!(checkout.files[1].blob, checkout.files[2].blob);
    assert_ne!(checkout.files[0].blob, checkout.files[2].blob);
}

#[tokio::test]
async fn an_empty_commit_has_no_files() {
    let remote = Remote::with(&[]);
    let checkout = follow(&remote.source()).await;
    assert!(checkout.files.is_empty() && checkout.refused.is_empty());
}

#[tokio::test]
async fn an_unknown_commit_is_said_to_be_unknown() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let source = remote.source();
    let other = SUBMODULE.parse().unwrap();
    assert_eq!(source.read(&other).await.expect_err("no mirror").reason(), "UnknownCommit");
    let commit = source.fetch().await.unwrap();
    assert_eq!(source.read(&other).await.expect_err("no such commit").reason(), "UnknownCommit");
    assert!(source.read(&commit).await.is_ok());
    let blob = remote.git(&["rev-parse", "HEAD:a.etl.yaml"]).parse().unwrap();
    assert_eq!(source.read(&blob).await.expect_err("a blob is no commit").reason(), "UnknownCommit");
}

#[tokio::test]
async fn thousands_of_files_are_read() {
    let remote = Remote::empty();
    let spec = remote.blob(b"spec");
    let names: Vec<String> = (0..5000).map(|n| format!("{n:05}.etl.yaml")).collect();
    let entries: Vec<_> = names.iter().map(|name| ("100644", name.as_bytes(), spec.as_str())).collect();
    remote.commit_tree(&remote.tree(&entries));
    assert_eq!(follow(&remote.source()).await.files.len(), 5000);
}
