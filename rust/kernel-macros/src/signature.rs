//! What the attribute and the function say.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Error, Expr, FnArg, GenericArgument, GenericParam, Ident, ItemFn, Pat, Path, PathArguments,
    PathSegment, Result, Token, Type, TypeReference, bracketed,
};

/// Keywords that the host's side of a call takes.
const RESERVED: [&str; 1] = ["rng"];

/// What stands in the parentheses of the attribute.
#[derive(Default)]
pub struct Options {
    /// Type parameters with the types they stand for.
    pub types: Vec<(Ident, Vec<Type>)>,
    pub infer: Option<Path>,
    pub shapes: Option<Path>,
    pub check: Option<Path>,
    pub elementwise: bool,
    pub strided: bool,
    pub random: bool,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            if input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                if name == "infer" {
                    options.infer = Some(input.parse()?);
                } else if name == "shapes" {
                    options.shapes = Some(input.parse()?);
                } else if name == "check" {
                    options.check = Some(input.parse()?);
                } else {
                    let list;
                    bracketed!(list in input);
                    let types = Punctuated::<Type, Token![,]>::parse_terminated(&list)?;
                    options.types.push((name, types.into_iter().collect()));
                }
            } else if name == "elementwise" {
                options.elementwise = true;
            } else if name == "random" {
                options.random = true;
            } else if name == "strided" {
                options.strided = true;
            } else {
                return Err(Error::new(
                    name.span(),
                    "expected `T = [...]`, `infer = ...`, `shapes = ...`, `check = ...`, `elementwise`, `random` or `strided`",
                ));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// Number of axes of an operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    Fixed(u32),
    Any,
}

/// An input or output.
pub struct Operand {
    pub name: Ident,
    pub element: Type,
    pub rank: Rank,
    /// Whether its length is known only after the work, and if so, whether it is bytes.
    pub growing: Option<Content>,
}

/// What a growing output holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Numbers,
    Bytes,
}

/// How a parameter is handed to the function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// A copy of the plan's value, or the item's own.
    Copy,
    /// `&plan.name`, which derefs to what is wanted.
    Borrow,
    /// `plan.name.as_deref()`.
    BorrowInside,
    /// `plan.name.as_ref()`.
    BorrowWhole,
}

pub struct Parameter {
    pub name: Ident,
    /// Type that the plan holds.
    pub stored: Type,
    pub pass: Pass,
    pub default: Option<Expr>,
    pub optional: bool,
}

/// An argument of the function, in order; numbers count within the kind.
pub enum Argument {
    Input(usize),
    Output(usize),
    Param(usize),
    State,
    Item,
    Rng,
}

pub struct Signature {
    pub options: Options,
    pub function: ItemFn,
    pub arguments: Vec<Argument>,
    pub inputs: Vec<Operand>,
    pub outputs: Vec<Operand>,
    pub params: Vec<Parameter>,
    pub state: Option<Type>,
}

impl Signature {
    /// Tell the arguments apart, and take what is not Rust from the function.
    pub fn read(options: Options, mut function: ItemFn) -> Result<Self> {
        check_generics(&options, &function)?;
        let mut signature = Self {
            options,
            arguments: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            params: Vec::new(),
            state: None,
            function: function.clone(),
        };
        for argument in &mut function.sig.inputs {
            signature.argument(argument)?;
        }
        let name = function.sig.ident.span();
        signature.function = function;
        if signature.options.elementwise
            && signature
                .arguments
                .iter()
                .any(|argument| matches!(argument, Argument::Item | Argument::Rng))
        {
            return Err(Error::new(
                name,
                "an `elementwise` kernel has no `Item` or `ItemRng`: the host may cut and join items",
            ));
        }
        if signature.inputs.is_empty() || signature.outputs.is_empty() {
            return Err(Error::new(
                name,
                "a kernel has at least one `ArrayView...` and one `ArrayViewMut...` or `&mut Growing<...>`",
            ));
        }
        let grows = signature
            .outputs
            .iter()
            .any(|output| output.growing.is_some());
        if signature.options.elementwise && grows {
            return Err(Error::new(
                name,
                "an `elementwise` kernel gives as many elements as it takes: no `Growing`",
            ));
        }
        Ok(signature)
    }

