//! Which types are sent, which are answered, and which contain themselves.

use std::collections::BTreeSet;

use crate::Surface;
use crate::surface::Answer;
use crate::types::{TypeKind, TypeRef, Types};

/// The names of the types that requests and answers are made of.
pub(super) struct Usage {
    sent: BTreeSet<String>,
    answered: BTreeSet<String>,
}

impl Usage {
    pub(super) fn of(surface: &Surface<'_>) -> Self {
        let mut usage = Self { sent: BTreeSet::new(), answered: BTreeSet::new() };
        for method in surface.resources.iter().flat_map(|resource| &resource.methods) {
            if let Some(body) = &method.body {
                reach(&surface.types, &body.kind, &mut usage.sent);
            }
            for argument in method.required.iter().chain(&method.optional) {
                reach(&surface.types, &argument.kind, &mut usage.sent);
            }
            if let Answer::Json(kind) = &method.answer {
                reach(&surface.types, kind, &mut usage.answered);
            }
        }
        usage
    }

    /// Whether the client writes it.
    pub(super) fn is_sent(&self, name: &str) -> bool {
        self.sent.contains(name)
    }

    /// Whether the client writes it and no server answers it.
    pub(super) fn is_only_sent(&self, name: &str) -> bool {
        self.is_sent(name) && !self.answered.contains(name)
    }
}

/// Everything that `kind` is made of.
fn reach(types: &Types, kind: &TypeRef, reached: &mut BTreeSet<String>) {
    let mut open = Vec::new();
    named(kind, true, &mut open);
    while let Some(name) = open.pop() {
        if let Some(def) = types.get(&name)
            && reached.insert(name)
        {
            parts(&def.kind, true, &mut open);
        }
    }
}

/// Whether a value of the type `from` holds one of the type `to` in itself, so that one of them needs a box.
pub(super) fn holds(types: &Types, from: &TypeRef, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = Vec::new();
    named(from, false, &mut open);
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if let Some(def) = types.get(&name)
            && seen.insert(name)
        {
            parts(&def.kind, false, &mut open);
        }
    }
    false
}

/// The names of the types that a type is made of; those in lists and maps too if `everywhere`.
fn parts(kind: &TypeKind, everywhere: bool, names: &mut Vec<String>) {
    match kind {
        TypeKind::Struct { fields, additional } => {
            fields.iter().for_each(|field| named(&field.kind, everywhere, names));
            additional.iter().filter(|_| everywhere).for_each(|kind| named(kind, everywhere, names));
        }
        TypeKind::Union { variants, .. } => variants.iter().for_each(|variant| named(variant, everywhere, names)),
        TypeKind::Alias(kind) => named(kind, everywhere, names),
        TypeKind::Enum(_) => {}
    }
}

fn named(kind: &TypeRef, everywhere: bool, names: &mut Vec<String>) {
    match kind {
        TypeRef::Named(name) => names.push(name.clone()),
        TypeRef::Nullable(inner) => named(inner, everywhere, names),
        TypeRef::List(inner) | TypeRef::Map(inner) if everywhere => named(inner, everywhere, names),
        _ => {}
    }
}
