//! The static tables: what a kernel's operands and parameters are.

use crate::signature::{Content, Operand, Rank, Signature};
use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, Expr, ExprUnary, Lit, Result, Type, UnOp};

/// The table entries of inputs or outputs: their definitions, and their names.
pub fn operands(
    signature: &Signature,
    operands: &[Operand],
    prefix: &str,
) -> (TokenStream, Vec<TokenStream>) {
    let mut statics = TokenStream::new();
    let mut names = Vec::new();
    for (number, operand) in operands.iter().enumerate() {
        let constant = format_ident!("{prefix}_{number}");
        // An underscore tells Rust that the function does not look at it.
        let name = operand.name.to_string();
        let name = name.trim_start_matches('_');
        let variable = signature.type_variable(&operand.element);
        let types: Vec<&Type> = match variable {
            Some(variable) => signature.options.types[variable - 1].1.iter().collect(),
            None => vec![&operand.element],
        };
        let variable = variable.unwrap_or(0) as u32;
        let (lowest, highest) = match operand.rank {
            Rank::Fixed(rank) => (quote!(#rank), quote!(#rank)),
            Rank::Any => (quote!(0), quote!(abi::MAX_RANK as u32)),
        };
        let kinds = match operand.growing {
            None => quote!(abi::DENSE | abi::RAGGED),
            Some(Content::Numbers) => quote!(abi::GROWING),
            Some(Content::Bytes) => quote!(abi::GROWING | abi::BYTES),
        };
        statics.extend(quote! {
            static #constant: abi::Static<abi::OperandInfo> = abi::Static(abi::OperandInfo {
                struct_size: ::core::mem::size_of::<abi::OperandInfo>(),
                name: abi::Text::new(#name),
                dtypes: #(<#types as sdk::Element>::DTYPE.bit())|*,
                type_variable: #variable,
                kinds: #kinds,
                min_rank: #lowest,
                max_rank: #highest,
            });
        });
        names.push(quote!(#constant));
    }
    (statics, names)
}

/// The table entries of parameters: their definitions, and their names.
pub fn params(signature: &Signature) -> Result<(TokenStream, Vec<TokenStream>)> {
    let mut statics = TokenStream::new();
    let mut names = Vec::new();
    for (number, param) in signature.params.iter().enumerate() {
        let constant = format_ident!("PARAM_{number}");
        let (name, stored) = (param.name.to_string(), &param.stored);
        let has_default = u32::from(param.default.is_some() || param.optional);
        let default = match &param.default {
            None => quote!(abi::ParamValue::NONE),
            Some(expression) => default_value(expression)?,
        };
        statics.extend(quote! {
            static #constant: abi::Static<abi::ParamInfo> = abi::Static(abi::ParamInfo {
                struct_size: ::core::mem::size_of::<abi::ParamInfo>(),
                name: abi::Text::new(#name),
                kind: <#stored as sdk::Param>::KIND as u32,
                flags: <#stored as sdk::Param>::FLAGS | #has_default * abi::HAS_DEFAULT,
                default: #default,
                type_name: abi::Text::new(<#stored as sdk::Param>::TYPE_NAME),
            });
        });
        names.push(quote!(#constant));
    }
    Ok((statics, names))
}

/// A default as a value of the interface.
fn default_value(expression: &Expr) -> Result<TokenStream> {
    let value = |kind: &str, fields: TokenStream| {
        let kind = format_ident!("{kind}");
        quote! {
            abi::ParamValue { kind: abi::ParamKind::#kind as u32, #fields ..abi::ParamValue::NONE }
        }
    };
    if let Expr::Path(path) = expression {
        if path.path.is_ident("None") {
            return Ok(quote!(abi::ParamValue::NONE));
        }
        // A constant such as `Dtype::F32`.
        return Ok(value("Dtype", quote!(integer: #expression as i64,)));
    }
    let (literal, negative) = match expression {
        Expr::Lit(literal) => (&literal.lit, false),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => match &**expr {
            Expr::Lit(literal) => (&literal.lit, true),
            _ => return Err(unusable(expression)),
        },
        _ => return Err(unusable(expression)),
    };
    Ok(match literal {
        Lit::Bool(flag) => {
            let number = i64::from(flag.value);
            value("Bool", quote!(integer: #number,))
        }
        Lit::Int(number) => {
            let number = number.base10_parse::<i64>()? * if negative { -1 } else { 1 };
            value("Int", quote!(integer: #number,))
        }
        Lit::Float(number) => {
            let number = number.base10_parse::<f64>()? * if negative { -1.0 } else { 1.0 };
            let number = Literal::f64_suffixed(number);
            value("Float", quote!(real: #number,))
        }
        Lit::Str(text) => {
            let length = text.value().len();
            value(
                "Text",
                quote!(data: #text.as_ptr().cast(), length: #length,),
            )
        }
        _ => return Err(unusable(expression)),
    })
}

fn unusable(expression: &Expr) -> Error {
    Error::new_spanned(expression, "a default is a literal, `None` or a `Dtype`")
}