    fn argument(&mut self, argument: &mut FnArg) -> Result<()> {
        let FnArg::Typed(typed) = argument else {
            return Err(Error::new(
                Span::call_site(),
                "a kernel is a function, not a method",
            ));
        };
        let Pat::Ident(pattern) = &*typed.pat else {
            return Err(Error::new_spanned(
                &typed.pat,
                "an argument of a kernel needs a name",
            ));
        };
        let name = pattern.ident.clone();
        let mut default = None;
        for attribute in &typed.attrs {
            if attribute.path().is_ident("default") {
                default = Some(attribute.parse_args::<Expr>()?);
            }
        }
        let is_bytes = typed.attrs.iter().any(|one| one.path().is_ident("bytes"));
        typed
            .attrs
            .retain(|one| !one.path().is_ident("default") && !one.path().is_ident("bytes"));
        if let Some(element) = growing(&typed.ty)? {
            self.arguments.push(Argument::Output(self.outputs.len()));
            let content = match &element {
                _ if !is_bytes => Content::Numbers,
                Type::Path(path) if path.path.is_ident("u8") => Content::Bytes,
                _ => return Err(Error::new_spanned(element, "`bytes` are of type `u8`")),
            };
            self.outputs.push(Operand {
                name,
                element,
                rank: Rank::Fixed(1),
                growing: Some(content),
            });
            return Ok(());
        }
        if is_bytes {
            return Err(Error::new_spanned(
                name,
                "only `&mut Growing<u8>` is `bytes`",
            ));
        }
        if let Some((element, rank, is_output)) = view(&typed.ty)? {
            if let Some(default) = default {
                return Err(Error::new_spanned(default, "only parameters have defaults"));
            }
            let operands = if is_output {
                &mut self.outputs
            } else {
                &mut self.inputs
            };
            let number = operands.len();
            operands.push(Operand {
                name,
                element,
                rank,
                growing: None,
            });
            self.arguments.push(if is_output {
                Argument::Output(number)
            } else {
                Argument::Input(number)
            });
            return Ok(());
        }
        if let Type::Reference(reference) = &*typed.ty
            && reference.mutability.is_some()
        {
            return self.lent(reference);
        }
        if last_segment(&typed.ty).is_some_and(|segment| segment.ident == "Item") {
            self.arguments.push(Argument::Item);
            return Ok(());
        }
        if RESERVED.contains(&name.to_string().as_str()) {
            return Err(Error::new_spanned(
                name,
                "a parameter cannot have this name: callers give it to every kernel",
            ));
        }
        let (stored, pass, optional) = stored_type(&typed.ty)?;
        self.arguments.push(Argument::Param(self.params.len()));
        self.params.push(Parameter {
            name,
            stored,
            pass,
            default,
            optional,
        });
        Ok(())
    }

    /// An argument that the function may change for itself: the random stream, or the state.
    fn lent(&mut self, reference: &TypeReference) -> Result<()> {
        if last_segment(&reference.elem).is_some_and(|segment| segment.ident == "ItemRng") {
            if self.draws() {
                return Err(Error::new_spanned(
                    reference,
                    "an item has one random stream",
                ));
            }
            self.arguments.push(Argument::Rng);
            return Ok(());
        }
        if self.state.replace((*reference.elem).clone()).is_some() {
            return Err(Error::new_spanned(
                reference,
                "a kernel has one `&mut` state at most",
            ));
        }
        self.arguments.push(Argument::State);
        Ok(())
    }

    /// Whether the function takes random numbers.
    pub fn draws(&self) -> bool {
        self.arguments
            .iter()
            .any(|argument| matches!(argument, Argument::Rng))
    }

    /// Number of the type parameter that `element` is, from 1.
    pub fn type_variable(&self, element: &Type) -> Option<usize> {
        let Type::Path(path) = element else {
            return None;
        };
        let name = path.path.get_ident()?;
        self.options
            .types
            .iter()
            .position(|(variable, _)| variable == name)
            .map(|n| n + 1)
    }
}

fn check_generics(options: &Options, function: &ItemFn) -> Result<()> {
    for parameter in &function.sig.generics.params {
        match parameter {
            GenericParam::Type(parameter) => {
                if !options
                    .types
                    .iter()
                    .any(|(name, _)| *name == parameter.ident)
                {
                    return Err(Error::new_spanned(
                        parameter,
                        format!(
                            "say what it stands for: #[kernel({} = [f32, f64])]",
                            parameter.ident
                        ),
                    ));
                }
            }
            GenericParam::Lifetime(_) => {}
            GenericParam::Const(_) => {
                return Err(Error::new_spanned(
                    parameter,
                    "a kernel has no const parameters",
                ));
            }
        }
    }
    for (name, types) in &options.types {
        let is_parameter = function.sig.generics.params.iter().any(
            |parameter| matches!(parameter, GenericParam::Type(found) if found.ident == *name),
        );
        if !is_parameter || types.is_empty() {
            return Err(Error::new_spanned(
                name,
                format!("`{name}` has to be a type parameter of the function, with some types"),
            ));
        }
    }
    Ok(())
}

