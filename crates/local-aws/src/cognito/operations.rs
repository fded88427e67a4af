//! The user pool's operations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Cognito;
use super::tokens::{Refresh, SignIn, TOKEN_S};
use super::users::User;
use crate::aws_json::Fault;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InitiateAuth {
    auth_flow: String,
    client_id: String,
    #[serde(default)]
    auth_parameters: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Authenticated {
    authentication_result: Tokens,
    challenge_parameters: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tokens {
    access_token: String,
    id_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    expires_in: i64,
    token_type: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateUser {
    user_pool_id: String,
    username: String,
    #[serde(default)]
    user_attributes: Vec<Attribute>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Created {
    user: CreatedUser,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreatedUser {
    username: String,
    attributes: Vec<Attribute>,
    enabled: bool,
    user_status: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetPassword {
    user_pool_id: String,
    username: String,
    password: String,
    #[serde(default)]
    permanent: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AddToGroup {
    user_pool_id: String,
    username: String,
    group_name: String,
}

#[derive(Serialize)]
pub(super) struct Done {}

impl Cognito {
    pub(super) fn initiate_auth(&self, input: InitiateAuth) -> Result<Authenticated, Fault> {
        if input.client_id != self.client_id {
            let message = format!("User pool client {} does not exist.", input.client_id);
            return Err(Fault::new("ResourceNotFoundException", message));
        }
        let parameter = |name: &str| {
            let missing =
                || Fault::new("InvalidParameterException", format!("Missing required parameter {name}"));
            input.auth_parameters.get(name).ok_or_else(missing)
        };
        let now_s = self.clock.now_s();
        let (user, auth_time_s, refresh) = match input.auth_flow.as_str() {
            "USER_PASSWORD_AUTH" => {
                let user = self.users.sign_in(parameter("USERNAME")?, parameter("PASSWORD")?)?;
                let refresh = Refresh {
                    username: user.name.clone(),
                    client_id: self.client_id.clone(),
                    auth_time_s: now_s,
                };
                let refresh = refresh.seal(&self.refresh_key);
                let refresh = refresh.ok_or_else(|| Fault::internal("a refresh token could not be made"))?;
                (user, now_s, Some(refresh))
            }
            "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => {
                let refused = || Fault::new("NotAuthorizedException", "Invalid Refresh Token");
                let token = parameter("REFRESH_TOKEN")?;
                let refresh =
                    Refresh::open(token, &self.refresh_key, &self.client_id, now_s).ok_or_else(refused)?;
                (self.users.get(&refresh.username).ok_or_else(refused)?, refresh.auth_time_s, None)
            }
            other => {
                let message = format!("Auth flow {other} not enabled for this client");
                return Err(Fault::new("InvalidParameterException", message));
            }
        };
        let authentication_result = self.tokens(&user, auth_time_s, now_s, refresh)?;
        Ok(Authenticated { authentication_result, challenge_parameters: BTreeMap::new() })
    }

    fn tokens(
        &self,
        user: &User,
        auth_time_s: i64,
        now_s: i64,
        refresh: Option<String>,
    ) -> Result<Tokens, Fault> {
        let sign_in = SignIn { user, issuer: &self.issuer, client_id: &self.client_id, auth_time_s, now_s };
        let sign = |claims: std::io::Result<serde_json::Value>| {
            self.key.sign(&claims.map_err(Fault::internal)?).map_err(Fault::internal)
        };
        Ok(Tokens {
            access_token: sign(sign_in.access())?,
            id_token: sign(sign_in.id())?,
            refresh_token: refresh,
            expires_in: TOKEN_S,
            token_type: "Bearer",
        })
    }

    /// Adds a user, who can sign in once AdminSetUserPassword has given them a permanent password.
    pub(super) fn create_user(&self, input: CreateUser) -> Result<Created, Fault> {
        self.check_pool(&input.user_pool_id)?;
        let attributes = input.user_attributes.into_iter().map(|a| (a.name, a.value)).collect();
        let user = self.users.create(&input.username, attributes)?;
        let mut attributes: Vec<_> =
            user.attributes.into_iter().map(|(name, value)| Attribute { name, value }).collect();
        attributes.push(Attribute { name: "sub".to_owned(), value: user.sub });
        let user_status = "FORCE_CHANGE_PASSWORD";
        Ok(Created { user: CreatedUser { username: user.name, attributes, enabled: true, user_status } })
    }

    pub(super) fn set_password(&self, input: SetPassword) -> Result<Done, Fault> {
        self.check_pool(&input.user_pool_id)?;
        if !input.permanent {
            let message = "The local Cognito sets permanent passwords only: it has no password challenge.";
            return Err(Fault::new("InvalidParameterException", message));
        }
        self.users.set_password(&input.username, &input.password)?;
        Ok(Done {})
    }

    /// Puts a user into a group, which exists by being named.
    pub(super) fn add_to_group(&self, input: AddToGroup) -> Result<Done, Fault> {
        self.check_pool(&input.user_pool_id)?;
        self.users.add_to_group(&input.username, &input.group_name)?;
        Ok(Done {})
    }

    fn check_pool(&self, pool_id: &str) -> Result<(), Fault> {
        if pool_id == self.pool_id {
            return Ok(());
        }
        Err(Fault::new("ResourceNotFoundException", format!("User pool {pool_id} does not exist.")))
    }
}
