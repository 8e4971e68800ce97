//! Keys: master to tenant to data keys; seal, open, rotate, shred.
