//! What a command needs: the words of the table of commands for who may use it.

/// The role that may change things.
pub const OPERATOR: &str = "operator";
/// The role that may do all.
pub const ADMIN: &str = "admin";
/// The roles that are built in.
pub const ROLES: &[&str] = &[OPERATOR, ADMIN];

/// Who may use a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right<'a> {
    /// Anybody: it shows what is known.
    Reads,
    /// Verified operators: it changes something.
    Operator,
    /// Verified admins alone.
    Admin,
    /// Whoever has this role, which a rule file names.
    Role(&'a str),
}

impl<'a> Right<'a> {
    /// The role that is needed; `None` where anybody may.
    pub fn role(self) -> Option<&'a str> {
        match self {
            Right::Reads => None,
            Right::Operator => Some(OPERATOR),
            Right::Admin => Some(ADMIN),
            Right::Role(role) => Some(role),
        }
    }
}
