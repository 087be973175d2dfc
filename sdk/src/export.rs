//! The one line that makes a component of a crate.

/// Makes the crate a component whose plugin is what the given function returns. One line per crate; natively it does
/// nothing, so that the same crate builds for tests.
///
/// ```
/// use orderdesk_plugin::Plugin;
///
/// fn plugin() -> Plugin {
///     Plugin::new("empty", env!("CARGO_PKG_VERSION"))
/// }
/// orderdesk_plugin::export!(plugin);
/// # assert!(plugin().tools().is_empty());
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:path) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::wasm::Component for Component {
                fn plugin() -> $crate::Plugin {
                    $plugin()
                }
            }

    $crate::wasm::export_component!(Component with_types_in $crate::wasm::bindings);
        };

        // Without a component the function still has to be one of the right type.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Plugin = $plugin;
    };
}
