//! Errors of TOML itself, told without the lines they stand in: those may hold a secret.
//!
//! The parser's errors come in, problems with line numbers go out. A table or key that stands
//! twice is looked up in the text, because the parser does not say where it stood first.

use toml::de::{DeTable, DeValue, Error};

use super::Lines;
use crate::config::error::{KeyName, Problem};
use crate::config::layer::Origin;

/// The problems of a file that is no good TOML.
pub(super) fn problems(text: &str, lines: &Lines, errors: &[Error]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    // In a file that is broken otherwise, what looks like a key may be a value.
    let keys = errors.iter().all(|error| error.message() == DUPLICATE);
    for error in errors.iter().take(MOST) {
        let span = error.span().unwrap_or_default();
        let origin = lines.origin(span.start);
        // One slip makes the parser stumble several times in a line.
        if problems.last().and_then(Problem::line) == line(&origin) {
            continue;
        }
        problems.push(match error.message() {
            DUPLICATE if keys => {
                let name = text.get(span.clone()).unwrap_or_default();
                duplicate(text, lines, origin, name)
            }
            message => Problem::Syntax { origin, message: message.into() },
        });
    }
    problems
}

fn duplicate(text: &str, lines: &Lines, origin: Origin, name: &str) -> Problem {
    let at = line(&origin).unwrap_or_default();
    let before = || text.lines().take(at.saturating_sub(1)).enumerate();
    let header = text.lines().nth(at.saturating_sub(1)).and_then(header);
    let (key, first) = if let Some(path) = header {
        let first = before().find(|(_, line)| self::header(line).as_ref() == Some(&path));
        (path.join("."), first)
    } else {
        let section = before().filter(|(_, line)| self::header(line).is_some()).last();
        let start = section.as_ref().map_or(0, |(index, _)| index + 1);
        let mut path = section.and_then(|(_, line)| self::header(line)).unwrap_or_default();
        let first = before().skip(start).find(|(_, line)| assigns(line, name));
        path.push(name.trim_matches(['"', '\'']).into());
        (path.join("."), first)
    };
    Problem::Duplicate {
        origin,
        key: KeyName::new(&key),
        first: first.map(|(index, _)| lines.at_line(index + 1)),
    }
}

/// The path of a line such as `[sources.gitea]`.
fn header(line: &str) -> Option<Vec<String>> {
    if !line.trim_start().starts_with('[') {
        return None;
    }
    let document = DeTable::parse(line).ok()?;
    let mut table = document.get_ref();
    let mut path = Vec::new();
    while let Some((key, value)) = table.iter().next() {
        path.push(key.get_ref().to_string());
        let DeValue::Table(inner) = value.get_ref() else {
            break;
        };
        table = inner;
    }
    Some(path)
}

fn assigns(line: &str, name: &str) -> bool {
    let rest = line.trim_start().strip_prefix(name);
    rest.is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
}

fn line(origin: &Origin) -> Option<usize> {
    match origin {
        Origin::File { line, .. } => Some(*line),
        _ => None,
    }
}

/// The parser's message for a table or key that stands twice.
const DUPLICATE: &str = "duplicate key";

/// Errors that are told; each may mean a look through the whole file.
const MOST: usize = 50;
