//! How changes alter problems and the messages about them. Mechanical: no decision is taken here.

use super::{Recorded, Staged};
use crate::problem::{Notice, Problem, ProblemKey, Telling};

impl Staged {
    pub(super) fn apply_to_problem(&mut self, recorded: &Recorded, telling: &Telling) {
        match telling {
            Telling::Seen(problem) => {
                self.problems.insert(problem.key.clone(), Some((**problem).clone()));
            }
            Telling::Forgotten(key) => {
                self.problems.insert(key.clone(), None);
            }
            Telling::Queued { notice, told } => {
                for key in told {
                    if let Some(problem) = self.problem(recorded, key) {
                        problem.tell(&notice.route, notice.at);
                    }
                }
                self.notices.insert(notice.id.clone(), Some((**notice).clone()));
            }
            Telling::Sent(notice) | Telling::Dropped(notice) => {
                self.notices.insert(notice.clone(), None);
            }
            Telling::Delayed { notice, after, tries, error } => {
                if let Some(notice) = self.notice(recorded, notice) {
                    (notice.after, notice.tries) = (Some(*after), *tries);
                    notice.error = Some(error.clone());
                }
            }
        }
    }

    fn problem(&mut self, recorded: &Recorded, key: &ProblemKey) -> Option<&mut Problem> {
        let known = || recorded.problems.get(key).cloned();
        self.problems.entry(key.clone()).or_insert_with(known).as_mut()
    }

    fn notice(&mut self, recorded: &Recorded, id: &str) -> Option<&mut Notice> {
        let known = || recorded.notices.get(id).cloned();
        self.notices.entry(id.to_owned()).or_insert_with(known).as_mut()
    }
}
