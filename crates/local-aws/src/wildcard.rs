//! The patterns of AWS policies.

/// `*` stands for any characters, `/` and `?` too, or none; `?` for exactly one.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match &mut retry {
                // The last `*` takes one character more.
                Some((after, taken)) => {
                    *taken += 1;
                    (p, t) = (*after, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("http://h/a/*", "http://h/a/b/c.m4s", true),
            ("http://h/a/*", "http://h/a/", true),
            ("http://h/a/*", "http://h/b/", false),
            ("http*://h/*.m4s", "https://h/x/y.m4s", true),
            ("http://h/*.m4s", "http://h/y.mp4", false),
            ("http://h/?.m4s", "http://h/1.m4s", true),
            ("http://h/?.m4s", "http://h/12.m4s", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "abab", true),
            ("http://h/a", "http://h/a?x=1", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
