//! The user pool, by its protocol; tokens are verified with `jsonwebtoken`, from the published key set alone.

#![allow(clippy::unwrap_used)]

mod support;

use flodrama_local_aws::Stack;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use support::start;

async fn call(stack: &Stack, operation: &str, input: Value) -> (u16, Value) {
    let request = reqwest::Client::new()
        .post(stack.cognito_endpoint())
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .header("content-type", "application/x-amz-json-1.1")
        .body(input.to_string());
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn sign_in(stack: &Stack, flow: &str, parameters: Value) -> (u16, Value) {
    let input = json!({ "AuthFlow": flow, "ClientId": stack.client_id(), "AuthParameters": parameters });
    call(stack, "InitiateAuth", input).await
}

/// The claims of a token, verified by the pool's published keys.
async fn claims(stack: &Stack, token: &Value) -> Value {
    let token = token.as_str().expect("a token");
    let keys: JwkSet =
        reqwest::get(stack.jwks_url()).await.expect("an answer").json().await.expect("a key set");
    let kid = decode_header(token).expect("a header").kid.expect("kid");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("the key")).expect("a usable key");
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_issuer(&[stack.issuer()]);
    rules.validate_aud = false;
    decode::<Value>(token, &key, &rules).expect("a token that holds").claims
}

#[tokio::test]
async fn a_password_gives_tokens_that_hold_and_can_be_renewed() {
    let data = tempfile::tempdir().expect("folder");
    let stack = start(data.path(), Vec::new()).await;
    let (name, password) = stack.viewer();
    let (status, answer) =
        sign_in(&stack, "USER_PASSWORD_AUTH", json!({ "USERNAME": name, "PASSWORD": password })).await;
    assert_eq!(status, 200, "{answer}");
    let tokens = &answer["AuthenticationResult"];
    assert_eq!((&tokens["TokenType"], &tokens["ExpiresIn"]), (&json!("Bearer"), &json!(3600)));

    let access = claims(&stack, &tokens["AccessToken"]).await;
    assert_eq!(access["token_use"], "access");
    assert_eq!(access["client_id"], stack.client_id());
    assert_eq!(
        (&access["username"], &access["scope"]),
        (&json!(name), &json!("aws.cognito.signin.user.admin"))
    );
    assert!(access.get("aud").is_none());
    assert_eq!(access["cognito:groups"], json!(["editors"]));
    for claim in ["sub", "jti", "auth_time", "iat", "exp"] {
        assert!(access.get(claim).is_some(), "{claim}");
    }
    assert_eq!(access["exp"].as_i64().expect("a number") - access["iat"].as_i64().expect("a number"), 3600);
    let id = claims(&stack, &tokens["IdToken"]).await;
    assert_eq!((&id["token_use"], &id["aud"]), (&json!("id"), &json!(stack.client_id())));
    assert_eq!((&id["cognito:username"], &id["sub"]), (&json!(name), &access["sub"]));

    let renewal = json!({ "REFRESH_TOKEN": tokens["RefreshToken"] });
    let (status, renewed) = sign_in(&stack, "REFRESH_TOKEN_AUTH", renewal).await;
    assert_eq!(status, 200, "{renewed}");
    let renewed = &renewed["AuthenticationResult"];
    assert!(renewed.get("RefreshToken").is_none());
    let again = claims(&stack, &renewed["AccessToken"]).await;
    assert_eq!((&again["sub"], &again["auth_time"]), (&access["sub"], &access["auth_time"]));
    assert_ne!(again["jti"], access["jti"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn refusals_have_cognitos_names() {
    let data = tempfile::tempdir().expect("folder");
    let stack = start(data.path(), Vec::new()).await;
    let (name, password) = stack.viewer();
    for (flow, parameters, expected) in [
        ("USER_PASSWORD_AUTH", json!({ "USERNAME": name, "PASSWORD": "wrong" }), "NotAuthorizedException"),
        (
            "USER_PASSWORD_AUTH",
            json!({ "USERNAME": "nobody", "PASSWORD": password }),
            "NotAuthorizedException",
        ),
        ("USER_PASSWORD_AUTH", json!({ "USERNAME": name }), "InvalidParameterException"),
        ("REFRESH_TOKEN_AUTH", json!({ "REFRESH_TOKEN": "made.up" }), "NotAuthorizedException"),
        ("USER_SRP_AUTH", json!({}), "InvalidParameterException"),
    ] {
        let (status, answer) = sign_in(&stack, flow, parameters).await;
        assert_eq!((status, &answer["__type"]), (400, &json!(expected)), "{answer}");
        assert!(!answer.to_string().contains(password));
    }
    let other = json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "other" });
    assert_eq!(call(&stack, "InitiateAuth", other).await.1["__type"], "ResourceNotFoundException");
    assert_eq!(call(&stack, "DeleteUserPool", json!({})).await.1["__type"], "UnknownOperationException");
    let elsewhere = format!("{}/eu-west-3_other/.well-known/jwks.json", stack.cognito_endpoint());
    assert_eq!(reqwest::get(elsewhere).await.expect("an answer").status(), 404);
    stack.shutdown().await;
}

#[tokio::test]
async fn an_administrator_adds_users_and_groups() {
    let data = tempfile::tempdir().expect("folder");
    let stack = start(data.path(), Vec::new()).await;
    let pool = stack.user_pool_id();
    let attributes = json!([{ "Name": "email", "Value": "ann@example.com" }]);
    let user = json!({ "UserPoolId": pool, "Username": "ann", "UserAttributes": attributes });
    assert_eq!(call(&stack, "AdminCreateUser", user.clone()).await.0, 200);
    assert_eq!(call(&stack, "AdminCreateUser", user).await.1["__type"], "UsernameExistsException");
    let password =
        json!({ "UserPoolId": pool, "Username": "ann", "Password": "correct horse", "Permanent": true });
    assert_eq!(call(&stack, "AdminSetUserPassword", password).await.0, 200);
    let group = json!({ "UserPoolId": pool, "Username": "ann", "GroupName": "editors" });
    assert_eq!(call(&stack, "AdminAddUserToGroup", group).await.0, 200);

    let parameters = json!({ "USERNAME": "ann", "PASSWORD": "correct horse" });
    let (_, answer) = sign_in(&stack, "USER_PASSWORD_AUTH", parameters).await;
    let tokens = &answer["AuthenticationResult"];
    assert_eq!(claims(&stack, &tokens["AccessToken"]).await["cognito:groups"], json!(["editors"]));
    assert_eq!(claims(&stack, &tokens["IdToken"]).await["email"], "ann@example.com");
    stack.shutdown().await;
}
