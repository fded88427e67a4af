//! A Cognito user pool with one client: the AWS JSON 1.1 protocol, RS256 tokens, and the key set to verify them by.
//!
//! The administrator's operations are not authenticated: only loopback reaches this.

mod keys;
mod operations;
mod tokens;
mod users;

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use self::keys::SigningKey;
use self::users::Users;
use crate::StackError;
use crate::aws_json::{self, Answer, Fault, input, output};
use crate::clock::Clock;
use crate::disk;
use crate::identity::{EDITORS, Identity};

/// The user pool.
pub(crate) struct Cognito {
    pool_id: String,
    client_id: String,
    issuer: String,
    key: SigningKey,
    /// Seals refresh tokens.
    refresh_key: Vec<u8>,
    users: Users,
    clock: Clock,
}

impl Cognito {
    /// Opens the pool in `folder`, with the demo viewer of `identity` in it, who is an editor.
    pub fn open(
        folder: &Path,
        endpoint: &str,
        identity: &Identity,
        clock: Clock,
    ) -> Result<Cognito, StackError> {
        disk::create_folder(folder)?;
        let users = Users::open(&folder.join("users.json"))?;
        let pool = Cognito {
            pool_id: identity.user_pool_id.clone(),
            client_id: identity.client_id.clone(),
            issuer: format!("{endpoint}/{}", identity.user_pool_id),
            key: SigningKey::open(&folder.join("signing-key.pem"))?,
            refresh_key: identity.credentials.secret_key.clone().into_bytes(),
            users,
            clock,
        };
        pool.ensure_viewer(identity).map_err(|fault| StackError::Viewer(fault.message))?;
        Ok(pool)
    }

    fn ensure_viewer(&self, identity: &Identity) -> Result<(), Fault> {
        if self.users.get(&identity.viewer_name).is_none() {
            self.users.create(&identity.viewer_name, Default::default())?;
            self.users.set_password(&identity.viewer_name, &identity.viewer_password)?;
        }
        // Also in a folder of an earlier version. Whoever runs a stack on their own machine may see everything.
        self.users.add_to_group(&identity.viewer_name, EDITORS)
    }

    /// `iss` of the tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the key set is.
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.issuer)
    }

    fn answer(&self, operation: Option<&str>, body: &[u8]) -> Answer {
        match operation.unwrap_or_default() {
            "InitiateAuth" => output(&self.initiate_auth(input(body)?)?),
            "AdminCreateUser" => output(&self.create_user(input(body)?)?),
            "AdminSetUserPassword" => output(&self.set_password(input(body)?)?),
            "AdminAddUserToGroup" => output(&self.add_to_group(input(body)?)?),
            other => Err(Fault::new(
                "UnknownOperationException",
                format!("The local Cognito has no operation '{other}'."),
            )),
        }
    }
}

/// The HTTP service.
pub(crate) fn router(cognito: Arc<Cognito>) -> Router {
    Router::new()
        .route("/", post(handle))
        .route("/{pool}/.well-known/jwks.json", get(key_set))
        .route("/{pool}/.well-known/openid-configuration", get(configuration))
        .with_state(cognito)
}

async fn handle(State(cognito): State<Arc<Cognito>>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = cognito.answer(aws_json::operation(&headers, "AWSCognitoIdentityProviderService"), &body);
    aws_json::response(answer, "application/x-amz-json-1.1", "", |_| None)
}

async fn key_set(State(cognito): State<Arc<Cognito>>, UrlPath(pool): UrlPath<String>) -> Response {
    if pool != cognito.pool_id {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(cognito.key.key_set()).into_response()
}

async fn configuration(State(cognito): State<Arc<Cognito>>, UrlPath(pool): UrlPath<String>) -> Response {
    if pool != cognito.pool_id {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({
        "issuer": cognito.issuer,
        "jwks_uri": cognito.jwks_url(),
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
    }))
    .into_response()
}
