//! Writes what the targets start from: `seeds FOLDER` makes a folder per target in it.
//!
//! In come forgewire's own samples, out come the deliveries, bodies, forms, payloads and subjects that
//! they make, one file each. What a fuzzer has added beside them stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use forgewire::samples::{Sample, Sender};
use forgewire_fuzz::delivery::{Input, messages};
// Built with the flags of the targets this counts what it runs too, and the counters are in there.
use libfuzzer_sys as _;
use serde_json::Value;

/// What samples do not have: the corners that each target is about.
const CORNERS: &[(&str, &[&[u8]])] = &[
    ("client", &[b"192.0.2.7, 10.0.0.2", b"for=192.0.2.7;proto=https", b"for=\"[2001:db8::7]:1\", for=_x"]),
    ("form", &[b"payload=", b"a=1&payload=%7B%22a%22%3A+1%7D&b", b"%70ayload=%zz%4%", b"payload=1&payload=2"]),
    (
        "redact",
        &[
            b"/a\t/b/*\n{\"a\":1,\"b\":[2,{\"c\":3}],\"a\":4}",
            b"/a/event_payload/b\n{\"a\":{\"event_payload\":\"{\\\"b\\\":1}\"}}",
            b"/a~1b/~0/1\n{\"a/b\":{\"~\":[1,2]}}",
        ],
    ),
    (
        "screen",
        &[
            br#"{"a":1,"secret":{"b":[1,"secret"]},"c":2}"#,
            br#"{"\u0073ecret":"x","url":"https://u:p\u0026q@h/r"}"#,
            br#"["https:\/\/u:p@h\/r.git","https://0123456789abcdef0123456789@h/r","ssh://git@h:22/r"]"#,
        ],
    ),
    ("subject", &[b"-", b"%2D", b"my%2Erepo", &[b'a'; 201], b"feature/login", "\u{20ac}*>\n".as_bytes()]),
];

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("name the folder to write to"))?;
    let mut files = 0;
    for sender in Sender::ALL {
        for sample in sender.samples {
            let name = format!("{}-{}", sender.kind, sample.name);
            files += of_sample(sender, sample, &mut |target, content| {
                write(&folder, target, &name, content)
            })?;
        }
    }
    for (target, corners) in CORNERS {
        for (number, corner) in corners.iter().enumerate() {
            write(&folder, target, &format!("corner-{number}"), corner)?;
            files += 1;
        }
    }
    println!("{files} seeds are in {}.", folder.display());
    Ok(())
}

/// The target that is for deliveries of this kind alone.
fn of_its_own(kind: &str) -> Option<&'static str> {
    match kind {
        "bitbucket-cloud" => Some("bitbucket_cloud"),
        "bitbucket-dc" => Some("bitbucket_dc"),
        _ => None,
    }
}

fn write(folder: &Path, target: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let folder = folder.join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), content)
}

/// Everything that one sample gives, and how many files that is.
fn of_sample(
    sender: &Sender,
    sample: &Sample,
    write: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>,
) -> io::Result<usize> {
    // Without the white space, of which there is enough: small inputs are tried more often.
    let payload = serde_json::from_str::<Value>(&sender.payload(sample)?)?.to_string();
    let input = Input {
        kind: sender.kind.as_bytes(),
        event: sample.event.as_bytes(),
        event_type: sample.event_type.unwrap_or_default().as_bytes(),
        id: b"5b2f1c0e-8d34-4a6b-9e57-0c1d2e3f4a5b",
        body: payload.as_bytes(),
    };
    write("delivery", &input.written())?;
    write("screen", payload.as_bytes())?;
    let pointers =
        "/*/name\t/*/*/name\t/commits/*/author\t/run/event_payload/repository/name\t/changes/0";
    write("redact", [pointers, &payload].join("\n").as_bytes())?;
    let form: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
    write("form", form.as_bytes())?;
    let mut files = 4;
    if let Some(target) = of_its_own(sender.kind) {
        write(target, &input.written())?;
        files += 1;
    }
    for message in messages(&input) {
        write("event", &message.body)?;
        write("subject", message.subject.as_str().as_bytes())?;
        files += 2;
    }
    Ok(files)
}
