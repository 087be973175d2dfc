//! A plugin that never says what it is: it loops while it is being loaded.

use orderdesk_plugin::Plugin;

fn plugin() -> Plugin {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
        if turns == u64::MAX {
            return Plugin::new("stuck", "0");
        }
    }
}

orderdesk_plugin::export!(plugin);
