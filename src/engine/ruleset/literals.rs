//! Texts that a script writes out and that can never be right, found before they are
//! reached: spans of the week, time zones, names of holidays.

use crate::engine::span::{self, Span};
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

/// What was found in a script.
#[derive(Default)]
pub(super) struct Found {
    /// What can never be right.
    pub faults: Vec<(Position, String)>,
    /// Names of holidays.
    pub holidays: Vec<(Position, String)>,
}

/// Looks through a script.
pub(super) fn find(ast: &AST) -> Found {
    let mut found = Found::default();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) = path.last()
        {
            found.look_at(call);
        }
        true
    });
    // A closure's body is reached twice: through the closure and as a function.
    for texts in [&mut found.faults, &mut found.holidays] {
        texts.sort_by_key(|(position, _)| (position.line(), position.position()));
        texts.dedup();
    }
    found
}

impl Found {
    fn look_at(&mut self, call: &FnCallExpr) {
        let text = |index: usize| match call.args.get(index) {
            Some(Expr::StringConstant(text, position)) => Some((*position, text.to_string())),
            _ => None,
        };
        match call.name.as_str() {
            "during" => {
                let span = text(0).and_then(|(at, text)| Some((at, Span::parse(&text).err()?.to_string())));
                self.faults.extend(span);
                self.holidays.extend(text(1));
            }
            "holiday" => {
                self.holidays.extend(text(0));
                self.faults.extend(text(1).and_then(|(at, text)| Some((at, span::zone(&text).err()?))));
            }
            _ => {}
        }
    }
}
