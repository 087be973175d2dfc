//! A browser made by hand: cookies, forms, no JavaScript.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;

/// One browser. It knows one site, so it keeps cookies by name alone.
pub struct Browser {
    http: reqwest::Client,
    /// As they are sent with each request.
    pub cookies: BTreeMap<String, String>,
    /// Sent with each request, beside the usual.
    pub headers: HeaderMap,
}

/// A page as it came.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The HTML.
    pub html: String,
    /// Where it came from in the end.
    pub url: String,
}

impl Default for Browser {
    fn default() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .unwrap();
        Self {
            http,
            cookies: BTreeMap::new(),
            headers: HeaderMap::new(),
        }
    }
}

impl Browser {
    /// Opens a URL.
    pub async fn open(&mut self, url: &str) -> Page {
        self.send(self.http.get(url), url).await
    }

    /// Sends the form of a page, with these fields in the place of its own, and goes where it leads.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let mut form: BTreeMap<String, String> = page.hidden();
        for (name, value) in fields {
            form.insert((*name).to_owned(), (*value).to_owned());
        }
        self.post(&page.url, &form).await
    }

    /// Posts a form.
    pub async fn post(&mut self, url: &str, form: &BTreeMap<String, String>) -> Page {
        let mut body = String::new();
        for (name, value) in form {
            let encode = |text: &str| -> String {
                text.bytes().map(|byte| format!("%{byte:02X}")).collect()
            };
            body.push_str(&format!("{}={}&", encode(name), encode(value)));
        }
        let request = self
            .http
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body);
        let page = self.send(request, url).await;
        match page.headers.get(LOCATION) {
            Some(place) => {
                let (folder, _) = url.rsplit_once('/').unwrap();
                let url = format!("{folder}/{}", place.to_str().unwrap());
                self.open(&url).await
            }
            None => page,
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder, url: &str) -> Page {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = request.headers(self.headers.clone());
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies.join("; "));
        }
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            url: url.to_owned(),
            html: response.text().await.unwrap(),
        }
    }
}

impl Page {
    /// The form's hidden fields.
    pub fn hidden(&self) -> BTreeMap<String, String> {
        let hidden = self.html.split("<input ").skip(1).filter_map(|input| {
            let tag = input.split('>').next()?;
            tag.contains("type=\"hidden\"")
                .then(|| Some((attribute(tag, "name")?, attribute(tag, "value")?)))?
        });
        hidden.collect()
    }

    /// Whether it has a field of this name to fill in.
    pub fn asks_for(&self, field: &str) -> bool {
        self.html.contains(&format!("name=\"{field}\""))
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("&quot;", "\"").replace("&amp;", "&"))
}
