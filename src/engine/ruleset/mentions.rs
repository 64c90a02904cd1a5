//! What a rule's text mentions: the texts that stand in it, among which are the names of
//! targets. For people who ask why a target heard nothing; never for judging.

use rhai::{AST, ASTNode, Expr, FnCallExpr, Module, Stmt};
use std::collections::{BTreeSet, HashMap};

/// What the action of a rule mentions, the functions of its file that it calls included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Every text that stands in it.
    pub texts: BTreeSet<String>,
    /// Whether it tells a target whose name does not stand there but is worked out, such
    /// as `e.notify(e.host.vars.team)`.
    pub worked_out: bool,
}

/// What each function of a file mentions by itself, by its name.
#[derive(Default)]
pub(super) struct Functions(HashMap<String, Function>);

#[derive(Default)]
struct Function {
    mentions: Mentions,
    calls: BTreeSet<String>,
}

impl Functions {
    /// Reads all functions of a file once: it may hold thousands of rules.
    pub(super) fn of(ast: &AST) -> Functions {
        let mut functions = Functions::default();
        for (.., definition) in ast.shared_lib().iter_script_fn_info() {
            let mut only = Module::new();
            only.set_script_fn(definition.clone());
            let function = functions.0.entry(definition.name.to_string()).or_default();
            AST::new_from_module(only).walk(&mut |path: &[ASTNode<'_>]| {
                path.last().into_iter().for_each(|node| function.take(node));
                true
            });
        }
        functions
    }

    /// What the function of this name mentions, and those it calls.
    pub(super) fn mentioned_by(&self, name: &str) -> Mentions {
        let mut mentions = Mentions::default();
        let mut seen = BTreeSet::from([name]);
        let mut ahead = vec![name];
        while let Some(function) = ahead.pop().and_then(|name| self.0.get(name)) {
            mentions.texts.extend(function.mentions.texts.iter().cloned());
            mentions.worked_out |= function.mentions.worked_out;
            let own = function.calls.iter().map(String::as_str).filter(|name| self.0.contains_key(*name));
            ahead.extend(own.filter(|name| seen.insert(name)));
        }
        mentions
    }
}

impl Function {
    /// Takes one node in.
    fn take(&mut self, node: &ASTNode<'_>) {
        let call: &FnCallExpr = match node {
            ASTNode::Expr(Expr::StringConstant(text, _)) => {
                self.mentions.texts.insert(text.to_string());
                return;
            }
            ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) => call,
            ASTNode::Stmt(Stmt::FnCall(call, _)) => call,
            _ => return,
        };
        let target = call.args.first();
        self.mentions.worked_out |=
            call.name == "notify" && !matches!(target, Some(Expr::StringConstant(..)));
        self.calls.insert(call.name.to_string());
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::{RuleFile, Ruleset};

    #[test]
    fn a_rule_mentions_what_stands_in_it_and_in_the_functions_it_calls() {
        let text = r#"
            fn tell(e) { e.notify("helped"); again(e); }
            fn again(e) { if e.is_host { tell(e) } }
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
