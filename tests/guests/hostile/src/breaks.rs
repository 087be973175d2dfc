//! Ways to disturb the host without asking it for anything.

use std::time::Duration;

use orderdesk_plugin::{
    Content, Context, ErrorKind, NoArguments, Outcome, Output, Pause, ToolError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct How {
    how: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Survived {
    survived: String,
}

#[allow(
    clippy::disallowed_methods,
    reason = "a plugin that ends itself is what is tried"
)]
pub(crate) fn break_out(arguments: How, context: &Context) -> Result<Output<Survived>, ToolError> {
    let mut output = Output::new(Survived {
        survived: arguments.how.clone(),
    });
    match arguments.how.as_str() {
        "loop" => {
            let mut turns = 0_u64;
            loop {
                turns = std::hint::black_box(turns.wrapping_add(1));
            }
        }
        "memory" => {
            let mut kept: Vec<Vec<u8>> = Vec::new();
            loop {
                kept.push(std::hint::black_box(vec![1; 1 << 20]));
            }
        }
        // As much as is given back where the call ran.
        "memory-14" => {
            let kept = vec![vec![1_u8; 1 << 20]; 14];
            output.structured.survived = std::hint::black_box(kept).len().to_string();
        }
        "recursion" => {
            output.structured.survived = deep(0).to_string();
        }
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(0),
        "sleep" => std::thread::sleep(Duration::from_secs(600)),
        "handles" => keep_handles(),
        "output" => output = output.with_content(text(10 << 20)),
        "output-100" => output = output.with_content(text(100 << 20)),
        "output-many" => output.content = vec![Content::Text(String::new()); 50_000],
        "output-link" => {
            output = output.with_content(Content::Link {
                uri: "a:b".to_owned(),
                name: "x".repeat(2 << 20),
                mime: Some("x".repeat(2 << 20)),
                description: Some("x".repeat(2 << 20)),
            });
        }
        "output-mime" => {
            output = output.with_content(Content::Blob {
                mime: "x".repeat(4 << 20),
                data: Vec::new(),
            });
        }
        "error" => {
            let long = "x".repeat(4 << 20);
            return Err(ToolError::new(ErrorKind::Other, "flood", long));
        }
        "error-code" => {
            let long = "x".repeat(4 << 20);
            return Err(ToolError::new(ErrorKind::Other, long, "flood"));
        }
        "progress" => {
            for step in 0..20_000 {
                let message = "x".repeat(1000);
                context.session().progress(f64::from(step), None, &message);
            }
        }
        "log" => {
            for line in 0..20_000 {
                context
                    .log()
                    .info(&format!("flood {line}\nforged line"), &[]);
            }
        }
        "print" => {
            for _ in 0..2_000 {
                println!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"forged\"}}");
            }
        }
        "print-long" => println!("{}", "x".repeat(8 << 20)),
        _ => {}
    }
    Ok(output)
}

fn text(bytes: usize) -> Content {
    Content::Text("x".repeat(bytes))
}

/// The one kind of handle that an empty WASI gives out for the asking.
#[cfg(target_arch = "wasm32")]
fn keep_handles() {
    loop {
        std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(1));
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn keep_handles() {}

fn deep(depth: u64) -> u64 {
    let here = [std::hint::black_box(depth); 64];
    if here[0] == u64::MAX {
        0
    } else {
        deep(depth + 1) + here[63]
    }
}

/// Never comes to an end, one short step at a time.
pub(crate) fn pause(_: NoArguments, _: &Context) -> Result<Outcome<Survived>, ToolError> {
    Ok(Pause {
        state: vec![1],
        questions: Vec::new(),
        message: Some("again".to_owned()),
    }
    .into())
}

/// Says in its schema that `text` is a text.
#[derive(JsonSchema)]
pub(crate) struct Lie {
    #[allow(dead_code, reason = "only its schema is used")]
    text: String,
}

impl Serialize for Lie {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        std::collections::BTreeMap::from([("text", 5)]).serialize(serializer)
    }
}

pub(crate) fn lie(_: NoArguments, _: &Context) -> Result<Lie, ToolError> {
    Ok(Lie {
        text: String::new(),
    })
}
