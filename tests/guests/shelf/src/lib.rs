//! Books on a shelf: everything that a plugin can give beside tools, written as a stranger would write it.

use std::time::Duration;

use orderdesk_plugin::storage::Write;
use orderdesk_plugin::{
    Body, Completion, Content, Contents, Context, Id, Link, Message, NoArguments, Outcome, Output,
    Part, Pause, Plugin, Prompt, Resource, ResourceTemplate, Script, Tool, ToolError, Typing,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const BOOKS: [&str; 3] = ["Emma", "Evelina", "Middlemarch"];

#[derive(Serialize, JsonSchema)]
struct Found {
    /// The book on top.
    title: String,
}

/// A result that points to where there is more.
fn find(_: NoArguments, _: &Context) -> Result<Output<Found>, ToolError> {
    let found = Found {
        title: BOOKS[0].to_owned(),
    };
    Ok(Output::new(found).with_content(Content::Link {
        uri: "shelf://books/Emma/1".to_owned(),
        name: "Emma, page 1".to_owned(),
        mime: Some("text/plain".to_owned()),
        description: None,
    }))
}

fn count(_: NoArguments, _: &Context) -> Result<Found, ToolError> {
    Ok(Found {
        title: BOOKS.len().to_string(),
    })
}

/// How much to read.
#[derive(Deserialize, JsonSchema)]
struct Pages {
    /// How many pages.
    #[schemars(range(min = 1, max = 100))]
    pages: u32,
    /// How long one takes, in milliseconds.
    page_ms: u64,
}

/// Long work: one page in each step.
fn read_aloud(pages: Pages, context: &Context) -> Result<Outcome<Found>, ToolError> {
    let before = context.resumption().map_or(0, |resumption| {
        let text = String::from_utf8_lossy(&resumption.state);
        text.parse().unwrap_or(0)
    });
    let done: u32 = before + 1;
    context.clock().sleep(Duration::from_millis(pages.page_ms));
    context.session().progress(
        done.into(),
        Some(pages.pages.into()),
        &format!("Page {done}"),
    );
    if done == pages.pages {
        let title = format!("{done} pages of {}", BOOKS[0]);
        return Ok(Outcome::complete(Found { title }));
    }
    Ok(Pause {
        state: done.to_string().into_bytes(),
        ..Pause::default()
    }
    .into())
}

fn about(_: &Context) -> Result<&'static str, ToolError> {
    Ok("Three books.")
}

fn cover(_: &Context) -> Result<Vec<u8>, ToolError> {
    Ok(vec![0x89, b'P', b'N', b'G'])
}

/// A resource that reads two, and one that tries to write.
fn both(_: &Context) -> Result<Contents, ToolError> {
    let cover = Part {
        uri: Some("shelf://cover".to_owned()),
        mime: Some("image/png".to_owned()),
        ..Body::Blob(vec![1, 2, 3]).into()
    };
    Ok(Contents::from("Two.").and(cover))
}

fn written(context: &Context) -> Result<String, ToolError> {
    let write = Write::put_json("read", &true)?;
    context.storage().commit(vec![write])?;
    Ok("written".to_owned())
}

#[derive(Deserialize)]
struct Page {
    book: String,
    number: Id,
}

fn page(page: Page, context: &Context) -> Result<String, ToolError> {
    if !BOOKS.contains(&page.book.as_str()) {
        return Err(ToolError::not_found(
            "no-book",
            format!("There is no book {:?}.", page.book),
        ));
    }
    let key = context.session().caller()?.key_id;
    Ok(format!("Page {} of {}, for {key}.", page.number, page.book))
}

fn book(typing: &Typing, _: &Context) -> Result<Completion, ToolError> {
    Ok(typing.among(BOOKS))
}

fn number(typing: &Typing, _: &Context) -> Result<Completion, ToolError> {
    let pages = match typing.given("book") {
        Some("Emma") => 300,
        Some(_) => 9,
        None => 0,
    };
    Ok(typing.among((1..=pages).map(|number: u32| number.to_string())))
}

#[derive(Deserialize, JsonSchema)]
struct Wish {
    /// What it should be about.
    topic: String,
    /// A book that you liked.
    liked: Option<String>,
}

fn recommend(wish: Wish, _: &Context) -> Result<Script, ToolError> {
    let script = Script::from(format!("Recommend me a book about {}.", wish.topic))
        .and(Message::assistant("I have three."))
        .described("Books, from the shelf");
    Ok(match wish.liked {
        Some(liked) => script.and(Message::link(Link::new(
            format!("shelf://books/{liked}/1"),
            liked,
        ))),
        None => script,
    })
}

fn plugin() -> Plugin {
    let resource = |resource: Resource| resource.description("On the shelf.");
    Plugin::new("shelf", env!("CARGO_PKG_VERSION"))
        .description("Books on a shelf.")
        .tool(
            Tool::new("shelf_find", find)
                .title("Find a book")
                .description("Tells which book is on top. Example: {}.")
                .read_only()
                .idempotent(),
        )
        .tool(
            Tool::new("shelf_count", count)
                .title("Count the books")
                .description("Tells how many there are. Example: {}.")
                .read_only()
                .idempotent(),
        )
        .tool(
            Tool::new("shelf_read_aloud", read_aloud)
                .title("Read aloud")
                .description("Reads page after page. Example: {\"pages\": 3, \"page_ms\": 10}.")
                .read_only()
                .idempotent(),
        )
        .resource(resource(
            Resource::new("about", "shelf://about", about)
                .title("About")
                .mime("text/plain"),
        ))
        .resource(resource(
            Resource::new("cover", "shelf://cover", cover)
                .mime("image/png")
                .tool("shelf_count"),
        ))
        .resource(resource(Resource::new("both", "shelf://both", both)))
        .resource(resource(Resource::new(
            "written",
            "shelf://written",
            written,
        )))
        .resource_template(
            ResourceTemplate::new("page", "shelf://books/{book}/{number}", page)
                .title("A page")
                .description("A page of a book.")
                .mime("text/plain")
                .tool("shelf_find")
                .complete("book", book)
                .complete("number", number),
        )
        .prompt(
            Prompt::new("shelf_recommend", recommend)
                .title("Recommend a book")
                .description("Asks for a book about something.")
                .tool("shelf_find")
                .complete("liked", book),
        )
}

orderdesk_plugin::export!(plugin);
