//! The primitives under the shared state, in one place: the standard library's and arc-swap's as a rule, and shuttle's
//! in the crate `schedules`, which compiles these sources with `cfg(shuttle)` and tries every order of their steps.

#[cfg(not(shuttle))]
mod primitives {
    use std::sync::{Arc, MutexGuard, PoisonError};

    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

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

    /// A value that is read without a lock and replaced whole.
    #[derive(Debug)]
    pub(crate) struct Slot<T>(ArcSwapOption<T>);

    impl<T> Slot<T> {
        pub(crate) fn store(&self, value: Option<Arc<T>>) {
            self.0.store(value);
        }

        /// The value if `test` holds for it.
        pub(crate) fn load_if(&self, test: impl FnOnce(&T) -> bool) -> Option<Arc<T>> {
            let value = self.0.load();
            let value = value.as_ref()?;
            test(value).then(|| Arc::clone(value))
        }
    }

    impl<T> Default for Slot<T> {
        fn default() -> Self {
            Self(ArcSwapOption::empty())
        }
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

    use shuttle::sync::MutexGuard;
    use tokio::runtime::Handle;

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[derive(Debug)]
    pub(crate) struct Slot<T>(Mutex<Option<Arc<T>>>);

    impl<T> Slot<T> {
        pub(crate) fn store(&self, value: Option<Arc<T>>) {
            *self.0.lock() = value;
        }

        pub(crate) fn load_if(&self, test: impl FnOnce(&T) -> bool) -> Option<Arc<T>> {
            self.0.lock().clone().filter(|value| test(value))
        }
    }

    impl<T> Default for Slot<T> {
        fn default() -> Self {
            Self(Mutex(shuttle::sync::Mutex::new(None)))
        }
    }

    pub(crate) fn spawn(_: Option<Handle>, task: impl Future<Output = ()> + Send + 'static) {
        // A handle that is dropped leaves its task running.
        drop(shuttle::future::spawn(task));
    }
}

pub(crate) use primitives::{AtomicU32, AtomicU64, Mutex, Ordering, Slot, spawn};