fn last_segment(of: &Type) -> Option<&PathSegment> {
    match of {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(found) => Some(found),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Element type, if the type is `&mut Growing<T>`.
fn growing(of: &Type) -> Result<Option<Type>> {
    let Type::Reference(reference) = of else {
        return Ok(None);
    };
    let Some(segment) = last_segment(&reference.elem) else {
        return Ok(None);
    };
    if segment.ident != "Growing" {
        return Ok(None);
    }
    match type_arguments(segment).first() {
        Some(element) if reference.mutability.is_some() => Ok(Some((*element).clone())),
        _ => Err(Error::new_spanned(
            of,
            "an output that grows is `&mut Growing<u8>`, with the type of its elements",
        )),
    }
}

/// Element type, number of axes and direction, if the type is one of ndarray's views.
fn view(of: &Type) -> Result<Option<(Type, Rank, bool)>> {
    let Some(segment) = last_segment(of) else {
        return Ok(None);
    };
    let name = segment.ident.to_string();
    let Some(rest) = name.strip_prefix("ArrayView") else {
        return Ok(None);
    };
    let (is_output, rest) = match rest.strip_prefix("Mut") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let types = type_arguments(segment);
    let Some(element) = types.first() else {
        return Err(Error::new_spanned(
            of,
            "say the element type, as in `ArrayView1<f32>`",
        ));
    };
    let axes = match (rest, types.get(1)) {
        ("", Some(dimension)) => last_segment(dimension)
            .and_then(|segment| {
                segment
                    .ident
                    .to_string()
                    .strip_prefix("Ix")
                    .map(str::to_owned)
            })
            .unwrap_or_default(),
        (rest, _) => rest.to_owned(),
    };
    let rank = match axes.as_str() {
        "D" | "Dyn" => Rank::Any,
        digits => match digits.parse() {
            Ok(rank) if rank <= 6 => Rank::Fixed(rank),
            _ => {
                return Err(Error::new_spanned(
                    of,
                    "expected `ArrayView0` to `6` or `ArrayViewD`",
                ));
            }
        },
    };
    Ok(Some(((*element).clone(), rank, is_output)))
}

fn stored_type(of: &Type) -> Result<(Type, Pass, bool)> {
    if let Type::Reference(reference) = of {
        return Ok((owned(&reference.elem)?, Pass::Borrow, false));
    }
    if let Some(segment) = last_segment(of)
        && segment.ident == "Option"
        && let Some(inner) = type_arguments(segment).first()
    {
        if let Type::Reference(reference) = inner {
            let owned = owned(&reference.elem)?;
            // Slices and text are stored as what derefs to them.
            let is_stored_as_itself = matches!(
                &*reference.elem,
                Type::Path(path) if !path.path.is_ident("str")
            );
            return Ok((
                syn::parse_quote!(::core::option::Option<#owned>),
                if is_stored_as_itself {
                    Pass::BorrowWhole
                } else {
                    Pass::BorrowInside
                },
                true,
            ));
        }
        return Ok((of.clone(), Pass::Copy, true));
    }
    Ok((of.clone(), Pass::Copy, false))
}

/// What is stored for a parameter that the function borrows.
fn owned(borrowed: &Type) -> Result<Type> {
    match borrowed {
        Type::Slice(slice) => {
            let element = &slice.elem;
            Ok(syn::parse_quote!(::std::vec::Vec<#element>))
        }
        Type::Path(path) if path.path.is_ident("str") => {
            Ok(syn::parse_quote!(::std::string::String))
        }
        Type::Path(_) => Ok(borrowed.clone()),
        other => Err(Error::new_spanned(
            other,
            "a parameter cannot have this type",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn an_elementwise_kernel_knows_no_item() {
        let function: ItemFn = parse_quote! {
            fn double(x: ArrayViewD<f32>, mut out: ArrayViewMutD<f32>, item: Item) {}
        };
        let read = |options: Options| Signature::read(options, function.clone()).err();
        assert!(read(Options::default()).is_none());
        let refused = read(parse_quote!(elementwise)).unwrap().to_string();
        assert!(refused.contains("no `Item`"), "{refused}");
    }
}
