//! An event as one readable line.
//!
//! In come events, out come lines without a line break: when, where from, what, where, who, and a summary of
//! the facts (`summary`). [`Lines`] remembers the date and how wide columns were, so that lines stand
//! below each other. All text of senders goes through `visible`.

mod summary;

use crate::event::{Data, Event, RefKind, Repository, Time};

use super::visible;

/// No column is padded beyond this: one long name shall not push every later line off the screen.
const WIDEST_COLUMN: usize = 32;

/// The lines printed so far, as far as the next one depends on them.
#[derive(Debug)]
pub(super) struct Lines {
    color: bool,
    date: String,
    /// Widths of source, event and repository.
    widths: [usize; 3],
}

/// How a part of a line looks where colours are wanted: parameters of an ANSI escape.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Paint(&'static str);

const PLAIN: Paint = Paint("");
const FAINT: Paint = Paint("2");
const BOLD: Paint = Paint("1");
const ALARM: Paint = Paint("31");

/// A part of a line: no control character in it.
#[derive(Debug)]
struct Part {
    text: String,
    paint: Paint,
}

impl Part {
    /// A part that a sender wrote.
    fn of(text: &str, paint: Paint) -> Self {
        Self { text: visible::text(text), paint }
    }
}

impl Lines {
    pub(super) fn new(color: bool) -> Self {
        Self { color, date: String::new(), widths: [6, 20, 16] }
    }

    /// The line of an event, cut to `width` columns if that is given.
    pub(super) fn event(&mut self, event: &Event<'_>, width: Option<usize>) -> String {
        let what = format!("{}.{}", event.event(), event.action());
        let repository = event.repository.as_ref().map(full_name).unwrap_or_default();
        let mut parts = self.time(Some(event.received_at));
        parts.push(self.column(0, Part::of(&event.source, PLAIN)));
        parts.push(self.column(1, Part::of(&what, paint(&event.data))));
        parts.push(self.column(2, Part::of(&repository, BOLD)));
        if let Some(reference) = shown_ref(event) {
            parts.push(Part::of(reference, PLAIN));
        }
        if let Some(number) = event.number() {
            parts.push(Part::of(&format!("#{number}"), BOLD));
        }
        if let Some(login) = event.actor.as_ref().and_then(|a| a.login.as_ref().or(a.name.as_ref()))
        {
            parts.push(Part::of(&format!("by {login}"), FAINT));
        }
        if let Some(summary) = summary::of(event) {
            parts.push(Part::of(&summary, PLAIN));
        }
        self.join(&parts, width)
    }

    /// The line of a message that is no event: where it was published, and why it is none.
    pub(super) fn foreign(
        &mut self,
        stored_at: Option<Time>,
        subject: &str,
        why: &str,
        width: Option<usize>,
    ) -> String {
        let mut parts = self.time(stored_at);
        parts.push(Part::of(subject, BOLD));
        parts.push(Part::of(&format!("not an event: {why}"), ALARM));
        self.join(&parts, width)
    }

    /// The time of day in UTC, before it the date if that is another than in the line before.
    fn time(&mut self, time: Option<Time>) -> Vec<Part> {
        // RFC 3339: date, `T`, time of day, fraction.
        let text = time.map(|time| time.to_string()).unwrap_or_default();
        let (date, clock) = text.split_once('T').unwrap_or(("", "--:--:--"));
        let mut parts = Vec::with_capacity(8);
        if !date.is_empty() && date != self.date {
            date.clone_into(&mut self.date);
            parts.push(Part { text: date.to_owned(), paint: BOLD });
        }
        let clock = visible::fitting(clock, 8).to_owned();
        parts.push(Part { text: clock, paint: FAINT });
        parts
    }

    /// Pads a part to the widest that this column had so far.
    fn column(&mut self, index: usize, mut part: Part) -> Part {
        let columns = visible::columns(&part.text);
        if let Some(width) = self.widths.get_mut(index) {
            *width = (*width).max(columns.min(WIDEST_COLUMN));
            part.text.extend(std::iter::repeat_n(' ', width.saturating_sub(columns)));
        }
        part
    }

    fn join(&self, parts: &[Part], width: Option<usize>) -> String {
        let mut out = String::new();
        let total: usize = parts.iter().map(|part| visible::columns(&part.text) + 1).sum();
        // The ellipsis of a line that is cut takes one column.
        let mut room = match width {
            Some(width) if total > width + 1 => width.saturating_sub(1),
            _ => usize::MAX,
        };
        for (index, part) in parts.iter().enumerate() {
            let separator = usize::from(index > 0);
            if room < separator {
                out.push('…');
                return out;
            }
            let kept = visible::fitting(&part.text, room - separator);
            let whole = kept.len() == part.text.len();
            if separator > 0 {
                out.push(' ');
            }
            self.paint(&mut out, kept, part.paint);
            if !whole {
                out.push('…');
                return out;
            }
            room = room.saturating_sub(visible::columns(kept) + separator);
        }
        out.truncate(out.trim_end_matches(' ').len());
        out
    }

    fn paint(&self, out: &mut String, text: &str, paint: Paint) {
        let bare = text.trim_end_matches(' ');
        let padding = text.get(bare.len()..).unwrap_or_default();
        if self.color && paint != PLAIN && !bare.is_empty() {
            out.push_str("\u{1b}[");
            out.push_str(paint.0);
            out.push('m');
            out.push_str(bare);
            out.push_str("\u{1b}[0m");
        } else {
            out.push_str(bare);
        }
        out.push_str(padding);
    }
}

/// The colour of an event's family.
fn paint(data: &Data<'_>) -> Paint {
    match data {
        Data::Push(..) => Paint("32"),
        Data::Tag(..) | Data::Release(..) | Data::Package(..) => Paint("33"),
        Data::Ref(..)
        | Data::Status(..)
        | Data::WorkflowRun(..)
        | Data::WorkflowJob(..)
        | Data::PipelineSpan(..) => Paint("36"),
        Data::PullRequest(..)
        | Data::Review(..)
        | Data::PullRequestComment(..)
        | Data::IssueComment(..)
        | Data::CommitComment(..)
        | Data::Issue(..) => Paint("35"),
        Data::Repository(..)
        | Data::Project(..)
        | Data::Mirror(..)
        | Data::Wiki(..)
        | Data::Ping(..) => Paint("34"),
        Data::Secret(..) | Data::Unrecognized(..) => ALARM,
        Data::Other { .. } => PLAIN,
    }
}

/// `owner/name`, as far as it is known.
fn full_name(repository: &Repository<'_>) -> String {
    match (&repository.owner, &repository.name) {
        (Some(owner), Some(name)) => format!("{owner}/{name}"),
        (Some(name), None) | (None, Some(name)) => name.to_string(),
        (None, None) => repository.full_name.as_deref().unwrap_or_default().to_owned(),
    }
}

/// The ref, unless the summary has it: a pull request's target, a tag's name.
fn shown_ref<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    let reference = event.reference.as_ref()?;
    let in_summary = match &event.data {
        Data::PullRequest(_, data) => data.pull_request.base.reference.is_some(),
        Data::Tag(..) => reference.kind == RefKind::Tag,
        _ => false,
    };
    (!in_summary).then_some(&*reference.name)
}

#[cfg(test)]
mod tests;
