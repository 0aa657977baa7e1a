use super::{Number, Pieces, Span, can_cast, cast, gather, pack, scatter};
use proptest::collection::vec;
use proptest::prelude::*;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

proptest! {
    #[test]
    fn gather_is_a_loop_over_items(
        item_bytes in prop::sample::select(vec![0_usize, 1, 2, 3, 4, 8, 16, 24, 5_000]),
        n_source in 1_usize..50,
        chosen in vec(any::<prop::sample::Index>(), 0..200),
    ) {
        let source = pattern(n_source * item_bytes);
        let positions: Vec<i64> = chosen.iter().map(|i| i.index(n_source) as i64).collect();
        let mut target = vec![0; positions.len() * item_bytes];
        // SAFETY: the vectors have these sizes.
        unsafe {
            gather(source.as_ptr(), n_source, item_bytes, positions.as_ptr(), positions.len(),
                target.as_mut_ptr())
        }.unwrap();
        let expected: Vec<u8> = positions.iter()
            .flat_map(|&p| source[p as usize * item_bytes..][..item_bytes].iter().copied())
            .collect();
        prop_assert_eq!(target, expected);
    }

    #[test]
    fn the_lowest_bad_position_is_named(
        n in 1_usize..5_000, bad in any::<prop::sample::Index>(),
        value in prop_oneof![Just(-1_i64), Just(i64::MIN), Just(7), Just(i64::MAX)],
    ) {
        let source = pattern(7 * 1_000);
        let bad = bad.index(n);
        let positions: Vec<i64> = (0..n).map(|i| if i >= bad { value } else { 3 }).collect();
        let mut target = vec![0; n * 1_000];
        // SAFETY: the vectors have these sizes.
        let error = unsafe {
            gather(source.as_ptr(), 7, 1_000, positions.as_ptr(), n, target.as_mut_ptr())
        }.unwrap_err();
        let expected = format!("position {value} (number {bad} of those asked for)");
        prop_assert!(error.to_string().contains(&expected));
    }

    #[test]
    fn scatter_undoes_gather(n in 1_usize..300, item_bytes in 1_usize..3_000, step in 1_usize..300) {
        prop_assume!((1..=n.min(step)).filter(|d| n % d == 0 && step % d == 0).max() == Some(1));
        let source = pattern(n * item_bytes);
        let positions: Vec<i64> = (0..n).map(|i| (i * step % n) as i64).collect();
        let (mut there, mut back) = (vec![0; source.len()], vec![0; source.len()]);
        // SAFETY: the vectors have these sizes.
        unsafe {
            gather(source.as_ptr(), n, item_bytes, positions.as_ptr(), n, there.as_mut_ptr()).unwrap();
            scatter(there.as_ptr(), item_bytes, &positions, back.as_mut_ptr(), n).unwrap();
        }
        prop_assert_eq!(back, source);
    }

    #[test]
    fn pack_is_concatenation(lengths in vec(prop_oneof![0_usize..100, 100_000_usize..400_000], 0..20)) {
        let parts: Vec<Vec<u8>> = lengths.iter().map(|&len| pattern(len)).collect();
        let spans: Vec<Span> =
            parts.iter().map(|part| Span { source: part.as_ptr(), len: part.len() }).collect();
        let mut target = vec![0; lengths.iter().sum()];
        // SAFETY: the target has the length of all parts.
        unsafe { pack(&spans, target.as_mut_ptr()) }.unwrap();
        prop_assert_eq!(target, parts.concat());
    }

    #[test]
    fn ragged_gather_is_a_loop_over_items(
        lengths in vec(0_usize..2_000, 1..30),
        chosen in vec(any::<prop::sample::Index>(), 0..500),
    ) {
        let mut offsets = vec![0_i64];
        for &len in &lengths {
            offsets.push(offsets[offsets.len() - 1] + len as i64);
        }
        let n_values = *offsets.last().unwrap() as usize;
        let values = pattern(n_values * 4);
        let positions: Vec<i64> = chosen.iter().map(|i| i.index(lengths.len()) as i64).collect();
        // SAFETY: the vectors have these sizes.
        let (target, new_offsets) = unsafe {
            let pieces = Pieces::look_up(
                offsets.as_ptr(), lengths.len(), n_values, positions.as_ptr(), positions.len(),
            ).unwrap();
            let mut target = vec![0; pieces.n_values() * 4];
            let mut new_offsets = vec![0; positions.len() + 1];
            pieces.write_offsets(new_offsets.as_mut_ptr());
            pieces.gather(values.as_ptr(), 4, target.as_mut_ptr()).unwrap();
            (target, new_offsets)
        };
        let items: Vec<&[u8]> = positions.iter().map(|&p| {
            &values[offsets[p as usize] as usize * 4..offsets[p as usize + 1] as usize * 4]
        }).collect();
        prop_assert_eq!(target, items.concat());
        for (place, item) in items.iter().enumerate() {
            prop_assert_eq!((new_offsets[place + 1] - new_offsets[place]) as usize * 4, item.len());
        }
    }
}

