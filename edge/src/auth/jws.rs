//! The one form of a signed token that is taken: JWS compact serialisation (RFC 7515 §7.1), signed with RS256, by a key
//! that its header names and does not bring along (RFC 8725 §3).

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::strict::Strict;
use super::token::TokenError;

/// A token in its three parts. Nothing of it is to be believed before [`Jws::payload`] returned it.
pub(super) struct Jws<'a> {
    /// The first two parts with the dot between them: what is signed.
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
    key_id: String,
}

impl<'a> Jws<'a> {
    /// Takes a token apart. Where it says that keys are (`jku`, `jwk`, `x5u`, `x5c`) is not read.
    pub(super) fn parse(token: &'a str) -> Result<Jws<'a>, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        if payload.contains('.') {
            return Err(TokenError::Malformed);
        }
        let header: Map<String, Value> = object(header)?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err(TokenError::Algorithm);
        }
        // `b64` (RFC 7797) would change what is signed; it asks for `crit`, but not everyone who writes it does.
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(TokenError::Critical);
        }
        let key_id = header.get("kid").and_then(Value::as_str).ok_or(TokenError::UnknownKey)?.to_owned();
        Ok(Jws { signed, payload, signature, key_id })
    }

    /// The key that the header names.
    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Fails unless `key` signed the token.
    fn is_signed_by(&self, key: &ParsedPublicKey) -> Result<(), TokenError> {
        let signature = URL_SAFE_NO_PAD.decode(self.signature).map_err(|_| TokenError::Malformed)?;
        key.verify_sig(self.signed.as_bytes(), &signature).map_err(|_| TokenError::Signature)
    }

    /// The payload, an object, once `key` has proved to have signed it.
    pub(super) fn payload<T: DeserializeOwned>(&self, key: &ParsedPublicKey) -> Result<T, TokenError> {
        self.is_signed_by(key)?;
        object(self.payload)
    }
}

/// An object in a part of a token: base64url in its one spelling, JSON without repeated members and nothing behind it.
fn object<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    match serde_json::from_slice(&bytes) {
        // A structure would be read of an array too, by position.
        Ok(Strict(value @ Value::Object(_))) => T::deserialize(value).map_err(|_| TokenError::Malformed),
        _ => Err(TokenError::Malformed),
    }
}

#[cfg(test)]
#[path = "vectors.rs"]
mod vectors;
