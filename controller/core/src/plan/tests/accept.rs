//! What a commit changes, against a slow and simple reading of the same rule: all files are parsed, and checked all together.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::plan::accept::judge;
use crate::spec::{Fault, Object, ObjectKind, ParsedFile, check_together, parse_file};

type Files = BTreeMap<String, AcceptedFile>;

/// Accepted and dropped paths, faults by path, objects held.
type Verdict = (Vec<String>, Vec<String>, BTreeMap<String, Vec<Fault>>, usize);

#[derive(Clone)]
struct Candidate {
    parsed: ParsedFile,
    is_new: bool,
}

fn last_good(path: &str, file: &AcceptedFile) -> Candidate {
    Candidate { parsed: parse_file(path, file.text.as_bytes()), is_new: false }
}

fn keys(parsed: &ParsedFile) -> BTreeSet<(ObjectKind, crate::name::ObjectKey)> {
    let key = |object: &Object| (object.kind(), object.key().clone());
    parsed.objects.iter().map(|object| key(&object.value)).collect()
}

fn slow(in_force: &Files, tree: &Tree, allow_prune: bool) -> Verdict {
    let mut faults: BTreeMap<String, Vec<Fault>> = BTreeMap::new();
    let mut candidates: BTreeMap<String, Candidate> = BTreeMap::new();
    for (path, blob) in &tree.files {
        let known = in_force.get(path);
        let parsed = parse_file(path, &blob.bytes);
        if known.is_none_or(|known| known.blob != blob.id) && parsed.faults.is_empty() {
            candidates.insert(path.clone(), Candidate { parsed, is_new: true });
        } else {
            candidates.extend(known.map(|file| (path.clone(), last_good(path, file))));
            faults.entry(path.clone()).or_default().extend(parsed.faults);
        }
    }
    for (path, file) in in_force.iter().filter(|(path, _)| tree.refused.contains_key(*path)) {
        candidates.entry(path.clone()).or_insert_with(|| last_good(path, file));
    }
    let after: BTreeSet<_> = candidates.values().flat_map(|candidate| keys(&candidate.parsed)).collect();
    let mut before: BTreeMap<_, &String> = BTreeMap::new();
    for (path, file) in in_force {
        before.extend(keys(&last_good(path, file).parsed).into_iter().map(|key| (key, path)));
    }
    let gone: Vec<&String> =
        before.iter().filter(|(key, _)| !after.contains(key)).map(|(_, path)| *path).collect();
    let too_many = gone.len() == before.len() || gone.len() * 2 > before.len();
    let held = if gone.is_empty() || !too_many || allow_prune { 0 } else { gone.len() };
    if held > 0 {
        candidates.extend(gone.iter().map(|path| ((*path).clone(), last_good(path, &in_force[*path]))));
    }
    while let Some(guilty) = fall_back(&candidates, &mut faults) {
        for path in guilty {
            match in_force.get(&path) {
                Some(file) => candidates.insert(path.clone(), last_good(&path, file)),
                None => candidates.remove(&path),
            };
        }
    }
    let accepted = candidates.iter().filter(|(_, candidate)| candidate.is_new).map(|(path, _)| path.clone());
    let dropped = in_force.keys().filter(|path| !candidates.contains_key(*path)).cloned().collect();
    faults.retain(|_, faults| !faults.is_empty());
    (accepted.collect(), dropped, faults, held)
}

fn fall_back(
    candidates: &BTreeMap<String, Candidate>,
    faults: &mut BTreeMap<String, Vec<Fault>>,
) -> Option<BTreeSet<String>> {
    let parsed: Vec<ParsedFile> = candidates.values().map(|candidate| candidate.parsed.clone()).collect();
    let mut guilty = BTreeSet::new();
    for fault in check_together(&parsed) {
        if candidates[&fault.file].is_new {
            guilty.insert(fault.file.clone());
        }
        let known = faults.entry(fault.file.clone()).or_default();
        if !known.contains(&fault) {
            known.push(fault);
        }
    }
    (!guilty.is_empty()).then_some(guilty)
}

/// A small generator: the same seed is the same story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A few documents of few names, so that they meet: ETLs with or without a parameter, Schedules that give it or not.
fn text(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..dice.below(4) {
        let (name, etl) = (dice.below(4), dice.below(4));
        text += &match dice.below(9) {
            0..=3 => {
                let params =
                    ["{}", "{}", "{p: {type: string}}", "{q: {type: string, default: x}}"][name as usize % 4];
                let schedule = ["", "  schedule: {every: 5m}\n"][dice.below(2) as usize];
                let params = if dice.below(3) == 0 { "{p: {type: string}}" } else { params };
                format!(
                    "---\napiVersion: etl.swarm/v1alpha1\nkind: ETL\nmetadata: {{name: n{name}}}\nspec:\n  params: {params}\n{}  tasks: {{a: {{image: x}}}}\n",
                    if params == "{p: {type: string}}" { "" } else { schedule }
                )
            }
            4..=7 => {
                let params = ["{}", "{p: v}"][dice.below(2) as usize];
                format!(
                    "---\napiVersion: etl.swarm/v1alpha1\nkind: Schedule\nmetadata: {{name: s{name}}}\nspec: {{etl: n{etl}, every: 1h, params: {params}}}\n"
                )
            }
            _ => "---\nkind: ETL\n".to_owned(),
        };
    }
    text
}

