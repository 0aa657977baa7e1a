//! The functions that process items, and parts of items.

use crate::signature::{Argument, Operand, Parameter, Pass, Rank, Signature};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Type};

/// The function that processes a range of items.
pub fn run(signature: &Signature) -> TokenStream {
    let function = &signature.function;
    let name = &function.sig.ident;
    let (generics, _, bounds) = function.sig.generics.split_for_impl();
    let (variables, turbofish) = variables(signature);
    let setup = setup(signature);
    let own = own_values(signature);
    let arguments = signature.arguments.iter().map(|argument| match argument {
        Argument::Input(number) => {
            let input = format_ident!("input_{number}");
            quote!(#input.at(item))
        }
        Argument::Output(number) => {
            let output = format_ident!("output_{number}");
            if signature.outputs[*number].growing.is_some() {
                quote!(&mut #output.begin())
            } else {
                quote!(#output.at(item))
            }
        }
        Argument::Param(number) => pass(&signature.params[*number], *number),
        Argument::State => quote!(&mut *state),
        Argument::Item => quote!(sdk::Item::new(call, item)),
        Argument::Rng => quote!(&mut streams.of(item)),
    });
    let ended = signature
        .outputs
        .iter()
        .enumerate()
        .map(|(number, output)| {
            let items = format_ident!("output_{number}");
            output.growing.map(|_| quote!(#items.end(item);))
        });
    let dispatch = dispatch(signature, &quote!(kernel_typed), &quote!(call), &variables);
    quote! {
        fn kernel_typed #generics (call: &call::Call) -> ::core::result::Result<(), call::Stop> #bounds {
            unsafe {
                let plan = call.plan::<Plan>();
                #setup
                call.each(|item| {
                    #own
                    sdk::Outcome::into_result(super::#name #turbofish (#(#arguments),*))?;
                    #(#ended)*
                    Ok(())
                })
            }
        }

        unsafe extern "C" fn kernel_run(call: *const abi::RunCall) -> i32 {
            unsafe {
                call::run(call, |call| {
                    #dispatch
                })
            }
        }
    }
}

/// For kernels that treat each element by itself, with one input and one output: a function that
/// processes some elements.
pub fn run_part(signature: &Signature) -> Option<TokenStream> {
    let ([input], [output]) = (&signature.inputs[..], &signature.outputs[..]) else {
        return None;
    };
    let takes_one_axis = |operand: &Operand| match operand.rank {
        Rank::Any => true,
        Rank::Fixed(rank) => rank == 1,
    };
    if !signature.options.elementwise
        || signature.options.random
        || output.growing.is_some()
        || !takes_one_axis(input)
        || !takes_one_axis(output)
    {
        return None;
    }
    let of_rank = |operand: &Operand, part: TokenStream, place: TokenStream| {
        let element = &operand.element;
        let part = quote!(#part::<#element>(#place, count));
        if operand.rank == Rank::Any {
            quote!(#part.into_dyn())
        } else {
            part
        }
    };
    let name = &signature.function.sig.ident;
    let (generics, _, bounds) = signature.function.sig.generics.split_for_impl();
    let (variables, turbofish) = variables(signature);
    let params = of_params(signature);
    let own = own_values(signature);
    let state = signature
        .state
        .as_ref()
        .map(|state| quote!(let state = call.state::<#state>();));
    let arguments = signature.arguments.iter().map(|argument| match argument {
        Argument::Input(_) => of_rank(input, quote!(sdk::operand::part), quote!(input)),
        Argument::Output(_) => of_rank(output, quote!(sdk::operand::part_mut), quote!(output)),
        Argument::Param(number) => pass(&signature.params[*number], *number),
        Argument::State => quote!(&mut *state),
        Argument::Item | Argument::Rng => quote!(compile_error!("a part has no item")),
    });
    let given = quote!(call, input, output, count);
    let dispatch = dispatch(signature, &quote!(kernel_part), &given, &variables);
    Some(quote! {
        #[inline]
        fn kernel_part #generics (
            call: &call::Call, input: *const u8, output: *mut u8, count: usize,
        ) -> ::core::result::Result<(), call::Stop> #bounds {
            unsafe {
                let plan = call.plan::<Plan>();
                let item = call.item();
                #params
                #state
                #own
                sdk::Outcome::into_result(super::#name #turbofish (#(#arguments),*))?;
                Ok(())
            }
        }

        unsafe extern "C" fn kernel_run_part(
            call: *const abi::RunCall, input: *const u8, output: *mut u8, count: usize,
        ) -> i32 {
            unsafe {
                call::run(call, |call| {
                    #dispatch
                })
            }
        }
    })
}

/// Type parameters, and how they are handed to the function.
fn variables(signature: &Signature) -> (Vec<&Ident>, TokenStream) {
    let types = signature.options.types.iter();
    let variables: Vec<_> = types.map(|(name, _)| name).collect();
    let turbofish = if variables.is_empty() {
        quote!()
    } else {
        quote!(::<#(#variables),*>)
    };
    (variables, turbofish)
}

/// What is the same for all items of a call.
fn setup(signature: &Signature) -> TokenStream {
    let mut setup = TokenStream::new();
    for (number, input) in signature.inputs.iter().enumerate() {
        let (variable, element, axes) = (
            format_ident!("input_{number}"),
            &input.element,
            dimension(input.rank),
        );
        setup.extend(quote! {
            let #variable = sdk::operand::Input::<#element, #axes>::new(call.input(#number))?;
        });
    }
    for (number, output) in signature.outputs.iter().enumerate() {
        let (variable, element, axes) = (
            format_ident!("output_{number}"),
            &output.element,
            dimension(output.rank),
        );
        setup.extend(if output.growing.is_some() {
            quote!(let mut #variable = sdk::growing::Items::<#element>::new(call, #number)?;)
        } else {
            quote! {
                let #variable = sdk::operand::Output::<#element, #axes>::new(call.output(#number))?;
            }
        });
    }
    setup.extend(of_params(signature));
    if let Some(state) = &signature.state {
        setup.extend(quote!(let state = call.state::<#state>();));
    }
    if signature.draws() {
        setup.extend(quote!(let streams = call.streams()?;));
    }
    setup
}

/// The values per item of each parameter.
fn of_params(signature: &Signature) -> TokenStream {
    let params = (0..signature.params.len()).map(|number| {
        let variable = format_ident!("items_{number}");
        quote!(let #variable = call.param(#number);)
    });
    quote!(#(#params)*)
}

fn pass(param: &Parameter, number: usize) -> TokenStream {
    let name = &param.name;
    let own = format_ident!("own_{number}");
    match param.pass {
        Pass::Borrow => quote!(#own.as_ref().unwrap_or(&plan.#name)),
        Pass::BorrowInside => quote!(#own.as_ref().unwrap_or(&plan.#name).as_deref()),
        Pass::BorrowWhole => quote!(#own.as_ref().unwrap_or(&plan.#name).as_ref()),
        Pass::Copy => quote!(#own.unwrap_or_else(|| plan.#name.clone())),
    }
}

/// The item's own value of each parameter, if it has one.
fn own_values(signature: &Signature) -> TokenStream {
    let values = signature.params.iter().enumerate().map(|(number, param)| {
        let stored = &param.stored;
        let (own, items) = (
            format_ident!("own_{number}"),
            format_ident!("items_{number}"),
        );
        quote! {
            let #own = match #items {
                None => None,
                Some(values) => <#stored as sdk::Param>::at(values, item)?,
            };
        }
    });
    quote!(#(#values)*)
}

/// Call a function that is generic in some of the variables with the types that operands have.
pub fn dispatch(
    signature: &Signature,
    function: &TokenStream,
    arguments: &TokenStream,
    variables: &[&Ident],
) -> TokenStream {
    if variables.is_empty() {
        return quote!(#function(#arguments));
    }
    let types = || {
        let types = signature.options.types.iter().enumerate();
        types.filter(|(_, (name, _))| variables.contains(&name))
    };
    let bound = types().map(|(number, _)| {
        let is_bound =
            |operand: &Operand| signature.type_variable(&operand.element) == Some(number + 1);
        if let Some(input) = signature.inputs.iter().position(is_bound) {
            quote!(call.input(#input).dtype)
        } else if let Some(output) = signature.outputs.iter().position(is_bound) {
            quote!(call.output(#output).dtype)
        } else {
            quote!(compile_error!("a type parameter that no operand has"))
        }
    });
    let mut combinations: Vec<Vec<&Type>> = vec![Vec::new()];
    for (_, (_, types)) in types() {
        combinations = combinations
            .iter()
            .flat_map(|chosen| {
                types
                    .iter()
                    .map(move |next| chosen.iter().copied().chain([next]).collect())
            })
            .collect();
    }
    // One number for all of them: the compiler makes a table of it, and calls are many.
    let numbers = || (0_u32..).step_by(8);
    let names: Vec<_> = (0..combinations.len())
        .map(|number| format_ident!("TYPES_{number}"))
        .collect();
    let keys = combinations.iter().map(|types| {
        let shifts = numbers();
        quote!(#((<#types as sdk::Element>::DTYPE as u64) << #shifts)|*)
    });
    let arms = combinations
        .iter()
        .zip(&names)
        .map(|(types, name)| quote!(#name => #function::<#(#types),*>(#arguments),));
    let shifts = numbers();
    quote! {
        #(const #names: u64 = #keys;)*
        match #(u64::from(#bound) << #shifts)|* {
            #(#arms)*
            _ => Err(sdk::Error::new("not one of the dtypes of this kernel").into()),
        }
    }
}

/// The type of `ndarray` for a number of axes.
pub fn dimension(rank: Rank) -> TokenStream {
    match rank {
        Rank::Any => quote!(sdk::ndarray::IxDyn),
        Rank::Fixed(rank) => {
            let name = format_ident!("Ix{rank}");
            quote!(sdk::ndarray::#name)
        }
    }
}
