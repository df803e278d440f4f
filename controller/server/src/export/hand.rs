//! The thread that touches the directory, since a call to a file system that is gone may never come back. Whoever waits for it waits
//! within a limit; the thread itself ends with its call. It is no thread of the runtime's: that would wait for it at its end.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use tokio::sync::oneshot;

/// What the thread is asked to do with its file.
type Job = Box<dyn FnOnce(&mut Option<File>) + Send>;

/// A thread with one file.
pub(super) struct Hand {
    jobs: Sender<Job>,
    /// Jobs that are not done.
    waiting: Arc<AtomicUsize>,
}

impl Hand {
    pub(super) fn new() -> io::Result<Self> {
        let (jobs, asked) = channel::<Job>();
        Builder::new().name("export".to_owned()).spawn(move || {
            let mut file = None;
            // Ends when nobody holds the hand any more.
            while let Ok(job) = asked.recv() {
                job(&mut file);
            }
        })?;
        Ok(Self { jobs, waiting: Arc::default() })
    }

    /// Whether it waits for nothing.
    pub(super) fn is_free(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Has something done, and waits for it within a limit.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&mut Option<File>) -> io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let (done, answer) = oneshot::channel();
        let waiting = self.waiting.clone();
        let job: Job = Box::new(move |file| {
            let answer = work(file);
            // Before the answer: who has it may ask at once whether the hand is free.
            waiting.fetch_sub(1, Ordering::Release);
            let _ = done.send(answer);
        });
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.jobs.send(job).map_err(|_| "its thread is gone".to_owned())?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => answer.map_err(|error| error.to_string()),
            Ok(Err(_)) => Err("its thread is gone".to_owned()),
            Err(_) => Err(format!("the directory did not answer within {} s", limit.as_secs())),
        }
    }

    /// Appends to the file, down to the disk.
    pub(super) async fn append(&self, bytes: Vec<u8>, limit: Duration) -> Result<(), String> {
        let write = move |file: &mut Option<File>| {
            let file = file.as_mut().ok_or_else(|| io::Error::other("no file was begun"))?;
            file.write_all(&bytes)?;
            file.sync_data()
        };
        self.ask(limit, write).await
    }
}
