//! Metrics as text, in the two formats that Prometheus reads. They differ in the place of a
//! counter's `_total`, in the names of infos, in units, and in OpenMetrics' `# EOF`.

use super::accept::Format;
use crate::base::meters::Times;
use std::fmt::Write as _;

/// A writer of one family after the other.
#[derive(Debug)]
pub(super) struct Writer {
    format: Format,
    text: String,
    name: &'static str,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A present value.
    Gauge,
    /// A count that only grows.
    Counter,
    /// Durations by buckets.
    Histogram,
    /// Labels with the value 1.
    Info,
}

/// A value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// A count, or bytes.
    Whole(u64),
    /// Nanoseconds, written as seconds.
    Nanos(u64),
    /// Seconds.
    Seconds(f64),
}

/// Names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Writer {
    /// An empty text.
    pub(super) fn new(format: Format) -> Self {
        Self { format, text: String::with_capacity(16 << 10), name: "" }
    }

    /// Begins a family. `name` has none of the suffixes `_total`, `_info` or of histograms; `help`
    /// has no line break.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        self.name = name;
        let (called, kind_name) = match (self.format, kind) {
            (Format::Text, Kind::Counter) => (format!("{name}_total"), "counter"),
            (Format::OpenMetrics, Kind::Counter) => (name.to_owned(), "counter"),
            (Format::Text, Kind::Info) => (format!("{name}_info"), "gauge"),
            (Format::OpenMetrics, Kind::Info) => (name.to_owned(), "info"),
            (_, Kind::Gauge) => (name.to_owned(), "gauge"),
            (_, Kind::Histogram) => (name.to_owned(), "histogram"),
        };
        self.line(format_args!("# HELP {called} {help}"));
        self.line(format_args!("# TYPE {called} {kind_name}"));
        let unit =
            ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, unit) {
            self.line(format_args!("# UNIT {called} {unit}"));
        }
    }

    /// Writes a sample of the present family.
    pub(super) fn sample(&mut self, suffix: &str, labels: Labels<'_>, number: Number) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (place, (label, value)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.line(format_args!(" {}", Shown(number)));
    }

    /// Writes a family of one sample.
    pub(super) fn one(&mut self, name: &'static str, kind: Kind, help: &str, number: Number) {
        self.family(name, kind, help);
        self.sample(if kind == Kind::Counter { "_total" } else { "" }, &[], number);
    }

    /// Writes the samples of a histogram.
    pub(super) fn times(&mut self, labels: Labels<'_>, times: &Times) {
        let mut count = 0;
        for (bound, below) in times.cumulated() {
            let bound = match bound {
                Some(nanos) => Shown(Number::Nanos(nanos)).to_string(),
                None => "+Inf".to_owned(),
            };
            let with_bound = [labels, &[("le", &bound)]].concat();
            self.sample("_bucket", &with_bound, Number::Whole(below));
            count = below;
        }
        self.sample("_sum", labels, Number::Nanos(times.sum()));
        // From the same reading as the buckets.
        self.sample("_count", labels, Number::Whole(count));
    }

    /// Ends the text.
    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string never fails.
        let _ = writeln!(self.text, "{line}");
    }
}

struct Shown(Number);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Number::Whole(whole) => whole.fmt(f),
            Number::Nanos(nanos) => (nanos as f64 / 1e9).fmt(f),
            Number::Seconds(seconds) => seconds.fmt(f),
        }
    }
}

/// `value` escaped for quotes, alike in both formats.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let mut writer = Writer::new(format);
        writer.one("a_seconds", Kind::Counter, "Help.", Number::Nanos(1_500_000_000));
        writer.family("b", Kind::Info, "Help.");
        writer.sample("_info", &[("x", "a\"\\\nb")], Number::Whole(1));
        writer.finish()
    }

    #[test]
    fn a_counter_and_an_info_are_called_as_each_form_has_it() {
        let text = "# HELP a_seconds_total Help.\n# TYPE a_seconds_total counter\na_seconds_total 1.5\n\
                    # HELP b_info Help.\n# TYPE b_info gauge\nb_info{x=\"a\\\"\\\\\\nb\"} 1\n";
        assert_eq!(written(Format::Text), text);
        let open = "# HELP a_seconds Help.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1.5\n\
                    # HELP b Help.\n# TYPE b info\nb_info{x=\"a\\\"\\\\\\nb\"} 1\n# EOF\n";
        assert_eq!(written(Format::OpenMetrics), open);
    }

    #[test]
    fn a_histogram_has_its_bounds_in_seconds_and_ends_with_all() {
        let times = Times::short();
        [40_000, 3_000_000, 30_000_000_000].into_iter().for_each(|nanos| times.record(nanos));
        let mut writer = Writer::new(Format::Text);
        writer.family("t_seconds", Kind::Histogram, "Help.");
        writer.times(&[("kind", "x")], &times);
        let text = writer.finish();
        for line in [
            "t_seconds_bucket{kind=\"x\",le=\"0.00005\"} 1\n",
            "t_seconds_bucket{kind=\"x\",le=\"0.0025\"} 1\n",
            "t_seconds_bucket{kind=\"x\",le=\"0.005\"} 2\n",
            "t_seconds_bucket{kind=\"x\",le=\"10\"} 2\n",
            "t_seconds_bucket{kind=\"x\",le=\"+Inf\"} 3\n",
            "t_seconds_sum{kind=\"x\"} 30.00304\n",
            "t_seconds_count{kind=\"x\"} 3\n",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
