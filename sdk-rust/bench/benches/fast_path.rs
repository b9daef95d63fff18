//! A valid token: at most 200 ns, no allocation beyond the header's clone, and no more than twice that where 64 threads
//! use it together; beside the identity cache of aws-smithy-runtime in the same run. `cargo bench` in the folder above
//! prints the figures and fails beyond the limits.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench reads the clock and prints")]

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity, ResolveIdentity, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use bitting::inside::fast_path::{Carrier, Holding};
use http::{HeaderMap, HeaderValue, header};

/// How often a thing is done for one figure of processor time, and how many figures there are of each; the median counts.
const TIMES: u32 = 200_000;
const ROUNDS: usize = 11;

/// How many threads use one token together. They may cost each other no more than a thread costs alone.
const CROWD: u32 = 64;

/// What a valid token may cost.
const LIMIT: Duration = Duration::from_nanos(200);

/// A resolver whose identities live for an hour.
#[derive(Debug)]
struct Hourly;

impl ResolveIdentity for Hourly {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        let end = SystemTime::now() + Duration::from_secs(3_600);
        let token = Token::new("rbtk_test_0123456789abcdef0123456789abcdef", Some(end));
        IdentityFuture::ready(Ok(Identity::new(token, Some(end))))
    }
}

/// The processor time that this program has used. What other programs take, and threads that outnumber the cores, make
/// time on the wall say something else.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The median of several rounds, by time per doing.
fn rounds(mut round: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = spent();
        round();
        times.push((spent() - start) / TIMES);
    }
    times.sort();
    times[ROUNDS / 2]
}

/// Many threads at once: the time per doing.
fn threads(holding: &Holding, count: u32) -> Duration {
    let start = spent();
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let mut carrier = Carrier::new().expect("a request");
                (0..TIMES).for_each(|_| assert!(holding.authorize(black_box(&mut carrier))));
            });
        }
    });
    (spent() - start) / TIMES / count
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _entered = runtime.enter();
    let holding = runtime.block_on(Holding::new()).expect("a token");
    let mut carrier = Carrier::new().expect("a request");
    assert!(holding.authorize(&mut carrier));
    let ours = rounds(|| (0..TIMES).for_each(|_| assert!(holding.authorize(black_box(&mut carrier)))));
    let allocations = allocation_counter::measure(|| assert!(holding.authorize(&mut carrier))).count_total;

    let builder = RuntimeComponentsBuilder::for_tests().with_time_source(Some(SystemTimeSource::new()));
    let components = builder.with_sleep_impl(Some(TokioSleep::new())).build().expect("components");
    let (cache, config) = (IdentityCache::lazy().build(), ConfigBag::base());
    let resolver = SharedIdentityResolver::new(Hourly);
    let mut headers = HeaderMap::with_capacity(8);
    let mut theirs = || {
        let identity = cache.resolve_cached_identity(resolver.clone(), &components, &config);
        let identity = runtime.block_on(identity).expect("an identity");
        let token = identity.data::<Token>().expect("a token");
        let value = HeaderValue::try_from(format!("Bearer {}", token.token())).expect("a header");
        headers.insert(header::AUTHORIZATION, value);
    };
    theirs();
    let smithy_allocations = allocation_counter::measure(&mut theirs).count_total;
    // The whole loop runs inside one `block_on`, so that entering the runtime is not counted.
    let smithy = rounds(|| {
        runtime.block_on(async {
            for _ in 0..TIMES {
                let identity = cache.resolve_cached_identity(black_box(resolver.clone()), &components, &config).await;
                let identity = identity.expect("an identity");
                let token = identity.data::<Token>().expect("a token");
                let value = HeaderValue::try_from(format!("Bearer {}", token.token())).expect("a header");
                black_box(value);
            }
        });
    });
    let (one, many) = (threads(&holding, 1), threads(&holding, CROWD));
    println!("a valid token, bitting            {ours:>10.1?}  {allocations} allocations");
    println!("a valid token, aws-smithy-runtime {smithy:>10.1?}  {smithy_allocations} allocations");
    println!("the same, 1 thread                {one:>10.1?}");
    println!("the same, {CROWD} threads at once      {many:>10.1?}");
    assert!(ours <= LIMIT, "a valid token costs {ours:?}, more than {LIMIT:?}");
    assert_eq!(allocations, 0, "a header's clone counts references and allocates nothing");
    assert!(many <= one * 2, "{CROWD} threads make a valid token cost {many:?} instead of {one:?}");
}
