//! Which outcomes are tried again, after how long, and how often altogether. Pure, but for the budget's counter.

use std::time::Duration;

use http::Method;

use crate::sync::{AtomicU32, Ordering};

/// Statuses that are tried again where the document says nothing else (C10).
const TRANSIENT: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// The first wait; each further one doubles.
const FIRST_DELAY: Duration = Duration::from_millis(500);

/// The longest wait of the client's own choosing.
const LONGEST_DELAY: Duration = Duration::from_secs(8);

/// How many tokens a full budget holds, and what a retry costs (C9; the figures of smithy's retry 2.1).
const BUDGET: u32 = 500;
const COST_OF_FAULT: u32 = 14;
const COST_OF_REFUSAL: u32 = 5;

/// Whether `status` is one that may pass by itself.
pub(crate) fn is_transient(status: u16) -> bool {
    TRANSIENT.contains(&status)
}

/// Whether `status` is worth another try, by the document's list or the usual one.
pub(crate) fn is_worth_a_try(status: u16, declared: &[u16]) -> bool {
    if declared.is_empty() { is_transient(status) } else { declared.contains(&status) }
}

/// Whether a repeat of an operation does no more than the first request did (RFC 9110, 9.2.2), unless the document says
/// otherwise (C10).
pub(crate) fn is_idempotent(method: &Method, declared: Option<bool>) -> bool {
    declared.unwrap_or_else(|| method.is_idempotent())
}

/// How long to wait before retry number `retry` (0 is the first): 0.5 s doubled each time up to 8 s, less up to a
/// quarter. `random` is in 0..1.
pub(crate) fn backoff(retry: u32, random: f64) -> Duration {
    let full = FIRST_DELAY.saturating_mul(1 << retry.min(16)).min(LONGEST_DELAY);
    full.mul_f64(1.0 - 0.25 * random.clamp(0.0, 1.0))
}

/// What a server says about another try (C12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing.
    Unsaid,
    /// Another try is of use.
    Again,
    /// Another try is of none.
    Stop,
}

/// Reads the header that the document declares for it.
pub(crate) fn wish(value: Option<&str>) -> Wish {
    match value.map(str::trim) {
        Some(value) if value.eq_ignore_ascii_case("true") => Wish::Again,
        Some(value) if value.eq_ignore_ascii_case("false") => Wish::Stop,
        _ => Wish::Unsaid,
    }
}

/// Why a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Too many requests: nothing was done.
    Refusal,
    /// The server failed, or no answer came.
    Fault,
}

impl Cause {
    fn cost(self) -> u32 {
        match self {
            Self::Refusal => COST_OF_REFUSAL,
            Self::Fault => COST_OF_FAULT,
        }
    }
}

/// How much may be sent again altogether, so that a server in trouble is not buried (C9). One per credential and origin.
///
/// It pays for what costs the server something: every try after a fault, and of a crowd that is refused together the one
/// refusal that closed the gate. Whoever waits at the gate pays nothing, so any number can wait out one refusal.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicU32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: AtomicU32::new(BUDGET) }
    }
}

impl Budget {
    /// Takes the cost of a retry; `false` if not enough is left.
    pub(crate) fn take(&self, cause: Cause) -> bool {
        let pay = |left: u32| left.checked_sub(cause.cost());
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok()
    }

    /// How many tokens are left.
    #[cfg(feature = "metrics")]
    pub(crate) fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }

    /// Gives back after a success: what its last retry cost, or a little where it needed none. Without that a client
    /// that lives long would stop retrying for ever.
    pub(crate) fn refund(&self, last: Option<Cause>) {
        let amount = last.map_or(1, Cause::cost);
        if last.is_none() && self.left.load(Ordering::Relaxed) >= BUDGET {
            return;
        }
        let refill = |left: u32| Some((left + amount).min(BUDGET));
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C10: by method, unless the document says otherwise.
    #[test]
    fn idempotence_comes_from_the_method_or_the_document() {
        for (method, expected) in [
            (Method::GET, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
        ] {
            assert_eq!(is_idempotent(&method, None), expected, "{method}");
            assert!(is_idempotent(&method, Some(true)));
            assert!(!is_idempotent(&method, Some(false)));
        }
    }

    #[test]
    fn the_documents_statuses_replace_the_usual_ones() {
        assert!(is_worth_a_try(503, &[]) && !is_worth_a_try(409, &[]));
        assert!(is_worth_a_try(409, &[409]) && !is_worth_a_try(503, &[409]));
    }

    proptest::proptest! {
        /// The wait stays between three quarters of 0.5 s doubled and 8 s, for any count.
        #[test]
        fn backoff_is_bounded(retry in proptest::num::u32::ANY, random in 0.0_f64..1.0) {
            let wait = backoff(retry, random);
            proptest::prop_assert!(wait >= FIRST_DELAY.mul_f64(0.75) && wait <= LONGEST_DELAY);
        }
    }

    /// C9: a budget ends, is refunded by successes, and never holds more than it began with.
    #[test]
    fn a_budget_ends_and_refills() {
        let budget = Budget::default();
        let taken = std::iter::repeat_with(|| budget.take(Cause::Fault)).take_while(|taken| *taken).count();
        assert_eq!(taken, 35);
        budget.refund(Some(Cause::Fault));
        assert!(budget.take(Cause::Fault) && !budget.take(Cause::Fault));
        (0..1_000).for_each(|_| budget.refund(None));
        assert_eq!(budget.left.load(Ordering::Relaxed), BUDGET);
    }
}
