//! The format of metrics that a request's Accept header wants.

/// A format that Prometheus reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own text format, 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that an `Accept` header weighs higher; text if it names neither.
    pub(super) fn wanted(accept: &str) -> Self {
        let mut likes = [0, 0];
        for part in accept.split(',') {
            let mut words = part.split(';').map(str::trim);
            let media = words.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut is_known) = (1000, true);
            for word in words {
                match word.split_once('=') {
                    Some(("q", value)) => weight = thousandths(value),
                    // We write no other versions.
                    Some(("version", version)) if media == OPEN_METRICS => {
                        is_known = matches!(version.trim_matches('"'), "0.0.1" | "1.0.0");
                    }
                    _ => {}
                }
            }
            let like = match media.as_str() {
                OPEN_METRICS if is_known => &mut likes[1],
                "text/plain" | "text/*" | "*/*" => &mut likes[0],
                _ => continue,
            };
            *like = weight.max(*like);
        }
        if likes[1] > likes[0] || (likes[1] > 0 && likes[1] == likes[0]) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// The Content-Type of a response.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A weight from 0 to 1, in thousandths; anything else counts as 1.
fn thousandths(text: &str) -> u32 {
    let weight = text.parse::<f64>().ok().filter(|weight| (0.0..=1.0).contains(weight));
    weight.map_or(1000, |weight| (weight * 1000.0) as u32)
}

const OPEN_METRICS: &str = "application/openmetrics-text";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_likes_open_metrics_better_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let older =
            "text/plain;version=0.0.4;q=0.5, application/openmetrics-text; version=0.0.1; q=0.2";
        for (accept, format) in [
            (prometheus, Format::OpenMetrics),
            (older, Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text;version=9.0.0", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
            (";;q=,=", Format::Text),
        ] {
            assert_eq!(Format::wanted(accept), format, "{accept}");
        }
    }
}
