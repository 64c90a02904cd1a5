//! What a rule's text mentions: the texts that stand in it, among which are the names of
//! targets. For people who ask why a target heard nothing; never for judging.

use super::syntax::Function;
use rhai::{ASTNode, Expr, FnCallExpr, Stmt};
use std::collections::{BTreeMap, BTreeSet};

/// What the action of a rule mentions, the functions of its file that it calls included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Every text that stands in it.
    pub texts: BTreeSet<String>,
    /// Whether it tells a target whose name does not stand there but is worked out, such
    /// as `e.notify(e.host.vars.team)`.
    pub worked_out: bool,
}

impl Mentions {
    /// Reads the function with this name among those of its file.
    pub(super) fn of(functions: &BTreeMap<String, Function>, name: &str) -> Mentions {
        let mut mentions = Mentions::default();
        let mut seen = BTreeSet::from([name.to_owned()]);
        let mut ahead = vec![name.to_owned()];
        while let Some(function) = ahead.pop().and_then(|name| functions.get(&name)) {
            function.each_node(&mut |node, _| {
                if let Some(called) = mentions.take(&node)
                    && functions.contains_key(&called)
                    && seen.insert(called.clone())
                {
                    ahead.push(called);
                }
            });
        }
        mentions
    }

    /// Takes one node in; the function it calls, if it is a call.
    fn take(&mut self, node: &ASTNode<'_>) -> Option<String> {
        let call: &FnCallExpr = match node {
            ASTNode::Expr(Expr::StringConstant(text, _)) => {
                self.texts.insert(text.to_string());
                return None;
            }
            ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) => call,
            ASTNode::Stmt(Stmt::FnCall(call, _)) => call,
            _ => return None,
        };
        let target = call.args.first();
        self.worked_out |= matches!(call.name.as_str(), "notify" | "digest")
            && !matches!(target, Some(Expr::StringConstant(..)));
        Some(call.name.to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{RuleFile, Ruleset};

    #[test]
    fn a_rule_mentions_what_stands_in_it_and_in_the_functions_it_calls() {
        let text = r#"
            fn tell(e) { e.notify("helped"); }
            rule("first", #{}, |e| { e.notify("one", #{ text: "words" }); if e.is_host { tell(e) } });
            rule("second", #{}, |e| { let to = "two"; e.notify(to); });
            rule("third", #{}, |e| e.drop("three"));
        "#;
        let files = [RuleFile { name: "a.rhai".to_owned(), text: text.to_owned() }];
        let Ok(ruleset) = Ruleset::compile(&files) else { panic!("the rules are sound") };
        let found: Vec<(Vec<&str>, bool)> = ruleset
            .rules()
            .iter()
            .map(|rule| {
                let texts = rule.mentions.texts.iter().map(String::as_str).collect();
                (texts, rule.mentions.worked_out)
            })
            .collect();
        let wanted = [(vec!["helped", "one", "words"], false), (vec!["two"], true), (vec!["three"], false)];
        assert_eq!(found, wanted);
    }
}
