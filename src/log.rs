//! Logging to stderr, as lines for people or as JSON objects.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};

use bytesize::ByteSize;
use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::access_log;

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people, in colour on a terminal.
    Pretty,
    /// One JSON object per line.
    Json,
}

/// Starts logging. `loudness` is the number of `-v` minus that of `-q`; `RUST_LOG` overrides it, if it is set.
pub fn start(format: LogFormat, loudness: i16) {
    let level = match loudness {
        ..=-2 => LevelFilter::ERROR,
        -1 => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        2.. => LevelFilter::TRACE,
    };
    let chosen = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    // notify logs each watch that a removed folder took with it, which `live` handles; object_store logs each attempt, while
    // the failure of the last one is explained
    let of_bucket = level.min(LevelFilter::WARN);
    let filter = match loudness {
        _ if !chosen.is_empty() => chosen,
        1.. => format!("{level},notify=off"),
        _ => format!("{level},notify=off,object_store={of_bucket}"),
    };
    let filter = EnvFilter::builder().with_default_directive(level.into()).parse_lossy(filter);
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        // they would be printed with eprintln!, which panics if stderr is a closed pipe, and ends the connection
        .log_internal_errors(false);
    match format {
        LogFormat::Pretty => subscriber.event_format(Pretty).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).with_current_span(false).init(),
    }
}

/// `14:03:22 GET /media/a.jpg 206 1.0 MiB 0.3 ms image/jpeg bytes=0-1048575`, and the reason of a refusal.
struct Pretty;

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let paint = Paint(out.has_ansi_escapes());
        write!(out, "{} ", paint.dim(&Zoned::now().strftime("%H:%M:%S").to_string()))?;
        let metadata = event.metadata();
        if metadata.target() == access_log::TARGET {
            let mut line = AccessLine { paint, text: String::new() };
            event.record(&mut line);
            writeln!(out, "{}", line.text.trim_end())
        } else {
            let level = match *metadata.level() {
                Level::ERROR => paint.red("error"),
                Level::WARN => paint.yellow("warning"),
                Level::INFO => paint.dim("info"),
                _ => paint.dim(&metadata.level().to_string().to_lowercase()),
            };
            write!(out, "{level} ")?;
            context.format_fields(out.by_ref(), event)?;
            writeln!(out)
        }
    }
}

/// Collects the fields of an access event in the order in which they are read.
struct AccessLine {
    paint: Paint,
    text: String,
}

impl AccessLine {
    fn push(&mut self, text: impl fmt::Display) {
        // writing to a String cannot fail
        let _ = write!(self.text, "{text} ");
    }
}

impl Visit for AccessLine {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "bytes" => self.push(ByteSize::b(value).display().iec()),
            "received" => self.push(format_args!("received {}", ByteSize::b(value).display().iec())),
            "status" => {
                let status = value.to_string();
                let status = match value {
                    500.. => self.paint.red(&status),
                    400.. => self.paint.yellow(&status),
                    300.. => self.paint.cyan(&status),
                    _ => self.paint.green(&status),
                };
                self.push(status);
            }
            _ => self.push(value),
        }
    }

    fn record_f64(&mut self, _field: &Field, value: f64) {
        self.push(format_args!("{value} ms"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "access" => {
                let access = self.paint.dim(value);
                self.push(format_args!("[{access}]"));
            }
            "network" => {
                let network = self.paint.dim(&format!("network: {value}"));
                self.push(format_args!("[{network}]"));
            }
            "reason" => {
                let reason = self.paint.yellow(value);
                self.push(format_args!("- {reason}"));
            }
            _ => self.push(value),
        }
    }

    fn record_debug(&mut self, _field: &Field, value: &dyn fmt::Debug) {
        self.push(format_args!("{value:?}"));
    }
}

/// ANSI colours, or none.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    fn cyan(self, text: &str) -> String {
        self.with("36", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
}
