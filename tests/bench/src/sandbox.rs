//! The Order Desk that is measured against.

use anyhow::Context;
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig};

/// The sample data, without a pace, and without a memory of what was asked.
pub(crate) async fn unhurried() -> anyhow::Result<Simulator> {
    let mut config = SimulatorConfig::sample(7, Clock::System);
    config.rate = None;
    config.keep_requests = 0;
    Ok(Simulator::start(config).await?)
}

/// Its first store, with the API key.
pub(crate) fn first_store(simulator: &Simulator) -> anyhow::Result<(u64, String)> {
    let (store, api_key, _) = simulator
        .stores()
        .into_iter()
        .next()
        .context("the simulator has no store")?;
    Ok((store, api_key))
}
