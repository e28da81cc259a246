//! The JSON Schema of the configuration, generated from the option structs.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::options::ConfigOptions;

/// The schema as JSON Schema 2020-12.
pub(crate) fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<ConfigOptions>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), "bartizan.toml".into());
    }
    schema
}
