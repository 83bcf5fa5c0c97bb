//! Deliveries as the forges send them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A secret long enough for the configuration.
pub(crate) const SECRET: &str = "correct horse battery staple";

/// HMAC-SHA256 in lower-case hex.
pub(crate) fn signature(secret: &str, bytes: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(bytes);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, b| hex + &format!("{b:02x}"))
}

/// A delivery that is not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Hook {
    /// What a forge of this kind sends: its headers, signed with `secret`.
    pub(crate) fn new(
        kind: &str,
        event: &str,
        event_type: Option<&str>,
        id: &str,
        secret: &str,
        body: &[u8],
    ) -> Self {
        let digest = signature(secret, body);
        match kind {
            "bitbucket-cloud" => return Self::of_bitbucket_cloud(event, id, &digest, body),
            "bitbucket-dc" => return Self::of_bitbucket_dc(event, id, &digest, body),
            _ => {}
        }
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let prefixes: &[&str] = match kind {
            "gitea" => &["X-Gitea", "X-Gogs", "X-GitHub"],
            "forgejo" => &["X-Forgejo", "X-Gitea", "X-Gogs", "X-GitHub"],
            "gogs" => &["X-Gogs", "X-Github"],
            other => panic!("no such kind: {other}"),
        };
        for prefix in prefixes {
            headers.push((format!("{prefix}-Delivery"), id.to_owned()));
            headers.push((format!("{prefix}-Event"), event.to_owned()));
            if let Some(event_type) = event_type {
                headers.push((format!("{prefix}-Event-Type"), event_type.to_owned()));
            }
            if !prefix.starts_with("X-Git") || *prefix == "X-Gitea" {
                headers.push((format!("{prefix}-Signature"), digest.clone()));
            }
        }
        if kind != "gogs" {
            headers.push(("X-Hub-Signature".into(), format!("sha1={}", "0".repeat(40))));
            headers.push(("X-Hub-Signature-256".into(), format!("sha256={digest}")));
        }
        Self { headers, body: body.to_vec() }
    }

    fn of_bitbucket_cloud(event: &str, id: &str, digest: &str, body: &[u8]) -> Self {
        let headers = [
            ("content-type", "application/json"),
            ("X-Event-Key", event),
            ("X-Hook-UUID", "6e0a4c93-81f7-4d25-b9c6-2f3d7e5a1b08"),
            ("X-Request-UUID", id),
            ("X-Attempt-Number", "1"),
            ("X-Hub-Signature", &format!("sha256={digest}")),
        ];
        Self::of_headers(&headers, body)
    }

    fn of_bitbucket_dc(event: &str, id: &str, digest: &str, body: &[u8]) -> Self {
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("X-Event-Key", event),
            ("X-Request-Id", id),
            ("X-Hub-Signature", &format!("sha256={digest}")),
        ];
        Self::of_headers(&headers, body)
    }

    fn of_headers(headers: &[(&str, &str)], body: &[u8]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { headers: headers.iter().map(owned).collect(), body: body.to_vec() }
    }

    /// What stands before the digits in the main header.
    pub(crate) fn signature_prefix(kind: &str) -> &'static str {
        if kind.starts_with("bitbucket-") { "sha256=" } else { "" }
    }

    /// The main header that carries this kind's signature.
    pub(crate) fn signature_header(kind: &str) -> &'static str {
        match kind {
            "gitea" => "X-Gitea-Signature",
            "forgejo" => "X-Forgejo-Signature",
            "gogs" => "X-Gogs-Signature",
            "bitbucket-cloud" | "bitbucket-dc" => "X-Hub-Signature",
            other => panic!("no such kind: {other}"),
        }
    }

    /// The same without the headers of this name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// The same with no signature at all.
    pub(crate) fn unsigned(mut self) -> Self {
        self.headers.retain(|(n, _)| !n.to_ascii_lowercase().contains("signature"));
        self
    }

    /// The same with one more header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A small push to `branch` of `acme/widgets`, as Gitea words it.
