//! Who comes into the world and who leaves it while the server runs.

use crate::control::{Control, Input, Problem, done};
use crate::exchange::Answer;
use crate::world::{Organization, Person};

pub(super) fn add_organization(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let organization: Organization = input.body()?;
    created(control.core.add_organization(organization))
}

pub(super) fn add_user(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let person: Person = input.body()?;
    created(control.core.add_user(&person))
}

fn created(made: Result<(), String>) -> Result<Answer, Problem> {
    match made {
        Ok(()) => Ok(Answer::empty(201)),
        Err(fault) => Err(Problem::new(409, fault, "GET /v1/world lists who and what there is")),
    }
}

pub(super) fn remove_member(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    member(input, control.core.remove_member(input.parameter()))
}

/// The user belongs to the organization again.
pub(super) fn restore_member(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    member(input, control.core.restore_member(input.parameter()))
}

fn member(input: &Input<'_>, is_there: bool) -> Result<Answer, Problem> {
    if is_there {
        return done();
    }
    Err(Problem::new(404, format!("there is no user `{}`", input.parameter()), "GET /v1/world lists the users"))
}

/// Every token of the session is worth nothing from now on.
pub(super) fn revoke_session(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    control.core.revoke_token(input.parameter());
    done()
}
