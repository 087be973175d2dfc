fn plugin() -> String {
    "shelf".to_owned()
}

orderdesk_plugin::export!(plugin);

fn main() {}
