//! What a command of a rule file holds: who asked, what, and the way to answer.

use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Position};
use std::sync::{Arc, Mutex, PoisonError};

/// The command, as a script holds it.
#[derive(Clone)]
pub struct CommandHandle {
    /// Under whose name changes are made: the Icinga author, or the nick.
    pub by: String,
    /// The name in the room.
    pub nick: String,
    /// The room.
    pub room: String,
    /// The words behind the command's name.
    pub arguments: Vec<String>,
    /// What the script answers, line by line.
    pub lines: Arc<Mutex<Vec<String>>>,
}

/// Registers what a command may call.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<CommandHandle>("Command");
    engine.register_get("by", |c: &mut CommandHandle| c.by.clone());
    engine.register_get("nick", |c: &mut CommandHandle| c.nick.clone());
    engine.register_get("room", |c: &mut CommandHandle| c.room.clone());
    engine.register_get("args", |c: &mut CommandHandle| {
        c.arguments.iter().map(|word| Dynamic::from(word.clone())).collect::<Array>()
    });
    engine.register_get("text", |c: &mut CommandHandle| c.arguments.join(" "));
    engine.register_fn("reply", |c: &mut CommandHandle, text: &str| {
        c.lines.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    });
    engine.register_indexer_get(
        |_: &mut CommandHandle, name: ImmutableString| -> Result<Dynamic, Box<EvalAltResult>> {
            let text = format!("a command has no field `{name}`; it has: by, nick, room, args, text");
            Err(EvalAltResult::ErrorRuntime(text.into(), Position::NONE).into())
        },
    );
}
