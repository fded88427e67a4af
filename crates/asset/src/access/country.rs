//! Countries by ISO 3166-1 alpha-2.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The codes that are assigned (ISO 3166-1, 249 of them). A code that is not, such as `UK`, would keep out whom it was
/// meant to let in.
const ASSIGNED: &str = "\
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD \
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF \
GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI \
SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI \
VN VU WF WS YE YT ZA ZM ZW";

/// A country, such as `FR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// The text is no code of a country.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no country of ISO 3166-1: two capital letters, such as \"FR\" or \"GB\"")]
pub struct BadCountry(String);

impl Country {
    /// What CloudFront says of a viewer: two capital letters, assigned or not. A code that no rule can name is a country
    /// that no rule names.
    pub fn reported(text: &str) -> Option<Country> {
        let code: [u8; 2] = text.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_uppercase).then_some(Country(code))
    }
}

impl FromStr for Country {
    type Err = BadCountry;

    fn from_str(text: &str) -> Result<Country, BadCountry> {
        let is_assigned = ASSIGNED.split(' ').any(|code| code == text);
        Country::reported(text).filter(|_| is_assigned).ok_or_else(|| BadCountry(text.to_owned()))
    }
}

impl TryFrom<String> for Country {
    type Error = BadCountry;

    fn try_from(text: String) -> Result<Country, BadCountry> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> String {
        country.to_string()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&letter| write!(f, "{}", char::from(letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_countries_and_reports_name_what_they_like() {
        assert_eq!(ASSIGNED.split(' ').count(), 249);
        for code in ASSIGNED.split(' ') {
            assert_eq!(code.parse::<Country>().map(|country| country.to_string()), Ok(code.to_owned()));
        }
        for bad in ["", "F", "FRA", "fr", "UK", "XX", "EU", "É"] {
            assert!(bad.parse::<Country>().is_err(), "{bad}");
        }
        assert!(Country::reported("XK").is_some(), "CloudFront may know more");
        for bad in ["", "fr", "FRA", "F1", "FR,BE"] {
            assert_eq!(Country::reported(bad), None, "{bad}");
        }
    }
}
