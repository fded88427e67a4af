//! The claims of Cognito's tokens, and refresh tokens.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::users::User;
use crate::random;

/// How long access and id tokens hold: Cognito's default.
pub(super) const TOKEN_S: i64 = 3_600;
/// How long a refresh token holds: Cognito's default.
const REFRESH_S: i64 = 30 * 24 * 3600;

/// What both tokens of one sign-in share.
pub(super) struct SignIn<'s> {
    pub user: &'s User,
    pub issuer: &'s str,
    pub client_id: &'s str,
    /// When the user last gave their password.
    pub auth_time_s: i64,
    pub now_s: i64,
}

impl SignIn<'_> {
    /// The access token's claims. There is no `aud`: the client is in `client_id`.
    pub fn access(&self) -> std::io::Result<Value> {
        let mut claims = self.common("access")?;
        claims["client_id"] = json!(self.client_id);
        claims["scope"] = json!("aws.cognito.signin.user.admin");
        claims["username"] = json!(self.user.name);
        Ok(claims)
    }

    /// The id token's claims.
    pub fn id(&self) -> std::io::Result<Value> {
        let mut claims = self.common("id")?;
        claims["aud"] = json!(self.client_id);
        claims["cognito:username"] = json!(self.user.name);
        for (name, value) in &self.user.attributes {
            claims[name] = match name.as_str() {
                "email_verified" | "phone_number_verified" => json!(value == "true"),
                _ => json!(value),
            };
        }
        Ok(claims)
    }

    fn common(&self, token_use: &str) -> std::io::Result<Value> {
        let mut claims = json!({
            "sub": self.user.sub,
            "iss": self.issuer,
            "token_use": token_use,
            "auth_time": self.auth_time_s,
            "iat": self.now_s,
            "exp": self.now_s + TOKEN_S,
            "jti": random::uuid()?,
            "origin_jti": random::uuid()?,
            "event_id": random::uuid()?,
        });
        if !self.user.groups.is_empty() {
            claims["cognito:groups"] = json!(self.user.groups);
        }
        Ok(claims)
    }
}

/// A refresh token: what it says, and a MAC over it. Opaque to clients, as Cognito's is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refresh {
    pub username: String,
    pub client_id: String,
    pub auth_time_s: i64,
}

impl Refresh {
    /// The token.
    pub fn seal(&self, key: &[u8]) -> Option<String> {
        let text = serde_json::to_vec(self).ok()?;
        let mac = mac(key, &text)?;
        Some(format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(text), BASE64_URL_SAFE_NO_PAD.encode(mac)))
    }

    /// What the token says; nothing where it is not ours, for another client, or too old.
    pub fn open(token: &str, key: &[u8], client_id: &str, now_s: i64) -> Option<Refresh> {
        let (text, offered) = token.split_once('.')?;
        let text = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let offered = BASE64_URL_SAFE_NO_PAD.decode(offered).ok()?;
        let expected = mac(key, &text)?;
        if offered.len() != expected.len() || !memcmp::eq(&offered, &expected) {
            return None;
        }
        let refresh: Refresh = serde_json::from_slice(&text).ok()?;
        (refresh.client_id == client_id && now_s < refresh.auth_time_s + REFRESH_S).then_some(refresh)
    }
}

fn mac(key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let key = PKey::hmac(key).ok()?;
    Signer::new(MessageDigest::sha256(), &key).ok()?.sign_oneshot_to_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_tokens_hold_for_their_client_and_time_only() {
        let refresh = Refresh { username: "ann".into(), client_id: "c".into(), auth_time_s: 100 };
        let token = refresh.seal(b"key").expect("token");
        assert_eq!(Refresh::open(&token, b"key", "c", 200), Some(refresh));
        assert_eq!(Refresh::open(&token, b"key", "c", 100 + REFRESH_S), None);
        assert_eq!(Refresh::open(&token, b"key", "d", 200), None);
        assert_eq!(Refresh::open(&token, b"other", "c", 200), None);
        assert_eq!(Refresh::open(&token[1..], b"key", "c", 200), None);
    }
}
