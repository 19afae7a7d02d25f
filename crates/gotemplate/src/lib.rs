//! Go's text/template language: text to tree, tree to text. Data, further functions and times come from a `Host`.

mod args;
mod builtins;
mod escape;
mod exec;
mod float;
mod lex;
mod limits;
mod parse;
mod printf;
mod quote;
#[cfg(test)]
mod tests;
pub mod tree;
mod value;

use std::fmt::Debug;

pub use args::Args;
pub use builtins::{Call, Entry, Func, MANY};
pub use escape::query_escape;
pub use float::{format_f, format_g, parse_float};
pub use limits::{MAX_DEPTH, MAX_OUTPUT, MAX_STEPS};
pub use quote::{go_quote, unquote_go};
pub use value::{Literal, Val};

use tree::{Defines, Node};

/// What a program adds to the language. Implemented by a unit type: it names the parts, it holds nothing.
pub trait Host: Debug + Clone + Copy + 'static {
    /// What functions may look at besides their arguments.
    type Context<'d>;
    /// An instant, with whatever zone it is shown in. A host without times takes `()`.
    type Time: Debug + Clone;

    /// Go's names of the types of lists, maps and times, for error texts and `%T`.
    const LIST: &'static str;
    const MAP: &'static str;
    const TIME: &'static str;
    /// Functions besides the language's own, by family. Names are unique; the language's own come first.
    const FAMILIES: &'static [&'static [Entry<Self>]];

    /// A field of the data that the template is run with; it may borrow from what the context refers to.
    fn field<'d>(context: &Self::Context<'d>, name: &str) -> Val<'d, Self>;

    /// All of that data, for a template that uses it whole.
    fn root<'d>(context: &Self::Context<'d>) -> Val<'d, Self>;

    /// What a key gives that a map does not hold.
    fn missing<'d>() -> Val<'d, Self>;

    /// The whole number that `index`, `slice` and functions like them need, or why it is none.
    fn whole(v: &Val<'_, Self>) -> Result<i64, String>;

    fn time_text(t: &Self::Time) -> String;

    /// Whether `eq` takes two times as equal; `None`: they cannot be compared.
    fn same_time(a: &Self::Time, b: &Self::Time) -> Option<bool>;

    /// `.Year` and its like on a time. The error is all of the message.
    fn time_method<'d>(_: &Self::Time, name: &str, _args: &[Val<'d, Self>]) -> Result<Val<'d, Self>, String> {
        Err(format!("can't evaluate field {name} in type {}", Self::TIME))
    }

    /// A text in double quotes, as `%q` writes it.
    fn quote(text: &str) -> String {
        go_quote(text)
    }
}

/// A parsed template.
#[derive(Debug)]
pub struct Template<H: Host> {
    name: String,
    source: String,
    root: Vec<Node<H>>,
    defines: Defines<H>,
}

impl<H: Host> Template<H> {
    /// `name` stands in error texts, which are Go's: `template: name:1: …`.
    pub fn new(name: &str, source: &str) -> Result<Template<H>, String> {
        let (root, defines) = parse::parse(name, source)?;
        Ok(Template { name: name.to_owned(), source: source.to_owned(), root, defines })
    }

    /// Appends the result to `out`. On an error `out` holds what was written until then.
    pub fn execute(&self, context: &H::Context<'_>, out: &mut String) -> Result<(), String> {
        exec::Exec::new(self, context, out).run()
    }

    /// The tree of the template itself.
    pub fn nodes(&self) -> &[Node<H>] {
        &self.root
    }

    /// The trees of the templates that it defines.
    pub fn defines(&self) -> impl Iterator<Item = &[Node<H>]> {
        self.defines.values().map(Vec::as_slice)
    }
}
