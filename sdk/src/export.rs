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
    ($($segment:ident)::+ ($($arguments:tt)*)) => {
        compile_error!(
            "export! takes the name of a function, without parentheses: `export!(plugin);` with `fn plugin() -> Plugin`"
        );
    };
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

        // Natively, too, and said in words rather than about the code above.
        const _: fn() = || {
            $crate::makes_a_plugin($plugin);
        };
    };
    () => {
        compile_error!(
            "export! takes the function that makes the plugin: `export!(plugin);` with `fn plugin() -> Plugin`"
        );
    };
    ($plugin:path, $($more:tt)*) => {
        compile_error!(
            "export! takes one function: a crate is one component, and a plugin has all of its tools"
        );
    };
    ($($other:tt)*) => {
        compile_error!(
            "export! takes the name of a function, without parentheses: `export!(plugin);` with `fn plugin() -> Plugin`"
        );
    };
}

/// What [`export!`](crate::export!) takes.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "export! takes a function without arguments that answers a `Plugin`",
    label = "this is none",
    note = "write `fn plugin() -> Plugin {{ Plugin::new(…) }}` and `export!(plugin);`"
)]
pub trait MakesPlugin {}

impl<F: Fn() -> crate::Plugin> MakesPlugin for F {}

/// Asserts it.
#[doc(hidden)]
pub fn makes_a_plugin(_: impl MakesPlugin) {}
