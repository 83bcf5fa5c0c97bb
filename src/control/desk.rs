//! Answering questions about an open spool.
//!
//! In comes an [`Ask`], out comes its [`Answer`]. Owns nothing: the spool is the daemon's, or that of the command that
//! has opened it.

use std::sync::Arc;

use super::{Answer, Ask, Content, Overview, Running, Shown, StoredObject};
use crate::outbox::Resume;
use crate::spool::{ReadError, RowId, Spool, Stored, Unreadable, WriteError};

/// Most messages of an answer.
const PAGE: usize = 500;

/// Who answers.
#[derive(Clone, Debug)]
pub struct Desk {
    spool: Arc<Spool>,
    resume: Option<Resume>,
    is_daemon: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Desk {
    /// For a spool that nobody publishes.
    #[must_use]
    pub fn new(spool: Arc<Spool>) -> Self {
        Self { spool, resume: None, is_daemon: false }
    }

    /// For a spool that is published.
    #[must_use]
    pub fn publishing(spool: Arc<Spool>, resume: Resume) -> Self {
        Self { spool, resume: Some(resume), is_daemon: false }
    }

    /// For that of a daemon.
    #[must_use]
    pub fn of_daemon(spool: Arc<Spool>, resume: Resume) -> Self {
        Self { spool, resume: Some(resume), is_daemon: true }
    }

    /// Answers a question. What was begun is done also for whoever stops waiting.
    pub async fn answer(&self, ask: Ask) -> Answer {
        self.try_answer(ask).await.unwrap_or_else(|error| Answer::Failed(error.to_string()))
    }

    async fn try_answer(&self, ask: Ask) -> Result<Answer, Failure> {
        let spool = &self.spool;
        Ok(match ask {
            Ask::Status => Answer::Status(self.overview()),
            Ask::List { lane: Some(lane), after, limit } => {
                Answer::Entries(spool.list_lane(&lane, after, limit.min(PAGE)).await?)
            }
            Ask::List { lane: None, after, limit } => {
                Answer::Entries(spool.list(after, limit.min(PAGE)).await?)
            }
            Ask::ListDead { after, limit } => {
                Answer::Entries(spool.dead_list(after, limit.min(PAGE)).await?)
            }
            Ask::Show(row) => Answer::Message(self.show(row).await?.map(Box::new)),
            Ask::Hurry => {
                if let Some(resume) = &self.resume {
                    resume.hurry();
                }
                Answer::Status(self.overview())
            }
            Ask::Retry(row) => Answer::Retried(self.retry(row).await?),
            Ask::Drop(row) => {
                let entry = spool.entry(row).await?;
                Answer::Dropped(if spool.dead_drop(row).await? { entry } else { None })
            }
        })
    }

    fn overview(&self) -> Overview {
        let running =
            || Running { pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned() };
        Overview {
            daemon: self.is_daemon.then(running),
            connected: self.resume.as_ref().map(Resume::is_connected),
            spool: self.spool.status(),
        }
    }

    async fn retry(&self, row: RowId) -> Result<Option<RowId>, Failure> {
        let Some(resume) = &self.resume else { return Ok(self.spool.dead_retry(row).await?) };
        let Some(entry) = self.spool.entry(row).await? else { return Ok(None) };
        Ok(resume.retry(row, &entry.lane).await?)
    }

    async fn show(&self, row: RowId) -> Result<Option<Shown>, ReadError> {
        let content = match self.spool.show(row).await? {
            None => return Ok(None),
            Some(Ok(Stored { entry, message })) => {
                let headers = message.headers.iter();
                let objects = message.objects().map(|object| StoredObject {
                    bucket: object.reference.bucket.clone(),
                    object: object.reference.object.clone(),
                    bytes: object.reference.bytes,
                });
                let content = Content::Readable {
                    headers: headers.map(|(name, value)| (name.into(), value.into())).collect(),
                    body: String::from_utf8_lossy(&message.body).into_owned(),
                    objects: objects.collect(),
                };
                return Ok(Some(Shown { entry, content }));
            }
            Some(Err(Unreadable { reason, .. })) => Content::Unreadable(reason),
        };
        Ok(self.spool.entry(row).await?.map(|entry| Shown { entry, content }))
    }
}
