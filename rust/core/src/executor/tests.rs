use super::*;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn counters(n: usize) -> Vec<AtomicU8> {
    (0..n).map(|_| AtomicU8::new(0)).collect()
}

#[test]
fn every_item_runs_exactly_once() {
    for n in [0, 1, 2, 7, 64, 1_000, 12_345] {
        for grain in [0, 1, 3, 64, 100_000] {
            let seen = counters(n);
            parallel_for(n, grain, &|range| {
                for item in range {
                    seen[item].fetch_add(1, Ordering::Relaxed);
                }
            })
            .unwrap();
            assert!(seen.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        }
    }
}

#[test]
fn work_of_one_grain_stays_on_the_calling_thread() {
    let caller = std::thread::current().id();
    parallel_for(50, 50, &|range| {
        assert_eq!(range, 0..50);
        assert_eq!(std::thread::current().id(), caller);
    })
    .unwrap();
}

#[test]
fn a_job_limited_to_one_thread_stays_on_the_calling_thread() {
    let caller = std::thread::current().id();
    Job::new(1_000)
        .most_threads(1)
        .run(&|_| {
            assert_eq!(std::thread::current().id(), caller);
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_lowest_failing_item_is_reported() {
    for _ in 0..200 {
        let failed = try_parallel_for(1_000, 1, &|item| match item {
            130 | 131 | 500 | 999 => Err(Error::Value(format!("bad {item}"))),
            _ => Ok(()),
        });
        let Err(Error::Item { position, source }) = failed else {
            panic!("no failure")
        };
        assert_eq!((position, source.to_string().as_str()), (130, "bad 130"));
    }
}

#[test]
fn every_item_before_a_failure_is_done() {
    let seen = counters(1_000);
    let failed = try_parallel_for(1_000, 1, &|item| {
        seen[item].store(1, Ordering::Relaxed);
        if item == 700 {
            Err(Error::Value("bad".into()))
        } else {
            Ok(())
        }
    });
    assert!(failed.is_err());
    assert!(
        seen[..700]
            .iter()
            .all(|flag| flag.load(Ordering::Relaxed) == 1)
    );
}

#[test]
fn a_panic_is_an_error_that_names_the_item_and_leaves_the_pool_alive() {
    let failed = try_parallel_for(100, 1, &|item| {
        assert!(item != 42, "the answer");
        Ok(())
    });
    let Err(Error::Item {
        position: 42,
        source,
    }) = failed
    else {
        panic!("{failed:?}")
    };
    assert_eq!(source.to_string(), "panicked: the answer");
    every_item_runs_exactly_once();
}

#[test]
fn a_panic_in_a_range_names_its_items() {
    let failed = parallel_for(4, 4, &|_| panic!("no"));
    assert_eq!(
        failed.unwrap_err().to_string(),
        "items 0 to 3: panicked: no"
    );
}

#[test]
fn jobs_inside_jobs_from_several_threads_end() {
    let total = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..20 {
                    parallel_for(8, 1, &|outer| {
                        for _ in outer {
                            parallel_for(8, 1, &|inner| {
                                parallel_for(inner.len() * 4, 1, &|range| {
                                    total.fetch_add(range.len(), Ordering::Relaxed);
                                })
                                .unwrap();
                            })
                            .unwrap();
                        }
                    })
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 6 * 20 * 8 * 8 * 4);
}

#[test]
fn a_cancelled_job_ends_early_and_says_so() {
    let flag = CancelFlag::new();
    let done = AtomicUsize::new(0);
    let failed = Job::new(10_000).cancel(&flag).run(&|range| {
        if done.fetch_add(range.len(), Ordering::Relaxed) > 5_000 {
            flag.cancel();
        }
        Ok(())
    });
    assert!(matches!(failed.unwrap_err().error, Error::Interrupted));
}

#[test]
fn a_listening_caller_interrupts_a_single_long_item() {
    let flag = CancelFlag::new();
    let started = Instant::now();
    let asked = AtomicBool::new(false);
    let check = || {
        asked.store(true, Ordering::Relaxed);
        true
    };
    let failed = with_interrupt(&check, || {
        Job::new(1)
            .cancel(&flag)
            .caller(CallerRole::Listens)
            .run(&|range| {
                while !flag.is_cancelled() && started.elapsed() < Duration::from_secs(20) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(ItemError {
                    item: range.start,
                    error: Error::Interrupted,
                })
            })
    });
    assert!(matches!(failed.unwrap_err().error, Error::Interrupted));
    assert!(asked.into_inner());
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_caller_that_takes_part_is_interrupted_between_chunks() {
    let started = Instant::now();
    let failed = with_interrupt(&|| true, || {
        parallel_for(100_000, 1, &|range| {
            for _ in range {
                std::thread::sleep(Duration::from_micros(100));
            }
        })
    });
    assert!(matches!(failed, Err(Error::Interrupted)));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_check_that_panics_cancels_and_lets_no_thread_outlive_the_job() {
    for role in [CallerRole::TakesPart, CallerRole::Listens] {
        let active = AtomicUsize::new(0);
        let failed = with_interrupt(&|| panic!("no"), || {
            Job::new(100_000).caller(role).run(&|range| {
                active.fetch_add(1, Ordering::Relaxed);
                for _ in range {
                    std::thread::sleep(Duration::from_micros(100));
                }
                active.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            })
        });
        assert!(matches!(failed.unwrap_err().error, Error::Interrupted));
        assert_eq!(active.into_inner(), 0);
    }
}

#[test]
fn a_finished_job_is_not_interrupted_by_nobody() {
    with_interrupt(&|| false, || {
        Job::new(10)
            .caller(CallerRole::Listens)
            .run(&|_| Ok(()))
            .unwrap();
    });
}

#[cfg(unix)]
#[test]
fn a_forked_child_has_a_pool_of_its_own() {
    parallel_for(100, 1, &|_| {}).unwrap();
    // SAFETY: the child only runs the code under test and leaves through `_exit`.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(10);
            let seen = AtomicUsize::new(0);
            let outcome = parallel_for(1_000, 1, &|range| {
                seen.fetch_add(range.len(), Ordering::Relaxed);
            });
            let worked = outcome.is_ok() && seen.into_inner() == 1_000 && generation() == 1;
            libc::_exit(i32::from(!worked));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert_eq!(status, 0);
    }
    assert_eq!(generation(), 0);
}
