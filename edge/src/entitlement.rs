//! May this viewer see this asset, and how much of it? Pure: the rules live here and nowhere else.

use flodrama_asset::AssetId;
use flodrama_asset::access::{Access, Caps, Country, Viewers};
use flodrama_asset::document::EarlyPlay;
use time::OffsetDateTime;

use crate::auth::Viewer;

/// Who asks for what, where and when.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// None for whoever shows no token.
    pub viewer: Option<&'a Viewer>,
    /// None where it is not known, or nobody vouches for it.
    pub country: Option<Country>,
    /// The moment.
    pub now: OffsetDateTime,
    /// Groups whose members see what is not published yet.
    pub editors: &'a [String],
}

/// The proof that the question was asked, and its answer: nothing of a version is signed without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    asset: &'a AssetId,
    caps: Caps,
    until: Option<OffsetDateTime>,
}

impl<'a> Grant<'a> {
    /// What they may watch.
    pub fn asset(&self) -> &'a AssetId {
        self.asset
    }

    /// How much of it.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// When it ends, whatever a link's own life.
    pub fn until(&self) -> Option<OffsetDateTime> {
        self.until
    }
}

/// The proof that a viewer may know of an asset: its title and its poster, not its pictures and sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    asset: &'a AssetId,
    opens_at: Option<OffsetDateTime>,
}

impl<'a> Known<'a> {
    /// Of what they may know.
    pub fn asset(&self) -> &'a AssetId {
        self.asset
    }

    /// From when it plays, where that is still to come.
    pub fn opens_at(&self) -> Option<OffsetDateTime> {
        self.opens_at
    }
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is signed in, and the title is not public.
    #[error("nobody is signed in")]
    SignIn,
    /// Not for this country.
    #[error("the title is not for the viewer's country")]
    NotInCountry,
    /// Not for every country, and which one this is nobody says who can be trusted.
    #[error("the title is not for every country, and the viewer's is not known")]
    CountryUnknown,
    /// Over.
    #[error("the title is not open any more")]
    NoLongerOpen,
    /// For groups that the viewer is not in.
    #[error("the viewer is in none of the title's groups")]
    NotIncluded,
    /// From that moment.
    #[error("the title opens at {0}")]
    NotYetOpen(OffsetDateTime),
    /// It is being prepared, which is for editors to see.
    #[error("the title is being prepared and the viewer is no editor")]
    Editors,
}

impl Asked<'_> {
    fn is_in(&self, groups: &[String]) -> bool {
        self.viewer.is_some_and(|viewer| viewer.groups.iter().any(|group| groups.contains(group)))
    }
}

/// The rule. What cannot be mended is said before what can, and when a title opens last of all, to those whom it opens
/// to. Editors need not wait for that.
pub fn grant<'a>(access: &Access, asset: &'a AssetId, asked: &Asked<'_>) -> Result<Grant<'a>, Refusal> {
    if access.viewers != Viewers::Public && asked.viewer.is_none() {
        return Err(Refusal::SignIn);
    }
    if let Some(countries) = &access.countries {
        let country = asked.country.ok_or(Refusal::CountryUnknown)?;
        if !countries.permit(country) {
            return Err(Refusal::NotInCountry);
        }
    }
    if access.not_after.is_some_and(|end| end <= asked.now) {
        return Err(Refusal::NoLongerOpen);
    }
    if let Viewers::Groups(groups) = &access.viewers
        && !asked.is_in(groups)
    {
        return Err(Refusal::NotIncluded);
    }
    match access.not_before {
        Some(opens_at) if asked.now < opens_at && !asked.is_in(asked.editors) => {
            return Err(Refusal::NotYetOpen(opens_at));
        }
        _ => {}
    }
    let class = access.classes.iter().find(|class| asked.is_in(&class.groups));
    let caps = class.map_or(&access.default_caps, |class| &class.caps).clone();
    Ok(Grant { asset, caps, until: access.not_after })
}

/// The rule for the catalogue: a viewer knows of what they may watch and of what will open to them; editors of all.
pub fn known<'a>(access: &Access, asset: &'a AssetId, asked: &Asked<'_>) -> Result<Known<'a>, Refusal> {
    match grant(access, asset, asked) {
        Ok(_) => Ok(Known { asset, opens_at: None }),
        Err(Refusal::NotYetOpen(opens_at)) => Ok(Known { asset, opens_at: Some(opens_at) }),
        Err(_) if asked.is_in(asked.editors) => Ok(Known { asset, opens_at: None }),
        Err(refusal) => Err(refusal),
    }
}

