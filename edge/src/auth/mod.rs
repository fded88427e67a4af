//! Who asks: a Cognito access token to a [`Viewer`].

mod jws;
mod keys;
mod strict;
mod token;

pub(crate) use keys::Keys;
pub(crate) use token::Verifier;
pub use token::Viewer;

/// Whether the key in `jwk` signed this token, and the claims of a viewer can be read in it. For fuzzing, which has no
/// user pool to ask.
#[doc(hidden)]
pub fn token_holds(token: &str, jwk: &serde_json::Value) -> bool {
    keys::usable(jwk.clone()).is_some_and(|(kid, key)| token::claims(token, &kid, &key).is_some())
}
