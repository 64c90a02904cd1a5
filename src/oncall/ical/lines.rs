//! From the text of a calendar to its components, RFC 5545 section 3.1: lines that were folded
//! are put together, parameters are read, `BEGIN` and `END` are matched.

use super::IcalError;

/// How deep components may lie in each other.
const DEEPEST: usize = 8;

/// One property, such as `DTSTART;TZID=Europe/Berlin:20260105T090000`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Property {
    /// Where it begins, counted from 1.
    pub(super) line: usize,
    /// In capitals.
    pub(super) name: String,
    /// The names in capitals; of several values the first.
    parameters: Vec<(String, String)>,
    /// As it is written.
    pub(super) value: String,
}

impl Property {
    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// An error about it.
    pub(super) fn wrong(&self, wrong: impl std::fmt::Display) -> IcalError {
        IcalError::at(self.line, format!("{} {wrong}", self.name))
    }

    /// Its value as a text, with what was escaped as it is meant.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut letters = self.value.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some('n' | 'N') => text.push('\n'),
                    Some(other) => text.push(other),
                    None => {}
                },
                letter => text.push(letter),
            }
        }
        text
    }
}

/// What stands between a `BEGIN` and its `END`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Component {
    /// In capitals.
    pub(super) name: String,
    /// Where it begins.
    pub(super) line: usize,
    /// In the order of the text.
    pub(super) properties: Vec<Property>,
    /// In the order of the text.
    pub(super) components: Vec<Component>,
}

impl Component {
    /// The first property of a name.
    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// All properties of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| property.name == name)
    }

    /// All components of a name in it.
    pub(super) fn inner<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Component> {
        self.components.iter().filter(move |component| component.name == name)
    }
}

/// The calendars of a text; at least one.
pub(super) fn components(text: &str) -> Result<Vec<Component>, IcalError> {
    let mut open: Vec<Component> = Vec::new();
    let mut calendars = Vec::new();
    for (line, content) in unfolded(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let property = property(line, &content)?;
        match property.name.as_str() {
            "BEGIN" => {
                let name = property.value.trim().to_ascii_uppercase();
                if open.is_empty() && name != "VCALENDAR" {
                    return Err(property.wrong(format!("is of `{}`, outside of a VCALENDAR", property.value)));
                }
                if open.len() == DEEPEST {
                    return Err(property.wrong("lies too deep"));
                }
                open.push(Component { name, line, ..Component::default() });
            }
            "END" => {
                let name = property.value.trim().to_ascii_uppercase();
                let closed = open.pop().filter(|component| component.name == name);
                let Some(closed) = closed else {
                    return Err(property.wrong(format!("of `{}` has no BEGIN before it", property.value)));
                };
                match open.last_mut() {
                    Some(outer) => outer.components.push(closed),
                    None => calendars.push(closed),
                }
            }
            _ => match open.last_mut() {
                Some(component) => component.properties.push(property),
                None => {
                    return Err(IcalError::at(
                        line,
                        "is no calendar: it does not begin with BEGIN:VCALENDAR",
                    ));
                }
            },
        }
    }
    if let Some(component) = open.first() {
        return Err(IcalError::at(component.line, format!("BEGIN of {} has no END", component.name)));
    }
    if calendars.is_empty() {
        return Err(IcalError::at(1, "is no calendar: it does not begin with BEGIN:VCALENDAR"));
    }
    Ok(calendars)
}

/// The lines as they were before they were folded, each with the number of its first; empty
/// ones are left out.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut whole: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), whole.last_mut()) {
            (Some(more), Some((_, before))) => before.push_str(more),
            _ if line.trim().is_empty() => {}
            _ => whole.push((index + 1, line.to_owned())),
        }
    }
    whole
}

fn property(line: usize, content: &str) -> Result<Property, IcalError> {
    let error = |wrong: &str| IcalError::at(line, wrong);
    let name_end = content.find([':', ';']).ok_or_else(|| error("is no property: it has no `:`"))?;
    let (name, mut rest) = content.split_at(name_end);
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if !is_name(name) {
        return Err(error("is no property: before its first `:` stands no name"));
    }
    let mut parameters = Vec::new();
    while let Some(parameter) = rest.strip_prefix(';') {
        let equals = parameter.find('=').ok_or_else(|| error("has a parameter without a `=`"))?;
        let (key, value) = (&parameter[..equals], &parameter[equals + 1..]);
        if !is_name(key) {
            return Err(error("has a parameter without a name"));
        }
        let end = value_end(value).ok_or_else(|| error("has a parameter whose end cannot be found"))?;
        let first = value[..end].split(',').next().unwrap_or_default();
        let first = if value.starts_with('"') { value[..end].trim_matches('"') } else { first };
        parameters.push((key.to_ascii_uppercase(), first.to_owned()));
        rest = &value[end..];
    }
    let value = rest.strip_prefix(':').ok_or_else(|| error("is no property: it has no `:`"))?;
    Ok(Property { line, name: name.to_ascii_uppercase(), parameters, value: value.to_owned() })
}

/// Where the values of a parameter end: at the first `;` or `:` outside of quotes.
fn value_end(value: &str) -> Option<usize> {
    let mut quoted = false;
    value.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '"';
        (!quoted && matches!(letter, ';' | ':')).then_some(at)
    })
}
