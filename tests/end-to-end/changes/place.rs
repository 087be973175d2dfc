//! A store with alike orders, and an installation of the real program whose processes can be stopped and killed.

use end_to_end::{Agent, Installation, Process};
use orderdesk_simulator::{Clock, RateLimit, Simulator, SimulatorConfig, Store};
use serde_json::{Value, json};

const STORE: u64 = 9100;
const KEY: &str = "key-of-the-interrupted";
/// The e-mail address of all orders, and what they may become.
pub const BEFORE: &str = "r.okafor@example.com";
pub const AFTER: &str = "ruth@example.com";

/// A store with some orders, and an installation whose calls are short, so that nobody waits for long.
pub struct Place {
    pub simulator: Simulator,
    pub installation: Installation,
    key: String,
}

impl Place {
    /// Without a pace: nothing here waits for tokens.
    pub async fn new(orders: u64) -> Self {
        Self::at_pace(orders, None, |config| {
            config["limits"]["time"] = "20s".into();
        })
        .await
    }

    /// Order Desk at ten times its pace, and steps of a tenth of their time; nothing is confirmed.
    pub async fn in_short_steps(orders: u64) -> Self {
        Self::at_pace(orders, Some(30), |config| {
            config["limits"]["time"] = "12s".into();
            // The host that is tested is not optimised, and its work for a plugin counts as the plugin's.
            config["limits"]["cpu"] = "60s".into();
            let mcp = config["mcp"].as_table_mut().unwrap();
            mcp.insert("confirm".to_owned(), "never".into());
        })
        .await
    }

    /// With so many requests per second, on both sides.
    pub async fn at_pace(
        orders: u64,
        per_second: Option<u32>,
        change: impl FnOnce(&mut toml::Table),
    ) -> Self {
        let mut store = Store::new(STORE, KEY, "Interrupted");
        let address = json!({"first_name": "Ruth", "last_name": "Okafor", "address1": "14 Harbor Row",
                             "city": "Portland", "state": "ME", "postal_code": "04101", "country": "US"});
        for number in 0..orders {
            let order = json!({"source_id": format!("WEB-{number}"), "email": BEFORE, "shipping": address,
                               "order_items": [{"name": "Desk", "code": "D-1", "price": 10, "quantity": 1}]});
            store.add_order(&order, Clock::System.now()).unwrap();
        }
        let config = SimulatorConfig {
            rate: per_second.map(|per_second| RateLimit {
                per_second: per_second.into(),
                ..RateLimit::default()
            }),
            ..SimulatorConfig::with_stores(vec![store])
        };
        let simulator = Simulator::start(config).await.unwrap();
        let installation = Installation::new(&simulator, |config| {
            let endpoint = config["endpoints"]["orderdesk"].as_table_mut().unwrap();
            match per_second {
                Some(per_second) => {
                    endpoint["rate"]["per_second"] = i64::from(per_second).into();
                }
                None => drop(endpoint.remove("rate")),
            }
            let mcp = config["mcp"].as_table_mut().unwrap();
            let sets = ["stores", "orders", "bulk"].map(toml::Value::from);
            mcp.insert("toolsets".to_owned(), sets.to_vec().into());
            change(config);
        });
        let key = installation.tenant("acme").await;
        Self {
            simulator,
            installation,
            key,
        }
    }

    /// A process over stdin and stdout.
    pub async fn process(&self) -> (Process, Agent) {
        self.installation.stdio(&self.key).await
    }

    /// A server over HTTP.
    pub async fn server(&self) -> (Process, Agent) {
        self.installation.serve(&self.key).await
    }

    /// A process that knows the store.
    pub async fn registered(&self) -> (Process, Agent) {
        let (process, agent) = self.process().await;
        self.register(&agent).await;
        (process, agent)
    }

    pub async fn register(&self, agent: &Agent) {
        let registration = json!({"store_id": STORE, "api_key": KEY});
        agent.call("stores_register", registration).await.ok();
    }

    pub fn orders(&self) -> Vec<u64> {
        self.simulator
            .with_store(STORE, |store| {
                store.orders().map(|order| order.id()).collect()
            })
            .unwrap()
    }

    pub fn order(&self, id: u64) -> Value {
        self.simulator
            .with_store(STORE, |store| store.order_json(id).unwrap())
            .unwrap()
    }

    /// Locks end by themselves, within two minutes at most: nobody waits for that here.
    pub fn end_leases(&self) {
        let database = self.installation.raw_database();
        database
            .execute("UPDATE locks SET lease_until = 0", [])
            .unwrap();
    }

    pub fn puts(&self) -> usize {
        let requests = self.simulator.requests();
        let puts = requests.iter().filter(|request| request.method == "PUT");
        puts.count()
    }
}