pub(crate) fn push(branch: &str, before: &str, after: &str) -> Vec<u8> {
    push_in("acme", "widgets", 7, branch, before, after)
}

/// The same in any repository.
pub(crate) fn push_in(
    owner: &str,
    name: &str,
    id: u64,
    branch: &str,
    before: &str,
    after: &str,
) -> Vec<u8> {
    let body = serde_json::json!({
        "ref": format!("refs/heads/{branch}"),
        "before": before,
        "after": after,
        "compare_url": "",
        "commits": [],
        "total_commits": 0,
        "head_commit": null,
        "repository": {
            "id": id,
            "owner": { "id": 3, "login": owner, "username": owner },
            "name": name,
            "full_name": format!("{owner}/{name}"),
            "html_url": format!("https://git.example.com/{owner}/{name}"),
            "clone_url": format!("https://git.example.com/{owner}/{name}.git"),
            "default_branch": "main",
            "private": false
        },
        "pusher": { "id": 5, "login": "jdoe", "username": "jdoe" },
        "sender": { "id": 5, "login": "jdoe", "username": "jdoe" }
    });
    serde_json::to_vec_pretty(&body).unwrap()
}

/// What a kind calls a push.
pub(crate) fn push_name(kind: &str) -> &'static str {
    match kind {
        "bitbucket-cloud" => "repo:push",
        "bitbucket-dc" => "repo:refs_changed",
        _ => "push",
    }
}

/// A small push to `branch` of `acme/widgets`, as this kind words it.
pub(crate) fn push_of(kind: &str, branch: &str, before: &str, after: &str) -> Vec<u8> {
    push_of_in(kind, ["acme", "widgets"], branch, before, after)
}

/// The same in any repository.
pub(crate) fn push_of_in(
    kind: &str,
    [owner, name]: [&str; 2],
    branch: &str,
    before: &str,
    after: &str,
) -> Vec<u8> {
    let body = match kind {
        "bitbucket-cloud" => push_of_bitbucket_cloud([owner, name], branch, before, after),
        "bitbucket-dc" => push_of_bitbucket_dc([owner, name], branch, before, after),
        _ => return push_in(owner, name, 7, branch, before, after),
    };
    serde_json::to_vec_pretty(&body).unwrap()
}

fn push_of_bitbucket_cloud(
    [owner, name]: [&str; 2],
    branch: &str,
    before: &str,
    after: &str,
) -> serde_json::Value {
    let side = |hash: &str| {
        serde_json::json!({
            "type": "branch", "name": branch, "target": { "type": "commit", "hash": hash },
        })
    };
    serde_json::json!({
        "push": { "changes": [{
            "old": side(before), "new": side(after),
            "created": false, "closed": false, "forced": false, "truncated": false, "commits": [],
        }] },
        "repository": {
            "type": "repository",
            "uuid": "{0d9b53c7-6a2e-4f14-85d0-b7e1c94f3a28}",
            "full_name": format!("{owner}/{name}"),
            "is_private": false,
        },
        "actor": { "type": "user", "uuid": "{3f6c1e58-92b7-4d0a-8a41-6c5e7f2b9d10}", "nickname": "jdoe" },
    })
}

fn push_of_bitbucket_dc(
    [owner, name]: [&str; 2],
    branch: &str,
    before: &str,
    after: &str,
) -> serde_json::Value {
    let id = format!("refs/heads/{branch}");
    serde_json::json!({
        "eventKey": "repo:refs_changed",
        "date": "2026-11-02T10:30:02+0000",
        "actor": { "id": 5, "name": "jdoe", "slug": "jdoe", "type": "NORMAL" },
        "repository": {
            "id": 7, "slug": name, "name": name, "public": false,
            "project": { "id": 3, "key": owner, "public": false, "type": "NORMAL" },
        },
        "changes": [{
            "ref": { "id": id, "displayId": branch, "type": "BRANCH" },
            "refId": id, "fromHash": before, "toHash": after, "type": "UPDATE",
        }],
    })
}

/// A commit hash made of one digit.
pub(crate) fn sha(digit: char) -> String {
    digit.to_string().repeat(40)
}
