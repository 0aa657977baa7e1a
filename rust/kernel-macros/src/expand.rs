//! The module beside the function: static tables and the functions they point to.

use crate::run::{dimension, dispatch, run, run_part};
use crate::signature::{Operand, Signature};
use crate::statics::{operands, params};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Error, Expr, ExprLit, GenericParam, Generics, Ident, Lit, Meta, Result};

pub fn expand(signature: &Signature) -> Result<TokenStream> {
    let function = &signature.function;
    let name = &function.sig.ident;
    let name_text = name.to_string();
    let doc = docstring(&function.attrs);
    let plan = plan(signature);
    let infer = infer(signature)?;
    let run = run(signature);
    let (part, run_part) = match run_part(signature) {
        Some(part) => (part, quote!(Some(kernel_run_part))),
        None => (quote!(), quote!(None)),
    };
    let state = state(signature);
    let (input_statics, inputs) = operands(signature, &signature.inputs, "INPUT");
    let (output_statics, outputs) = operands(signature, &signature.outputs, "OUTPUT");
    let (param_statics, params) = params(signature)?;
    let (n_inputs, n_outputs, n_params) = (
        signature.inputs.len(),
        signature.outputs.len(),
        signature.params.len(),
    );
    let (new_state, drop_state) = if signature.state.is_some() {
        (
            quote!(Some(kernel_new_state)),
            quote!(Some(kernel_drop_state)),
        )
    } else {
        (quote!(None), quote!(None))
    };
    let elementwise = u64::from(signature.options.elementwise);
    let varying = u64::from(signature.options.shapes.is_some()) * 4;
    let random = u64::from(signature.options.random || signature.draws()) * 2;
    let strided = u64::from(signature.options.strided) * 8;
    Ok(quote! {
        #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)]
        #function

        #[doc = concat!("What the host needs to call [`", #name_text, "`](fn@", #name_text, ").")]
        #[allow(missing_docs, unused, clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks)]
        pub mod #name {
            use super::*;
            use ::core::ffi::c_void;
            use ::ironbatch_kernel as sdk;
            use sdk::abi;
            use sdk::call;

            #plan
            #infer
            #run
            #part
            #state
            #input_statics
            #output_statics
            #param_statics

            static INPUTS: abi::Static<[*const abi::OperandInfo; #n_inputs]> =
                abi::Static([#(&raw const #inputs.0),*]);
            static OUTPUTS: abi::Static<[*const abi::OperandInfo; #n_outputs]> =
                abi::Static([#(&raw const #outputs.0),*]);
            static PARAMS: abi::Static<[*const abi::ParamInfo; #n_params]> =
                abi::Static([#(&raw const #params.0),*]);

            /// The kernel as the interface describes it.
            pub static INFO: abi::Static<abi::KernelInfo> = abi::Static(abi::KernelInfo {
                struct_size: ::core::mem::size_of::<abi::KernelInfo>(),
                name: abi::Text::new(#name_text),
                doc: abi::Text::new(#doc),
                flags: #elementwise + #random + #varying + #strided,
                inputs: (&raw const INPUTS.0).cast(),
                n_inputs: #n_inputs,
                outputs: (&raw const OUTPUTS.0).cast(),
                n_outputs: #n_outputs,
                params: (&raw const PARAMS.0).cast(),
                n_params: #n_params,
                prepare: Some(kernel_prepare),
                drop_plan: Some(kernel_drop_plan),
                infer: Some(kernel_infer),
                infer_items: Some(kernel_infer_items),
                new_state: #new_state,
                drop_state: #drop_state,
                run: Some(kernel_run),
                run_part: #run_part,
            });
        }
    })
}

fn docstring(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => {
                    let line = text.value();
                    Some(line.strip_prefix(' ').map_or(line.clone(), str::to_owned))
                }
                _ => None,
            },
            _ => None,
        });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The plan and the functions that make and drop it.
fn plan(signature: &Signature) -> TokenStream {
    let n_params = signature.params.len();
    let names: Vec<_> = signature.params.iter().map(|param| &param.name).collect();
    let texts: Vec<_> = names.iter().map(ToString::to_string).collect();
    let types: Vec<_> = signature.params.iter().map(|param| &param.stored).collect();
    let (numbers, again) = (0..n_params, 0..n_params);
    let check = signature
        .options
        .check
        .as_ref()
        .map(|path| quote!(#path(&made)?;));
    quote! {
        /// The constant parameters.
        #[derive(Clone)]
        pub struct Plan {
            #(pub #names: #types,)*
            each_item_: [bool; #n_params],
        }

        impl Plan {
            /// Whether a parameter gets its values with each item: its field says nothing then.
            pub fn is_per_item(&self, name: &str) -> bool {
                const NAMES: [&str; #n_params] = [#(#texts),*];
                NAMES.iter().zip(self.each_item_).any(|(known, is)| is && *known == name)
            }
        }

        unsafe extern "C" fn kernel_prepare(
            values: *const *const abi::ParamValue,
            count: usize,
            plan: *mut *mut c_void,
            message: *mut abi::Message,
        ) -> i32 {
            unsafe {
                call::guard(message, || {
                    if count != #n_params {
                        return Err(sdk::Error::new("the wrong number of parameters"));
                    }
                    let made = Plan {
                        #(#names: call::parse::<#types>(values, #numbers, #texts)?,)*
                        each_item_: [#(call::is_per_item(values, #again)),*],
                    };
                    #check
                    *plan = call::keep(made);
                    Ok(())
                })
            }
        }

        unsafe extern "C" fn kernel_drop_plan(plan: *mut c_void) {
            unsafe { call::forget::<Plan>(plan) }
        }
    }
}

fn infer(signature: &Signature) -> Result<TokenStream> {
    let (n_inputs, n_outputs) = (signature.inputs.len(), signature.outputs.len());
    let specs = if let Some(path) = &signature.options.infer {
        quote!(#path(inputs, plan))
    } else if signature.options.shapes.is_some() {
        quote!(Err(sdk::Error::new(
            "shapes depend on what is in the items"
        )))
    } else {
        let specs = signature
            .outputs
            .iter()
            .map(|output| same_shape(signature, output))
            .collect::<Result<Vec<_>>>()?;
        quote!(Ok(::std::vec![#(#specs),*]))
    };
    let items = infer_items(signature);
    Ok(quote! {
        fn kernel_specs(inputs: &[sdk::Spec], plan: &Plan) -> sdk::Result<::std::vec::Vec<sdk::Spec>> {
            #specs
        }

        unsafe extern "C" fn kernel_infer(
            plan: *const c_void,
            inputs: *const *const abi::OperandSpec,
            outputs: *const *mut abi::OperandSpec,
            message: *mut abi::Message,
        ) -> i32 {
            unsafe {
                call::guard(message, || {
                    let plan = &*plan.cast::<Plan>();
                    let inputs = sdk::specs::read_specs(inputs, #n_inputs)?;
                    sdk::specs::write_specs(outputs, #n_outputs, &kernel_specs(&inputs, plan)?)
                })
            }
        }

        #items
    })
}

/// The outputs of each item, from its own shapes and parameters, or from what is in it.
fn infer_items(signature: &Signature) -> TokenStream {
    let (n_inputs, n_outputs) = (signature.inputs.len(), signature.outputs.len());
    let own = signature.params.iter().enumerate().map(|(number, param)| {
        let (name, stored) = (&param.name, &param.stored);
        quote! {
            if let Some(values) = call.param(#number) {
                if let Some(value) = <#stored as sdk::Param>::at(&values, item)? {
                    own.get_or_insert_with(|| plan.clone()).#name = value;
                }
            }
        }
    });
    let (typed, outputs) = match &signature.options.shapes {
        None => (quote!(), quote!(kernel_specs(inputs, plan))),
        Some(path) => {
            let (generics, variables) = generics_of_inputs(signature);
            let (generics, _, bounds) = generics.split_for_impl();
            let turbofish = if variables.is_empty() {
                quote!()
            } else {
                quote!(::<#(#variables),*>)
            };
            let views = signature.inputs.iter().enumerate().map(|(number, input)| {
                let (element, axes) = (&input.element, dimension(input.rank));
                quote!(sdk::operand::Input::<#element, #axes>::new(call.input(#number))?.at(item))
            });
            let arguments = quote!(call, item, plan);
            let dispatch = dispatch(signature, &quote!(kernel_shapes), &arguments, &variables);
            (
                quote! {
                    fn kernel_shapes #generics (
                        call: &call::Call, item: usize, plan: &Plan,
                    ) -> sdk::Result<::std::vec::Vec<sdk::Spec>> #bounds {
                        unsafe { #path #turbofish (#(#views,)* plan) }
                    }
                },
                quote!(#dispatch),
            )
        }
    };
    quote! {
        #typed

        unsafe extern "C" fn kernel_infer_items(
            call: *const abi::RunCall,
            specs: *const *mut abi::OperandSpec,
            shapes: *const *mut i64,
        ) -> i32 {
            unsafe {
                sdk::specs::infer_items(call, (#n_inputs, #n_outputs), specs, shapes, |call, item, inputs| {
                    let plan = call.plan::<Plan>();
                    let mut own = ::core::option::Option::<Plan>::None;
                    #(#own)*
                    let plan = own.as_ref().unwrap_or(plan);
                    #outputs
                })
            }
        }
    }
}

/// Type parameters that inputs have: what looks into items knows no others.
fn generics_of_inputs(signature: &Signature) -> (Generics, Vec<&Ident>) {
    let mut generics = signature.function.sig.generics.clone();
    let variables: Vec<_> = (1..)
        .zip(&signature.options.types)
        .filter(|(number, _)| {
            let mut inputs = signature.inputs.iter();
            inputs.any(|input| signature.type_variable(&input.element) == Some(*number))
        })
        .map(|(_, (name, _))| name)
        .collect();
    generics.params = generics
        .params
        .into_iter()
        .filter(|parameter| match parameter {
            GenericParam::Type(parameter) => variables.contains(&&parameter.ident),
            _ => true,
        })
        .collect();
    (generics, variables)
}

/// The spec of an output that is shaped like the first input.
fn same_shape(signature: &Signature, output: &Operand) -> Result<TokenStream> {
    if output.growing.is_none() && output.rank != signature.inputs[0].rank {
        return Err(Error::new_spanned(
            &output.name,
            "not the number of axes of the first input: say its shape with `infer = function`",
        ));
    }
    let dtype = match signature.type_variable(&output.element) {
        None => {
            let element = &output.element;
            quote!(<#element as sdk::Element>::DTYPE)
        }
        Some(variable) => {
            let bound = signature
                .inputs
                .iter()
                .position(|input| signature.type_variable(&input.element) == Some(variable))
                .ok_or_else(|| {
                    Error::new_spanned(
                        &output.element,
                        "no input has this type: say the dtype with `infer = function`",
                    )
                })?;
            quote!(inputs[#bound].dtype)
        }
    };
    let shape = if output.growing.is_some() {
        quote!(::std::vec![-1])
    } else {
        quote!(inputs[0].shape.clone())
    };
    Ok(quote!(sdk::Spec { dtype: #dtype, shape: #shape }))
}

fn state(signature: &Signature) -> TokenStream {
    let Some(state) = &signature.state else {
        return TokenStream::new();
    };
    quote! {
        unsafe extern "C" fn kernel_new_state(
            _plan: *const c_void,
            state: *mut *mut c_void,
            message: *mut abi::Message,
        ) -> i32 {
            const fn movable<S: Send + Default>() {}
            const { movable::<#state>() };
            unsafe {
                call::guard(message, || {
                    *state = call::keep(<#state as ::core::default::Default>::default());
                    Ok(())
                })
            }
        }

        unsafe extern "C" fn kernel_drop_state(state: *mut c_void) {
            unsafe { call::forget::<#state>(state) }
        }
    }
}
