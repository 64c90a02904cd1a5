//! Reading what the script language has parsed: calls, closures and ways through
//! fields, in the few shapes that checks ask for.
//!
//! Never: knows a verb or a field.

use rhai::{AST, ASTFlags, ASTNode, Expr, FnCallExpr, FnPtr, Module, Position, ScriptFuncDef, Shared, Stmt};
use std::collections::BTreeMap;

/// A call, of a function or of a method.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    expression: &'a FnCallExpr,
    /// Where its name stands.
    pub(super) position: Position,
    /// Whether it is called on something.
    pub(super) is_method: bool,
}

impl<'a> Call<'a> {
    /// What is called.
    pub(super) fn name(&self) -> &'a str {
        self.expression.name.as_str()
    }

    /// The module that it is called in, by the name it was imported as; `None` for what
    /// stands in the file itself or everywhere.
    pub(super) fn module(&self) -> Option<&'a str> {
        let namespace = &self.expression.namespace;
        (namespace.path.len() == 1 && namespace.root() != "global").then(|| namespace.root())
    }

    /// Whether it is a plain name, and no operator and nothing of a module.
    pub(super) fn is_plain(&self) -> bool {
        !self.expression.is_operator_call() && self.expression.namespace.is_empty()
    }

    /// What it is called with; what a method is called on is none of them.
    pub(super) fn arguments(&self) -> &'a [Expr] {
        &self.expression.args
    }
}

/// The call that a node is.
pub(super) fn call_of(node: ASTNode<'_>) -> Option<Call<'_>> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position)) => {
            Some(Call { expression: call, position: *position, is_method: false })
        }
        ASTNode::Expr(Expr::MethodCall(call, position)) => {
            Some(Call { expression: call, position: *position, is_method: true })
        }
        _ => None,
    }
}

/// Calls `look` for every call of a script. A closure's body is reached twice: through
/// the closure and as a function.
pub(super) fn each_call(ast: &AST, look: &mut impl FnMut(Call<'_>)) {
    ast.walk(&mut |path| {
        path.last().and_then(|node| call_of(*node)).into_iter().for_each(&mut *look);
        true
    });
}

/// The variable that an expression is.
pub(super) fn variable_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(variable, ..) if variable.2.is_empty() => Some(variable.1.as_str()),
        _ => None,
    }
}

/// The text that an expression is, with its place.
pub(super) fn text_of(expression: &Expr) -> Option<(&str, Position)> {
    match expression {
        Expr::StringConstant(text, position) => Some((text.as_str(), *position)),
        _ => None,
    }
}

/// The name of the function behind a closure, whatever it captures, or behind
/// `Fn("name")`.
pub(super) fn closure_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::DynamicConstant(value, _) => {
            value.clone().try_cast::<FnPtr>().map(|pointer| pointer.fn_name().to_owned())
        }
        Expr::Stmt(block) => block.iter().find_map(|statement| match statement {
            Stmt::Expr(inner) => closure_of(inner),
            Stmt::FnCall(call, _) => closure_of(call.args.first()?),
            _ => None,
        }),
        Expr::FnCall(call, _) if call.name == "Fn" => {
            call.args.first().and_then(text_of).map(|(name, _)| name.to_owned())
        }
        Expr::FnCall(call, _) if call.name == "curry" => closure_of(call.args.first()?),
        _ => None,
    }
}

/// The keys of a map that is written out, with their places and values.
pub(super) fn entries(expression: &Expr) -> Option<impl Iterator<Item = (&str, Position, &Expr)>> {
    match expression {
        Expr::Map(map, _) => Some(map.0.iter().map(|(key, value)| (key.name.as_str(), key.pos, value))),
        _ => None,
    }
}

/// Where the keys stand of the map that is a call's second argument.
pub(super) fn keys(call: &Call<'_>) -> Option<BTreeMap<String, Position>> {
    let entries = call.arguments().get(1).and_then(entries)?;
    Some(entries.map(|(key, position, _)| (key.to_owned(), position)).collect())
}

/// A function of a file; a closure is one, too.
pub(super) struct Function {
    /// The names of its parameters; those that a closure captures come first.
    pub(super) parameters: Vec<String>,
    alone: AST,
}

/// All functions of a file by name; of several with one name, the last.
pub(super) fn functions(ast: &AST) -> BTreeMap<String, Function> {
    let all = ast.shared_lib().iter_script_fn_info();
    let function = |definition: &Shared<ScriptFuncDef>| {
        let mut alone = Module::new();
        alone.set_script_fn(definition.clone());
        let parameters = definition.params.iter().map(ToString::to_string).collect();
        Function { parameters, alone: AST::new([], alone) }
    };
    all.map(|(.., name, _, definition)| (name.to_owned(), function(definition))).collect()
}

impl Function {
    /// Calls `look` for every statement and expression, each with how deep it lies:
    /// 1 is a statement of the function itself.
    pub(super) fn each_node(&self, look: &mut impl FnMut(ASTNode<'_>, usize)) {
        self.alone.walk(&mut |path| {
            if let Some(node) = path.last() {
                look(*node, path.len());
            }
            true
        });
    }
}

/// One step on the way through a value: `.name`, `["key"]`, `.call()`.
pub(super) enum Step<'a> {
    /// `.name`
    Name(&'a str, Position),
    /// `["key"]`
    Key(&'a str, Position),
    /// `.call(...)`
    Call(Call<'a>),
    /// What is known only when it runs.
    Computed,
}

/// The steps behind the first value of `a.b["c"].d()`.
pub(super) fn steps(expression: &Expr) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = expression;
    loop {
        let (binary, flags, by_key) = match rest {
            Expr::Dot(binary, flags, _) => (binary, *flags, false),
            Expr::Index(binary, flags, _) => (binary, *flags, true),
            _ => return steps,
        };
        rest = &binary.rhs;
        let goes_on = !flags.contains(ASTFlags::BREAK);
        let next = match rest {
            Expr::Dot(inner, ..) | Expr::Index(inner, ..) if goes_on => &inner.lhs,
            last => last,
        };
        steps.push(step(next, by_key));
        if !goes_on {
            return steps;
        }
    }
}

fn step(expression: &Expr, by_key: bool) -> Step<'_> {
    match expression {
        Expr::Property(property, position) if !by_key => Step::Name(property.2.as_str(), *position),
        Expr::StringConstant(key, position) if by_key => Step::Key(key.as_str(), *position),
        Expr::MethodCall(call, position) if !by_key => {
            Step::Call(Call { expression: call, position: *position, is_method: true })
        }
        _ => Step::Computed,
    }
}
