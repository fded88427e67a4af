//! A title for people where the file brings none.

/// From an object key or path: its last part, without the extension, words apart.
pub fn from_key(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
    let words: Vec<&str> = stem.split(['-', '_', ' ', '.']).filter(|w| !w.is_empty()).collect();
    let mut title = words.join(" ");
    if let Some(first) = title.chars().next() {
        title.replace_range(..first.len_utf8(), &first.to_uppercase().to_string());
    }
    if title.is_empty() { stem.to_owned() } else { title }
}

#[cfg(test)]
mod tests {
    use super::from_key;

    #[test]
    fn names_become_words() {
        assert_eq!(from_key("uploads/les-ombres/s01e03_le_retour.mov"), "S01e03 le retour");
        assert_eq!(from_key("uploads/élan.mp4"), "Élan");
        assert_eq!(from_key("uploads/.mp4"), "Mp4");
        assert_eq!(from_key("---"), "---");
    }
}
