fn one() -> orderdesk_plugin::Plugin {
    orderdesk_plugin::Plugin::new("one", "0.1.0")
}

fn two() -> orderdesk_plugin::Plugin {
    orderdesk_plugin::Plugin::new("two", "0.1.0")
}

orderdesk_plugin::export!(one, two);

fn main() {}
