//! The page itself: files that are part of the program, each served under its own name.
//!
//! There is no build step between what is in `page/` and what a browser gets, and nothing that the page
//! needs comes from anywhere else: its content security policy says so, and says that no script stands in
//! the page itself. A browser asks each time whether what it has is still what there is, and a new
//! version of the program has other tags.

use super::Shared;
use axum::{
    Router,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What the page may do, and nothing else: run the scripts and use the styles that come with it, and talk
/// to where it comes from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
struct Asset {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
}

macro_rules! assets {
    ($($path:literal $file:literal $kind:expr;)*) => {
        &[$(Asset { path: $path, kind: $kind, content: include_str!(concat!("page/", $file)) }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static ASSETS: &[Asset] = assets! {
    "/" "index.html" HTML;
    "/console/style.css" "style.css" CSS;
    "/console/icon.svg" "icon.svg" SVG;
    "/console/main.js" "main.js" SCRIPT;
    "/console/feed.js" "feed.js" SCRIPT;
    "/console/model.js" "model.js" SCRIPT;
    "/console/cones.js" "cones.js" SCRIPT;
    "/console/view.js" "view.js" SCRIPT;
    "/console/draw.js" "draw.js" SCRIPT;
    "/console/hands.js" "hands.js" SCRIPT;
    "/console/details.js" "details.js" SCRIPT;
    "/console/people.js" "people.js" SCRIPT;
    "/console/charts.js" "charts.js" SCRIPT;
    "/console/chat.js" "chat.js" SCRIPT;
    "/console/clock.js" "clock.js" SCRIPT;
    "/console/words.js" "words.js" SCRIPT;
    "/console/glyphs.js" "glyphs.js" SCRIPT;
};

/// The routes of the files.
pub(super) fn router() -> Router<Shared> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router
            .route(asset.path, get(move |headers: HeaderMap| async move { asset.answer(&headers) }))
    })
}

impl Asset {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let tag = self.tag();
        let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == *tag);
        let about = [
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
        ];
        let tag = HeaderValue::from_str(&tag).map(|tag| [(header::ETAG, tag)]).ok();
        if is_known {
            return (StatusCode::NOT_MODIFIED, tag, about).into_response();
        }
        (tag, about, self.content).into_response()
    }

    /// What tells this content from another. It is made anew each time: a page asks for it once.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}