#[test]
fn the_last_of_items_with_one_position_stays() {
    let source = [1_u8, 2, 3];
    let mut target = [0_u8; 2];
    // SAFETY: the arrays have these sizes.
    unsafe { scatter(source.as_ptr(), 1, &[1, 0, 1], target.as_mut_ptr(), 2) }.unwrap();
    assert_eq!(target, [2, 3]);
}

#[test]
fn scatter_writes_nothing_if_a_position_is_bad() {
    let source = [1_u8, 2];
    let mut target = [0_u8; 2];
    // SAFETY: the arrays have these sizes.
    let error = unsafe { scatter(source.as_ptr(), 1, &[0, 2], target.as_mut_ptr(), 2) };
    assert!(error.is_err());
    assert_eq!(target, [0, 0]);
}

#[test]
fn offsets_that_leave_the_values_are_refused() {
    for offsets in [[0_i64, 5], [-1, 2], [3, 1], [0, i64::MAX]] {
        // SAFETY: one item has two offsets.
        let pieces = unsafe { Pieces::look_up(offsets.as_ptr(), 1, 4, [0_i64].as_ptr(), 1) };
        assert!(pieces.is_err());
    }
}

#[test]
fn padding_fills_behind_each_row() {
    let values = [1_u16, 2, 3, 4, 5];
    let (offsets, shapes) = ([0_i64, 4, 5], [2_i64, 2, 1, 1]);
    let mut target = [0_u16; 12];
    // SAFETY: two blocks of 2 x 3 values.
    unsafe {
        Pieces::look_up(offsets.as_ptr(), 2, 5, [0_i64, 1].as_ptr(), 2)
            .unwrap()
            .pad(
                values.as_ptr().cast(),
                &shapes,
                &[2, 3],
                &0x0901_u16.to_ne_bytes(),
                target.as_mut_ptr().cast(),
            )
            .unwrap();
    }
    let pad = 0x0901;
    assert_eq!(target, [1, 2, pad, 3, 4, pad, 5, pad, pad, pad, pad, pad]);
}

#[test]
fn items_with_one_position_keep_their_order_on_many_threads() {
    let n = 200_000;
    let source: Vec<u64> = (0..n).collect();
    for n_target in [1_000_usize, 100_000_000] {
        let step = n_target as i64 / 1_000;
        let positions: Vec<i64> = (0..n as i64).map(|i| i % 1_000 * step).collect();
        let mut target = vec![0_u64; n_target];
        // SAFETY: the vectors have these sizes.
        unsafe {
            scatter(
                source.as_ptr().cast(),
                8,
                &positions,
                target.as_mut_ptr().cast(),
                n_target,
            )
        }
        .unwrap();
        for i in 0..1_000 {
            assert_eq!(target[i * step as usize], n - 1_000 + i as u64);
        }
    }
}

#[test]
fn casts_are_those_of_c() {
    let source: Vec<i32> = (-150_000..150_000).collect();
    let mut floats = vec![0_f32; source.len()];
    let mut bytes = vec![0_u8; source.len()];
    let mut flags = vec![9_u8; source.len()];
    // SAFETY: all vectors have the same number of values.
    unsafe {
        let (from, n) = (source.as_ptr().cast(), source.len());
        cast(
            from,
            Number::I32,
            floats.as_mut_ptr().cast(),
            Number::F32,
            n,
        )
        .unwrap();
        cast(from, Number::I32, bytes.as_mut_ptr(), Number::U8, n).unwrap();
        cast(from, Number::I32, flags.as_mut_ptr(), Number::Bool, n).unwrap();
    }
    for (at, &value) in source.iter().enumerate() {
        assert!((floats[at] - value as f32).abs() < f32::EPSILON);
        assert_eq!(bytes[at], value as u8);
        assert_eq!(flags[at], u8::from(value != 0));
    }
}

#[test]
fn any_byte_but_zero_is_true() {
    let mut target = [0_i16; 3];
    // SAFETY: three values each.
    unsafe {
        cast(
            [0_u8, 1, 7].as_ptr(),
            Number::Bool,
            target.as_mut_ptr().cast(),
            Number::I16,
            3,
        )
    }
    .unwrap();
    assert_eq!(target, [0, 1, 1]);
}

#[test]
fn floats_are_not_cast_to_integers() {
    assert!(!can_cast(Number::F32, Number::I64));
    assert!(can_cast(Number::F64, Number::F32));
    assert!(can_cast(Number::U64, Number::F32));
}
