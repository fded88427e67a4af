//! The pool's users. Passwords are kept as PBKDF2 of themselves, in a file with mode 0600.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkcs5::pbkdf2_hmac;
use serde::{Deserialize, Serialize};

use crate::aws_json::Fault;
use crate::disk::{self, Access};
use crate::random;
use crate::sync::lock;

/// Enough that a stolen data folder of a developer's machine gives no passwords away at once.
const ITERATIONS: usize = 10_000;

/// A user, as kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct User {
    pub name: String,
    /// The stable id, a UUID.
    pub sub: String,
    pub attributes: BTreeMap<String, String>,
    pub groups: Vec<String>,
    /// Absent until a permanent password is set: such a user cannot sign in.
    password: Option<Password>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Password {
    salt: String,
    hash: String,
}

/// All users, by name.
pub(super) struct Users {
    path: PathBuf,
    users: Mutex<BTreeMap<String, User>>,
}

impl Users {
    pub fn open(path: &Path) -> disk::Result<Users> {
        let users = disk::read_json(path)?.unwrap_or_default();
        Ok(Users { path: path.to_owned(), users: Mutex::new(users) })
    }

    /// The user of this name.
    pub fn get(&self, name: &str) -> Option<User> {
        lock(&self.users).get(name).cloned()
    }

    /// Adds a user without a password.
    pub fn create(&self, name: &str, attributes: BTreeMap<String, String>) -> Result<User, Fault> {
        let sub = random::uuid().map_err(Fault::internal)?;
        let user = User { name: name.to_owned(), sub, attributes, groups: Vec::new(), password: None };
        self.change(|users| {
            if users.contains_key(name) {
                return Err(Fault::new("UsernameExistsException", "User account already exists"));
            }
            users.insert(name.to_owned(), user.clone());
            Ok(user)
        })
    }

    /// Sets a permanent password.
    pub fn set_password(&self, name: &str, password: &str) -> Result<(), Fault> {
        let salt = random::text(random::MIXED, 22).map_err(Fault::internal)?;
        let hash = hash(password, &salt).map_err(Fault::internal)?;
        self.change_user(name, |user| user.password = Some(Password { salt, hash }))
    }

    /// Puts a user into a group.
    pub fn add_to_group(&self, name: &str, group: &str) -> Result<(), Fault> {
        self.change_user(name, |user| {
            if !user.groups.iter().any(|known| known == group) {
                user.groups.push(group.to_owned());
            }
        })
    }

    /// The user, if the password is theirs. A wrong name and a wrong password look the same.
    pub fn sign_in(&self, name: &str, password: &str) -> Result<User, Fault> {
        let refused = || Fault::new("NotAuthorizedException", "Incorrect username or password.");
        let user = self.get(name).ok_or_else(refused)?;
        let known = user.password.as_ref().ok_or_else(refused)?;
        let offered = hash(password, &known.salt).map_err(Fault::internal)?;
        if offered.len() == known.hash.len() && memcmp::eq(offered.as_bytes(), known.hash.as_bytes()) {
            return Ok(user);
        }
        Err(refused())
    }

    fn change_user(&self, name: &str, change: impl FnOnce(&mut User)) -> Result<(), Fault> {
        self.change(|users| {
            let user = users.get_mut(name);
            change(user.ok_or_else(|| Fault::new("UserNotFoundException", "User does not exist."))?);
            Ok(())
        })
    }

    /// Changes a copy and keeps it once it is on disk.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, User>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut users = lock(&self.users);
        let mut changed = users.clone();
        let result = change(&mut changed)?;
        disk::write_json(&self.path, &changed, Access::Owner).map_err(Fault::internal)?;
        *users = changed;
        Ok(result)
    }
}

fn hash(password: &str, salt: &str) -> Result<String, openssl::error::ErrorStack> {
    let mut key = [0; 32];
    pbkdf2_hmac(password.as_bytes(), salt.as_bytes(), ITERATIONS, MessageDigest::sha256(), &mut key)?;
    Ok(hex::encode(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_again_and_their_passwords_are_not_on_disk() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("users.json");
        let users = Users::open(&path).expect("open");
        users.create("ann", BTreeMap::new()).expect("created");
        let code = |result: Result<User, Fault>| result.err().map(|fault| fault.code);
        assert_eq!(code(users.sign_in("ann", "correct horse")), Some("NotAuthorizedException"));
        users.set_password("ann", "correct horse").expect("set");
        users.add_to_group("ann", "editors").expect("added");

        let again = Users::open(&path).expect("open");
        assert_eq!(
            again.sign_in("ann", "correct horse").ok().map(|user| user.groups),
            Some(vec!["editors".into()])
        );
        assert_eq!(code(again.sign_in("ann", "correct hors")), Some("NotAuthorizedException"));
        assert_eq!(code(again.sign_in("bob", "correct horse")), Some("NotAuthorizedException"));
        assert_eq!(code(again.create("ann", BTreeMap::new())), Some("UsernameExistsException"));
        let on_disk = std::fs::read_to_string(&path).expect("file");
        assert!(!on_disk.contains("correct horse"));
    }
}
