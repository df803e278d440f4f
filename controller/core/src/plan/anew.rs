//! Once more: a run like an earlier one, and an ETL from the beginning.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::request::{Answer, admitted, checked, done, in_force, refuse, unknown_run};
use crate::change::Change;
use crate::name::{EtlKey, RunKey};
use crate::observed::Request;
use crate::run::Trigger;
use crate::spec::ParamValue;

/// A new run over the same window, with the same parameters but for those given anew, and with today's spec.
pub(super) fn rerun(
    draft: &mut Draft,
    request: &Request,
    of: &RunKey,
    params: &BTreeMap<String, ParamValue>,
) -> Answer {
    let key = RunKey::of_request(&of.etl, &request.id);
    let object = format!("run/{}", key.name());
    if draft.run(&key).is_some() {
        return done(object, "unchanged");
    }
    let Some(earlier) = draft.run(of).cloned() else { return unknown_run(of) };
    if earlier.end.is_none() {
        let help = "wait for its end, or cancel it first";
        return refuse("Conflict", format!("run `{}` is not over", of.name()), help);
    }
    if earlier.trigger == Trigger::Adopted {
        let message = format!("run `{}` was adopted: its parameters are not known", of.name());
        return refuse("Conflict", message, "start a new run with `etlctl run`");
    }
    let target = in_force(draft, &of.etl)?;
    let mut wanted = earlier.params;
    wanted.extend(params.clone());
    let params = checked(&target, &wanted)?;
    let (user, tick) = (request.user.clone(), earlier.trigger.tick());
    let trigger = Trigger::Rerun { user, of: of.clone(), tick };
    let run = admitted(key, &target, trigger, earlier.window, params, draft.now);
    draft.change(Change::RunAdmitted { run: Box::new(run), spec: target.etl.clone() });
    done(object, "created")
}

/// One version more: with a fresh ledger, and schedules that begin anew.
pub(super) fn reset(draft: &mut Draft, request: &Request, etl: &EtlKey, reason: &str) -> Answer {
    let target = in_force(draft, etl)?;
    if reason.trim().is_empty() {
        let message = "a reset needs a reason".to_owned();
        return refuse("Invalid", message, "say why, for whoever wonders later");
    }
    let object = format!("etl/{}", etl.name);
    if draft.reset(etl).is_some_and(|reset| reset.requests.contains(&request.id)) {
        return done(object, "unchanged");
    }
    let (etl, reason) = (etl.clone(), reason.to_owned());
    let (request, by, at) = (request.id.clone(), request.user.clone(), draft.now);
    draft.change(Change::EtlReset { etl, request, by, reason, at });
    let version = target.etl.version.saturating_add(1);
    done(object, &format!("reset: version {version} from now on"))
}
