//! Following a branch through all that happens to remotes, mirrors and controllers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use etl_git::{Limits, Source, SourceConfig};
use fixture::{Remote, files, follow};

#[tokio::test]
async fn a_push_is_followed() {
    let remote = Remote::with(&[("a.etl.yaml", "1"), ("README", "no spec")]);
    let source = remote.source();
    assert_eq!(source.head().await, None, "nothing was fetched yet");
    assert_eq!(files(&follow(&source).await), ["a.etl.yaml=1"]);
    let commit = remote.commit(&[("a.etl.yaml", "2"), ("deep/er/b.etl.yaml", "3")]);
    let checkout = follow(&source).await;
    assert_eq!(checkout.commit.as_str(), commit);
    assert_eq!(files(&checkout), ["a.etl.yaml=2", "deep/er/b.etl.yaml=3"]);
    assert_eq!(source.fetch().await.unwrap(), checkout.commit, "nothing new is no error");
}

#[tokio::test]
async fn an_earlier_commit_can_be_read_after_a_push() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let source = remote.source();
    let first = source.fetch().await.unwrap();
    remote.commit(&[("a.etl.yaml", "2")]);
    source.fetch().await.unwrap();
    assert_eq!(files(&source.read(&first).await.unwrap()), ["a.etl.yaml=1"]);
}

#[tokio::test]
async fn only_the_configured_folder_is_read() {
    let remote = Remote::with(&[("etl/a.etl.yaml", "1"), ("other/b.etl.yaml", "2"), ("file", "3")]);
    for (path, expected) in [("etl", "a.etl.yaml=1"), ("etl/", "a.etl.yaml=1"), ("other", "b.etl.yaml=2")] {
        let source = Source::new(SourceConfig { path: path.to_owned(), ..remote.config() }).unwrap();
        assert_eq!(files(&follow(&source).await), [expected], "path `{path}`");
    }
    for path in ["gone", "file", "etl/a.etl.yaml"] {
        let source = Source::new(SourceConfig { path: path.to_owned(), ..remote.config() }).unwrap();
        let commit = source.fetch().await.unwrap();
        let error = source.read(&commit).await.expect_err(path);
        assert_eq!(error.reason(), "PathNotFound", "path `{path}`");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn a_force_push_is_followed() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    remote.commit(&[("a.etl.yaml", "2")]);
    let source = remote.source();
    follow(&source).await;
    remote.git(&["checkout", "--quiet", "--orphan", "fresh"]);
    remote.commit(&[("a.etl.yaml", "rewritten")]);
    remote.git(&["branch", "--force", "main", "fresh"]);
    assert_eq!(files(&follow(&source).await), ["a.etl.yaml=rewritten"]);
}

#[tokio::test]
async fn a_branch_that_is_not_there_yet_or_any_more_is_said_so() {
    let remote = Remote::empty();
    let source = remote.source();
    let error = source.fetch().await.expect_err("an empty repository has no branch");
    assert_eq!(error.reason(), "BranchNotFound");
    remote.commit(&[("a.etl.yaml", "1")]);
    let checkout = follow(&source).await;
    // A longer name that ends alike is not taken for it.
    remote.git(&["branch", "refs/heads/main"]);
    remote.git(&["checkout", "--quiet", "-b", "other"]);
    remote.git(&["branch", "--quiet", "-D", "main"]);
    let error = source.fetch().await.expect_err("the branch was deleted");
    assert_eq!(error.reason(), "BranchNotFound");
    assert!(error.to_string().contains("no branch `main` in `file://"), "{error}");
    assert_eq!(source.head().await.as_ref(), Some(&checkout.commit));
    assert_eq!(files(&source.read(&checkout.commit).await.unwrap()), ["a.etl.yaml=1"]);
    remote.git(&["branch", "main"]);
    assert_eq!(follow(&source).await, checkout);
}

#[tokio::test]
async fn a_remote_that_vanishes_and_returns_is_survived() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let checkout = follow(&remote.source()).await;
    remote.vanish();
    let restarted = remote.source();
    let error = restarted.fetch().await.expect_err("the remote is away");
    assert_eq!(error.reason(), "RemoteUnavailable");
    assert!(error.is_transient());
    assert_eq!(restarted.head().await.as_ref(), Some(&checkout.commit), "a start without the remote");
    assert_eq!(restarted.read(&checkout.commit).await.unwrap(), checkout);
    remote.come_back();
    remote.commit(&[("a.etl.yaml", "2")]);
    assert_eq!(files(&follow(&restarted).await), ["a.etl.yaml=2"]);
}