/// The rule for episodes that are still being encoded: editors may watch, and where the preset says so whoever may watch
/// all of the title. A preview is not shaped, so whoever may have a part of it only waits for the title itself.
pub fn grant_preview<'a>(
    access: &Access,
    asset: &'a AssetId,
    early_play: EarlyPlay,
    asked: &Asked<'_>,
) -> Result<Grant<'a>, Refusal> {
    if asked.viewer.is_none() {
        return Err(Refusal::SignIn);
    }
    match early_play {
        EarlyPlay::Nobody => Err(Refusal::Editors),
        _ if asked.is_in(asked.editors) => Ok(Grant { asset, caps: Caps::default(), until: None }),
        EarlyPlay::Editors => Err(Refusal::Editors),
        EarlyPlay::Viewers => match grant(access, asset, asked)? {
            whole if whole.caps.are_none() => Ok(whole),
            _ => Err(Refusal::Editors),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
    }

    fn rules(json: &str) -> Access {
        Access::parse(json.as_bytes()).expect(json)
    }

    /// `who` is `-`, or groups joined by `+`; `country` is `-` where it is not known.
    fn asking<T>(who: &str, country: &str, ask: impl FnOnce(&Asked<'_>) -> T) -> T {
        let groups = who.split('+').filter(|group| !group.is_empty()).map(str::to_owned).collect();
        let viewer = Viewer { subject: "ann".into(), groups };
        let viewer = Some(&viewer).filter(|_| who != "-");
        let editors = ["editors".to_owned()];
        ask(&Asked { viewer, country: Country::reported(country), now: at(NOW), editors: &editors })
    }

    fn said<T: std::fmt::Debug>(result: Result<T, Refusal>, good: impl FnOnce(T) -> String) -> String {
        match result {
            Ok(value) => good(value),
            Err(Refusal::NotYetOpen(_)) => "NotYetOpen".into(),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    /// The window is written as seconds from now.
    fn with(viewers: &str, more: &str) -> Access {
        let moment = |seconds: i64| {
            at(NOW + seconds).format(&time::format_description::well_known::Rfc3339).expect("a time")
        };
        let more =
            more.replace("SOON", &moment(60)).replace("NOW", &moment(0)).replace("BEFORE", &moment(-60));
        rules(&format!(r#"{{"version":1,"viewers":{viewers}{more}}}"#))
    }

    #[test]
    fn each_rule_lets_in_whom_it_names() {
        const PUBLIC: &str = r#""public""#;
        const SIGNED_IN: &str = r#""signed-in""#;
        const GROUPS: &str = r#"{"groups":["gold","staff"]}"#;
        const FROM_SOON: &str = r#","not_before":"SOON""#;
        const TO_NOW: &str = r#","not_after":"NOW""#;
        const FRANCE: &str = r#","countries":{"allow":["FR","BE"]}"#;
        const NOT_FRANCE: &str = r#","countries":{"deny":["FR"]}"#;
        const CAPS: &str = r#","classes":[{"groups":["gold"],"caps":{}},{"groups":["silver","gold"],"caps":{"max_height":720}}],
            "default_caps":{"max_height":360,"hdr":false,"audio":["fr"]}"#;
        let all = "full-hdr";
        let table = [
            // Who.
            (PUBLIC, "", "-", "-", all),
            (PUBLIC, "", "", "-", all),
            (SIGNED_IN, "", "-", "-", "SignIn"),
            (SIGNED_IN, "", "", "-", all),
            (GROUPS, "", "-", "-", "SignIn"),
            (GROUPS, "", "", "-", "NotIncluded"),
            (GROUPS, "", "Gold", "-", "NotIncluded"),
            (GROUPS, "", "editors", "-", "NotIncluded"),
            (GROUPS, "", "silver+staff", "-", all),
            // When.
            (PUBLIC, FROM_SOON, "-", "-", "NotYetOpen"),
            (PUBLIC, r#","not_before":"NOW""#, "-", "-", all),
            (SIGNED_IN, FROM_SOON, "gold", "-", "NotYetOpen"),
            (SIGNED_IN, FROM_SOON, "editors", "-", all),
            (PUBLIC, TO_NOW, "-", "-", "NoLongerOpen"),
            (PUBLIC, r#","not_after":"SOON""#, "-", "-", all),
            (SIGNED_IN, TO_NOW, "editors", "-", "NoLongerOpen"),
            (PUBLIC, r#","not_before":"BEFORE","not_after":"SOON""#, "-", "-", all),
            // Where.
            (PUBLIC, FRANCE, "-", "BE", all),
            (PUBLIC, FRANCE, "-", "DE", "NotInCountry"),
            (PUBLIC, FRANCE, "-", "-", "CountryUnknown"),
            (PUBLIC, FRANCE, "-", "fr", "CountryUnknown"),
            (PUBLIC, NOT_FRANCE, "-", "DE", all),
            (PUBLIC, NOT_FRANCE, "-", "FR", "NotInCountry"),
            (PUBLIC, NOT_FRANCE, "-", "-", "CountryUnknown"),
            (PUBLIC, FRANCE, "editors", "DE", "NotInCountry"),
            // How much: the first class counts.
            (PUBLIC, CAPS, "-", "-", "360-sdr-fr"),
            (SIGNED_IN, CAPS, "", "-", "360-sdr-fr"),
            (SIGNED_IN, CAPS, "silver", "-", "720-hdr"),
            (SIGNED_IN, CAPS, "silver+gold", "-", all),
        ];
        let asset: AssetId = "demo".parse().expect("id");
        for (viewers, more, who, country, answer) in table {
            let access = with(viewers, more);
            let found = asking(who, country, |asked| {
                said(grant(&access, &asset, asked), |grant| grant.caps.to_string())
            });
            assert_eq!(found, answer, "{viewers} {more} for {who:?} in {country}");
        }
        // Several rules at once: the first of these is said.
        let strict = |window: &str| with(GROUPS, &format!("{FRANCE}{window}"));
        for (access, who, country, answer) in [
            (strict(TO_NOW), "-", "-", "SignIn"),
            (strict(TO_NOW), "", "DE", "NotInCountry"),
            (strict(TO_NOW), "", "FR", "NoLongerOpen"),
            (strict(FROM_SOON), "", "FR", "NotIncluded"),
            (strict(FROM_SOON), "gold", "FR", "NotYetOpen"),
        ] {
            let found = asking(who, country, |asked| {
                said(grant(&access, &asset, asked), |grant| grant.caps.to_string())
            });
            assert_eq!(found, answer, "{who:?} in {country}");
        }
        let until = with(PUBLIC, r#","not_after":"SOON""#);
        let ends = asking("-", "-", |asked| grant(&until, &asset, asked).map(|grant| grant.until()));
        assert_eq!(ends, Ok(Some(at(NOW + 60))), "links end with the title");
    }

    #[test]
    fn a_viewer_knows_of_what_opens_to_them_and_editors_of_all() {
        let asset: AssetId = "demo".parse().expect("id");
        let groups = r#"{"groups":["gold"]}"#;
        let (soon, over) = (r#","not_before":"SOON""#, r#","not_after":"NOW""#);
        for (viewers, more, who, answer) in [
            (r#""signed-in""#, "", "", "open"),
            (r#""signed-in""#, soon, "", "later"),
            (r#""signed-in""#, soon, "-", "SignIn"),
            (r#""public""#, soon, "-", "later"),
            (groups, "", "", "NotIncluded"),
            (groups, soon, "", "NotIncluded"),
            (groups, soon, "gold", "later"),
            (groups, soon, "editors", "open"),
            (r#""public""#, over, "", "NoLongerOpen"),
            (r#""public""#, over, "editors", "open"),
        ] {
            let access = with(viewers, more);
            let found = asking(who, "-", |asked| {
                said(known(&access, &asset, asked), |known| {
                    if known.opens_at().is_some() { "later".into() } else { "open".into() }
                })
            });
            assert_eq!(found, answer, "{viewers} {more} for {who:?}");
        }
    }

    #[test]
    fn previews_are_for_editors_unless_the_preset_says_otherwise() {
        use EarlyPlay::{Editors, Nobody, Viewers};
        let asset: AssetId = "demo".parse().expect("id");
        let (open, capped) = (r#""signed-in""#, r#","default_caps":{"max_height":360}"#);
        let table = [
            (Editors, "staff+editors", "", "full-hdr"),
            (Editors, "Editors", "", "Editors"),
            (Editors, "", "", "Editors"),
            (Editors, "-", "", "SignIn"),
            (Viewers, "", "", "full-hdr"),
            (Viewers, "", capped, "Editors"),
            (Viewers, "", r#","not_before":"SOON""#, "NotYetOpen"),
            (Viewers, "-", "", "SignIn"),
            (Nobody, "editors", "", "Editors"),
            // Editors see what they make, whatever viewers will see of it.
            (Editors, "editors", capped, "full-hdr"),
            (Viewers, "editors", r#","countries":{"allow":["FR"]}"#, "full-hdr"),
        ];
        for (early_play, who, more, answer) in table {
            let access = with(open, more);
            let found = asking(who, "-", |asked| {
                said(grant_preview(&access, &asset, early_play, asked), |grant| grant.caps.to_string())
            });
            assert_eq!(found, answer, "{early_play:?} {who:?} {more}");
        }
        let viewer = Viewer { subject: "ann".into(), groups: vec!["editors".into()] };
        let asked = Asked { viewer: Some(&viewer), country: None, now: at(NOW), editors: &[] };
        let refused = grant_preview(&Access::default(), &asset, Editors, &asked);
        assert_eq!(refused, Err(Refusal::Editors), "no group is configured");
    }
}
