//! Turns of processor time: plugins that compute for long leave room to all others.
//!
//! A plugin's code runs on the threads that serve everything, and is taken off them by the engine's ticks ([`super::usage::TICK`]).
//! With as many computing plugins as there are threads, everything else would wait a tick of each of them at each of its own
//! steps. So whoever was at work in long slices lately owes: its code goes on only when it has a turn, there are no more turns
//! than threads, one fewer while somebody calls who owes nothing, and they go round the tenants that wait for one. Slices below
//! [`LONG`] are nobody's trouble and cost nothing.
//!
//! A debt is the tenant's, not the call's: many calls that are each over before they are noticed would be as much trouble.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// A slice that others can feel.
const LONG: Duration = Duration::from_millis(1);
/// What a tenant may owe without waiting for a turn.
const FREE: Duration = Duration::from_millis(20);
/// More is not remembered.
const MOST: Duration = Duration::from_secs(1);
/// Debts go down by one part of this many of the time that passes.
const FORGIVENESS: u32 = 10;
/// For so long after such a call one thread is kept for the next.
const KEPT: Duration = Duration::from_secs(2);
/// Tenants that are remembered before those that owe nothing are forgotten.
const REMEMBERED: usize = 1_024;

/// The turns of one process.
pub struct Turns {
    threads: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// When somebody called last who owes nothing.
    others: Option<Instant>,
    debts: HashMap<Arc<str>, Debt>,
    waiting: HashMap<Arc<str>, VecDeque<oneshot::Sender<Turn>>>,
    /// Tenants that wait, each once; the first is next.
    round: VecDeque<Arc<str>>,
}

#[derive(Clone, Copy)]
struct Debt {
    owed: Duration,
    since: Instant,
}

impl Debt {
    fn at(self, now: Instant) -> Duration {
        self.owed
            .saturating_sub(now.saturating_duration_since(self.since) / FORGIVENESS)
    }
}

impl Turns {
    /// Those of a process that has as many threads for everything as this machine runs at once.
    pub fn of_this_machine() -> Arc<Self> {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self {
            threads,
            state: Mutex::default(),
        })
    }

    /// The account of one instance that works for this tenant.
    pub fn account(self: &Arc<Self>, tenant: &str) -> Account {
        Account {
            turns: self.clone(),
            tenant: tenant.into(),
            turn: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_out(self: &Arc<Self>, state: &mut State) {
        let others = state.others.is_some_and(|last| last.elapsed() < KEPT);
        let at_once = match self.threads {
            several @ 2.. if others => several - 1,
            threads => threads,
        };
        while state.taken < at_once {
            let Some(start) = state.next() else { return };
            state.taken += 1;
            let turn = Turn(Some(self.clone()));
            if let Err(mut unwanted) = start.send(turn) {
                // Dropped with its turn, it would come back to us for the lock.
                unwanted.0 = None;
                state.taken -= 1;
            }
        }
    }
}

impl State {
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        loop {
            let tenant = self.round.pop_front()?;
            let Some(waiting) = self.waiting.get_mut(&tenant) else {
                continue;
            };
            let next = waiting.pop_front();
            if waiting.is_empty() {
                self.waiting.remove(&tenant);
            } else {
                self.round.push_back(tenant);
            }
            if next.is_some() {
                return next;
            }
        }
    }

    fn owes(&self, tenant: &str) -> bool {
        let debt = self.debts.get(tenant);
        debt.is_some_and(|debt| debt.at(Instant::now()) > FREE)
    }

    fn add(&mut self, tenant: &Arc<str>, slice: Duration) {
        let now = Instant::now();
        if self.debts.len() >= REMEMBERED {
            self.debts.retain(|_, debt| !debt.at(now).is_zero());
        }
        let before = self
            .debts
            .get(tenant)
            .map_or(Duration::ZERO, |debt| debt.at(now));
        let debt = Debt {
            owed: (before + slice).min(MOST),
            since: now,
        };
        self.debts.insert(tenant.clone(), debt);
    }
}

/// Whoever has it may be at work; given back when it is dropped.
struct Turn(Option<Arc<Turns>>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            let mut state = turns.state();
            state.taken -= 1;
            turns.hand_out(&mut state);
        }
    }
}

/// What one instance was at work for, on its tenant's account.
#[derive(Clone)]
pub struct Account {
    turns: Arc<Turns>,
    tenant: Arc<str>,
    /// Had for this slice only.
    turn: Arc<Mutex<Option<Turn>>>,
}

impl Account {
    /// Waits for a turn, if the tenant owes.
    ///
    /// Before it begins, its thread looks after what came in from outside: threads hand turns to each other without that, and
    /// while one goes from slice to slice the other may sleep.
    pub async fn may_work(self) {
        if let Some(turn) = self.wait_for_turn().await {
            tokio::task::yield_now().await;
            *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
        }
    }

