//! Where a request stands in a trace: what it says of its caller (W3C `traceparent`, or `X-Amzn-Trace-Id` of AWS's load
//! balancers and gateways), and its span.

use http::{HeaderMap, Method};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span that a request is part of, at whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
}

impl Upstream {
    /// What a request's headers say. Headers that are not well formed say nothing.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Upstream> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        text("traceparent").and_then(w3c).or_else(|| text("x-amzn-trace-id").and_then(amazon))
    }

    /// The trace's id, 32 hexadecimal digits.
    pub(crate) fn trace_id(&self) -> String {
        self.trace.to_string()
    }

    fn new(trace: &str, span: &str, is_sampled: bool) -> Option<Upstream> {
        let lowercase =
            |text: &str, length| text.len() == length && !text.bytes().any(|b| b.is_ascii_uppercase());
        if !lowercase(trace, 32) || !lowercase(span, 16) {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        (trace != TraceId::INVALID && span != SpanId::INVALID).then_some(Upstream { trace, span, flags })
    }
}

/// W3C Trace Context section 3.2: `00-<trace>-<parent>-<flags>`. Later versions may say more after that.
fn w3c(text: &str) -> Option<Upstream> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_known = version.len() == 2 && version != "ff" && (version != "00" || parts.next().is_none());
    let flags = u8::from_str_radix(flags, 16).ok().filter(|_| flags.len() == 2)?;
    if is_known { Upstream::new(trace, span, flags & 1 == 1) } else { None }
}

/// AWS X-Ray, "Tracing header": `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=1`.
fn amazon(text: &str) -> Option<Upstream> {
    let field = |name| text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (time, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
    // A load balancer starts a trace without a span of its own: then there is nothing to be a part of.
    Upstream::new(&format!("{time}{rest}"), field("Parent")?, field("Sampled") == Some("1"))
}

/// The span of a request. What goes out with it is here: nothing of the address, nothing of the headers.
pub(crate) fn request(
    method: &Method,
    route: &'static str,
    request_id: &str,
    upstream: Option<Upstream>,
) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        request_id,
    );
    if let Some(Upstream { trace, span: parent, flags }) = upstream {
        let parent = SpanContext::new(trace, parent, flags, true, TraceState::NONE);
        // An error means that no traces are sent.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
    span
}

/// How the request ended.
pub(crate) fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_read_by_either_header() {
        let known = "4bf92f3577b34da6a3ce929d0e0e4736";
        let table = [
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Some((known, true))),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", Some((known, false))),
            (
                "traceparent",
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                Some((known, true)),
            ),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", None),
            ("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None),
            ("traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
            ("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
            ("traceparent", "", None),
            (
                "x-amzn-trace-id",
                "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
                Some((known, true)),
            ),
            ("x-amzn-trace-id", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736", None),
            ("x-amzn-trace-id", "Self=1;Root=what", None),
        ];
        for (name, value, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            let found = Upstream::of(&headers).map(|u| (u.trace_id(), u.flags.is_sampled()));
            let expected = expected.map(|(trace, sampled): (&str, bool)| (trace.to_owned(), sampled));
            assert_eq!(found, expected, "{name}: {value}");
        }
    }
}