fn edited(dice: &mut Dice, files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut files = files.clone();
    for _ in 0..=dice.below(3) {
        let path = format!("{}.etl.yaml", dice.below(6));
        if dice.below(5) == 0 {
            files.remove(&path);
        } else {
            files.insert(path, text(dice));
        }
    }
    files
}

#[test]
fn a_commit_is_judged_as_if_all_files_were_parsed_and_checked_again() {
    let mut told = [0; 4];
    for seed in 0..100 {
        let mut dice = Dice(seed);
        let (mut in_force, mut desired, mut files) = (Files::new(), Desired::default(), BTreeMap::new());
        for step in 0..12 {
            files = edited(&mut dice, &files);
            let blob = |text: &String| Blob { id: text.clone(), bytes: text.clone().into_bytes() };
            let mut tree = Tree { commit: "d".into(), ..Tree::default() };
            tree.files = files.iter().map(|(path, text)| (path.clone(), blob(text))).collect();
            if dice.below(4) == 0 {
                let path = format!("{}.etl.yaml", dice.below(6));
                tree.files.remove(&path);
                tree.refused.insert(path, "a link".into());
            }
            let allow_prune = dice.below(3) == 0;
            let expected = slow(&in_force, &tree, allow_prune);
            // What git need not read again changes nothing.
            let unread =
                |path: &String, blob: &Blob| in_force.get(path).is_some_and(|file| file.blob == blob.id);
            if dice.below(2) == 0 {
                let known = tree.files.extract_if(.., |path, blob| unread(path, blob));
                tree.known = known.map(|(path, blob)| (path, blob.id)).collect();
            }
            let judged = judge(&in_force, &desired, &tree, allow_prune);
            let accepted = judged.accepted.iter().map(|(path, _)| path.clone()).collect();
            let faults = judged.faults.iter().filter(|(path, _)| !tree.refused.contains_key(*path));
            let faults: BTreeMap<_, _> =
                faults.map(|(path, faults)| (path.clone(), faults.faults.clone())).collect();
            let (mut expected, known) = (expected, (accepted, judged.dropped.clone(), faults, judged.held));
            expected.2.retain(|path, _| !tree.refused.contains_key(path));
            assert_eq!(known, expected, "seed {seed}, step {step}");
            told[0] += usize::from(!known.0.is_empty());
            told[1] += usize::from(!known.1.is_empty());
            told[2] += usize::from(!known.2.is_empty());
            told[3] += usize::from(known.3 > 0);
            in_force.extend(judged.accepted);
            judged.dropped.iter().for_each(|path| drop(in_force.remove(path)));
            desired.update(&in_force, &BTreeMap::new());
            same(&desired, &Desired::build(&in_force, &BTreeMap::new(), &Desired::default()), seed);
        }
    }
    assert!(told.iter().all(|times| *times > 50), "accepted, dropped, at fault, held: {told:?}");
}

/// What was put in force bit by bit is what is put in force at once.
fn same(bit_by_bit: &Desired, at_once: &Desired, seed: u64) {
    let schedules = |desired: &Desired| -> Vec<_> {
        let all = desired.schedules.values();
        all.map(|object| (object.schedule.key.clone(), object.fingerprint.clone(), object.file.clone()))
            .collect()
    };
    let etls = |desired: &Desired| -> Vec<_> {
        desired.etls.values().map(|object| (object.hash.clone(), object.file.clone())).collect()
    };
    let waiting = |desired: &Desired| -> BTreeSet<_> {
        desired.waiting.values().flatten().map(|object| object.schedule.key.clone()).collect()
    };
    assert_eq!(schedules(bit_by_bit), schedules(at_once), "seed {seed}");
    assert_eq!(etls(bit_by_bit), etls(at_once), "seed {seed}");
    assert_eq!(waiting(bit_by_bit), waiting(at_once), "seed {seed}");
    assert_eq!(bit_by_bit.schedules_of, at_once.schedules_of, "seed {seed}");
    assert_eq!(bit_by_bit.misfits, at_once.misfits, "seed {seed}");
}

#[test]
fn only_what_an_edit_changed_is_looked_at() {
    let mut story = Story::with((0..50).map(|index| etl(&format!("e{index}"), "  schedule: {every: 5m}\n")));
    story.pass(at(0), seen([]));
    let mut files = story.recorded.files.clone();
    files.extend([etl("e7", "  schedule: {every: 7m}\n"), etl("new", "  schedule: {every: 5m}\n")]);
    files.remove("e9.etl.yaml");
    story.desired.update(&files, &BTreeMap::new());
    let plan = story.pass(at(1), seen([]));
    let looked: Vec<String> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::TickPlanned { schedule, at } => Some(format!("{} {}", schedule.name, at.is_some())),
            _ => None,
        })
        .collect();
    assert_eq!(looked, ["e7 true", "e9 false", "new true"]);
    assert_eq!(story.recorded.schedules.len(), 50);
    assert!(story.pass(at(2), seen([])).changes.is_empty());
}