#[tokio::test]
async fn what_a_killed_fetch_leaves_behind_is_no_hindrance() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    follow(&remote.source()).await;
    let mirror = remote.mirror().join("mirror.git");
    let left =
        ["shallow.lock", "refs/etl/head.lock", "config.lock", "objects/pack/tmp_pack_x1", "packed-refs.lock"];
    for name in left {
        fs::write(mirror.join(name), "half").unwrap();
    }
    let half_clone = remote.mirror().join("next.git/objects/pack");
    fs::create_dir_all(&half_clone).unwrap();
    fs::write(half_clone.join("tmp_pack_x2"), "half").unwrap();
    remote.commit(&[("a.etl.yaml", "2")]);
    assert_eq!(files(&follow(&remote.source()).await), ["a.etl.yaml=2"]);
    assert!(left.iter().all(|name| !mirror.join(name).exists()), "the left-overs are gone");
    assert!(!remote.mirror().join("broken.git").exists(), "the mirror was good and was kept");
}

fn packs(mirror: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(mirror.join("objects/pack")).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().unwrap() == "pack").collect()
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A way to damage a mirror.
type Damage = fn(&Path);

#[tokio::test]
async fn a_damaged_mirror_is_set_aside_and_made_anew() {
    let damages: [(&str, Damage); 6] = [
        ("no config", |mirror| overwrite(&mirror.join("config"), b"[[[nonsense")),
        ("no HEAD", |mirror| fs::remove_file(mirror.join("HEAD")).unwrap()),
        ("an empty reference", |mirror| overwrite(&mirror.join("refs/etl/head"), b"")),
        ("no objects", |mirror| fs::remove_dir_all(mirror.join("objects")).unwrap()),
        ("an empty pack", |mirror| overwrite(&packs(mirror)[0], b"")),
        ("a pack with flipped bits", |mirror| {
            let pack = &packs(mirror)[0];
            let mut bytes = fs::read(pack).unwrap();
            bytes[12..].iter_mut().for_each(|byte| *byte ^= 0x55);
            overwrite(pack, &bytes);
        }),
    ];
    for (name, damage) in damages {
        let remote = Remote::with(&[("a.etl.yaml", "1")]);
        let source = remote.source();
        let commit = source.fetch().await.unwrap();
        damage(&remote.mirror().join("mirror.git"));
        // Reading may be what notices; the fetch after it repairs, though nothing was pushed.
        let _ = source.fetch().await.unwrap();
        if let Err(error) = source.read(&commit).await {
            assert_eq!(error.reason(), "MirrorBroken", "{name}");
        }
        assert_eq!(files(&follow(&source).await), ["a.etl.yaml=1"], "{name}");
        assert!(remote.mirror().join("broken.git").exists(), "{name}");
        remote.commit(&[("a.etl.yaml", "2")]);
        assert_eq!(files(&follow(&source).await), ["a.etl.yaml=2"], "{name}");
    }
}

#[tokio::test]
async fn a_damaged_mirror_is_kept_while_the_remote_is_away() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let source = remote.source();
    follow(&source).await;
    overwrite(&packs(&remote.mirror().join("mirror.git"))[0], b"");
    assert_eq!(source.head().await, None, "no commit can be read from it");
    remote.vanish();
    assert_eq!(source.fetch().await.expect_err("away").reason(), "RemoteUnavailable");
    assert!(remote.mirror().join("mirror.git").exists());
    remote.come_back();
    assert_eq!(files(&follow(&source).await), ["a.etl.yaml=1"]);
}

