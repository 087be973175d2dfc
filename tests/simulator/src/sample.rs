//! Two stores with believable contents: the same for the same seed, with dates relative to the present moment.
//!
//! Nobody in them exists; all e-mail addresses are at example.com and all phone numbers in ranges kept for fiction.

mod catalogue;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::dates;
use crate::store::Store;
use catalogue::{BAD_ADDRESSES, CUSTOMERS, Customer, HARBOR_AND_OAK, NORTH_PIER, Product};

/// Id of "Harbor & Oak Supply".
pub const HARBOR_AND_OAK_ID: u64 = 9021;
/// API key of "Harbor & Oak Supply".
pub const HARBOR_AND_OAK_KEY: &str = "sandbox-key-9021";
/// Id of "North Pier Outfitters".
pub const NORTH_PIER_ID: u64 = 9022;
/// API key of "North Pier Outfitters".
pub const NORTH_PIER_KEY: &str = "sandbox-key-9022";

/// Folders of "Harbor & Oak Supply", in order.
pub const FOLDERS: [(i64, &str); 5] = [
    (31001, "New"),
    (31002, "Prepared"),
    (31003, "Packing"),
    (31004, "Closed"),
    (31005, "Canceled"),
];

const CARRIERS: [(&str, &str, &str); 3] = [
    ("UPS", "Ground", "1ZX4420A03"),
    ("USPS", "Priority Mail", "94001118992"),
    ("FedEx", "Home Delivery", "61299"),
];
const SOURCES: [&str; 4] = ["Order Desk", "Shopify", "WooCommerce", "Etsy"];
const CARDS: [(&str, &str); 4] = [
    ("Visa", "1881"),
    ("MasterCard", "4444"),
    ("American Express", "0005"),
    ("PayPal", ""),
];

/// Both sample stores.
pub fn stores(seed: u64, now: Timestamp) -> Vec<Store> {
    vec![store(seed, now), second_store(seed, now)]
}

/// "Harbor & Oak Supply": five folders, 60 orders over the last six weeks, 25 inventory items.
pub fn store(seed: u64, now: Timestamp) -> Store {
    let store = Store::new(HARBOR_AND_OAK_ID, HARBOR_AND_OAK_KEY, "Harbor & Oak Supply")
        .with_folders(&FOLDERS)
        .with_timezone("America/New_York");
    fill(store, &HARBOR_AND_OAK, 60, seed, now)
}

/// "North Pier Outfitters": the default folders, 12 orders, 6 inventory items.
pub fn second_store(seed: u64, now: Timestamp) -> Store {
    let store = Store::new(NORTH_PIER_ID, NORTH_PIER_KEY, "North Pier Outfitters")
        .with_timezone("America/Los_Angeles");
    fill(store, &NORTH_PIER, 12, seed.wrapping_add(1), now)
}

fn fill(mut store: Store, products: &[Product], orders: usize, seed: u64, now: Timestamp) -> Store {
    let mut random = StdRng::seed_from_u64(seed);
    for product in products {
        let added = now - SignedDuration::from_hours(random.random_range(2_000..6_000));
        store
            .add_inventory_item(&inventory_item(product, &mut random), added)
            .ok();
    }
    for index in 0..orders {
        // Oldest first, about seventeen hours apart, so that ids and dates rise together.
        let age = SignedDuration::from_mins(
            ((orders - index - 1) * 1_000) as i64 + random.random_range(5..600),
        );
        let placed = now - age;
        let folder = folder_of(&store, index * 60 / orders, &mut random);
        let input = order_input(index, folder, placed, products, &mut random);
        // The input has items and a name, so it is accepted.
        let Ok(id) = store.add_order(&input, placed) else {
            continue;
        };
        if store.folder_name(folder) == Some("Closed") || index % 9 == 4 {
            // A day later, though never in the future.
            let shipped = (placed + SignedDuration::from_hours(26)).min(now);
            add_shipment(&mut store, id, index, shipped, &mut random);
        }
    }
    store
}

fn inventory_item(product: &Product, random: &mut StdRng) -> Value {
    let (code, name, price, cost, weight, category) = *product;
    json!({
        "name": name, "code": code, "price": price, "cost": cost, "weight": weight,
        "stock": random.random_range(0..160), "update_source": "WarehouseSync",
        "location": format!("Aisle {}", random.random_range(1..9)),
        "manufacturer_sku": if category == "LIGHT" { format!("MFG-{code}") } else { String::new() },
        "metadata": if category == "PRINT" { json!({"print_sku": format!("{code}-P")}) } else { json!([]) },
    })
}

