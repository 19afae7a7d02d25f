//! What a template is parsed into.

use std::collections::HashMap;

use crate::Host;
use crate::builtins::Func;
use crate::value::Literal;

#[derive(Debug)]
pub enum Node<H: Host> {
    Text(String),
    Action(Pipe<H>),
    If {
        pipe: Pipe<H>,
        then: Vec<Node<H>>,
        other: Vec<Node<H>>,
    },
    With {
        pipe: Pipe<H>,
        then: Vec<Node<H>>,
        other: Vec<Node<H>>,
    },
    Range {
        pipe: Pipe<H>,
        body: Vec<Node<H>>,
        other: Vec<Node<H>>,
    },
    Template {
        name: String,
        pipe: Option<Pipe<H>>,
        /// byte offset in the source
        at: usize,
    },
    Break,
    Continue,
}

#[derive(Debug)]
pub struct Pipe<H: Host> {
    /// variables that take the value
    pub vars: Vec<String>,
    /// `=` rather than `:=`
    pub assigns: bool,
    pub commands: Vec<Command<H>>,
    /// span of the source in bytes, for error texts
    pub at: usize,
    pub end: usize,
}

#[derive(Debug)]
pub struct Command<H: Host> {
    pub args: Vec<Arg<H>>,
    /// span of the source in bytes, for error texts
    pub at: usize,
    pub end: usize,
}

#[derive(Debug)]
pub enum Arg<H: Host> {
    Dot,
    Nil,
    Literal(Literal),
    Field(Vec<String>),
    /// with its `$`
    Variable(String),
    Func(Func<H>),
    Pipe(Box<Pipe<H>>),
    /// fields of any other operand
    Chain(Box<Arg<H>>, Vec<String>),
}

/// The templates that a template defines, by name.
pub type Defines<H> = HashMap<String, Vec<Node<H>>>;
