//! How a kernel looks to a Python user.

use super::definition::{Kernel, OperandType};
use ironbatch_kernel::Value;
use std::fmt::Write;

impl Kernel {
    /// The signature as Python code: `clip(x, *, low: float | None = None)`.
    pub fn signature(&self) -> String {
        let mut text = format!("{}(", self.name);
        let inputs: Vec<_> = self
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect();
        text.push_str(&inputs.join(", "));
        if !self.params.is_empty() {
            text.push_str(", *");
        }
        for param in &self.params {
            let optional = if param.nullable { " | None" } else { "" };
            let _ = write!(text, ", {}: {}{optional}", param.name, param.type_name());
            if let Some(default) = &param.default {
                let _ = write!(text, " = {}", literal(default));
            }
        }
        text.push(')');
        text
    }
}

impl OperandType {
    /// What it may be, in words: "uint8 or float32, with 1 axis".
    pub fn describe(&self) -> String {
        let names: Vec<_> = self.dtypes.iter().map(|dtype| dtype.name()).collect();
        let axes = match (self.min_rank, self.max_rank) {
            (0, highest) if highest >= ironbatch_kernel::abi::MAX_RANK => {
                format!("with at most {highest} axes")
            }
            (1, 1) => "with 1 axis".to_owned(),
            (lowest, highest) if lowest == highest => format!("with {lowest} axes"),
            (lowest, highest) => format!("with {lowest} to {highest} axes"),
        };
        format!("{}, {axes}", names.join(" or "))
    }
}

/// A value as Python writes it.
pub(super) fn literal(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        Value::Float(number) => format!("float('{number}')").to_lowercase(),
        Value::Text(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Ints(numbers) => format!("{numbers:?}"),
        Value::Floats(numbers) => format!("{numbers:?}"),
        Value::Dtype(dtype) => format!("'{dtype}'"),
        Value::Array(array) => format!("array of {} {:?}", array.dtype(), array.shape()),
    }
}
