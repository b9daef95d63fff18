//! Objects whose ids no operation tells: who names one could not have asked for it, so it is there when it is named,
//! the same each time. What was taken away stays away.

use serde_json::Value;

use super::{Behaviour, Desk};
use crate::fake::seed_of;
use crate::object::Maker;
use crate::plan::OperationPlan;
use crate::world::{Data, Row, Scope};

/// How many objects stand under a parent that is named for the first time.
const FEW: usize = 4;
/// The most lists that come to be in this way, so that a client that makes ids up does not fill the memory.
const LISTS: usize = 10_000;

impl Desk<'_> {
    /// Lets what the request names, and nobody could have listed, be there.
    pub(super) fn settle(&self) {
        let (index, is_item) = match self.plan.behaviour {
            Behaviour::List { collection, depth } if depth == self.core.plan.collections[collection].parents.len() => {
                (collection, false)
            }
            Behaviour::Create { collection } => (collection, false),
            Behaviour::Read { collection }
            | Behaviour::Update { collection }
            | Behaviour::Replace { collection }
            | Behaviour::Delete { collection }
            | Behaviour::Act { collection } => (collection, true),
            _ => return,
        };
        let collections = &self.core.plan.collections;
        let (collection, scope, id) = self.place(index);
        let mut world = self.core.world();
        let data = &mut world.data;
        if collection.is_hidden
            && is_item
            && data.find(index, &scope, &id).is_none()
            && !data.is_gone(index, &scope, &id)
        {
            self.lay(data, index, &scope, Some(&id));
        } else if collection.parents.iter().any(|(_, parent)| collections[*parent].is_hidden)
            && !data.has(index, &scope)
        {
            (0..FEW).for_each(|_| self.lay(data, index, &scope, None));
        }
    }

    /// What the document shows of the only object of its kind.
    fn example(&self, index: usize) -> Option<Value> {
        let plan = &self.core.plan;
        let reads = |one: &&OperationPlan| one.behaviour == Behaviour::Read { collection: index };
        let read = plan.operations.iter().filter(|_| plan.collections[index].is_single).find(reads)?;
        let shown = read.success.example.as_ref()?;
        // It may stand within something else.
        let wrapper = plan.collections[index].wrapper(&plan.document, read.success.schema.as_ref()?);
        wrapper.map_or(Some(shown), |name| shown.get(name)).filter(|value| value.is_object()).cloned()
    }

    fn lay(&self, data: &mut Data, index: usize, scope: &Scope, id: Option<&str>) {
        if data.lists() >= LISTS && !data.has(index, scope) {
            return;
        }
        let collection = &self.core.plan.collections[index];
        let number = data.ids(index, scope).len().to_string();
        let part = [collection.path.as_str(), &scope.join("/"), id.unwrap_or(&number)];
        let seed = seed_of(self.core.seed, &part);
        let maker = Maker { document: &self.core.plan.document, collection, seed, now: self.now, number: None };
        let (id, made) = maker.seeded(id);
        let value = self.example(index).unwrap_or(made);
        data.insert(index, scope.clone(), id, Row::new(value));
    }
}
