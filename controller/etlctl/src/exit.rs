//! How `etlctl` ends: one enum, one table, printed by `etlctl help exit-codes`. No command makes up a number.

use std::process::ExitCode;

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, even if nothing changed or nothing was found.
    Success,
    /// An error, findings of `lint`, a failed `check`, a schedule that never fires.
    Failure,
    /// Arguments that make no sense, or input that cannot be read.
    Usage,
    /// The server wants a token, or refuses the one given.
    Denied,
    /// Nobody answers at the server's address.
    Unreachable,
    /// `--wait`: the run ended as Failed.
    RunFailed,
    /// `--wait`: the run ended as TimedOut.
    RunTimedOut,
    /// `--wait`: the run ended as Cancelled.
    RunCancelled,
    /// `--wait`: the run ended as Lost.
    RunLost,
    /// `--wait --fail-on-stuck`: the run is Stuck.
    RunStuck,
}

/// Every exit code and what it means.
const TABLE: [(Exit, u8, &str); 10] = [
    (Exit::Success, 0, "success, even if nothing changed or nothing was found"),
    (Exit::Failure, 1, "error; `lint`: findings; `check`: something is wrong; `next`: never fires"),
    (Exit::Usage, 2, "usage error or unreadable input; `next`: the cron is wrong; `plan`: there is no plan"),
    (Exit::Denied, 4, "authentication or authorisation needed"),
    (Exit::Unreachable, 5, "server unreachable"),
    (Exit::RunFailed, 10, "with --wait, --watch or --exit-status: the run ended as Failed"),
    (Exit::RunTimedOut, 11, "with --wait, --watch or --exit-status: the run ended as TimedOut"),
    (Exit::RunCancelled, 12, "with --wait, --watch or --exit-status: the run ended as Cancelled"),
    (Exit::RunLost, 13, "with --wait, --watch or --exit-status: the run ended as Lost"),
    (Exit::RunStuck, 14, "with --fail-on-stuck: the run is Stuck"),
];

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        let row = TABLE.iter().find(|(exit, ..)| *exit == self);
        row.map(|(_, code, _)| *code).expect("a test sees that every exit is in the table")
    }

    /// How `--wait` ends for a run's state; none while the run is not over.
    pub fn of_state(state: &str) -> Option<Self> {
        match state {
            "Succeeded" => Some(Self::Success),
            "Failed" => Some(Self::RunFailed),
            "TimedOut" => Some(Self::RunTimedOut),
            "Cancelled" => Some(Self::RunCancelled),
            "Lost" => Some(Self::RunLost),
            _ => None,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table for people.
pub fn table() -> String {
    let row = |(_, code, meaning): &(Exit, u8, &str)| format!("{code:>4}  {meaning}\n");
    format!("CODE  MEANING\n{}", TABLE.iter().map(row).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_run_has_its_own_code() {
        for (state, expected) in [
            ("Succeeded", Some(0)),
            ("Failed", Some(10)),
            ("TimedOut", Some(11)),
            ("Cancelled", Some(12)),
            ("Lost", Some(13)),
            ("Running", None),
            ("Stuck", None),
        ] {
            assert_eq!(Exit::of_state(state).map(Exit::code), expected, "{state}");
        }
    }

    #[test]
    fn every_exit_is_in_the_table_once() {
        use Exit::*;
        let all = [
            Success,
            Failure,
            Usage,
            Denied,
            Unreachable,
            RunFailed,
            RunTimedOut,
            RunCancelled,
            RunLost,
            RunStuck,
        ];
        let codes: Vec<u8> = all.into_iter().map(Exit::code).collect();
        assert_eq!(codes, [0, 1, 2, 4, 5, 10, 11, 12, 13, 14]);
        assert!(table().contains("  14  with --fail-on-stuck"), "{}", table());
    }
}
