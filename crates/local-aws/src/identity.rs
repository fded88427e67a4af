//! What a data folder is given once, at its first start, and keeps: credentials, ids, the demo viewer.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::StackError;
use crate::disk::{self, Access};
use crate::random::{self, LOWER, MIXED, UPPER};

/// The account that everything belongs to.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The group of the user pool that the demo viewer is a member of.
pub const EDITORS: &str = "editors";

/// The key pair that the S3 stand-in verifies.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub access_key: String,
    pub secret_key: String,
}

/// The names and secrets of one data folder. Kept with mode 0600.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub credentials: Credentials,
    pub distribution_id: String,
    pub user_pool_id: String,
    pub client_id: String,
    pub viewer_name: String,
    pub viewer_password: String,
}

impl Identity {
    /// Reads the identity at `path`, or makes it.
    pub fn open(path: &Path, region: &str) -> Result<Identity, StackError> {
        if let Some(identity) = disk::read_json(path)? {
            return Ok(identity);
        }
        let identity = Identity::create(region).map_err(StackError::Random)?;
        disk::write_json(path, &identity, Access::Owner)?;
        Ok(identity)
    }

    fn create(region: &str) -> std::io::Result<Identity> {
        Ok(Identity {
            credentials: Credentials {
                access_key: format!("AKIA{}", random::text(UPPER, 16)?),
                secret_key: random::text(MIXED, 40)?,
            },
            distribution_id: format!("E{}", random::text(UPPER, 13)?),
            user_pool_id: format!("{region}_{}", random::text(MIXED, 9)?),
            client_id: random::text(LOWER, 26)?,
            viewer_name: "viewer".to_owned(),
            viewer_password: random::text(MIXED, 20)?,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = (&self.distribution_id, &self.user_pool_id, &self.client_id);
        f.debug_struct("Identity").field("ids", &ids).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_shows_no_secret() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("identity.json");
        let first = Identity::open(&path, "eu-west-3").expect("made");
        let again = Identity::open(&path, "eu-west-3").expect("read");
        assert_eq!(first.credentials.secret_key, again.credentials.secret_key);
        assert!(first.user_pool_id.starts_with("eu-west-3_"));
        let shown = format!("{first:?} {:?}", first.credentials);
        assert!(!shown.contains(&first.credentials.secret_key) && !shown.contains(&first.viewer_password));
    }
}
