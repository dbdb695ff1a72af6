//! The coder's page: what a person sees at `/`.
//!
//! The page is rendered on the server by [`page::Page`], from plain views that know nothing of the coder: whoever
//! answers the request fills them. It works without JavaScript; [`script`] only spares the coder a full reload.
//! The look follows the French State's design system, rewritten here in one stylesheet: no asset is copied, and
//! neither the State's block mark nor its font is used, for codif is not a State site by itself.
//!
//! Nothing in the page needs an inline style or script, so a strict content security policy holds.

pub mod admin;
pub mod choices;
pub mod french;
pub mod page;
mod sentences;
pub mod views;

/// The stylesheet, served as `text/css` at `/assets/codif.css`.
pub fn stylesheet() -> &'static str {
    include_str!("ui/codif.css")
}

/// The progressive enhancement, served as `text/javascript` at `/assets/codif.js`.
pub fn script() -> &'static str {
    include_str!("ui/codif.js")
}
