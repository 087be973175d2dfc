orderdesk_plugin::export!();

fn main() {}