    /// None: the tenant owes nothing.
    async fn wait_for_turn(&self) -> Option<Turn> {
        let started = {
            let mut state = self.turns.state();
            if !state.owes(&self.tenant) {
                state.others = Some(Instant::now());
                return None;
            }
            let (start, started) = oneshot::channel();
            let waiting = state.waiting.entry(self.tenant.clone()).or_default();
            waiting.push_back(start);
            if waiting.len() == 1 {
                state.round.push_back(self.tenant.clone());
            }
            self.turns.hand_out(&mut state);
            started
        };
        started.await.ok()
    }

    /// The next slice, once everything else had the thread, and a turn if the tenant owes.
    pub async fn next_slice(self) {
        tokio::task::yield_now().await;
        self.may_work().await;
    }

    /// A slice is over, which took this long.
    pub fn was_at_work(&self, slice: Duration) {
        if slice >= LONG {
            self.turns.state().add(&self.tenant, slice);
        }
        let turn = self
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(turn);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::pin::{Pin, pin};

    use futures::FutureExt;

    use super::*;

    fn owing(turns: &Arc<Turns>, tenant: &str) -> Account {
        let account = turns.account(tenant);
        account.was_at_work(FREE * 10);
        account
    }

    /// Whether it may work now. Who has a turn lets its thread look up once before.
    fn started(mut start: Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut polled = || start.as_mut().now_or_never().is_some();
        polled() || polled()
    }

    #[test]
    fn who_owes_nothing_never_waits_whoever_computes() {
        let turns = Turns::new(1);
        let busy = owing(&turns, "busy");
        assert!(started(pin!(busy.clone().may_work())));
        let short = turns.account("short");
        for _ in 0..1_000 {
            assert!(started(pin!(short.clone().may_work())));
            short.was_at_work(LONG / 2);
        }
        // Another call of the same tenant waits with it.
        assert!(!started(pin!(turns.account("busy").may_work())));
    }

    #[test]
    fn a_thread_is_kept_for_those_who_owe_nothing_while_there_are_any() {
        let turns = Turns::new(2);
        let all: Vec<Account> = (0..3).map(|_| owing(&turns, "busy")).collect();
        let starts = |at: usize| started(pin!(all[at].clone().may_work()));
        assert!(starts(0) && starts(1));
        assert!(started(pin!(turns.account("other").may_work())));
        all[0].was_at_work(LONG);
        assert!(!starts(2));
        all[1].was_at_work(LONG);
        assert!(starts(2));
        assert!(!starts(0));
    }

    #[test]
    fn turns_go_round_the_tenants_and_come_back_with_the_end_of_a_slice() {
        let turns = Turns::new(1);
        let first = owing(&turns, "many");
        assert!(started(pin!(first.clone().may_work())));
        let others: Vec<Account> = (0..3).map(|_| turns.account("many")).collect();
        let mut waiting: Vec<_> = others
            .iter()
            .map(|account| Box::pin(account.clone().may_work()))
            .collect();
        for one in &mut waiting {
            assert!(!started(one.as_mut()));
        }
        let lone = owing(&turns, "lone");
        let mut alone = pin!(lone.clone().may_work());
        assert!(!started(alone.as_mut()));

        first.was_at_work(LONG);
        assert!(started(waiting[0].as_mut()));
        others[0].was_at_work(LONG);
        assert!(!started(waiting[1].as_mut()));
        assert!(started(alone.as_mut()));
    }

    #[test]
    fn who_goes_away_while_waiting_keeps_nobodys_turn() {
        let turns = Turns::new(1);
        let first = owing(&turns, "a");
        assert!(started(pin!(first.clone().may_work())));
        let mut gone = Box::pin(turns.account("a").may_work());
        assert!(!started(gone.as_mut()));
        let last = turns.account("a");
        let mut waits = pin!(last.clone().may_work());
        assert!(!started(waits.as_mut()));
        drop(gone);
        first.was_at_work(LONG);
        assert!(started(waits.as_mut()));
        last.was_at_work(LONG);
        let state = turns.state();
        assert_eq!((state.taken, state.waiting.len()), (0, 0));
        assert!(state.round.is_empty());
    }

    #[test]
    fn debts_are_forgiven() {
        let start = Instant::now();
        let debt = Debt {
            owed: MOST,
            since: start,
        };
        assert_eq!(debt.at(start + Duration::from_secs(5)), MOST / 2);
        assert_eq!(debt.at(start + Duration::from_secs(11)), Duration::ZERO);
    }
}
