//! What a provider holds or a person signed: certificates and attestations.
