use super::*;
use crate::Error;
use proptest::prelude::*;
use std::ptr;

fn kernel(name: &str) -> Arc<Kernel> {
    built_in()
        .unwrap()
        .iter()
        .find(|kernel| kernel.name == name)
        .cloned()
        .unwrap()
}

fn bind(name: &str, params: &[(&str, Value)]) -> crate::Result<Plan> {
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    kernel(name).bind(&params, &[])
}

/// Items of a vector, one axis each.
fn memory<T: ironbatch_kernel::Element>(data: &mut [T], n_items: usize) -> Memory<'static> {
    let length = data.len() / n_items.max(1);
    let size = size_of::<T>() as isize;
    let strides = [length as isize * size, size];
    let (shape, data) = ([n_items, length], data.as_mut_ptr().cast());
    // SAFETY: the vector outlives the test.
    unsafe { Memory::of_items(data, T::DTYPE, &shape, &strides, true) }.unwrap()
}

fn request<'a>(n_items: usize, inputs: &'a [Memory<'a>], outputs: &'a [Memory<'a>]) -> Request<'a> {
    Request {
        n_items,
        inputs,
        outputs,
        params: &[],
        random: None,
        limits: Limits::default(),
    }
}

#[test]
fn a_built_in_kernel_runs_over_all_items() {
    let mut x: Vec<u8> = (0..=255).cycle().take(1_000 * 3).collect();
    let mut out = vec![0_u8; x.len()];
    let plan = bind("invert", &[]).unwrap();
    for _ in 0..20 {
        let (inputs, outputs) = ([memory(&mut x, 1_000)], [memory(&mut out, 1_000)]);
        plan.run(&request(1_000, &inputs, &outputs)).unwrap();
        assert!(x.iter().zip(&out).all(|(x, out)| *out == 255 - x));
    }
}

#[test]
fn a_signature_is_python() {
    assert_eq!(
        kernel("clip").signature(),
        "clip(x, *, low: float | None = None, high: float | None = None)"
    );
}

#[test]
fn a_type_has_the_name_that_its_library_gives_it() {
    assert_eq!(
        kernel("flip").signature(),
        "flip(x, *, axis: str | int = 'horizontal')"
    );
}

#[test]
fn one_number_along_axes_is_no_sequence() {
    let square = |size| {
        let plan = bind("resize", &[("size", size)]).unwrap();
        let shape = vec![8, 9];
        let given = [Spec {
            dtype: Dtype::U8,
            shape,
        }];
        plan.infer(&given).unwrap()[0].shape.clone()
    };
    assert_eq!(square(Value::Int(3)), [3, 3]);
    assert_eq!(square(Value::Ints(vec![3])), [3, 9]);
}

#[test]
fn what_comes_per_item_is_not_missing() {
    let noise = kernel("additive_noise");
    assert!(noise.bind(&[], &["std".to_owned()]).is_ok());
    let both = [("std".to_owned(), Value::None)];
    let refused = noise.bind(&both, &[]).unwrap_err().to_string();
    assert!(
        refused.contains("neither given; its signature is additive_noise("),
        "{refused}"
    );
}

#[test]
fn wrong_parameters_show_the_signature() {
    for params in [
        vec![("lo", Value::Int(1))],
        vec![("low", Value::Text("a".into()))],
        vec![("low", Value::Int(1)), ("low", Value::Int(1))],
    ] {
        let message = bind("clip", &params).unwrap_err().to_string();
        assert!(message.contains("clip(x, *, low"), "{message}");
    }
    assert!(
        bind("cast", &[])
            .unwrap_err()
            .to_string()
            .contains("dtype is missing")
    );
}

#[test]
fn a_failing_item_is_named() {
    let kernel = kernel("clip");
    let plan = kernel.bind(&[], &["low".to_owned()]).unwrap();
    let mut x = vec![0.0_f32; 100];
    let mut out = x.clone();
    let mut low: Vec<f64> = vec![0.0; 100];
    low[60] = f64::NAN;
    low[30] = f64::NAN;
    let per_item =
        // SAFETY: the vector outlives the run.
        unsafe { Memory::of_items(low.as_mut_ptr().cast(), Dtype::F64, &[100], &[8], false) };
    let (inputs, outputs) = ([memory(&mut x, 100)], [memory(&mut out, 100)]);
    let params = [per_item.unwrap()];
    let failed = plan.run(&Request {
        params: &params,
        ..request(100, &inputs, &outputs)
    });
    let Err(Error::Item {
        position: 30,
        source,
    }) = failed
    else {
        panic!("{failed:?}")
    };
    assert_eq!(source.to_string(), "clip: low is NaN");
}

#[test]
fn overlapping_memory_is_refused() {
    let mut x = vec![0_u8; 100];
    let plan = bind("invert", &[]).unwrap();
    let inputs = [memory(&mut x, 10)];
    let failed = plan.run(&request(10, &inputs, &inputs)).unwrap_err();
    assert_eq!(failed.to_string(), "invert: out overlaps x in memory");
}

#[test]
fn memory_that_does_not_fit_is_refused() {
    let (mut x, mut out, mut short) = (vec![0_i16; 40], vec![0_i16; 40], vec![0_i16; 36]);
    let plan = bind("invert", &[]).unwrap();
    let (x, out, short) = (
        memory(&mut x, 10),
        memory(&mut out, 10),
        memory(&mut short, 9),
    );
    let refused = |inputs: Memory<'_>, output: Memory<'_>| {
        plan.run(&request(10, &[inputs], &[output]))
            .unwrap_err()
            .to_string()
    };
    assert!(refused(x, short).contains("has 9 items, not 10"));
    assert!(
        refused(
            x,
            Memory {
                writable: false,
                ..out
            }
        )
        .contains("read-only")
    );
    assert!(
        refused(
            x,
            Memory {
                item_stride: 0,
                ..out
            }
        )
        .contains("share memory")
    );
    assert!(
        refused(
            x,
            Memory {
                item_stride: 9,
                ..out
            }
        )
        .contains("not aligned")
    );
    assert!(
        refused(
            Memory {
                dtype: Dtype::I64,
                ..x
            },
            out
        )
        .contains("x has to be bool or uint8")
    );
    assert!(
        refused(
            x,
            Memory {
                dtype: Dtype::U16,
                ..out
            }
        )
        .contains("gives int16 [4]")
    );
    assert!(
        refused(
            Memory {
                data: ptr::null_mut(),
                ..x
            },
            out
        )
        .contains("not aligned")
    );
    assert!(
        refused(
            Memory {
                item_stride: isize::MAX - 1,
                ..x
            },
            out
        )
        .contains("not aligned")
    );
}

#[test]
fn items_of_different_shapes_run_one_by_one() {
    let mut items: Vec<Vec<f64>> = (0..50).map(|n| vec![f64::from(n); n as usize]).collect();
    let mut results: Vec<Vec<f64>> = items.iter().map(|item| vec![0.0; item.len()]).collect();
    let operands: Vec<_> = items
        .iter_mut()
        .zip(&mut results)
        .map(|(x, out)| ([memory(x, 1)], [memory(out, 1)]))
        .collect();
    let requests: Vec<_> = operands.iter().map(|(x, out)| request(1, x, out)).collect();
    bind("invert", &[])
        .unwrap()
        .run_each(&requests, &[], Limits::default())
        .unwrap();
    for (n, result) in results.iter().enumerate() {
        assert!(
            result
                .iter()
                .all(|&value| value.to_bits() == (1.0 - n as f64).to_bits())
        );
    }
    let (inputs, outputs) = ([requests[9].inputs[0]], [requests[8].outputs[0]]);
    let clash = [requests[9], request(1, &inputs, &outputs)];
    assert!(
        bind("invert", &[])
            .unwrap()
            .run_each(&clash, &[], Limits::default())
            .is_err()
    );
}

#[test]
fn items_without_elements_may_lie_anywhere() {
    let plan = bind("invert", &[]).unwrap();
    for data in [ptr::null_mut::<u8>(), ptr::without_provenance_mut(3)] {
        // SAFETY: there is no element.
        let nothing =
            unsafe { Memory::of_items(data, Dtype::F64, &[3, 0], &[8, -8], true) }.unwrap();
        plan.run(&request(3, &[nothing], &[nothing])).unwrap();
    }
}

/// Write where the item's random numbers are.
#[ironbatch_kernel::kernel(random)]
fn origin(
    _x: ndarray::ArrayView1<'_, u64>,
    mut out: ndarray::ArrayViewMut1<'_, u64>,
    item: ironbatch_kernel::Item<'_>,
) {
    let place = item.random_place();
    out.fill(place.map_or(0, |place| place.counter[3]));
}

ironbatch_kernel::static_table!(RANDOM; origin);

#[test]
fn items_of_different_shapes_have_random_places_of_their_own() {
    // SAFETY: the table is in static memory.
    let library = unsafe { read_table(&raw const RANDOM.0, "tests", None) }.unwrap();
    let plan = library.kernels[0].bind(&[], &[]).unwrap();
    let (mut items, mut results) = (vec![[0_u64; 2]; 6], vec![[0_u64; 2]; 6]);
    let operands: Vec<_> = items
        .iter_mut()
        .zip(&mut results)
        .map(|(x, out)| ([memory(x, 1)], [memory(out, 1)]))
        .collect();
    let run = |origins: &[u64]| {
        let random = RandomSource {
            key: [1, 2],
            operation: 3,
            origins,
            epochs: None,
            operations: None,
            blocks: None,
        };
        let of_item = |(x, out)| Request {
            random: Some(random),
            ..request(1, x, out)
        };
        let requests: Vec<_> = operands
            .iter()
            .map(|(x, out)| of_item((&x[..], &out[..])))
            .collect();
        plan.run_each(&requests, &[], Limits::default())
    };
    assert!(matches!(run(&[7; 5]), Err(Error::Value(_))));
    run(&[10, 11, 12, 13, 14, 15]).unwrap();
    for (item, result) in results.iter().enumerate() {
        assert_eq!(*result, [10 + item as u64; 2]);
    }
}

#[test]
fn ragged_items_run_at_once_and_are_bounded() {
    let shapes: Vec<i64> = (0..400).map(|item| item % 9).collect();
    let mut offsets = vec![0];
    offsets.extend(shapes.iter().scan(0, |end, length| {
        *end += length;
        Some(*end)
    }));
    let n_values = offsets[400] as usize;
    let mut x: Vec<u16> = (0..n_values as u16).collect();
    let mut out = vec![0_u16; n_values];
    let layout = RaggedLayout::new(offsets, shapes, 1, n_values).unwrap();
    let plan = bind("invert", &[]).unwrap();
    // SAFETY: the layout was checked for vectors of this length.
    let (input, output) = unsafe {
        (
            Memory::of_ragged(x.as_mut_ptr().cast(), Dtype::U16, &layout, false),
            Memory::of_ragged(out.as_mut_ptr().cast(), Dtype::U16, &layout, true),
        )
    };
    let (inputs, outputs) = ([input], [output]);
    let layouts = plan.layouts(&request(400, &inputs, &[])).unwrap();
    assert_eq!(layouts, [Layout::Varying(Dtype::U16, layout.clone())]);
    plan.run(&request(400, &inputs, &outputs)).unwrap();
    assert!(x.iter().zip(&out).all(|(x, out)| *out == !x));
    let refused = |inputs: &[Memory<'_>], outputs: &[Memory<'_>], n_items| {
        let failed = plan.run(&request(n_items, inputs, outputs)).unwrap_err();
        failed.to_string()
    };
    assert!(refused(&inputs, &inputs, 400).contains("read-only"));
    let writable = [Memory {
        writable: true,
        ..input
    }];
    assert!(refused(&inputs, &writable, 400).contains("overlaps x in memory"));
    assert!(refused(&inputs, &outputs, 399).contains("has 400 items, not 399"));
}

proptest! {
    #[test]
    fn a_layout_never_leads_beyond_the_values(
        offsets in prop::collection::vec(-2_i64..12, 1..6),
        shapes in prop::collection::vec(-1_i64..6, 0..10),
        rank in 1_usize..3,
        n_values in 0_usize..12,
    ) {
        if let Ok(layout) = RaggedLayout::new(offsets, shapes, rank, n_values) {
            for (ends, shape) in layout.offsets().windows(2).zip(layout.shapes().chunks(rank)) {
                prop_assert!(0 <= ends[0] && ends[0] <= ends[1] && ends[1] <= n_values as i64);
                prop_assert!(shape.iter().all(|&length| length >= 0));
                prop_assert_eq!(shape.iter().product::<i64>(), ends[1] - ends[0]);
            }
        }
    }

    #[test]
    fn any_strides_give_what_indexing_gives(
        shape in prop::collection::vec(1_usize..5, 1..5),
        backwards in prop::collection::vec(any::<bool>(), 5),
        order in Just([0_usize, 1, 2, 3]).prop_shuffle(),
    ) {
        // A C-ordered block whose axes are permuted and turned.
        let rank = shape.len();
        let axes: Vec<usize> = order.into_iter().filter(|&axis| axis < rank).collect();
        let total: usize = shape.iter().product();
        let mut x: Vec<i16> = (0..total as i16).collect();
        let mut strides = vec![0_isize; rank];
        let mut step = 2;
        for &axis in &axes {
            strides[axis] = step;
            step *= shape[axis] as isize;
        }
        let mut start = 0;
        for axis in 0..rank {
            if backwards[axis] {
                start += strides[axis] * (shape[axis] as isize - 1);
                strides[axis] = -strides[axis];
            }
        }
        let data = x.as_mut_ptr().cast::<u8>().wrapping_offset(start);
        // SAFETY: the strides lead to every element of the vector once.
        let input = unsafe { Memory::of_items(data, Dtype::I16, &shape, &strides, false) }.unwrap();
        let mut out = vec![0_i16; total];
        let mut plain = vec![0_isize; rank];
        let mut step = 2;
        for axis in (0..rank).rev() {
            plain[axis] = step;
            step *= shape[axis] as isize;
        }
        let target = out.as_mut_ptr().cast();
        // SAFETY: as above.
        let output = unsafe { Memory::of_items(target, Dtype::I16, &shape, &plain, true) }.unwrap();
        bind("invert", &[]).unwrap().run(&request(shape[0], &[input], &[output])).unwrap();
        for (place, &value) in out.iter().enumerate() {
            let mut rest = place;
            let mut offset = start;
            for axis in (0..rank).rev() {
                offset += strides[axis] * (rest % shape[axis]) as isize;
                rest /= shape[axis];
            }
            prop_assert_eq!(value, !((offset / 2) as i16));
        }
    }
}

#[test]
fn a_run_without_time_names_the_first_item() {
    let (mut x, mut out) = (vec![0_u8; 100], vec![0_u8; 100]);
    let (inputs, outputs) = ([memory(&mut x, 10)], [memory(&mut out, 10)]);
    let limits = Limits {
        timeout: Some(std::time::Duration::ZERO),
        n_workers: Some(1),
    };
    let failed = bind("invert", &[]).unwrap().run(&Request {
        limits,
        ..request(10, &inputs, &outputs)
    });
    let Err(Error::Item {
        position: 0,
        source,
    }) = failed
    else {
        panic!("{failed:?}")
    };
    assert!(matches!(*source, Error::Timeout(_)));
}

#[test]
fn small_items_are_joined_wherever_they_lie() {
    let mut x: Vec<u16> = (0..20_000).collect();
    let plan = bind("invert", &[]).unwrap();
    for (n_items, length, gap) in [(5_000, 4, 0), (4_000, 1, 4), (5_000, 3, 1), (1, 20_000, 0)] {
        let mut out = vec![7_u16; 20_000];
        let (shape, strides) = ([n_items, length], [2 * (length + gap) as isize, 2]);
        let of = |data: *mut u16| {
            // SAFETY: the strides stay within both vectors.
            unsafe { Memory::of_items(data.cast(), Dtype::U16, &shape, &strides, true) }.unwrap()
        };
        let (inputs, outputs) = ([of(x.as_mut_ptr())], [of(out.as_mut_ptr())]);
        plan.run(&request(n_items, &inputs, &outputs)).unwrap();
        for (place, (&x, &out)) in x.iter().zip(&out).enumerate() {
            let within = place / (length + gap) < n_items && place % (length + gap) < length;
            assert_eq!(out, if within { !x } else { 7 });
        }
    }
}
