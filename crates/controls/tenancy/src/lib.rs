//! Whose: tenants, their folders, and the attacks on what keeps them apart.
