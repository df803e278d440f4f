//! Calls in each shape, and what is wrong with those that are refused.

use super::*;

const SECRET: &str = "It's a Secret to Everybody";
const BODY: &str = "Hello, World!";
/// From GitHub's documentation of its signatures.
const MAC: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

fn headers(lines: &str) -> HeaderMap {
    let lines = lines.lines().filter_map(|line| line.trim().split_once(": "));
    let pair = |(name, value): (&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), value.parse::<axum::http::HeaderValue>().unwrap())
    };
    let mut headers = HeaderMap::new();
    lines.map(pair).for_each(|(name, value)| {
        headers.append(name, value);
    });
    headers
}

fn judged(lines: &str, body: &str, secret: &str, second: i64) -> &'static str {
    let lines = lines.replace("MAC", MAC);
    let now = Timestamp::from_second(second).unwrap();
    match check(&headers(&lines), body.as_bytes(), secret.as_bytes(), now) {
        Some(_) => "good",
        None => "refused",
    }
}

#[test]
fn each_shape_is_known_and_nothing_that_only_looks_like_it() {
    for (sentence, lines, expected) in [
        ("nothing is shown", "", "refused"),
        ("GitHub", "x-hub-signature-256: sha256=MAC", "good"),
        (
            "GitHub, in capitals",
            "x-hub-signature-256: sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17",
            "good",
        ),
        ("GitHub without the algorithm", "x-hub-signature-256: MAC", "refused"),
        ("GitHub's old signature alone", "x-hub-signature: sha1=MAC", "refused"),
        (
            "one digit is missing",
            "x-hub-signature-256: sha256=57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "refused",
        ),
        (
            "one byte is missing",
            "x-hub-signature-256: sha256=7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "refused",
        ),
        ("one byte too many", "x-hub-signature-256: sha256=MAC00", "refused"),
        ("empty digits", "x-hub-signature-256: sha256=", "refused"),
        (
            "no digits",
            "x-hub-signature-256: sha256=zz7107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "refused",
        ),
        (
            "a good one shown twice",
            "x-hub-signature-256: sha256=MAC\nx-hub-signature-256: sha256=MAC",
            "refused",
        ),
        ("Gitea", "x-gitea-signature: MAC", "good"),
        ("Forgejo", "x-forgejo-signature: MAC", "good"),
        (
            "Gitea as it is, with GitHub's beside it",
            "x-gitea-signature: MAC\nx-hub-signature-256: sha256=MAC",
            "good",
        ),
        (
            "Gitea with another digit",
            "x-gitea-signature: 857107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "refused",
        ),
        ("GitLab's token", "x-gitlab-token: It's a Secret to Everybody", "good"),
        ("a beginning of GitLab's token", "x-gitlab-token: It's a Secret", "refused"),
        ("an empty token", "x-gitlab-token: ", "refused"),
        (
            "a bad signature beside a good token",
            "x-hub-signature-256: sha256=00\nx-gitlab-token: It's a Secret to Everybody",
            "refused",
        ),
    ] {
        assert_eq!(judged(lines, BODY, SECRET, 0), expected, "{sentence}");
    }
    let github = "x-hub-signature-256: sha256=MAC";
    assert_eq!(judged(github, "Hello, World?", SECRET, 0), "refused", "one byte of the body is another");
    assert_eq!(judged(github, "", SECRET, 0), "refused");
    assert_eq!(judged(github, BODY, "It's a secret to Everybody", 0), "refused");
}

/// The example of the Standard Webhooks' own libraries.
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PAYLOAD: &str = "{\"test\": 2432232314}";
const AT: i64 = 1_614_265_330;

fn standard(id: &str, at: i64, signature: &str) -> String {
    format!("webhook-id: {id}\nwebhook-timestamp: {at}\nwebhook-signature: {signature}")
}

#[test]
fn standard_webhooks_sign_id_and_instant_too() {
    let (id, mac) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let raw = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for (sentence, lines, secret, now, expected) in [
        ("as signed", standard(id, AT, mac), WHSEC, AT, "good"),
        ("five minutes late", standard(id, AT, mac), WHSEC, AT + 300, "good"),
        ("later", standard(id, AT, mac), WHSEC, AT + 301, "refused"),
        ("from a clock that is ahead", standard(id, AT, mac), WHSEC, AT - 301, "refused"),
        ("a secret without its prefix", standard(id, AT, mac), raw, AT, "good"),
        ("another secret", standard(id, AT, mac), "whsec_AAAA", AT, "refused"),
        ("a secret that is no Base64", standard(id, AT, mac), "whsec_%", AT, "refused"),
        ("one of several", standard(id, AT, &format!("v1,AAAA v1a,x {mac}")), WHSEC, AT, "good"),
        ("the ninth", standard(id, AT, &format!("{}{mac}", "v1,AAAA ".repeat(8))), WHSEC, AT, "refused"),
        ("another version", standard(id, AT, &mac.replace("v1,", "v2,")), WHSEC, AT, "refused"),
        ("another id", standard("msg_2", AT, mac), WHSEC, AT, "refused"),
        ("another instant", standard(id, AT + 1, mac), WHSEC, AT, "refused"),
        ("a dot in the id", standard("a.b", AT, mac), WHSEC, AT, "refused"),
        ("no id", format!("webhook-timestamp: {AT}\nwebhook-signature: {mac}"), WHSEC, AT, "refused"),
        ("no instant", format!("webhook-id: {id}\nwebhook-signature: {mac}"), WHSEC, AT, "refused"),
        ("a sign before the instant", standard(id, AT, mac).replace(": 16", ": +16"), WHSEC, AT, "refused"),
        (
            "a good token beside it",
            format!("{}\nx-gitlab-token: {WHSEC}", standard(id, AT + 1, mac)),
            WHSEC,
            AT,
            "refused",
        ),
    ] {
        assert_eq!(judged(&lines, PAYLOAD, secret, now), expected, "{sentence}");
    }
    let now = Timestamp::from_second(AT).unwrap();
    let genuine = check(&headers(&standard(id, AT, mac)), PAYLOAD.as_bytes(), WHSEC.as_bytes(), now);
    assert_eq!(genuine, Some(Genuine { id: Some(id.to_owned()) }), "its id is signed, and counts");
}
