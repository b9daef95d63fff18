//! The primitives under the shared state, in one place: the standard library's and arc-swap's as a rule, and shuttle's
//! in the crate `schedules`, which compiles these sources with `cfg(shuttle)` and tries every order of their steps.

#[cfg(not(shuttle))]
mod primitives {
    use std::sync::{Arc, MutexGuard, PoisonError};

    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    use std::sync::atomic::AtomicUsize;

    use arc_swap::ArcSwapOption;
    use tokio::runtime::Handle;

    /// A lock around a plain value. Each step replaces the value whole, so it is sound whoever panicked.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// Waits for the lock. It is never held over an `await`.
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// How many copies of a value there are at most.
    const MOST_COPIES: usize = 8;

    /// A value that is read without a lock and replaced whole.
    ///
    /// There is a copy for each core, up to a few: whoever reads takes a reference, and one counter that all cores write
    /// costs them more than everything else about the read.
    #[derive(Debug)]
    pub(crate) struct Slot<T>(Box<[ArcSwapOption<T>]>);

    impl<T> Slot<T> {
        /// Puts a value in the place of the last one; each copy is made by `copy`.
        pub(crate) fn fill(&self, copy: impl Fn() -> T) {
            self.0.iter().for_each(|place| place.store(Some(Arc::new(copy()))));
        }

        /// Takes the value out.
        pub(crate) fn clear(&self) {
            self.0.iter().for_each(|place| place.store(None));
        }

        /// The value if `test` holds for it.
        pub(crate) fn load_if(&self, test: impl FnOnce(&T) -> bool) -> Option<Arc<T>> {
            let value = self.0[lane() % self.0.len()].load();
            let value = value.as_ref()?;
            test(value).then(|| Arc::clone(value))
        }
    }

    impl<T> Default for Slot<T> {
        fn default() -> Self {
            let copies = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_COPIES);
            Self((0..copies).map(|_| ArcSwapOption::empty()).collect())
        }
    }

    /// A number of this thread: those of threads that begin after each other differ.
    fn lane() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static LANE: usize = NEXT.fetch_add(1, Ordering::Relaxed));
        LANE.with(|lane| *lane)
    }

    /// Runs a task on `runtime`, or where the caller runs. Without either the task is dropped here.
    pub(crate) fn spawn(runtime: Option<Handle>, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = runtime.or_else(|| Handle::try_current().ok()) {
            runtime.spawn(task);
        }
    }
}

#[cfg(shuttle)]
mod primitives {
    use std::sync::{Arc, PoisonError};

    pub(crate) use shuttle::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    use shuttle::rand::Rng as _;
    use shuttle::sync::MutexGuard;
    use tokio::runtime::Handle;

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// Two copies, as on a machine of two cores; which of them a reader meets is left to chance.
    #[derive(Debug)]
    pub(crate) struct Slot<T>([Mutex<Option<Arc<T>>>; 2]);

    impl<T> Slot<T> {
        pub(crate) fn fill(&self, copy: impl Fn() -> T) {
            self.0.iter().for_each(|place| *place.lock() = Some(Arc::new(copy())));
        }

        pub(crate) fn clear(&self) {
            self.0.iter().for_each(|place| *place.lock() = None);
        }

        pub(crate) fn load_if(&self, test: impl FnOnce(&T) -> bool) -> Option<Arc<T>> {
            let place = usize::from(shuttle::rand::thread_rng().r#gen::<bool>());
            self.0[place].lock().clone().filter(|value| test(value))
        }
    }

    impl<T> Default for Slot<T> {
        fn default() -> Self {
            Self([(); 2].map(|()| Mutex(shuttle::sync::Mutex::new(None))))
        }
    }

    pub(crate) fn spawn(_: Option<Handle>, task: impl Future<Output = ()> + Send + 'static) {
        // A handle that is dropped leaves its task running.
        drop(shuttle::future::spawn(task));
    }
}

pub(crate) use primitives::{AtomicU32, AtomicU64, Mutex, Ordering, Slot, spawn};
