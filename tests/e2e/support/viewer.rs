//! A viewer: signs in at Cognito, asks the edge, fetches from the CDN.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::stack::Settings;

const NEWCOMERS_PASSWORD: &str = "A-passw0rd-of-the-test";

/// Signs in with name and password, as the app does, and gives the access token.
pub async fn sign_in(http: &Client, settings: &Settings) -> String {
    let cognito = &settings.cognito;
    sign_in_as(http, settings, &cognito.username, &cognito.password).await
}

/// Makes a user of no group, signs in as them, and gives the access token.
pub async fn sign_in_as_newcomer(http: &Client, settings: &Settings, name: &str) -> String {
    let password = NEWCOMERS_PASSWORD;
    let pool = pool(&sign_in(http, settings).await);
    let user = json!({ "UserPoolId": pool, "Username": name });
    cognito(http, settings, "AdminCreateUser", user).await;
    let set = json!({ "UserPoolId": pool, "Username": name, "Password": password, "Permanent": true });
    cognito(http, settings, "AdminSetUserPassword", set).await;
    sign_in_as(http, settings, name, password).await
}

/// Makes a user who is a member of a group, and gives their access token.
pub async fn sign_in_as_member(http: &Client, settings: &Settings, name: &str, group: &str) -> String {
    let newcomer = sign_in_as_newcomer(http, settings, name).await;
    let member = json!({ "UserPoolId": pool(&newcomer), "Username": name, "GroupName": group });
    cognito(http, settings, "AdminAddUserToGroup", member).await;
    // A token says what groups there were when it was made.
    sign_in_as(http, settings, name, NEWCOMERS_PASSWORD).await
}

/// The user pool of a token: its issuer ends with it.
fn pool(token: &str) -> String {
    let claims = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = serde_json::from_slice(&claims.expect("a JWT")).expect("JSON");
    let issuer = claims["iss"].as_str().expect("an issuer");
    issuer.rsplit('/').next().expect("a pool").to_owned()
}

async fn sign_in_as(http: &Client, settings: &Settings, name: &str, password: &str) -> String {
    let request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": settings.cognito.client_id,
        "AuthParameters": { "USERNAME": name, "PASSWORD": password },
    });
    let answer = cognito(http, settings, "InitiateAuth", request).await;
    answer["AuthenticationResult"]["AccessToken"].as_str().expect("a token").to_owned()
}

async fn cognito(http: &Client, settings: &Settings, operation: &str, input: Value) -> Value {
    let request = http
        .post(&settings.cognito.endpoint_url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(input.to_string());
    request.send().await.expect("Cognito").json().await.expect("JSON")
}

/// Asks the edge for the links that play an asset.
pub async fn playback(http: &Client, settings: &Settings, asset: &str, token: &str) -> Response {
    let url = format!("{}/v1/assets/{asset}/playback", settings.edge.url);
    http.post(url).bearer_auth(token).send().await.expect("the edge")
}

/// The links of a published asset.
pub async fn links(http: &Client, settings: &Settings, asset: &str) -> Value {
    let token = sign_in(http, settings).await;
    let answer = playback(http, settings, asset, &token).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.expect("JSON")
}

/// A link of a playback answer.
pub fn link(links: &Value, name: &str) -> Url {
    links[name].as_str().and_then(|url| url.parse().ok()).expect(name)
}
