//! Modules: files of functions and constants that rule files import by name.
//!
//! Owns: which text a name stands for, and how a module is loaded. Promises: a module
//! is a file inside the rules folder, loaded once, under the limits and checks of every
//! rule file, and only if something imports it. Never: reads a file.
//!
//! The script language resolves an `import` while a file's top level runs. A rule's
//! action runs later and without it, so the modules a file imports are kept with its
//! rules and commands, and brought along at each call.

use super::fault::{Finding, meant};
use super::loader::Loader;
use super::syntax::{Call, each_call};
use super::{RuleFile, top_level};
use crate::diagnostic::did_you_mean;
use crate::engine::script::reference::DECLARATIONS;
use rhai::{
    AST, ASTNode, Engine, EvalAltResult, Expr, ImmutableString, Module, ModuleResolver, Position, Shared,
    Stmt,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The modules of one file, by the name it gives them.
pub(super) type Imports = BTreeMap<ImmutableString, Shared<Module>>;

const WHERE: &str = "modules are the .rhai files of the folders inside the rules folder, named by their path: \
                     import \"lib/teams\" as teams;";

/// Whether a file is a module, and no file of rules.
pub(super) fn is_module(file: &RuleFile) -> bool {
    file.name.contains('/')
}

/// Modules that were loaded; `None` for one with faults.
#[derive(Clone, Default)]
struct Loaded(Arc<Mutex<BTreeMap<String, Option<Shared<Module>>>>>);

impl Loaded {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<Shared<Module>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModuleResolver for Loaded {
    fn resolve(
        &self,
        _: &Engine,
        _: Option<&str>,
        name: &str,
        position: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let found = self.lock().get(name).cloned().flatten();
        found.ok_or_else(|| EvalAltResult::ErrorModuleNotFound(name.to_owned(), position).into())
    }
}

/// All modules of a set, and those loaded so far.
pub(super) struct Modules<'a> {
    texts: BTreeMap<&'a str, &'a str>,
    loaded: Loaded,
    /// Names of those being loaded, the one that began it first.
    under_way: Vec<String>,
}

/// Why a module cannot be imported, and how to mend it.
struct Refused(String, &'static str);

impl<'a> Modules<'a> {
    /// The modules among these files, for the scripts of this engine.
    pub(super) fn new(engine: &mut Engine, files: &'a [RuleFile]) -> Modules<'a> {
        let name = |file: &'a RuleFile| file.name.strip_suffix(".rhai").unwrap_or(&file.name);
        let texts = files.iter().filter(|file| is_module(file)).map(|file| (name(file), file.text.as_str()));
        let loaded = Loaded::default();
        engine.set_module_resolver(loaded.clone());
        Modules { texts: texts.collect(), loaded, under_way: Vec::new() }
    }

    /// Whether a file is part of the set: a file of rules, or a module that was imported.
    pub(super) fn is_used(&self, file: &RuleFile) -> bool {
        let name = file.name.strip_suffix(".rhai").unwrap_or(&file.name);
        !is_module(file) || self.loaded.lock().contains_key(name)
    }

    /// Loads what a file imports, and checks what it calls there. `None`: something is
    /// wrong, and was told.
    pub(super) fn import(&mut self, loader: Loader<'_>, ast: &AST) -> Option<Imports> {
        let mut imports: BTreeMap<String, Option<Shared<Module>>> = BTreeMap::new();
        let mut sound = true;
        for (position, written) in written_imports(ast) {
            let loaded = written.name.and_then(|name| self.load(loader, &name));
            let module = loaded.unwrap_or_else(|Refused(message, help)| {
                sound = false;
                loader.fault(position, message, help);
                None
            });
            imports.insert(written.alias, module);
        }
        let unknown = unknown_functions(ast, &imports);
        sound &= unknown.is_empty();
        unknown.into_iter().for_each(|finding| loader.lock().add(finding));
        let complete: Option<Imports> =
            imports.into_iter().map(|(alias, module)| Some((alias.into(), module?))).collect();
        complete.filter(|_| sound)
    }

    /// The module of this name; `None` if it has faults.
    fn load(&mut self, loader: Loader<'_>, name: &str) -> Result<Option<Shared<Module>>, Refused> {
        if let Some(done) = self.loaded.lock().get(name) {
            return Ok(done.clone());
        }
        if let Some(first) = self.under_way.iter().position(|loading| loading == name) {
            let circle = self.under_way[first..].join(" imports ");
            let message = format!("modules in a circle: {circle} imports {name}");
            return Err(Refused(message, "move what both need into a module of its own"));
        }
        let Some(text) = self.texts.get(name).copied() else { return Err(self.missing(name)) };
        self.under_way.push(name.to_owned());
        let file = Arc::from(format!("{name}.rhai"));
        let outer = std::mem::replace(&mut loader.lock().file, file);
        let module = self.compile(loader, &format!("{name}.rhai"), text);
        loader.lock().file = outer;
        self.under_way.pop();
        self.loaded.lock().insert(name.to_owned(), module.clone());
        Ok(module)
    }

    fn missing(&self, name: &str) -> Refused {
        let bare = name.strip_suffix(".rhai").unwrap_or(name).trim_start_matches("./");
        let meant = match self.texts.get_key_value(bare) {
            Some((known, _)) => Some((*known).to_owned()),
            None => did_you_mean(name, self.texts.keys().copied()),
        };
        let meant = meant.map_or(String::new(), |known| format!("; did you mean `{known}`?"));
        Refused(format!("there is no module `{name}`{meant}"), WHERE)
    }

    fn compile(&mut self, loader: Loader<'_>, file: &str, text: &str) -> Option<Shared<Module>> {
        let (parsed, mut findings) = top_level::parse(loader.engine, text);
        let mut module = None;
        if let Some((mut ast, _)) = parsed {
            // What fails in it later names this file.
            ast.set_source(file);
            let imports = self.import(loader, &ast);
            findings.extend(loader.written_faults(&ast));
            findings.extend(declarations(&ast));
            loader.lock().check_literals(&ast);
            if imports.is_some() && findings.is_empty() {
                module =
                    top_level::module(loader.engine, &ast).map_err(|finding| findings.push(finding)).ok();
            }
        }
        findings.into_iter().for_each(|finding| loader.lock().add(finding));
        module.map(Shared::from)
    }
}

/// An import as it is written.
struct Written {
    alias: String,
    /// The name of the module, or why it can be none.
    name: Result<String, Refused>,
}

/// All imports of a file, in their order.
fn written_imports(ast: &AST) -> Vec<(Position, Written)> {
    let mut found: Vec<(Position, Written)> = Vec::new();
    let top: Vec<Position> = ast.statements().iter().map(Stmt::position).collect();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::Import(import, position))) = path.last() {
            let (name, alias) = &**import;
            let name_at = name.position();
            let name = imported_name(name, alias.as_str(), top.contains(position));
            let at = if name.is_ok() { name_at } else { *position };
            found.push((at, Written { alias: alias.as_str().to_owned(), name }));
        }
        true
    });
    // A closure's body is reached twice: through the closure and as a function.
    found.sort_by_key(|(position, _)| (position.line(), position.position()));
    found.dedup_by_key(|(position, _)| *position);
    found
}

