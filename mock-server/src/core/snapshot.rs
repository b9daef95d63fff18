//! Ways back: to the beginning, and to any moment that was kept.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::Core;
use super::once::Memory;
use crate::clock::Mark;
use crate::rate;
use crate::world::World;

/// The most snapshots that are kept.
const SNAPSHOTS: usize = 100;

/// The snapshots by their ids.
pub(super) type Snapshots = BTreeMap<u64, Snapshot>;

/// Everything to come back to.
pub(super) struct Snapshot {
    world: World,
    repeats: Memory,
    limits: rate::State,
    clock: Mark,
}

impl Core {
    /// The world as it was at the start; rate limits, faults and journal are cleared. Clock and defects stay.
    pub fn reset(&self) {
        self.repeats.restore(Memory::default());
        *self.world() = self.initial.clone();
        self.limits.reset();
        self.faults.clear();
        self.gates.release_all();
        self.journal.clear();
    }

    /// Keeps the world, the rate limits and the clock, and gives the id to come back by. The oldest of more than a
    /// hundred snapshots is given up.
    pub fn snapshot(&self) -> u64 {
        // In this order everywhere: a repeated write holds the repeats while it changes the world.
        let repeats = self.repeats.mark();
        let world = self.world().clone();
        let snapshot = Snapshot { world, repeats, limits: self.limits.mark(), clock: self.clock.mark() };
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let id = snapshots.last_key_value().map_or(1, |(id, _)| id + 1);
        snapshots.insert(id, snapshot);
        if snapshots.len() > SNAPSHOTS {
            snapshots.pop_first();
        }
        id
    }

    /// Comes back to a snapshot; it can be used again. `false`: there is none of this id.
    pub fn restore(&self, id: u64) -> bool {
        let snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(snapshot) = snapshots.get(&id) else { return false };
        self.repeats.restore(snapshot.repeats.clone());
        *self.world() = snapshot.world.clone();
        self.limits.restore(snapshot.limits.clone());
        self.clock.restore(snapshot.clock);
        true
    }
}