#[tokio::test]
async fn another_branch_or_remote_in_the_same_directory_is_not_mixed_up() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    follow(&remote.source()).await;
    remote.git(&["checkout", "--quiet", "-b", "other"]);
    remote.commit(&[("a.etl.yaml", "other")]);
    let other = Source::new(SourceConfig { branch: "other".to_owned(), ..remote.config() }).unwrap();
    assert_eq!(other.head().await, None, "the mirror is of another branch");
    assert_eq!(files(&follow(&other).await), ["a.etl.yaml=other"]);
    assert_eq!(remote.source().head().await, None);
}

#[tokio::test]
async fn many_pushes_do_not_pile_up() {
    let remote = Remote::with(&[("a.etl.yaml", "0")]);
    let source = remote.source();
    for round in 1..=55 {
        remote.commit(&[("a.etl.yaml", &round.to_string())]);
        source.fetch().await.unwrap();
    }
    assert!(packs(&remote.mirror().join("mirror.git")).len() < 10, "the mirror was made anew");
    assert_eq!(files(&follow(&source).await), ["a.etl.yaml=55"]);
}

#[tokio::test]
async fn a_repository_over_the_size_limit_is_refused_until_it_shrinks() {
    // Noise, so that it does not compress.
    let mut state = 1_u32;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + (state >> 24) as u8 % 90)
    })
    .take(600_000)
    .collect();
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let limits = Limits { max_mirror_bytes: 200_000, ..Limits::default() };
    let source = Source::new(SourceConfig { limits, ..remote.config() }).unwrap();
    let first = follow(&source).await;
    remote.commit(&[("big.bin", &noise), ("a.etl.yaml", "2")]);
    for _ in 0..2 {
        assert_eq!(source.fetch().await.expect_err("too large").reason(), "TooLarge");
        assert_eq!(source.read(&first.commit).await.unwrap(), first, "the last good commit is still there");
    }
    remote.commit(&[("big.bin", "small"), ("a.etl.yaml", "3")]);
    assert_eq!(files(&follow(&source).await), ["a.etl.yaml=3"]);
}

#[tokio::test]
async fn a_remote_of_another_user_may_be_followed_since_the_operator_named_it() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    for folder in [remote.folder(), remote.folder().join(".git")] {
        if std::os::unix::fs::chown(&folder, Some(12_345), None).is_err() {
            return; // Only root can give a file away; everyone else has nothing to test here.
        }
    }
    assert_eq!(files(&follow(&remote.source()).await), ["a.etl.yaml=1"]);
}

#[tokio::test]
async fn a_sha256_repository_is_followed() {
    let remote = Remote::empty();
    fs::remove_dir_all(remote.folder().join(".git")).unwrap();
    remote.git(&["init", "--quiet", "--initial-branch=main", "--object-format=sha256"]);
    remote.commit(&[("a.etl.yaml", "1")]);
    let checkout = follow(&remote.source()).await;
    assert_eq!((files(&checkout), checkout.commit.as_str().len()), (vec!["a.etl.yaml=1".to_owned()], 64));
}

#[tokio::test]
async fn fetching_and_reading_side_by_side_is_safe() {
    let remote = Remote::with(&[("a.etl.yaml", "1")]);
    let source = std::sync::Arc::new(remote.source());
    let fetcher = std::sync::Arc::clone(&source);
    let commit = tokio::spawn(async move { fetcher.fetch().await }).await.unwrap().unwrap();
    let reader = std::sync::Arc::clone(&source);
    let read = async move { reader.read(&reader.head().await.unwrap()).await };
    assert_eq!(tokio::spawn(read).await.unwrap().unwrap().commit, commit);
    for round in 0..5 {
        remote.commit(&[("b.etl.yaml", &round.to_string())]);
        let (one, two, read) = tokio::join!(source.fetch(), source.fetch(), source.read(&commit));
        assert_eq!(one.unwrap(), two.unwrap());
        assert_eq!(files(&read.unwrap()), ["a.etl.yaml=1"]);
    }
}
