//! What is in the folder of keys, without anything being made.

use avouch_statement::{Slug, TenantId};

use crate::{KeyId, Keyring, KeyringError, Purpose, Secret, files};

/// The beginning of the names of files that hold the password of a repository.
const REPOSITORY: &str = "repository-";

impl Keyring {
    /// The 32-byte key with this purpose, if it is there.
    ///
    /// # Errors
    /// If its file was altered or cannot be read, or its tenant's keys were destroyed.
    pub fn present(&self, purpose: &Purpose) -> Result<Option<Secret<[u8; 32]>>, KeyringError> {
        if let Some(tenant) = purpose.tenant() {
            self.refuse_if_shredded(&KeyId::Tenant(tenant.clone()))?;
        }
        let Some(key) = self.load(&purpose.name())? else {
            return Ok(None);
        };
        let key = <[u8; 32]>::try_from(key.expose().as_slice());
        key.map(Secret::new)
            .map(Some)
            .map_err(|_| KeyringError::Tampered {
                path: self.folder().join(format!("{}.key", purpose.name())),
            })
    }

    /// The destinations at which the platform has a repository, by the passwords that there are.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn destinations(&self) -> Result<Vec<Slug>, KeyringError> {
        let found = files::list(&self.folder().join(KeyId::Platform.folder()))?;
        let named = found.iter().filter_map(|path| {
            let stem = path.file_stem()?.to_str()?;
            stem.strip_prefix(REPOSITORY)?.parse().ok()
        });
        Ok(named.collect())
    }

    /// Whether a tenant's keys were destroyed.
    #[must_use]
    pub fn is_shredded(&self, tenant: &TenantId) -> bool {
        self.refuse_if_shredded(&KeyId::Tenant(tenant.clone()))
            .is_err()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::Master;

    #[test]
    fn what_is_not_there_is_not_made_and_what_was_destroyed_is_told() {
        let home = TempDir::new().unwrap();
        let keys = Keyring::open(&home.path().join("keys"), &Master::generate().unwrap()).unwrap();
        let (riverside, offsite): (TenantId, Slug) =
            ("riverside".parse().unwrap(), "offsite".parse().unwrap());
        let platform = Purpose::PlatformRepository {
            destination: offsite.clone(),
        };
        let tenant = Purpose::Repository {
            tenant: riverside.clone(),
            destination: offsite.clone(),
        };
        assert!(keys.present(&platform).unwrap().is_none());
        assert_eq!(keys.destinations().unwrap(), []);

        let made = keys.named(&platform).unwrap();
        assert_eq!(
            keys.present(&platform).unwrap().unwrap().expose(),
            made.expose()
        );
        assert_eq!(keys.destinations().unwrap(), [offsite]);

        keys.named(&tenant).unwrap();
        assert!(!keys.is_shredded(&riverside));
        keys.shred(&riverside).unwrap();
        assert!(keys.is_shredded(&riverside));
        assert!(matches!(
            keys.present(&tenant),
            Err(KeyringError::Shredded { .. })
        ));
    }
}
