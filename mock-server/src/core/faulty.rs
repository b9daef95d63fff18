//! Faults at work: what they put in the place of an operation, or of its answer.

use bitting_spec::extension::AuthCase;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Call, Core};
use crate::behaviour::schemes_of;
use crate::exchange::Answer;
use crate::fault::{Effect, RetryAfter, Stage, deliver};
use crate::plan::OperationPlan;
use crate::rate;
use crate::refuse::challenge;

impl Core {
    /// The faults that act before the credential is looked at, and those of one caller once it is known.
    pub(super) fn before(&self, call: &mut Call<'_>, plan: &OperationPlan) -> Result<(), Box<Answer>> {
        let acting = self.faults.acting(&plan.operation.id, call.request.method.as_str(), call.principal.as_deref());
        call.effects.extend(acting.iter().cloned());
        for (stage, effect) in &acting {
            deliver(effect, &mut call.delivery, &self.faults);
            if let Effect::AdvanceClock { seconds } = effect {
                // A clock that cannot go there stays where it is; the plan was checked when it was made.
                let _ = self.clock.advance(*seconds);
                call.now = self.clock.now();
            }
            if let Effect::ClockSkew { seconds } = effect {
                call.skew = TimeDelta::try_seconds(*seconds).unwrap_or_default();
            }
            if *stage == Stage::Before
                && let Some(answer) = self.replacement(plan, effect, call.now)
            {
                return Err(Box::new(answer));
            }
        }
        Ok(())
    }

    /// The faults that act on the answer.
    pub(super) fn after(&self, call: &mut Call<'_>, plan: &OperationPlan, mut answer: Answer) -> Answer {
        for (stage, effect) in &call.effects {
            match effect {
                Effect::ContentType { value } => answer.media.clone_from(value),
                effect if *stage == Stage::After => {
                    if let Some(replacement) = self.replacement(plan, effect, call.now) {
                        answer = replacement;
                    }
                }
                _ => {}
            }
        }
        answer
    }

    /// The answer that an effect puts in the place of the operation's.
    fn replacement(&self, plan: &OperationPlan, effect: &Effect, now: DateTime<Utc>) -> Option<Answer> {
        match effect {
            Effect::Status { status, retry_after, body } => {
                let mut answer = match body {
                    Some(body) => Answer::json(*status, body.clone()),
                    None => plan.refusals.answer(*status, None, None),
                };
                // What the document says in several places is said alike in all of them.
                if let (Some(RetryAfter::Seconds(wait)), None) = (retry_after, body) {
                    rate::write_wait(&mut answer, plan.rate_limit.as_ref(), *wait, &self.flaws);
                }
                if let Some(retry_after) = retry_after {
                    answer.set("retry-after", &retry_after.text(now));
                }
                if *status == 401 {
                    challenge(&mut answer, &schemes_of(&self.plan.schemes, plan), AuthCase::Unknown);
                }
                Some(answer.because("fault"))
            }
            Effect::Redirect { status, location } => {
                Some(Answer::empty(*status).with("location", location).because("fault"))
            }
            effect if effect.is_silent() => Some(Answer::empty(0).because("fault")),
            _ => None,
        }
    }
}
