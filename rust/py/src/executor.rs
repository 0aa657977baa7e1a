//! The entry through which every long native call from Python goes.

use crate::error::to_python;
use crate::leaving::{detach, sleep_if_leaving};
use ironbatch_core::executor::with_interrupt;
use pyo3::intern;
use pyo3::prelude::*;
use std::cell::{Cell, RefCell};

/// Run `work` without the GIL; on the main thread Ctrl-C ends the jobs that it starts.
///
/// While a job runs, the calling thread attaches every 70 ms and lets Python handle signals. What
/// a handler raises cancels the job and is raised here once all threads have let go of its memory.
/// A call that is over sooner pays for nothing but leaving and taking the GIL.
pub fn run<T, F>(py: Python<'_>, work: F) -> PyResult<T>
where
    T: Send,
    F: Send + FnOnce() -> ironbatch_core::Result<T>,
{
    let (outcome, raised) = detach(py, || {
        let raised = RefCell::new(None);
        let hears_signals = Cell::new(None);
        let check = || {
            if hears_signals.get() == Some(false) {
                return false;
            }
            sleep_if_leaving();
            let interrupted = Python::try_attach(|py| {
                if hears_signals.get().is_none() {
                    hears_signals.set(Some(is_main_thread(py).unwrap_or(false)));
                }
                match py.check_signals() {
                    Ok(()) => false,
                    Err(exception) => {
                        raised.replace(Some(exception));
                        true
                    }
                }
            });
            interrupted.unwrap_or(false)
        };
        let outcome = with_interrupt(&check, work);
        (outcome, raised.into_inner())
    });
    match raised {
        Some(exception) => Err(exception),
        None => outcome.map_err(to_python),
    }
}

/// Whether Python delivers signals to this thread.
fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?;
    let current = threading.call_method0(intern!(py, "get_ident"))?;
    main.getattr(intern!(py, "ident"))?.eq(current)
}