fn imported_name(name: &Expr, alias: &str, at_top: bool) -> Result<String, Refused> {
    let refuse = |what: &str| Err(Refused(what.to_owned(), WHERE));
    match name {
        _ if !at_top => {
            refuse("`import` stands at the top of a file, not inside a rule, a function or a block")
        }
        _ if alias.is_empty() => refuse("an import needs a name to call it by"),
        Expr::StringConstant(name, _) => Ok(name.to_string()),
        _ => refuse("`import` takes the name of a module as a plain text"),
    }
}

/// Calls of functions that an imported module does not have, and of modules that are
/// not imported. What a faulty module has is not known.
fn unknown_functions(ast: &AST, imports: &BTreeMap<String, Option<Shared<Module>>>) -> Vec<Finding> {
    let mut found = Vec::new();
    each_call(ast, &mut |call| {
        found.extend(unknown_function(&call, imports).map(|message| Finding::new(call.position, message)));
    });
    found
}

fn unknown_function(call: &Call<'_>, imports: &BTreeMap<String, Option<Shared<Module>>>) -> Option<String> {
    let alias = call.module()?;
    let Some(module) = imports.get(alias) else {
        let meant = meant(alias, imports.keys().map(String::as_str));
        return Some(format!("no module is imported as `{alias}`{meant}"));
    };
    let functions: BTreeSet<&str> =
        module.as_ref()?.iter_script_fn_info().map(|(_, _, name, ..)| name).collect();
    let name = call.name();
    if functions.contains(name) {
        return None;
    }
    let meant = did_you_mean(name, functions)
        .map_or(String::new(), |name| format!("; did you mean `{alias}::{name}`?"));
    Some(format!("the module `{alias}` has no function `{name}`{meant}"))
}

/// What only a file of rules may declare.
fn declarations(ast: &AST) -> Vec<Finding> {
    let mut found = Vec::new();
    each_call(ast, &mut |call| {
        let name = call.name();
        if !call.is_method && DECLARATIONS.iter().any(|verb| verb.name == name) {
            let message = format!(
                "`{name}` has no place in a module; it stands in a file of rules, at the top of the rules folder"
            );
            found.push(Finding::new(call.position, message));
        }
    });
    found
}
