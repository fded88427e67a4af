//! Styles of SubStation Alpha: lines that are spoken off screen are italic by style more often than by an override. Of a
//! style only that is kept: bold is a matter of the font there, and of the player here.

use std::collections::BTreeSet;

/// Styles whose letters are italic, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Styles(BTreeSet<String>);

impl Styles {
    /// Reads a script's header: the columns of its styles are named by a `Format` line before them.
    pub fn read(header: &str) -> Styles {
        let (mut name, mut italic) = (None, None);
        let mut in_styles = false;
        let mut found = BTreeSet::new();
        for line in header.lines().map(str::trim) {
            if line.starts_with('[') {
                in_styles = line.contains("Styles");
                continue;
            }
            match line.split_once(':') {
                Some(("Format", columns)) if in_styles => {
                    let column =
                        |wanted| columns.split(',').position(|c| c.trim().eq_ignore_ascii_case(wanted));
                    (name, italic) = (column("Name"), column("Italic"));
                }
                Some(("Style", values)) if in_styles => {
                    let values: Vec<&str> = values.split(',').map(str::trim).collect();
                    let value = |column: Option<usize>| values.get(column?).copied();
                    // -1 by the format's rules, 1 in the wild.
                    if let (Some(name), Some("-1" | "1")) = (value(name), value(italic)) {
                        found.insert(plain(name).to_owned());
                    }
                }
                _ => {}
            }
        }
        Styles(found)
    }

    /// True where a style's letters are italic.
    pub fn is_italic(&self, name: &str) -> bool {
        self.0.contains(plain(name))
    }
}

/// Old scripts mark a style that they change with a star.
fn plain(name: &str) -> &str {
    name.trim().trim_start_matches('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn italics_are_found_by_the_names_of_columns() {
        let header = "[Script Info]\nStyle: Decoy,-1\n\n[V4+ Styles]\n\
                      Format: Name, Fontname, Bold, Italic\nStyle: Default,Arial,-1,0\nStyle: Off screen,Arial,0,-1\n\
                      Style: *Old,Arial,0,1\nStyle: Short,Arial\n\n[Events]\nFormat: Layer, Text\n";
        let styles = Styles::read(header);
        assert_eq!(
            ["Default", "Off screen", "Old", "*Old", "Short", "Decoy", "None"]
                .map(|name| styles.is_italic(name)),
            [false, true, true, true, false, false, false]
        );
        assert_eq!(Styles::read("no header at all"), Styles::default());
    }
}
