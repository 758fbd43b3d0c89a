//! Workers KV, and the encryption of what is stored there or in a Durable Object.

use super::Call;
use super::task::Brought;
use crate::cache::seal::Seals;

/// With which keys, and as what, a value is encrypted: it cannot be opened as another.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// The keys.
    pub seals: &'a Seals,
    /// Whose it is (the tenant): authenticated with the value.
    pub context: &'a str,
}

/// KV could not be read or written.
#[derive(Clone, Copy, Debug)]
pub struct KvFailure;

impl Call {
    /// The value under a key of a KV namespace; `None` when there is none. The location's own cache may have it for `cache_ttl`
    /// seconds (at least 30; 60 when `None`).
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn look(&self, namespace: &str, key: &str, cache_ttl: Option<u32>) -> Result<Option<Vec<u8>>, KvFailure> {
        self.js.look(self.inbox.slot(), namespace, key, cache_ttl, None, "");
        self.looked().await
    }

    /// As [`Self::look`], for what was stored by [`Self::keep_sealed`]. What no seal opens is not there.
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn look_sealed(&self, namespace: &str, key: &str, sealing: Sealing<'_>) -> Result<Option<Vec<u8>>, KvFailure> {
        self.js.look(self.inbox.slot(), namespace, key, None, Some(sealing.seals.all()), sealing.context);
        self.looked().await
    }

    /// As [`Self::look_sealed`], with an answer of the location's own cache that may be `cache_ttl` seconds old (at least 30).
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn look_sealed_within(
        &self,
        namespace: &str,
        key: &str,
        cache_ttl: u32,
        sealing: Sealing<'_>,
    ) -> Result<Option<Vec<u8>>, KvFailure> {
        self.js.look(self.inbox.slot(), namespace, key, Some(cache_ttl), Some(sealing.seals.all()), sealing.context);
        self.looked().await
    }

    async fn looked(&self) -> Result<Option<Vec<u8>>, KvFailure> {
        let Brought { text, bytes } = self.inbox.next().await;
        match text.as_str() {
            "found" => Ok(Some(bytes)),
            "missing" => Ok(None),
            _ => Err(KvFailure),
        }
    }

    /// Stores a value in a KV namespace for `ttl` seconds (at least 60), or for good. May follow an answer.
    ///
    /// # Errors
    /// KV's own failure, its limit of one write a second and key among them.
    pub async fn keep(&self, namespace: &str, key: &str, value: Vec<u8>, ttl: Option<u32>) -> Result<(), KvFailure> {
        self.js.keep(self.inbox.slot(), namespace, key, value, ttl, None, "");
        self.kept().await
    }

    /// As [`Self::keep`], encrypted.
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn keep_sealed(&self, namespace: &str, key: &str, value: Vec<u8>, ttl: u32, sealing: Sealing<'_>) -> Result<(), KvFailure> {
        self.js.keep(self.inbox.slot(), namespace, key, value, Some(ttl), Some(sealing.seals.current()), sealing.context);
        self.kept().await
    }

    /// As [`Self::keep_sealed`], for good.
    ///
    /// # Errors
    /// KV's own failure.
    pub async fn keep_sealed_for_good(&self, namespace: &str, key: &str, value: Vec<u8>, sealing: Sealing<'_>) -> Result<(), KvFailure> {
        self.js.keep(self.inbox.slot(), namespace, key, value, None, Some(sealing.seals.current()), sealing.context);
        self.kept().await
    }

    async fn kept(&self) -> Result<(), KvFailure> {
        if self.inbox.next().await.text == "kept" { Ok(()) } else { Err(KvFailure) }
    }

    /// Encrypts a value that is not empty; `None` when the runtime failed.
    pub async fn seal(&self, value: Vec<u8>, sealing: Sealing<'_>) -> Option<Vec<u8>> {
        self.js.seal(self.inbox.slot(), value, sealing.seals.current(), sealing.context, false);
        Some(self.inbox.next().await.bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Opens what [`Self::seal`] has encrypted; `None` when no seal opens it.
    pub async fn unseal(&self, value: Vec<u8>, sealing: Sealing<'_>) -> Option<Vec<u8>> {
        self.js.seal(self.inbox.slot(), value, sealing.seals.all(), sealing.context, true);
        Some(self.inbox.next().await.bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Encrypts values, each under its name; `None` when the runtime failed.
    pub async fn seal_all(&self, values: Vec<(String, &[u8])>, sealing: Sealing<'_>) -> Option<Vec<Vec<u8>>> {
        let layout = values.iter().map(|(name, value)| format!("{} {name}", value.len())).collect::<Vec<_>>().join("\n");
        let bytes = values.iter().flat_map(|(_, value)| value.iter().copied()).collect();
        if values.is_empty() {
            return Some(Vec::new());
        }
        self.js.seal_all(self.inbox.slot(), bytes, &layout, sealing.seals.current(), sealing.context, false);
        self.many().await
    }

    /// Opens values that [`Self::seal_all`] has encrypted, each by its name and its bytes among those given; `None` when no seal opens one of
    /// them.
    pub async fn unseal_all(&self, names: Vec<(String, usize)>, bytes: Vec<u8>, sealing: Sealing<'_>) -> Option<Vec<Vec<u8>>> {
        if names.is_empty() {
            return Some(Vec::new());
        }
        let layout = names.iter().map(|(name, size)| format!("{size} {name}")).collect::<Vec<_>>().join("\n");
        self.js.seal_all(self.inbox.slot(), bytes, &layout, sealing.seals.all(), sealing.context, true);
        self.many().await
    }

    async fn many(&self) -> Option<Vec<Vec<u8>>> {
        let Brought { text, bytes } = self.inbox.next().await;
        let mut rest = bytes.as_slice();
        let each = text.lines().map(|size| {
            let (value, behind) = rest.split_at_checked(size.parse().ok()?)?;
            rest = behind;
            Some(value.to_vec())
        });
        each.collect()
    }
}
