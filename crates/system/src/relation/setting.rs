//! `pg_settings`.

use super::builder::Rows;
use crate::function::session::presets_beside;
use crate::session::Session;
use crate::value::Value;

pub(super) fn pg_settings(session: &Session<'_>, rows: &mut Rows) {
    let mut settings = session.context.settings.list();
    let listed: Vec<String> = settings.iter().map(|setting| setting.name.clone()).collect();
    settings.extend(presets_beside(&listed).map(|(name, value)| crate::Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        category: "Preset Options".to_owned(),
        context: "internal".to_owned(),
        value_type: if value.parse::<i64>().is_ok() { "integer" } else { "string" }.to_owned(),
        source: "default".to_owned(),
        boot_value: value.to_owned(),
        reset_value: value.to_owned(),
        ..crate::Setting::default()
    }));
    settings.sort_by(|left, right| left.name.cmp(&right.name));
    for setting in settings {
        let choices = setting
            .choices
            .map_or(Value::Null, |choices| Value::array(choices.iter().map(Value::text).collect()));
        rows.push(&[
            ("name", Value::text(setting.name)),
            ("setting", Value::text(setting.value)),
            ("unit", Value::optional_text(setting.unit)),
            ("category", Value::text(setting.category)),
            ("short_desc", Value::text(setting.description)),
            ("context", Value::text(setting.context)),
            ("vartype", Value::text(setting.value_type)),
            ("source", Value::text(setting.source)),
            ("min_val", Value::optional_text(setting.minimum)),
            ("max_val", Value::optional_text(setting.maximum)),
            ("enumvals", choices),
            ("boot_val", Value::text(setting.boot_value)),
            ("reset_val", Value::text(setting.reset_value)),
            ("pending_restart", Value::Bool(false)),
        ]);
    }
}
