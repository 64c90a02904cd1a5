//! What is nested: tables, lists of tables, tables by names of the admin's own.

use super::scalars::as_number;
use super::{Section, type_name};
use crate::config::Wanted;
use crate::config::keys::Table;
use crate::config::reader::{Reader, Spot, Written};
use std::borrow::Cow;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What may stand for a name of the admin's own: a text, or a table of keys.
#[derive(Debug)]
pub(in crate::config) enum Entry<'a> {
    /// A text, and where its faults go.
    Text(&'a Reader, Written<String>),
    /// A table.
    Section(Section<'a>),
}

impl<'a> Section<'a> {
    /// A table in this one; one without any keys where it is not written.
    pub(in crate::config) fn section(&self, key: &str, known: &'static Table) -> Option<Section<'a>> {
        let spot = Spot { key: self.path(key), span: None };
        let Some(value) = self.written(key) else {
            return Some(Section::open(self.reader, spot, None, known));
        };
        self.open_value(Spot { span: Some(value.span()), ..spot }, value, known)
    }

    fn open_value(
        &self,
        spot: Spot,
        value: &'a Spanned<DeValue<'a>>,
        known: &'static Table,
    ) -> Option<Section<'a>> {
        if let DeValue::Table(values) = value.get_ref() {
            return Some(Section::open(self.reader, spot, Some(values), known));
        }
        self.reader.hide_value(value);
        let message = format!("must be a table, not {}", type_name(value.get_ref()));
        self.reader.fault(&spot, message, format!("its keys stand below a line `{}`", known.header));
        None
    }

    /// `[[key]]`, in the order of the file. Each is named by its key `name`, or
    /// else counted from 1.
    pub(in crate::config) fn list(&self, key: &str, known: &'static Table) -> Vec<Section<'a>> {
        let Some(value) = self.written(key) else { return Vec::new() };
        let DeValue::Array(elements) = value.get_ref() else {
            self.reader.hide_value(value);
            let spot = Spot { key: self.path(key), span: Some(value.span()) };
            self.reader.fault(
                &spot,
                "stands in single brackets",
                format!("there may be several: write `{}`", known.header),
            );
            return Vec::new();
        };
        let open = |(index, element): (usize, &'a Spanned<DeValue<'a>>)| {
            let name = element
                .get_ref()
                .get("name")
                .and_then(|name| name.get_ref().as_str())
                .filter(|name| !name.is_empty());
            let name = name.map_or_else(|| (index + 1).to_string(), str::to_owned);
            let spot = Spot { key: format!("{}.{name}", self.path(key)), span: Some(element.span()) };
            self.open_value(spot, element, known)
        };
        elements.iter().enumerate().filter_map(open).collect()
    }

    /// `[key.<name>]`: tables by names of the admin's own, each with its name.
    pub(in crate::config) fn named(
        &self,
        key: &str,
        known: &'static Table,
    ) -> Vec<(Written<String>, Section<'a>)> {
        let Some(Some(tables)) = self.written(key).map(|value| self.table_of(key, value, known.header))
        else {
            return Vec::new();
        };
        let open = |(name, value): (&Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let key = format!("{}.{}", self.path(key), name.get_ref());
            let spot = Spot { key, span: Some(name.span()) };
            let section = self.open_value(Spot { span: Some(value.span()), ..spot.clone() }, value, known)?;
            Some((Written { value: name.get_ref().to_string(), spot }, section))
        };
        tables.iter().filter_map(open).collect()
    }

    /// Texts or tables by names of the admin's own.
    pub(in crate::config) fn entries(
        &self,
        key: &str,
        known: &'static Table,
    ) -> Vec<(Written<String>, Entry<'a>)> {
        let Some(Some(table)) = self.written(key).map(|value| self.table_of(key, value, known.header)) else {
            return Vec::new();
        };
        let open = |(name, value): (&Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let path = format!("{}.{}", self.path(key), name.get_ref());
            let spot = Spot { key: path, span: Some(value.span()) };
            let entry = if value.get_ref().is_table() {
                Entry::Section(self.open_value(spot.clone(), value, known)?)
            } else {
                Entry::Text(self.reader, self.text_of(key, &spot, value.get_ref())?)
            };
            let spot = Spot { span: Some(name.span()), ..spot };
            Some((Written { value: name.get_ref().to_string(), spot }, entry))
        };
        table.iter().filter_map(open).collect()
    }

    /// Whether a table is written there.
    pub(in crate::config) fn is_table(&self, key: &str) -> bool {
        self.written(key).is_some_and(|value| value.get_ref().is_table())
    }

    /// Texts by names of the admin's own, in the order of the names.
    pub(in crate::config) fn texts_by_name(&self, key: &str) -> Vec<(Written<String>, Written<String>)> {
        let Some(table) = self.written(key).and_then(|value| value.get_ref().as_table()) else {
            return Vec::new();
        };
        let open = |(name, value): (&Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let path = format!("{}.{}", self.path(key), name.get_ref());
            let name = Written {
                value: name.get_ref().to_string(),
                spot: Spot { key: path.clone(), span: Some(name.span()) },
            };
            let spot = Spot { key: path, span: Some(value.span()) };
            Some((name, self.text_of(key, &spot, value.get_ref())?))
        };
        table.iter().filter_map(open).collect()
    }

    /// Fields of objects with what each must be. A field is written in quotes, or with its
    /// dots as TOML reads them: `host.vars.role = "db"`.
    pub(in crate::config) fn fields(&self, key: &str) -> Option<Vec<(Written<String>, Wanted)>> {
        let value = self.written(key)?;
        let Some(table) = value.get_ref().as_table() else {
            let spot = Spot { key: self.path(key), span: Some(value.span()) };
            self.wrong_type(&spot, value.get_ref(), "a table of fields", key);
            return None;
        };
        let mut fields = Vec::new();
        self.fields_of(key, table, "", &mut fields);
        Some(fields)
    }

    fn fields_of(
        &self,
        key: &str,
        table: &DeTable<'_>,
        above: &str,
        fields: &mut Vec<(Written<String>, Wanted)>,
    ) {
        for (name, value) in table {
            let path = format!("{above}{}", name.get_ref());
            let spot = Spot { key: self.path(key), span: Some(name.span()) };
            if let Some(inner) = value.get_ref().as_table() {
                self.fields_of(key, inner, &format!("{path}."), fields);
                continue;
            }
            match wanted(value.get_ref()) {
                Some(wanted) => fields.push((Written { value: path, spot }, wanted)),
                None => self.reader.fault(
                    &Spot { span: Some(value.span()), ..spot },
                    format!("compares `{path}` with {}", type_name(value.get_ref())),
                    "a field is compared with a text, a number, true or false, or a list of these",
                ),
            }
        }
    }

    fn table_of(&self, key: &str, value: &'a Spanned<DeValue<'a>>, header: &str) -> Option<&'a DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.reader.hide_value(value);
            let spot = Spot { key: self.path(key), span: Some(value.span()) };
            let message = format!("must be a table, not {}", type_name(value.get_ref()));
            self.reader.fault(&spot, message, format!("its keys stand below a line `{header}`"));
        }
        table
    }
}

/// What a field is to be; `None` for what no field can be.
fn wanted(value: &DeValue<'_>) -> Option<Wanted> {
    match value {
        DeValue::String(text) => Some(Wanted::Text(text.to_string())),
        DeValue::Boolean(flag) => Some(Wanted::Flag(*flag)),
        DeValue::Integer(_) | DeValue::Float(_) => as_number(value).map(Wanted::Number),
        DeValue::Array(values) if !values.is_empty() => {
            values.iter().map(|value| wanted(value.get_ref())).collect::<Option<_>>().map(Wanted::Any)
        }
        _ => None,
    }
}
