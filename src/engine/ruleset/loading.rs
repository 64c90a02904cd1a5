//! From the text of a rule file to what it declares.
//!
//! Promises: one fault hides no other, as far as that can be. Never: reads a file.

use super::loader::Loader;
use super::modules::Modules;
use super::{RuleFile, suspicions, syntax, top_level};
use std::sync::Arc;

/// Loads a file of rules or tests, and the modules it imports.
pub(super) fn load(loader: Loader<'_>, file: &RuleFile, modules: &mut Modules<'_>) {
    loader.lock().file = Arc::from(file.name.as_str());
    loader.lock().text = Arc::from(file.text.as_str());
    let (parsed, mut findings) = top_level::parse(loader.engine, &file.text);
    if let Some(parsed) = parsed {
        let ast = &parsed.0;
        let imports = modules.import(loader, ast);
        let imported = imports.is_some();
        findings.extend(loader.written_faults(ast));
        loader.lock().check_literals(ast);
        loader.lock().ast = Arc::new(ast.clone());
        loader.lock().imports = Arc::new(imports.unwrap_or_default());
        loader.lock().functions = syntax::functions(ast);
        loader.lock().keys = top_level::keys(ast);
        loader.lock().endings = suspicions::endings(ast);
        // A file with such faults runs all the same: its matchers may have faults, too.
        // What fails then for want of a module is likely to follow from that.
        let failed = top_level::run(loader.engine, &parsed, &findings);
        findings.extend(failed.into_iter().filter(|_| imported));
    }
    findings.into_iter().for_each(|finding| loader.lock().add(finding));
}
