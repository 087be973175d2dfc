fn plugin() -> orderdesk_plugin::Plugin {
    orderdesk_plugin::Plugin::new("shelf", "0.1.0")
}

orderdesk_plugin::export!(plugin());

fn main() {}
