//! What the system and the runtime know about this process, read when it is asked for.
//!
//! What a system does not tell has no series, rather than one that says zero.

use super::{gauge, table};
use metrics_exporter_prometheus::PrometheusRecorder;
use tokio::runtime::Handle;

/// Reads everything into the recorder.
pub(super) fn read(recorder: &PrometheusRecorder) {
    let process = metrics_process::collector::collect();
    let whole = |number: Option<u64>| number.map(|number| number as f64);
    let readings = [
        (table::CPU, process.cpu_seconds_total),
        (table::OPEN_FDS, whole(process.open_fds)),
        (table::MAX_FDS, whole(process.max_fds)),
        (table::RESIDENT, whole(process.resident_memory_bytes)),
        (table::VIRTUAL, whole(process.virtual_memory_bytes)),
        (table::VIRTUAL_MAX, whole(process.virtual_memory_max_bytes)),
        (table::START_TIME, whole(process.start_time_seconds)),
        (table::THREADS, whole(process.threads)),
    ];
    for (metric, reading) in readings {
        if let Some(reading) = reading {
            gauge(recorder, &metric).set(reading);
        }
    }
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let runtime = runtime.metrics();
    let workers = runtime.num_workers();
    let busy = (0..workers).map(|worker| runtime.worker_total_busy_duration(worker).as_secs_f64());
    gauge(recorder, &table::WORKERS).set(workers as f64);
    gauge(recorder, &table::ALIVE_TASKS).set(runtime.num_alive_tasks() as f64);
    gauge(recorder, &table::QUEUE_DEPTH).set(runtime.global_queue_depth() as f64);
    gauge(recorder, &table::BUSY).set(busy.sum::<f64>());
}
