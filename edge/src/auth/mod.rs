//! Who asks: a Cognito access token to a [`Viewer`].

mod jws;
mod keys;
mod strict;
mod token;

pub(crate) use keys::Keys;
pub(crate) use token::Verifier;
pub use token::Viewer;
