//! Creations of services go in the order in which they were planned, and not faster than the managers can bear.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::clock;

/// Creations slower than this at the 95th percentile halve their rate.
const SLOW_CREATE: Duration = Duration::from_secs(1);
/// Creations that the percentile looks at.
const CREATES_SEEN: usize = 20;

/// The line in which creations wait.
pub struct Pacer {
    line: mpsc::UnboundedSender<LetGo>,
    took: Took,
}

/// How long the newest creations took.
type Took = Arc<Mutex<VecDeque<Duration>>>;

type LetGo = oneshot::Sender<OwnedSemaphorePermit>;

/// A place in the line.
pub struct Turn(oneshot::Receiver<OwnedSemaphorePermit>);

impl Pacer {
    /// A line that lets through `per_second`, and as many after a pause, each with one of `slots`. It ends when this is dropped.
    pub fn new(per_second: u32, slots: Arc<Semaphore>) -> Self {
        let (line, waiting) = mpsc::unbounded_channel();
        let took = Took::default();
        tokio::spawn(Bucket::new(per_second.max(1), took.clone()).serve(waiting, slots));
        Self { line, took }
    }

    /// The place at the end of the line. Taken where the order is known: tasks of their own would run in any.
    pub fn line_up(&self) -> Turn {
        let (let_go, turn) = oneshot::channel();
        // The line is served for as long as this lives.
        let _ = self.line.send(let_go);
        Turn(turn)
    }

    /// A creation took so long.
    pub fn note(&self, duration: Duration) {
        let mut took = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        took.push_back(duration);
        if took.len() > CREATES_SEEN {
            took.pop_front();
        }
    }
}

impl Turn {
    /// Returns when all before it are let through, the rate allows one more, and there is a slot, which is held by what is returned.
    /// None if the line ended.
    pub async fn come(self) -> Option<OwnedSemaphorePermit> {
        self.0.await.ok()
    }
}

struct Bucket {
    per_second: u32,
    tokens: f64,
    filled_at: Instant,
    took: Took,
}

impl Bucket {
    fn new(per_second: u32, took: Took) -> Self {
        Self { per_second, tokens: f64::from(per_second), filled_at: clock::instant(), took }
    }

    /// Slots are given out here as well: of many that are let through at once, the runtime would let any be the first to take one.
    async fn serve(mut self, mut waiting: mpsc::UnboundedReceiver<LetGo>, slots: Arc<Semaphore>) {
        while let Some(let_go) = waiting.recv().await {
            if let_go.is_closed() {
                continue;
            }
            self.take().await;
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let _ = let_go.send(slot);
        }
    }

    async fn take(&mut self) {
        let rate = rate(self.per_second, &self.took.lock().unwrap_or_else(PoisonError::into_inner));
        self.fill(rate);
        if self.tokens < 1.0 {
            tokio::time::sleep(Duration::from_secs_f64((1.0 - self.tokens) / rate)).await;
            self.fill(rate);
        }
        self.tokens -= 1.0;
    }

    fn fill(&mut self, rate: f64) {
        let now = clock::instant();
        let filled = now.duration_since(self.filled_at).as_secs_f64() * rate;
        self.tokens = (self.tokens + filled).min(rate);
        self.filled_at = now;
    }
}

/// Creations a second: halved while the API's 95th percentile is slow.
fn rate(per_second: u32, took: &VecDeque<Duration>) -> f64 {
    let mut took: Vec<Duration> = took.iter().copied().collect();
    took.sort_unstable();
    let slow = took.get(took.len() * 95 / 100).is_some_and(|p95| *p95 > SLOW_CREATE);
    f64::from(per_second) / if slow { 2.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_comes_last_comes_after_all_others() {
        let pacer = Pacer::new(1_000_000, Arc::new(Semaphore::new(100)));
        let mut line: Vec<_> = (0..100).map(|_| pacer.line_up()).collect();
        let left = line.remove(7);
        drop(left);
        line.pop().expect("the last in line").come().await;
        let let_go = line.iter_mut().filter_map(|turn| turn.0.try_recv().ok()).count();
        assert_eq!(let_go, 98, "all before it, but the one who left");
    }

    #[test]
    fn slow_answers_halve_the_rate() {
        let fast = VecDeque::from([Duration::from_millis(5); CREATES_SEEN]);
        let slow = VecDeque::from([SLOW_CREATE + Duration::from_millis(1); CREATES_SEEN]);
        assert_eq!([rate(20, &fast), rate(20, &slow), rate(20, &VecDeque::new())], [20.0, 10.0, 20.0]);
    }
}
