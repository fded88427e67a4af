//! Listing: a page of keys in order, with what lies behind a delimiter folded into prefixes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Most entries that S3 puts on one page.
const MAX_PAGE: usize = 1000;

/// What to list.
#[derive(Default)]
pub(super) struct Query<'q> {
    pub prefix: &'q str,
    pub delimiter: Option<&'q str>,
    /// Only what sorts after this; a folded prefix counts as a whole.
    pub after: &'q str,
    pub max: Option<i32>,
}

/// One page of a listing.
pub(super) struct Page<T> {
    pub entries: Vec<Arc<T>>,
    pub prefixes: Vec<String>,
    /// The last key or prefix on this page, where more follow.
    pub next: Option<String>,
    pub max: i32,
}

/// The page that `query` asks for. Bytes decide the order, as in S3.
pub(super) fn list<T>(index: &BTreeMap<String, Arc<T>>, query: &Query<'_>) -> Page<T> {
    let max = query.max.map_or(MAX_PAGE, |max| usize::try_from(max).unwrap_or(0).min(MAX_PAGE));
    let mut page = Page { entries: Vec::new(), prefixes: Vec::new(), next: None, max: max as i32 };
    let mut last: Option<String> = None;
    let mut from = if query.after.as_bytes() >= query.prefix.as_bytes() {
        Bound::Excluded(query.after.to_owned())
    } else {
        Bound::Included(query.prefix.to_owned())
    };
    loop {
        let Some((key, entry)) = index.range::<String, _>((from.as_ref(), Bound::Unbounded)).next() else {
            return page;
        };
        if !key.starts_with(query.prefix) {
            return page;
        }
        let folded = query.delimiter.filter(|d| !d.is_empty()).and_then(|delimiter| {
            let rest = &key[query.prefix.len()..];
            rest.find(delimiter).map(|at| key[..query.prefix.len() + at + delimiter.len()].to_owned())
        });
        // A page that ended with a prefix must not begin with a key behind that prefix.
        let listed_before = folded.as_deref().is_some_and(|prefix| {
            prefix <= query.after || page.prefixes.last().is_some_and(|last| last == prefix)
        });
        if !listed_before && page.entries.len() + page.prefixes.len() == max {
            page.next = last;
            return page;
        }
        from = Bound::Excluded(key.clone());
        match folded {
            Some(prefix) => {
                // No key sorts after everything behind the prefix and is still behind it.
                from = Bound::Included(format!("{prefix}{}", char::MAX));
                if !listed_before {
                    last = Some(prefix.clone());
                    page.prefixes.push(prefix);
                }
            }
            None => {
                last = Some(key.clone());
                page.entries.push(entry.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 7] = ["a", "b/1", "b/2", "b/c/3", "b0", "z z", "é/x"];

    fn index() -> BTreeMap<String, Arc<String>> {
        KEYS.iter().map(|key| ((*key).to_owned(), Arc::new((*key).to_owned()))).collect()
    }

    fn all(query: &Query<'_>) -> (Vec<String>, Vec<String>, usize) {
        let (mut keys, mut prefixes, mut pages) = (Vec::new(), Vec::new(), 0);
        let mut after = String::new();
        loop {
            let page = list(&index(), &Query { after: &after, ..*query });
            keys.extend(page.entries.iter().map(|key| (**key).clone()));
            prefixes.extend(page.prefixes);
            pages += 1;
            match page.next {
                Some(next) => after = next,
                None => return (keys, prefixes, pages),
            }
        }
    }

    #[test]
    fn pages_of_any_size_make_the_same_list() {
        for max in 1..9 {
            let (keys, prefixes, pages) = all(&Query { max: Some(max), ..Default::default() });
            assert_eq!((keys, prefixes.len()), (KEYS.map(str::to_owned).to_vec(), 0), "{max}");
            assert_eq!(pages, 7usize.div_ceil(max as usize));

            let (keys, prefixes, _) =
                all(&Query { max: Some(max), delimiter: Some("/"), ..Default::default() });
            assert_eq!(keys, ["a", "b0", "z z"], "{max}");
            assert_eq!(prefixes, ["b/", "é/"], "{max}");
        }
    }

    #[test]
    fn a_prefix_is_kept_to() {
        let (keys, prefixes, _) = all(&Query { prefix: "b/", delimiter: Some("/"), ..Default::default() });
        assert_eq!((keys, prefixes), (vec!["b/1".to_owned(), "b/2".to_owned()], vec!["b/c/".to_owned()]));
        assert_eq!(all(&Query { prefix: "c", ..Default::default() }).0, [""; 0]);
    }

    #[test]
    fn a_page_of_nothing_ends() {
        let page = list(&index(), &Query { max: Some(0), ..Default::default() });
        assert!(page.entries.is_empty() && page.next.is_none());
    }
}
