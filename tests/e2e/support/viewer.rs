//! A viewer: signs in at Cognito, asks the edge, fetches from the CDN.

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::stack::Settings;

/// Signs in with name and password, as the app does, and gives the access token.
pub async fn sign_in(http: &Client, settings: &Settings) -> String {
    let cognito = &settings.cognito;
    let request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": cognito.client_id,
        "AuthParameters": { "USERNAME": cognito.username, "PASSWORD": cognito.password },
    });
    let request = http
        .post(&cognito.endpoint_url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth")
        .body(request.to_string());
    let answer: Value = request.send().await.expect("Cognito").json().await.expect("JSON");
    answer["AuthenticationResult"]["AccessToken"].as_str().expect("a token").to_owned()
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