/// Old orders are mostly closed, recent ones new or in work, a few canceled. `age_rank` runs from 0, the oldest, to
/// 59.
fn folder_of(store: &Store, age_rank: usize, random: &mut StdRng) -> i64 {
    let name = match (random.random_range(0..10), age_rank) {
        (0, _) => "Canceled",
        (_, 0..35) => "Closed",
        (1..4, 35..48) => "Closed",
        (_, 35..48) => "Prepared",
        (1..4, _) => "Packing",
        _ => "New",
    };
    store
        .folder_named(name)
        .or_else(|| store.folders().first().map(|(id, _)| *id))
        .unwrap_or_default()
}

fn order_input(
    index: usize,
    folder: i64,
    placed: Timestamp,
    products: &[Product],
    random: &mut StdRng,
) -> Value {
    let customer = &match index % 15 {
        7 => BAD_ADDRESSES[index / 15 % 4],
        _ => one_of(&CUSTOMERS, random),
    };
    let items: Vec<Value> = (0..random.random_range(1..=4))
        .map(|_| item(products, random))
        .collect();
    let (payment_type, digits) = one_of(&CARDS, random);
    let [first, last, ..] = customer;
    let address = address(customer);
    let email = format!(
        "{}.{}@example.com",
        &first.to_lowercase(),
        last.to_lowercase()
    )
    .replace('é', "e");
    let mut input = json!({
        "source_id": format!("WEB-{}", 10_400 + index),
        "source_name": one_of(&SOURCES, random),
        "email": email,
        "customer_id": format!("C{}", 500 + index % 23),
        "shipping_method": one_of(&["Ground", "Two Day", "Overnight"], random),
        "shipping_total": f64::from(random.random_range(0..2_500)) / 100.0,
        "handling_total": if index.is_multiple_of(4) { 1.5 } else { 0.0 },
        "tax_total": f64::from(random.random_range(0..1_800)) / 100.0,
        "payment_type": payment_type,
        "payment_status": one_of(&["Captured", "Authorized", "Approved"], random),
        "cc_number": digits,
        "cc_exp": if digits.is_empty() { "" } else { "11/2029" },
        "ip_address": format!("203.0.113.{}", 1 + index % 250),
        "folder_id": folder,
        "date_added": dates::stamp(placed),
        "shipping": address,
        "customer": address,
        "order_items": items,
    });
    if index.is_multiple_of(3) {
        input["checkout_data"] = json!({"Gift Message": "Enjoy!", "Leave at Door": "Yes"});
    }
    if index.is_multiple_of(2) {
        input["order_metadata"] =
            json!({"cart_order_id": (8_841_200 + index).to_string(), "risk_score": index % 40});
    }
    if index.is_multiple_of(5) {
        input["discount_list"] = json!([{"name": "Spring", "code": "SPRING5", "amount": 5}]);
    }
    if index % 6 == 1 {
        input["order_notes"] = json!([{
            "date_added": dates::stamp(placed + SignedDuration::from_mins(40)), "username": "Dana",
            "content": "Customer called: please combine with the next order.",
        }]);
    }
    if index % 10 == 3 {
        input["tag_name"] = json!("warning");
    }
    input
}

fn item(products: &[Product], random: &mut StdRng) -> Value {
    let (code, name, price, _, weight, category) = one_of(products, random);
    json!({
        "name": name, "code": code, "price": price, "weight": weight, "category_code": category,
        "quantity": random.random_range(1..=4),
        "delivery_type": if category == "SERVICE" { "noship" } else { "ship" },
        "variation_list": if category == "DESK" { json!({"Finish": "Oil"}) } else { json!([]) },
        "metadata": if category == "PRINT" {
            json!({"print_sku": format!("{code}-P"), "print_url": format!("https://cdn.example.com/{code}.pdf")})
        } else {
            json!([])
        },
    })
}

fn add_shipment(
    store: &mut Store,
    order_id: u64,
    index: usize,
    shipped: Timestamp,
    random: &mut StdRng,
) {
    let (carrier, method, prefix) = one_of(&CARRIERS, random);
    let input = json!({
        "tracking_number": format!("{prefix}{:08}", 90_011_187 + index),
        "carrier_code": carrier, "shipment_method": method, "weight": 2.4, "cost": 8.1,
    });
    store.add_shipment(order_id, &input, shipped).ok();
}

fn address(customer: &Customer) -> Value {
    const PARTS: [&str; 10] = [
        "first_name",
        "last_name",
        "company",
        "address1",
        "address2",
        "city",
        "state",
        "postal_code",
        "country",
        "phone",
    ];
    PARTS
        .iter()
        .zip(customer)
        .map(|(part, text)| ((*part).to_owned(), json!(text)))
        .collect()
}

fn one_of<T: Copy>(choices: &[T], random: &mut StdRng) -> T {
    choices[random.random_range(0..choices.len())]
}
