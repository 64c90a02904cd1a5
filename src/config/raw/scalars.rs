//! Single values: texts, flags and numbers.

use super::{Section, type_name};
use crate::config::keys::Presence;
use crate::config::reader::{Spot, Written};
use std::fmt::Display;
use std::ops::RangeInclusive;
use toml::de::DeValue;

impl Section<'_> {
    /// Text that is not empty and holds no control characters.
    pub(in crate::config) fn text(&self, key: &str) -> Option<Written<String>> {
        let Written { value, spot } = self.value(key)?;
        self.text_of(key, &spot, &value)
    }

    /// The same for a key that must be there here, and may be missing elsewhere.
    pub(in crate::config) fn required_text(&self, key: &str) -> Option<Written<String>> {
        self.require(key);
        self.text(key)
    }

    /// A text of the key's own, or one of its elements.
    pub(super) fn text_of(&self, key: &str, spot: &Spot, value: &DeValue<'_>) -> Option<Written<String>> {
        let Some(text) = value.as_str() else {
            self.wrong_type(spot, value, "text", key);
            return None;
        };
        let message = if text.trim().is_empty() {
            "is empty"
        } else if text.chars().any(char::is_control) {
            "holds a control character, such as a line end"
        } else {
            return Some(Written { value: text.to_owned(), spot: spot.clone() });
        };
        self.wrong_text(spot, message, key);
        None
    }

    fn wrong_text(&self, spot: &Spot, message: &str, key: &str) {
        let required = self.known.key(key).is_some_and(|key| matches!(key.presence, Presence::Required));
        let help = if required { self.like(key) } else { format!("{}, or leave it out", self.like(key)) };
        self.reader.fault(spot, message, help);
    }

    /// A list of texts, or one text. A list without elements is no fault here.
    pub(in crate::config) fn texts(&self, key: &str) -> Option<Written<Vec<Written<String>>>> {
        let Written { value, spot } = self.value(key)?;
        let DeValue::Array(elements) = value.as_ref() else {
            let only = self.text_of(key, &spot, &value)?;
            return Some(Written { value: vec![only], spot });
        };
        let texts: Vec<_> = elements
            .iter()
            .map(|element| {
                let spot = Spot { key: self.path(key), span: spot.span.as_ref().map(|_| element.span()) };
                self.text_of(key, &spot, element.get_ref())
            })
            .collect();
        let value: Option<Vec<_>> = texts.into_iter().collect();
        Some(Written { value: value?, spot })
    }

    /// `true` or `false`.
    pub(in crate::config) fn flag(&self, key: &str) -> Option<bool> {
        let Written { value, spot } = self.value(key)?;
        if value.as_bool().is_none() {
            self.wrong_type(&spot, &value, "true or false", key);
        }
        value.as_bool()
    }

    /// A number, whole or not, within a range.
    pub(in crate::config) fn number(&self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let Written { value, spot } = self.value(key)?;
        let Some(number) = as_number(&value) else {
            self.wrong_type(&spot, &value, "a number", key);
            return None;
        };
        if !range.contains(&number) {
            self.out_of_range(&spot, key, range);
            return None;
        }
        Some(number)
    }

    /// A whole number within a range.
    pub(in crate::config) fn integer(&self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let Written { value, spot } = self.value(key)?;
        let Some(integer) = value.as_integer() else {
            self.wrong_type(&spot, &value, "a whole number", key);
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.out_of_range(&spot, key, range);
        }
        number
    }

    fn out_of_range<T: Display>(&self, spot: &Spot, key: &str, range: RangeInclusive<T>) {
        let message = format!("must be between {} and {}", range.start(), range.end());
        self.reader.fault(spot, message, self.like(key));
    }

    /// How the key is written, by an example.
    fn like(&self, key: &str) -> String {
        let example = self.known.key(key).map_or("\"...\"", |key| key.example);
        format!("write it like `{key} = {example}`")
    }

    pub(super) fn wrong_type(&self, spot: &Spot, value: &DeValue<'_>, wanted: &str, key: &str) {
        self.reader.fault(spot, format!("must be {wanted}, not {}", type_name(value)), self.like(key));
    }
}

/// The number that is written, whole or not.
pub(super) fn as_number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix());
            Some(number.map_or(f64::INFINITY, |number| number as f64))
        }
        _ => None,
    }
}
