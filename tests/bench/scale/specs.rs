//! Specs by the thousand. The crowd is due in another month, so that nothing of it is due while something is measured; a few
//! are due at known minutes.

use std::fmt::Write;

/// How schedules and ETLs are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each schedule is the inline one of an ETL of its own: the dearest shape.
    Own,
    /// A hundred Schedules start one ETL, a time each.
    Shared,
}

impl Shape {
    pub fn word(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Shared => "shared",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Own, Self::Shared].into_iter().find(|shape| shape.word() == word)
    }

    fn schedules_in_a_file(self) -> usize {
        match self {
            Self::Own => 10,
            Self::Shared => 100,
        }
    }
}

/// Schedules that are due at 12:30, 12:31 and 12:32 UTC of every day, beside the crowd.
pub const DUE: [usize; 3] = [100, 10, 1];
/// The month in which the crowd is due.
pub const MONTH: i8 = 9;

/// The files of a crowd of `count` schedules, and one with those that are due.
pub fn files(shape: Shape, count: usize, month: i8) -> impl Iterator<Item = (String, String)> {
    let each = shape.schedules_in_a_file();
    let crowd = (0..count.div_ceil(each)).map(move |file| {
        let from = file * each;
        (path(file), crowd_file(shape, from..(from + each).min(count), month))
    });
    crowd.chain([("due.etl.yaml".to_owned(), due_file())])
}

/// A file of the crowd, spread over folders as people would.
pub fn path(file: usize) -> String {
    format!("{:03}/{file:05}.etl.yaml", file % 1_000)
}

/// A file of the crowd whose first schedule is edited.
pub fn edited(shape: Shape, count: usize, month: i8, file: usize, minute: usize) -> (String, String) {
    let (path, text) = files(shape, count, month).nth(file).expect("the file is one of the crowd's");
    let (before, rest) = text.split_once("cron: \"").expect("every file of the crowd has a schedule");
    let (_, after) = rest.split_once(' ').expect("a cron expression has fields");
    (path, format!("{before}cron: \"{minute} {after}"))
}

fn crowd_file(shape: Shape, members: std::ops::Range<usize>, month: i8) -> String {
    let mut text = String::new();
    let file = members.start;
    if shape == Shape::Shared {
        write_etl(&mut text, &format!("e{file:06}"), "maxActiveRuns: 100");
    }
    for index in members {
        let when = format!(
            "cron: \"{} {} {} {month} *\", timezone: Europe/Madrid",
            index % 60,
            index % 23,
            1 + index % 28
        );
        match shape {
            Shape::Own => {
                write_etl(&mut text, &format!("e{index:06}"), &format!("schedule: {{{when}}}"));
            }
            Shape::Shared => writeln!(
                text,
                "---\napiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {{name: s{index:06}}}\nspec: {{etl: e{file:06}, {when}}}"
            )
            .expect("text takes text"),
        }
    }
    text
}

fn due_file() -> String {
    let mut text = String::new();
    for (minute, count) in (30..).zip(DUE) {
        for index in 0..count {
            let schedule = format!("schedule: {{cron: \"{minute} 12 * * *\"}}");
            write_etl(&mut text, &format!("due-{minute}-{index}"), &schedule);
        }
    }
    text
}

/// An ETL of one task, as a document.
pub fn write_etl(text: &mut String, name: &str, more: &str) {
    writeln!(
        text,
        "---\napiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: {name}}}\nspec:\n  {more}\n  tasks:\n    main:\n      image: registry.example.org/team/load:1.4\n      command: [load, --table, {name}]"
    )
    .expect("text takes text");
}
