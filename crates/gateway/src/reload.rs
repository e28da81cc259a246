//! Another configuration while the gateway runs.
//!
//! What the configuration says (routes, upstreams, rules, detectors, limits, ways in, addresses, TLS, guards outside) is
//! replaced at once, for requests and connections that come afterwards; what was under way ends under what it
//! began with. What was learnt and counted stays: counters and their leases, the risk of conversations, baselines,
//! isolations, the health of upstreams that are where they were, keys of issuers, metrics.
//!
//! INVARIANT: a request is handled under one configuration from its head to its last byte. INVARIANT: either all of a
//! new configuration holds, or nothing of it.
//!
//! Not here: what cannot be changed without a restart, and reading the configuration (`bartizan`).

use std::sync::{Arc, Mutex, PoisonError};

use connect::ExternalGuards;
use net::{ListenerConduct, Shutdown, Tasks};

use crate::{
    check, judge::Judge, listener_settings, quota::QuotaSettings, read_limits, service::Front,
    service::Shared, settings::Routes, settings::Settings, settings::SettingsError,
};

/// What a configuration says.
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Configured {
    /// The guards that run as services of their own.
    pub external: ExternalGuards,
    /// The detectors and the policy.
    pub judge: Judge,
    /// The limits and budgets.
    pub quotas: QuotaSettings,
    /// The rest. Where to listen, the page of metrics and the collector stay as they were.
    pub settings: Settings,
}

/// Gives a running gateway another configuration.
pub struct Reloader {
    conduct: ListenerConduct,
    front: Arc<Front>,
    /// Ends what runs for the present configuration only.
    generation: Mutex<Shutdown>,
    tasks: Tasks,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reloader").finish_non_exhaustive()
    }
}

impl Reloader {
    pub(crate) fn new(
        front: &Arc<Front>,
        conduct: ListenerConduct,
        tasks: &Tasks,
        generation: Shutdown,
    ) -> Self {
        let (front, tasks) = (Arc::clone(front), tasks.clone());
        Self { conduct, front, generation: Mutex::new(generation), tasks }
    }

    /// Requests that arrive from now on are handled as this configuration says. Must be called within the runtime.
    pub fn reload(&self, new: Configured) -> Result<(), SettingsError> {
        let Configured { external, judge, quotas, mut settings } = new;
        // One at a time.
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.front.0.load_full();
        let quotas = before.quotas.with(quotas);
        let names = before.watch.names(&settings, &quotas);
        let routes = Routes::new(&mut settings, Some(&before.routes))?;
        before.watch.change(names);
        let next = self::generation(&self.tasks, &before.shutdown);
        let Settings { addresses, identity, limits, listen, masks, tls, unknown_fields, .. } =
            settings;
        self.conduct.change(listener_settings(listen, &limits, &addresses, tls));
        let ways_in = before.ways_in.changed(identity, &self.tasks, &next);
        let shared = Shared {
            addresses,
            external,
            judge: Arc::new(judge),
            mask_style: masks,
            quotas,
            read_limits: read_limits(&limits),
            limits,
            routes,
            unknown_fields,
            ways_in: Arc::new(ways_in),
            ..(*before).clone()
        };
        begin(&shared, &self.tasks, &next);
        self.front.0.store(Arc::new(shared));
        std::mem::replace(&mut *generation, next).begin();
        Ok(())
    }
}

/// Begins what runs for one configuration only.
pub(crate) fn begin(shared: &Shared, tasks: &Tasks, generation: &Shutdown) {
    check::start(&shared.routes, tasks, generation);
    for token in shared.routes.targets().iter().filter_map(|target| target.token.clone()) {
        tasks.spawn(token.run(generation.clone()));
    }
    shared.quotas.keep_shared(&shared.journal, tasks, (&shared.shutdown, generation));
}

/// Begins when the gateway stops, if it did not before.
pub(crate) fn generation(tasks: &Tasks, shutdown: &Shutdown) -> Shutdown {
    let (generation, shutdown) = (Shutdown::default(), shutdown.clone());
    let ended = generation.clone();
    tasks.spawn(async move {
        tokio::select! {
            () = shutdown.begun() => ended.begin(),
            () = ended.begun() => {}
        }
    });
    generation
}
